"""LoRA key conversion: what each tool calls the layers of a Kolors LoRA; DiffSynth's names are ours."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from kit.errors import LoraError
from kit.messages import joined, tr

Tool = Literal["diffsynth", "peft", "diffusers", "kohya"]
"""Whose form we write."""
Names = Literal[Tool, "kohya of SDXL", "ComfyUI", "peft of diffusers", "diffusers' UNet"]
"""Whose names we read: kohya's and ComfyUI's own with SDXL's first block names, PEFT's and diffusers' of a
bare UNet."""
ELSEWHERE: tuple[Names, ...] = ("kohya of SDXL", "ComfyUI", "peft of diffusers", "diffusers' UNet")
"""Those that we do not write."""
Half = Literal["A", "B", "alpha"]
BLOCKS = {
    7: ("down_blocks.1.attentions.0", "input_blocks.4.1"),
    10: ("down_blocks.1.attentions.1", "input_blocks.5.1"),
    15: ("down_blocks.2.attentions.0", "input_blocks.7.1"),
    18: ("down_blocks.2.attentions.1", "input_blocks.8.1"),
    21: ("mid_block.attentions.0", "middle_block.1"),
    25: ("up_blocks.0.attentions.0", "output_blocks.0.1"),
    28: ("up_blocks.0.attentions.1", "output_blocks.1.1"),
    31: ("up_blocks.0.attentions.2", "output_blocks.2.1"),
    35: ("up_blocks.1.attentions.0", "output_blocks.3.1"),
    38: ("up_blocks.1.attentions.1", "output_blocks.4.1"),
    41: ("up_blocks.1.attentions.2", "output_blocks.5.1"),
}
"""DiffSynth's number of each attention block; what diffusers and the original SDXL code call it."""
ADAPTER_FILE, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
"""What PEFT calls a LoRA's file and the one beside it, where it keeps rank and alpha."""
DIFFUSERS_FILE = "pytorch_lora_weights.safetensors"
"""What diffusers calls a LoRA's file."""
OLD_ADAPTER_FILES = ("adapter_model.bin", "pytorch_lora_weights.bin")
"""What both called it before safetensors."""
DEPTH = 10
"""Transformer layers of the deepest block; others have fewer."""
_HALVES: dict[str, Half] = {
    "lora_A": "A", "lora_down": "A", "lora.down": "A", "lora_linear_layer.down": "A",
    "lora_B": "B", "lora_up": "B", "lora.up": "B", "lora_linear_layer.up": "B",
    "alpha": "alpha",
}  # fmt: skip
_KEY = re.compile(
    rf"(?P<name>.+)\.(?P<half>{'|'.join(map(re.escape, _HALVES))})(?:\.(?!weight$)\w+)?(?:\.weight)?"
)
_PREFIX = re.compile(r"(?:(?:base_model\.model|pipe|unet|module)\.)*")
_OLD = re.compile(r"\.processor\.(to_\w+)_lora\.")
"""How diffusers named attention layers before 0.22."""


class TensorKey(NamedTuple):
    """One tensor of a LoRA file."""

    tool: Names
    """Whose name it has."""
    layer: str
    """DiffSynth's name of the layer."""
    half: Half
    """lora_A, lora_B, or the layer's alpha, which kohya and ComfyUI keep among the tensors."""


def read_key(key: str) -> TensorKey | None:
    """Return what a tensor's name says, None when no known tool calls a part of the UNet's layers so.

    >>> read_key("unet.mid_block.attentions.0.proj_in.lora.down.weight")
    TensorKey(tool='diffusers', layer='blocks.21.proj_in', half='A')
    """
    found = _KEY.fullmatch(_OLD.sub(r".\1.lora.", key))
    if found is None:
        return None
    half, name = _HALVES[found["half"]], found["name"]
    bare = _PREFIX.sub("", name, count=1)
    known = _known_names().get(bare)
    if known and known[0] != "diffusers" and bare == name:
        return TensorKey(*known, half)
    if known and known[0] == "diffusers":
        return TensorKey(_diffusers_names(name, bare), known[1], half)
    if re.fullmatch(r"blocks\.\d+\..+", bare):
        return TensorKey("peft" if "base_model.model." in name else "diffsynth", bare, half)
    return None


def _diffusers_names(name: str, bare: str) -> Names:
    """Return whose name it is that begins as it does; pipelines of diffusers read none without `unet.`."""
    if "base_model.model." in name:
        return "peft of diffusers"
    return "diffusers" if name == f"unet.{bare}" else "diffusers' UNet"


