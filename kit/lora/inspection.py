"""Which base a LoRA was made for, and how strong each well-known loader draws with it."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, get_args

from kit.embedded import EMBEDDED
from kit.files.encodings import printable
from kit.lora.blocks import NAMES, REST, block_of, groups_of
from kit.lora.formats import Content, LoraPair
from kit.lora.key_names import ELSEWHERE, Names, Tool
from kit.lora.pipelines.layer_names import is_pipeline_layer
from kit.messages import mark, tr
from kit.models.kolors.unet import linear_shapes
from kit.models.sizes import EMBEDDED_SIZES, KOLORS_SIZES

_VERSIONS = ("ss_base_model_version", "modelspec.architecture")
"""Where trainers write what they trained on."""


def bases_of(pairs: Mapping[str, LoraPair]) -> list[str]:
    """Return "NAME (k of n layers)" for each known base that has layers of the LoRA, best first.

    All layers must fit for a base to draw with it. SDXL's attention layers have Kolors' sizes, so a LoRA of
    SDXL fits as well, and draws nonsense; only the file's own words can tell. SD 1.5 has other ones.
    """
    return [
        tr("{base} ({fit} of {layers} layers)", base=name, fit=fit, layers=len(pairs))
        for name, fit in _fits(pairs).most_common()
        if fit
    ]


def best_base(pairs: Mapping[str, LoraPair]) -> str:
    """Return the known base that has most of a LoRA's layers; Kolors where none has one."""
    return max(_fits(pairs).items(), key=lambda fit: fit[1])[0]


def block_norms(content: Content) -> dict[str, float]:
    """Return the Frobenius norm of what a LoRA changes in each block, at strength 1."""
    inside = {block: [n for n in content.pairs if block_of(n) == block] for block in (*NAMES.values(), REST)}
    return {
        block: round(replace(content, pairs={name: content.pairs[name] for name in names}).norm, 4)
        for block, names in inside.items()
        if names
    }


def group_norms(content: Content) -> dict[str, float]:
    """Return the same by content, style and the rest, as the base has them that it fits best."""
    norms = block_norms(content)
    groups = {name: set(blocks) for name, blocks in groups_of(best_base(content.pairs)).items()}
    groups[REST] = norms.keys() - set().union(*groups.values())
    return {
        name: math.sqrt(sum(norms[block] ** 2 for block in blocks & norms.keys()))
        for name, blocks in groups.items()
    }


def problems_of(content: Content) -> list[str]:
    """Return in plain words why drawing with a LoRA would not give what was trained; empty when it would."""
    fits = len(content.pairs) in _fits(content.pairs).values()
    strange = [] if fits else [tr("no base that storykit knows has all of its layers in their sizes")]
    return strange + training_problems(content)


def training_problems(content: Content) -> list[str]:
    """Return in plain words what is wrong with what a LoRA learned, whatever base it fits."""
    problems: list[str] = []
    version = next((content.notes[name] for name in _VERSIONS if name in content.notes), "")
    kolors = not any(map(is_pipeline_layer, content.pairs))
    if kolors and re.search(r"sdxl|stable-diffusion|sd_v|pony|illustrious", version[:200], re.IGNORECASE):
        problems.append(
            tr(
                "the file says it was trained on {version}: layers of SDXL have the sizes of "
                "Kolors' layers, but what they learned means nothing there",
                version=printable(version[:60]),
            )
        )
    if content.norm == 0:
        problems.append(tr("it changes nothing, all of its up factors are 0: it was never trained"))
    return problems


def _fits(pairs: Mapping[str, LoraPair]) -> Counter[str]:
    """Return how many of the layers each known base has in their sizes."""
    return Counter(
        {
            name: sum(shapes.get(layer) == pair.shape for layer, pair in pairs.items())
            for name, shapes in known_shapes().items()
        }
    )


def known_shapes() -> dict[str, dict[str, tuple[int, int]]]:
    """Return (out, in) of each linear layer of Kolors' and the embedded base's UNets; no weights are made."""
    return {"kolors": linear_shapes(KOLORS_SIZES.unet), EMBEDDED: linear_shapes(EMBEDDED_SIZES.unet)}


NOTEBOOK_ALPHA, NOTEBOOK_RANK = 2.0, 16
"""What the contest's notebook draws with, whatever the training said."""
STORYKIT, NOTEBOOK = mark("storykit, strength 1"), mark("the contest's notebook")
DIFFSYNTH = "DiffSynth 1.x load_lora, lora_alpha 1"
KOLORS_PIPELINE = "KolorsPipeline load_lora_weights"
_ON_CHECKPOINTS = mark("from a .ckpt; with other names it loads nothing and says nothing")
_ON_GPU = mark("on a GPU; without one it loads nothing and says so only in a count")
_SINCE = mark("since diffusers 0.34; before, up x down counts 1; convert it --to kohya for all")
LOADERS: Mapping[str, Sequence[Names]] = {
    STORYKIT: get_args(Tool) + tuple(name for name in ELSEWHERE),
    NOTEBOOK: ("diffsynth",),
    DIFFSYNTH: ("diffsynth", "kohya", "kohya of SDXL"),
    KOLORS_PIPELINE: ("kohya", "diffusers"),
    mark("peft on DiffSynth's UNet"): ("peft",),
    mark("peft on diffusers' UNet"): ("peft of diffusers",),
    mark("ComfyUI, strength 1"): ("kohya", "kohya of SDXL", "ComfyUI"),
}
"""The forms that each loader reads; the first is the one to convert to, where we write it."""


class LoaderStrength(NamedTuple):
    """One loader and one file."""

    loader: str
    factor: float | None
    """What up @ down counts; None where the loader does not read the file."""
    strength: float | None
    """The same relative to the training; None where the file does not tell its alpha."""
    note: str


def loaders_of(content: Content) -> list[LoaderStrength]:
    """Return how strong each loader draws with the file."""
    return [LoaderStrength(tr(loader), *_reading(loader, content)) for loader in LOADERS]


def _unread(loader: str) -> str:
    """Return that a loader does not read a file, and what it reads where we write it."""
    form = LOADERS[loader][0]
    if form in get_args(Tool):
        return tr("does not read it; convert it --to {form}", form=form)
    return tr("does not read it")


def _reading(loader: str, content: Content) -> tuple[float | None, float | None, str]:
    """Return factor, strength and note of a loader."""
    factor, note = content.scale, ""
    if content.tool not in LOADERS[loader]:
        return None, None, _unread(loader)
    if loader == STORYKIT and content.alpha is None:
        return None, None, tr("asks for the alpha of the training")
    if loader == NOTEBOOK:
        if content.rank != NOTEBOOK_RANK:
            return (
                None,
                None,
                tr(
                    "stops: its rank is {own}, this one's {rank}",
                    own=NOTEBOOK_RANK,
                    rank=content.rank,
                ),
            )
        factor, note = NOTEBOOK_ALPHA / content.rank, tr(_ON_CHECKPOINTS)
    if loader == DIFFSYNTH:
        if content.uneven:
            return (
                None,
                None,
                tr("counts each layer 1, its layers have scales of their own; convert it --to diffsynth"),
            )
        factor, note = 1.0, tr(_ON_GPU) if content.tool != "diffsynth" else ""
    if loader == KOLORS_PIPELINE and content.tool == "diffusers" and content.scale != 1:
        note = tr(_SINCE)
    return factor, None if content.alpha is None else factor * content.rank / content.alpha, note
