"""What a file of tensors is that is no LoRA for Kolors, told from its names, and what to do."""

import re
from collections.abc import Mapping, Sequence

from kit.files.encodings import printable
from kit.files.tensors.tensor_files import TensorFile
from kit.messages import Message, mark, tr

FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})
"""Numbers that factors may have; fp8 is widened."""
WHOLE = frozenset({"I64", "I32", "I16", "I8", "U8"})
_SHOWN = 100
"""Characters of a stranger's name that a message repeats."""
_TRAIN = mark("use a LoRA trained on Kolors")
_OTHER = mark(
    'use one trained on Kolors, with base = "kolors", or practise with base = "mini" and lora = "mini:ink"'
)
_PIPELINE = mark(
    "name a folder of such a base in the experiment, use one trained on Kolors, or practise with "
    'base = "mini" and lora = "mini:ink"'
)
_ALGO = mark("train again as a plain LoRA (in LyCORIS algo=lora, without convolutions)")
_METHODS = (
    (r"\.hada_[wt]", mark("is a LoHa of LyCORIS, no LoRA: {mend}")),
    (r"\.lokr_[wt]", mark("is a LoKr of LyCORIS, no LoRA: {mend}")),
    (r"\.oft_|\.boft_|oft_diag|\.oft_R\b", mark("is an OFT, no LoRA: {mend}")),
    (r"\.(a1|a2|b1|b2)\.weight$", mark("is a GLoRA of LyCORIS, no LoRA: {mend}")),
    (r"\.on_input$|\.ia3_l\b|ia3", mark("is an IA3, no LoRA: {mend}")),
    (r"vera_lambda|\.vera_", mark("is a VeRA, no LoRA: {mend}")),
    (r"dora_scale|lora_magnitude_vector|\.w_norm$", mark("is a DoRA, which is more than a LoRA: {mend}")),
    (r"\.diff(_b)?$|\.set_weight$", mark("is a LoRA with full differences beside it: {mend}")),
)
"""Ways to train that are none of ours, by their tensors' names."""
_CONVOLUTIONS = (
    r"lora_mid|conv_in|conv_out|conv_shortcut|(resnets|downsamplers|upsamplers|in_layers|out_layers|emb_layers"
    r"|skip_connection|time_emb|_conv|_op\b|_op_|[._]conv[._]).*\.(lora|alpha)"
)
_LOCON = mark("is a LoCon of LyCORIS, a LoRA of convolutions too: {mend}")
_NETWORKS = (
    (r"lora_(prior_)?unet_.*(down_blocks_0_attentions|up_blocks_3_attentions|input_blocks_[12]_1_|output_blocks_(9|10|11)_1_)"
     r"|(down_blocks\.0\.attentions|up_blocks\.3\.attentions)",
     mark("a LoRA for Stable Diffusion 1.x or 2.x")),
    (r"individual_token_refiner|\.(img|txt)_attn_qkv\.lora|double_blocks\.\d+\.(img|txt)_(attn_qkv|attn_proj|mlp\.fc)",
     mark("a LoRA for HunyuanVideo")),
    (r"single_transformer_blocks|single_blocks|double_blocks|guidance_in|lora_transformer_(single|double)",
     mark("a LoRA for Flux")),
    (r"joint_blocks|joint_transformer_blocks|lora_transformer_joint", mark("a LoRA for Stable Diffusion 3")),
    (r"transformer_blocks[._]\d+[._](img_mlp|img_mod|txt_mlp|txt_mod)", mark("a LoRA for Qwen-Image")),
    (r"transformer_blocks[._]\d+[._]attn[._](add_[qkv]_proj|to_add_out)",
     mark("a LoRA for Stable Diffusion 3 or Qwen-Image")),
    (r"blocks[._]\d+[._](self_attn|cross_attn|ffn)\b|blocks_\d+_(self_attn|cross_attn|ffn)_",
     mark("a LoRA for Wan")),
    (r"adaLN_modulation|(^|\.)layers[._]\d+[._](attention|feed_forward)",
     mark("a LoRA for Z-Image or Lumina")),
    (r"blocks\.\d+\.(a_to|b_to|attn\.[ab]_to|norm1_[ab]|ff_[ab])",
     mark("a LoRA for Flux or Stable Diffusion 3")),
    (r"(^|\.)model\.layers\.\d+\.(self_attn|mlp)|(^|\.)h\.\d+\.attn", mark("a LoRA for a language model")),
    (r"encoder\.layers\.\d+\.(self_attention|mlp\.dense)", mark("a LoRA for ChatGLM, the text encoder")),
    (r"^(transformer\.)?transformer_blocks\.\d+\..*lora",
     mark("a LoRA for a diffusion transformer (PixArt, LTX)")),
)  # fmt: skip
"""Networks that are none of Kolors', by the names of their layers."""
_MODELS = (
    (r"control_model\.|controlnet_cond_embedding|controlnet_(down|mid)_block|input_hint_block|zero_convs",
     mark("a ControlNet")),
    (r"image_proj\.|ip_adapter\.|to_k_ip|to_v_ip", mark("an IP-Adapter")),
    (r"^(emb_params|string_to_param.*|clip_[lg]|text_embeddings.*|<.*>|\*)$",
     mark("a textual inversion embedding")),
    (r"^model\.diffusion_model\.|^cond_stage_model\.|^conditioner\.embedders|^first_stage_model\.",
     mark("a whole checkpoint of a base model")),
    (r"^(encoder|decoder)\.(down|up|mid|conv|down_blocks|up_blocks|mid_block)[._]|quant_conv", mark("a VAE")),
    (r"^text_model\.|^transformer\.(encoder\.layers|embedding)|^encoder\.block\.", mark("a text encoder")),
    (r"^(down_blocks|up_blocks|mid_block|conv_in|input_blocks|diffusion_model)\b.*\.(weight|bias)$",
     mark("the UNet of a base model")),
    (r"^(double_blocks|single_blocks|transformer_blocks|joint_blocks|blocks\.\d+)\b.*\.(weight|bias)$",
     mark("a whole diffusion model")),
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
        return tr("holds no tensors at all, 0 of 0 keys match: save or download it again")
    if known := _method(file) or network_of(file) or _text_encoder(file, strangers) or _model(file):
        return known
    if dims := [
        key for key in strangers if key in file.kinds and ".lora" in key and len(file.kinds[key].shape) != 2
    ]:
        sides = {"key": shown(dims[0]), "sides": file.kinds[dims[0]].shape}
        return tr("{what}; {key} has the sides {sides}", what=tr(_LOCON, mend=tr(_ALGO)), **sides)
    return tr(
        "{fitting} of {total} keys match the LoRA names of DiffSynth, PEFT, diffusers, kohya or ComfyUI, all "
        "must; the first that is not: {key}; {mend}",
        fitting=total - len(strangers),
        total=total,
        key=shown(strangers[0]),
        mend=tr(_TRAIN),
    )


def network_of(file: TensorFile) -> str:
    """Return for which other network a LoRA is by its layers' names; empty where it may be Kolors."""
    pattern, _ = _NETWORKS[0]
    lora = [name for name in file.kinds if _LORA.search(name)]
    if _any(pattern, lora):
        return _for_a_pipeline(_with_version(_stable_diffusion(file), file.metadata))
    other = foreign_network(file)
    return _for_another(other) if other else ""


def _stable_diffusion(file: TensorFile) -> Message:
    """Return which Stable Diffusion a LoRA is for, by how many numbers a token has that it reads."""
    reads = {
        kind.shape[1]
        for name, kind in file.kinds.items()
        if re.search(r"attn2[._]to_[kv]\b.*(down|lora_A)", name[:300]) and len(kind.shape) > 1
    }
    told = {768: mark("a LoRA for Stable Diffusion 1.x"), 1024: mark("a LoRA for Stable Diffusion 2.x")}
    return tr(told.get(min(reads, default=0), _NETWORKS[0][1]))


def foreign_network(file: TensorFile) -> Message | None:
    """Return what a LoRA is that is for no base here; None where its names do not tell."""
    lora = [name for name in file.kinds if _LORA.search(name)]
    for pattern, what in _NETWORKS[1:]:
        if _any(pattern, lora):
            return _with_version(tr(what), file.metadata)
    return None


def _for_another(what: str) -> str:
    return tr("is {what}, which fits no base here; {mend}", what=what, mend=tr(_OTHER))


def _for_a_pipeline(what: str) -> str:
    return tr("is {what}, which Kolors and the embedded base are not; {mend}", what=what, mend=tr(_PIPELINE))


def is_lora(file: TensorFile) -> bool:
    """Return whether a file's names have parts of a LoRA, of whatever network."""
    return any(_LORA.search(name) for name in file.kinds)


def model_in_words(file: TensorFile) -> str:
    """Return which whole model a file that is no LoRA is, as "a VAE"; empty where its names tell of none."""
    return next((tr(what) for pattern, what in _MODELS if _any(pattern, file.kinds)), "")


def kind_in_words(dtype: str) -> str:
    """Return what a kind of numbers is called that no LoRA has.

    >>> kind_in_words("I8")
    'whole numbers (I8), as quantised files do'
    """
    if dtype in WHOLE or dtype.startswith(("U", "I")):
        return tr("whole numbers ({dtype}), as quantised files do", dtype=dtype)
    names = {
        "BOOL": tr("truth values (BOOL)"),
        "C64": tr("complex numbers (C64)"),
        "C128": tr("complex numbers (C128)"),
    }
    return names.get(dtype, tr("numbers of a kind that we do not read ({dtype})", dtype=dtype))


def shown(name: str) -> str:
    """Return a stranger's name as a message repeats it."""
    return printable(name[:_SHOWN])


def other_method(file: TensorFile) -> Message | None:
    """Return which way to train made a file, where it is none of ours."""
    for pattern, told in _METHODS:
        if _any(pattern, file.kinds):
            return _with_version(tr(told, mend=tr(_ALGO)), file.metadata)
    return None


def _method(file: TensorFile) -> str:
    if told := other_method(file):
        return told
    module = file.metadata.get("ss_network_module", "")
    wide = any(len(kind.shape) > 2 and set(kind.shape[2:]) != {1} for kind in file.kinds.values())
    lora = [name for name in file.kinds if _LORA.search(name)]
    if lora and not network_of(file) and (wide or _any(_CONVOLUTIONS, lora)):
        told = tr(_LOCON, mend=tr(_ALGO))
        return tr("{what} ({module})", what=told, module=shown(module)) if module else told
    return ""


def _text_encoder(file: TensorFile, strangers: Sequence[str]) -> str:
    texts = [name for name in strangers if _TEXT.search(name)]
    if not texts:
        return ""
    sdxl = any(re.search(r"te2_|te1_|text_encoder_2", name) for name in texts)
    return _for_a_pipeline(tr("a LoRA for SDXL") if sdxl else tr("a LoRA for Stable Diffusion"))


def _model(file: TensorFile) -> str:
    what = "" if is_lora(file) else model_in_words(file)
    return tr("is {what}, not a LoRA: {mend}", what=what, mend=tr(_TRAIN)) if what else ""


def _any(pattern: str, names: Mapping[str, object] | Sequence[str]) -> bool:
    found = re.compile(pattern)
    return any(found.search(name[:300]) for name in names)


def _with_version(what: Message, notes: Mapping[str, str]) -> Message:
    """Return what a file is, and what it says itself of the model it was trained on."""
    version = next((notes[name] for name in _VERSIONS if notes.get(name)), "")
    return tr("{what} (the file says {version})", what=what, version=shown(version)) if version else what