def write_key(tool: Tool, layer: str, half: Half) -> str:
    """Return a tool's name of a tensor; KeyError for a layer that SDXL's UNet does not have.

    A layer that is named by part and module has diffusers' name alone.

    Of kohya's two names of a layer it is the one with diffusers' blocks: ComfyUI, DiffSynth 1.x and
    diffusers' KolorsPipeline read it, which raises at the other one.

    >>> write_key("kohya", "blocks.21.proj_in", "B")
    'lora_unet_mid_block_attentions_0_proj_in.lora_up.weight'
    """
    if tool == "diffusers" and not layer.startswith("blocks."):
        return f"{layer}.lora_{half}.weight"
    if tool == "diffsynth":
        return f"{layer}.lora_{half}.default.weight"
    if tool == "peft":
        return f"base_model.model.{layer}.lora_{half}.weight"
    diffusers, _ = _layers()[layer]
    if tool == "diffusers":
        return f"unet.{diffusers}.lora_{half}.weight"
    ends = {"A": "lora_down.weight", "B": "lora_up.weight", "alpha": "alpha"}
    return f"{_underscored(diffusers)}.{ends[half]}"


def tensors_file(path: Path) -> Path:
    """Return the file with a LoRA's tensors: in a folder of PEFT or diffusers the one they write, else it.

    In another folder it is the only file of tensors; LoraError for none or several, naming what may be meant.
    """
    if not path.is_dir():
        return path
    for name in (ADAPTER_FILE, DIFFUSERS_FILE, *OLD_ADAPTER_FILES):
        if (path / name).is_file():
            return path / name
    others = sorted(
        one.name for one in path.iterdir() if one.suffix.lower() in (".safetensors", ".sft", ".ckpt")
    )
    if len(others) == 1:  # as hubs keep a LoRA
        return path / others[0]
    if others:
        raise LoraError(
            tr(
                "{folder} is a folder: give one file in it, {files}; in an experiment, {pattern} makes a "
                "candidate of each saved step",
                folder=path,
                files=joined(others[:4], tr(", ")),
                pattern=path / f"*{Path(others[0]).suffix}",
            )
        )
    raise LoraError(
        tr(
            "{folder} is a folder without a LoRA: it must hold {file} or {other}",
            folder=path,
            file=ADAPTER_FILE,
            other=DIFFUSERS_FILE,
        )
    )


def config_beside(path: Path) -> Path | None:
    """Return the file with the settings of a LoRA that PEFT wrote, None when it is not there."""
    config = path.with_name(ADAPTER_CONFIG)
    return config if path.name in (ADAPTER_FILE, OLD_ADAPTER_FILES[0]) and config.is_file() else None


@cache
def _layers() -> dict[str, tuple[str, str]]:
    """Return each linear layer of SDXL's attention blocks with diffusers' and the original name."""
    return {
        f"blocks.{number}.{ours}": (f"{diffusers}.{theirs}", f"{original}.{theirs}")
        for number, (diffusers, original) in BLOCKS.items()
        for ours, theirs in _inner_layers()
    }


def _inner_layers() -> Iterator[tuple[str, str]]:
    """Yield DiffSynth's and everyone else's names of the layers in an attention block."""
    yield from (("proj_in", "proj_in"), ("proj_out", "proj_out"))
    for number in range(DEPTH):
        start = f"transformer_blocks.{number}."
        for attention in ("attn1.", "attn2."):
            yield from ((start + attention + part,) * 2 for part in ("to_q", "to_k", "to_v"))
            yield start + attention + "to_out", start + attention + "to_out.0"
        yield start + "act_fn.proj", start + "ff.net.0.proj"
        yield start + "ff", start + "ff.net.2"


@cache
def _known_names() -> dict[str, tuple[Names, str]]:
    """Return whose each name is, and our layer; old files of diffusers leave the 0 out of to_out.0."""
    found: dict[str, tuple[Names, str]] = {}
    for ours, (diffusers, original) in _layers().items():
        found |= dict.fromkeys((diffusers, diffusers.removesuffix(".0")), ("diffusers", ours))
        found |= {_underscored(original): ("kohya of SDXL", ours), _underscored(diffusers): ("kohya", ours)}
        found[f"diffusion_model.{original}"] = found[f"model.diffusion_model.{original}"] = ("ComfyUI", ours)
    return found


def _underscored(name: str) -> str:
    return "lora_unet_" + name.replace(".", "_")
