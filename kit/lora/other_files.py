"""What a file of tensors is that is no LoRA for Kolors, told from its names, and what to do."""

import re
from collections.abc import Mapping, Sequence

from kit.files.encodings import printable
from kit.files.tensors.tensor_files import TensorFile

FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})
"""Numbers that factors may have; fp8 is widened."""
WHOLE = frozenset({"I64", "I32", "I16", "I8", "U8"})
_SHOWN = 100
"""Characters of a stranger's name that a message repeats."""
_TRAIN = "use a LoRA trained on Kolors"
_OTHER = (
    'use one trained on Kolors, with base = "kolors", or practise with base = "mini" and lora = "mini:ink"'
)
_ALGO = "train again as a plain LoRA (in LyCORIS algo=lora, without convolutions)"
_METHODS = (
    (r"\.hada_[wt]", f"a LoHa of LyCORIS, no LoRA: {_ALGO}"),
    (r"\.lokr_[wt]", f"a LoKr of LyCORIS, no LoRA: {_ALGO}"),
    (r"\.oft_|\.boft_|oft_diag|\.oft_R\b", f"an OFT, no LoRA: {_ALGO}"),
    (r"\.(a1|a2|b1|b2)\.weight$", f"a GLoRA of LyCORIS, no LoRA: {_ALGO}"),
    (r"\.on_input$|\.ia3_l\b|ia3", f"an IA3, no LoRA: {_ALGO}"),
    (r"vera_lambda|\.vera_", f"a VeRA, no LoRA: {_ALGO}"),
    (r"dora_scale|lora_magnitude_vector|\.w_norm$", f"a DoRA, which is more than a LoRA: {_ALGO}"),
    (r"\.diff(_b)?$|\.set_weight$", f"a LoRA with full differences beside it: {_ALGO}"),
)  # fmt: skip
"""Ways to train that are none of ours, by their tensors' names."""
_CONVOLUTIONS = (
    r"lora_mid|conv_in|conv_out|conv_shortcut|(resnets|downsamplers|upsamplers|in_layers|out_layers|emb_layers"
    r"|skip_connection|time_emb|_conv|_op\b|_op_|[._]conv[._]).*\.(lora|alpha)"
)
_LOCON = f"a LoCon of LyCORIS, a LoRA of convolutions too: {_ALGO}"
_NETWORKS = (
    (r"lora_(prior_)?unet_.*(down_blocks_0_attentions|up_blocks_3_attentions|input_blocks_[12]_1_|output_blocks_(9|10|11)_1_)"
     r"|(down_blocks\.0\.attentions|up_blocks\.3\.attentions)", "a LoRA for Stable Diffusion 1.x or 2.x"),
    (r"individual_token_refiner|\.(img|txt)_attn_qkv\.lora|double_blocks\.\d+\.(img|txt)_(attn_qkv|attn_proj|mlp\.fc)",
     "a LoRA for HunyuanVideo"),
    (r"single_transformer_blocks|single_blocks|double_blocks|guidance_in|lora_transformer_(single|double)",
     "a LoRA for Flux"),
    (r"joint_blocks|joint_transformer_blocks|lora_transformer_joint", "a LoRA for Stable Diffusion 3"),
    (r"transformer_blocks[._]\d+[._](img_mlp|img_mod|txt_mlp|txt_mod)", "a LoRA for Qwen-Image"),
    (r"transformer_blocks[._]\d+[._]attn[._](add_[qkv]_proj|to_add_out)",
     "a LoRA for Stable Diffusion 3 or Qwen-Image"),
    (r"blocks[._]\d+[._](self_attn|cross_attn|ffn)\b|blocks_\d+_(self_attn|cross_attn|ffn)_",
     "a LoRA for Wan"),
    (r"adaLN_modulation|(^|\.)layers[._]\d+[._](attention|feed_forward)", "a LoRA for Z-Image or Lumina"),
    (r"blocks\.\d+\.(a_to|b_to|attn\.[ab]_to|norm1_[ab]|ff_[ab])", "a LoRA for Flux or Stable Diffusion 3"),
    (r"(^|\.)model\.layers\.\d+\.(self_attn|mlp)|(^|\.)h\.\d+\.attn", "a LoRA for a language model"),
    (r"encoder\.layers\.\d+\.(self_attention|mlp\.dense)", "a LoRA for ChatGLM, the text encoder"),
    (r"^(transformer\.)?transformer_blocks\.\d+\..*lora", "a LoRA for a diffusion transformer (PixArt, LTX)"),
)  # fmt: skip
"""Networks that are none of Kolors', by the names of their layers."""
_MODELS = (
    (r"control_model\.|controlnet_cond_embedding|controlnet_(down|mid)_block|input_hint_block|zero_convs",
     "a ControlNet"),
    (r"image_proj\.|ip_adapter\.|to_k_ip|to_v_ip", "an IP-Adapter"),
    (r"^(emb_params|string_to_param.*|clip_[lg]|text_embeddings.*|<.*>)$", "a textual inversion embedding"),
    (r"^model\.diffusion_model\.|^cond_stage_model\.|^conditioner\.embedders|^first_stage_model\.",
     "a whole checkpoint of a base model"),
    (r"^(encoder|decoder)\.(down|up|mid|conv|down_blocks|up_blocks|mid_block)[._]|quant_conv", "a VAE"),
    (r"^text_model\.|^transformer\.(encoder\.layers|embedding)|^encoder\.block\.", "a text encoder"),
    (r"^(down_blocks|up_blocks|mid_block|conv_in|input_blocks|diffusion_model)\b.*\.(weight|bias)$",
     "the UNet of a base model"),
    (r"^(double_blocks|single_blocks|transformer_blocks|joint_blocks|blocks\.\d+)\b.*\.(weight|bias)$",
     "a whole diffusion model"),
)  # fmt: skip
"""Whole models, in files that hold no LoRA's factors."""
_VERSIONS = ("ss_base_model_version", "modelspec.architecture")
_LORA = re.compile(r"lora|hada|lokr|\.alpha$")
_TEXT = re.compile(r"lora_te\d?_|text_encoder|(^|\.)te\d?\.")


