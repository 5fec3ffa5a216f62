"""What a file is that is no LoRA for SDXL or Stable Diffusion, and for which family a LoRA was made."""

import math
from collections.abc import Iterable, Mapping, Sequence

from kit.files.tensors.tensor_files import TensorFile, TensorKind
from kit.lora.key_names import Half, Names, read_key
from kit.lora.other_files import foreign_network, is_lora, model_in_words, other_method, shown
from kit.lora.pipelines.layer_names import is_pipeline_layer, layers_in
from kit.lora.pipelines.layout import PipelineLayout
from kit.messages import Message, mark, tr

_FAMILIES = {
    768: mark("Stable Diffusion 1.x"),
    1024: mark("Stable Diffusion 2.x"),
    2048: mark("SDXL or Kolors"),
}
"""By how many numbers a token has that their cross-attention reads."""
_TITLES = {"sdxl": "SDXL", "sd": "Stable Diffusion", "cascade": "Stable Cascade"}
_CROSS = (".attn2.to_k", ".attn2.to_v")


def pipeline_names(file: TensorFile, layout: PipelineLayout) -> tuple[Names, dict[str, dict[Half, str]]]:
    """Return whose file it is, and its tensors' names by layer and half; ValueError says what else it is."""
    if layout.family == "cascade":
        raise ValueError(tr("no LoRA is worn by Stable Cascade: leave it out"))
    if not file.kinds:
        raise ValueError(tr("holds no tensors at all, 0 of 0 keys match: save or download it again"))
    base = _TITLES[layout.family]
    if method := other_method(file):
        raise ValueError(method)
    if network := foreign_network(file):
        raise ValueError(
            tr("is {what}, which fits no base here: use one made for {base}", what=network, base=base)
        )
    try:
        tool, names, strangers = layers_in(file, layout)
    except ImportError as error:
        raise ValueError(tr("needs diffusers to be read: pip install storykit[bases]")) from error
    strangers += [
        name
        for halves in names.values()
        for half, name in halves.items()
        if not _is_factor(half, file.kinds[name])
    ]
    if strangers:
        raise ValueError(_refusal(file, strangers, base))
    return tool, names


def _is_factor(half: Half, kind: TensorKind) -> bool:
    """Return whether a tensor has the sides of a factor of a matrix or a convolution, or of an alpha."""
    if half == "alpha":
        return math.prod(kind.shape) == 1
    return len(kind.shape) in (2, 4) and (half == "A" or set(kind.shape[2:]) <= {1})


def _refusal(file: TensorFile, strangers: Sequence[str], base: str) -> str:
    if any("lora_mid" in name for name in strangers):
        return tr(
            "is a LoCon of LyCORIS whose factors have factors (lora_mid): train again without use_tucker"
        )
    if any((part := read_key(name)) and part.tool in ("diffsynth", "peft") for name in strangers):
        return tr("is a LoRA for Kolors or the embedded base: use one made for {base}", base=base)
    if not is_lora(file) and (what := model_in_words(file)):
        return tr("is {what}, not a LoRA: use a LoRA made for {base}", what=what, base=base)
    return tr(
        "{fitting} of {total} keys match the LoRA names of kohya, diffusers, PEFT or ComfyUI, all must; the "
        "first that is not: {key}; use a LoRA made for {base}",
        fitting=len(file.kinds) - len(strangers),
        total=len(file.kinds),
        key=shown(strangers[0]),
        base=base,
    )


def made_for(own: Mapping[str, tuple[int, ...]], base: Mapping[str, tuple[int, ...]]) -> Message | None:
    """Return for which other family a LoRA was made than the base's; None where its layers do not tell.

    Args:
        own: the sides of its layers.
        base: the sides of the base's layers.
    """
    if not any(map(is_pipeline_layer, own)):
        return None
    mine, theirs = _widths(own), _widths(base)
    if mine and theirs and mine != theirs:
        read, reads = min(mine), min(theirs)
        told = {"read": read, "reads": reads}
        if read in _FAMILIES:
            told_for = tr("was made for {family}", family=tr(_FAMILIES[read]))
        else:
            told_for = tr("was made for another family")
        return tr(
            "{made}: its layers read {read} numbers a token, this base's {reads}; use a LoRA of this base's "
            "family, or name a base of the LoRA's",
            made=told_for,
            **told,
        )
    if _has_second(own) and not _has_second(base):
        return tr(
            "was made for SDXL, which has a second text encoder: use a LoRA of this base's family, or name a "
            "base of SDXL"
        )
    return None


def _widths(layers: Mapping[str, tuple[int, ...]]) -> set[int]:
    return {shape[1] for layer, shape in layers.items() if layer.endswith(_CROSS)}


def _has_second(layers: Iterable[str]) -> bool:
    return any(layer.startswith("text_encoder_2.") for layer in layers)
