"""The layers of a LoRA of SDXL or Stable Diffusion, named by part and by diffusers' module in it.

diffusers' own converters tell kohya's names and its older ones; what we write needs no library to be read.
"""

import re
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from kit.files.tensors.tensor_files import TensorFile
from kit.lora.key_names import Half, Names, TensorKey
from kit.lora.pipelines.layout import PipelineLayout

PARTS = ("unet", "text_encoder", "text_encoder_2")
"""What layers' names begin with."""
_OURS = re.compile(rf"((?:{'|'.join(PARTS)})\.[\w.]+?)\.lora_(A|B)\.weight")
_KOHYA = re.compile(r"(lora_(?:unet|te[12]?)_\w+)\.(lora_down\.weight|lora_up\.weight|alpha)")
_COMFYUI = re.compile(r"(?:model\.)?diffusion_model\.(.+)\.(lora_(?:down|up|A|B)\.weight|alpha)")
_KOHYA_HALVES: Mapping[str, Half] = {"lora_down.weight": "A", "lora_up.weight": "B", "alpha": "alpha"}
_BARE = (
    (re.compile(r"(down_blocks|mid_block|up_blocks|conv_in|conv_out|time_embedding)\."), "unet."),
    (re.compile(r"text_model\."), "text_encoder."),
)
"""How names begin that networks write which are saved by themselves."""


def read_pipeline_key(key: str) -> TensorKey | None:
    """Return what a tensor's name says in the form that we write; None for any other.

    >>> read_pipeline_key("unet.mid_block.attentions.0.proj_in.lora_A.weight")
    TensorKey(tool='diffusers', layer='unet.mid_block.attentions.0.proj_in', half='A')
    """
    found = _OURS.fullmatch(key)
    return TensorKey("diffusers", found[1], "A" if found[2] == "A" else "B") if found else None


def is_pipeline_layer(layer: str) -> bool:
    """Return whether a layer's name is one of these, and none of Kolors' layers."""
    return layer.partition(".")[0] in PARTS


def layers_in(
    file: TensorFile, layout: PipelineLayout
) -> tuple[Names, dict[str, dict[Half, str]], list[str]]:
    """Return whose file it is, its tensors' names by layer and half, and those that nobody can tell.

    Raises ImportError where diffusers is not installed.
    """
    plain = {_plain(key): key for key in file.kinds}
    kohya = {key: name for key, name in plain.items() if key.startswith("lora_")}
    named, alphas = _of_kohya(kohya, layout)
    named |= _in_our_form({key: name for key, name in plain.items() if key not in kohya})
    names: dict[str, dict[Half, str]] = {}
    for key, name in named.items():
        if part := read_pipeline_key(key):
            names.setdefault(part.layer, {})[part.half] = name
            if name in alphas:
                names[part.layer]["alpha"] = alphas[name]
    told = {name for halves in names.values() for name in halves.values()}
    peft = any(key.startswith("base_model.model.") for key in file.kinds)
    tool: Names = "kohya" if kohya else "peft of diffusers" if peft else "diffusers"
    return tool, names, [name for name in file.kinds if name not in told]


def _plain(key: str) -> str:
    """Return a name without what tools put around it; ComfyUI's as kohya has it."""
    bare = key.removeprefix("base_model.model.").replace(".default.weight", ".weight")
    if found := _COMFYUI.fullmatch(bare):
        half = found[2].replace("lora_A", "lora_down").replace("lora_B", "lora_up")
        return f"lora_unet_{found[1].replace('.', '_')}.{half}"
    return next((part + bare for begins, part in _BARE if begins.match(bare)), bare)


class _Name(str):
    """A tensor's name in its file, which converters carry in the tensor's place."""

    def item(self) -> float:
        """Return an alpha that nobody looks at: it is read from the file."""
        return 1.0


def _of_kohya(keys: Mapping[str, str], layout: PipelineLayout) -> tuple[dict[str, str], dict[str, str]]:
    """Return names in the file by names in our form, and of each first factor the name of its alpha."""
    halves: dict[str, dict[Half, str]] = {}
    for key in keys:
        if found := _KOHYA.fullmatch(key):
            halves.setdefault(found[1], {})[_KOHYA_HALVES[found[2]]] = key
    whole = [own for own in halves.values() if {"A", "B"} <= own.keys()]
    if not whole:
        return {}, {}
    alphas = {keys[own["A"]]: keys[own["alpha"]] for own in whole if "alpha" in own}
    import diffusers

    carried = {key: _Name(keys[key]) for own in whole for key in own.values()}
    config = SimpleNamespace(layers_per_block=layout.layers_per_block)
    made: Any = {
        "sdxl": diffusers.StableDiffusionXLPipeline,
        "sd": diffusers.StableDiffusionPipeline,
    }[layout.family]
    try:
        converted, _ = made.lora_state_dict(carried, unet_config=config)
    except (ValueError, LookupError):  # a block that it does not know
        return {}, {}
    return _in_our_form({key: str(name) for key, name in converted.items()}), alphas


def _in_our_form(keys: Mapping[str, str]) -> dict[str, str]:
    """Return what diffusers calls tensors today, whichever of its forms they are in."""
    from diffusers.utils import state_dict_utils as forms

    old, new = forms.StateDictType.DIFFUSERS_OLD, forms.StateDictType.DIFFUSERS
    converted: dict[str, str] = {}
    for part, own in _by_part(keys):
        if all("lora_A" in key or "lora_B" in key for key in own):
            converted |= own
        elif part == "unet":
            converted |= forms.convert_unet_state_dict_to_peft(own)
        else:
            newer = forms.convert_state_dict_to_diffusers(own, original_type=old)
            converted |= forms.convert_state_dict_to_peft(newer, original_type=new)
    return converted


def _by_part(keys: Mapping[str, str]) -> Iterable[tuple[str, dict[str, str]]]:
    for part in PARTS:
        if own := {key: name for key, name in keys.items() if key.partition(".")[0] == part}:
            yield part, own