def refusal(file: TensorFile, strangers: Sequence[str]) -> str:
    """Return why a file with names that are no part of a LoRA of Kolors' UNet is refused.

    Args:
        file: it.
        strangers: the names that are none, in the file's order.
    """
    total = len(file.kinds)
    if not total:
        return "holds no tensors at all, 0 of 0 keys match: save or download it again"
    if known := _method(file) or network_of(file) or _text_encoder(file, strangers) or _model(file):
        return known
    if dims := [
        key for key in strangers if key in file.kinds and ".lora" in key and len(file.kinds[key].shape) != 2
    ]:
        return f"is {_LOCON}; {shown(dims[0])} has the sides {file.kinds[dims[0]].shape}"
    return (
        f"{total - len(strangers)} of {total} keys match the LoRA names of DiffSynth, PEFT, diffusers, kohya "
        f"or ComfyUI, all must; the first that is not: {shown(strangers[0])}; {_TRAIN}"
    )


def network_of(file: TensorFile) -> str:
    """Return for which other network a LoRA is by its layers' names; empty where it may be Kolors."""
    for pattern, what in _NETWORKS:
        if _any(pattern, [name for name in file.kinds if _LORA.search(name)]):
            return f"is {what}{_said(file.metadata)}, which fits no base here; {_OTHER}"
    return ""


def kind_in_words(dtype: str) -> str:
    """Return what a kind of numbers is called that no LoRA has.

    >>> kind_in_words("I8")
    'whole numbers (I8), as quantised files do'
    """
    if dtype in WHOLE or dtype.startswith(("U", "I")):
        return f"whole numbers ({dtype}), as quantised files do"
    names = {"BOOL": "truth values (BOOL)", "C64": "complex numbers (C64)", "C128": "complex numbers (C128)"}
    return names.get(dtype, f"numbers of a kind that we do not read ({dtype})")


def shown(name: str) -> str:
    """Return a stranger's name as a message repeats it."""
    return printable(name[:_SHOWN])


def _method(file: TensorFile) -> str:
    for pattern, what in _METHODS:
        if _any(pattern, file.kinds):
            return f"is {what}{_said(file.metadata)}"
    module = file.metadata.get("ss_network_module", "")
    wide = any(len(kind.shape) > 2 and set(kind.shape[2:]) != {1} for kind in file.kinds.values())
    lora = [name for name in file.kinds if _LORA.search(name)]
    if lora and not network_of(file) and (wide or _any(_CONVOLUTIONS, lora)):
        by = f" ({shown(module)})" if module else ""
        return f"is {_LOCON}{by}"
    return ""


def _text_encoder(file: TensorFile, strangers: Sequence[str]) -> str:
    texts = [name for name in strangers if _TEXT.search(name)]
    if not texts:
        return ""
    model = (
        "SDXL" if any(re.search(r"te2_|te1_|text_encoder_2", name) for name in texts) else "Stable Diffusion"
    )
    return f"is a LoRA for {model}, which fits no base here; {_OTHER}"


def _model(file: TensorFile) -> str:
    if any(_LORA.search(name) for name in file.kinds):
        return ""
    for pattern, what in _MODELS:
        if _any(pattern, file.kinds):
            return f"is {what}, not a LoRA: {_TRAIN}"
    return ""


def _any(pattern: str, names: Mapping[str, object] | Sequence[str]) -> bool:
    found = re.compile(pattern)
    return any(found.search(name[:300]) for name in names)


def _said(notes: Mapping[str, str]) -> str:
    """Return what the file itself says of the model it was trained on, in brackets."""
    version = next((notes[name] for name in _VERSIONS if notes.get(name)), "")
    return f" (the file says {shown(version)})" if version else ""
