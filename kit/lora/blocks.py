"""The blocks of a LoRA: their names, the groups that make content and style, and how strongly each counts.

The names are those of SDXL's UNet as LoRA tools count its blocks: `input4` is input_blocks.4, in diffusers
down_blocks.1. Layers outside of these blocks, which hardly any training touches, are of the rest.
"""

import re
from collections import Counter
from collections.abc import Mapping

from kit.did_you_mean import did_you_mean
from kit.embedded import EMBEDDED
from kit.errors import printable
from kit.lora.key_names import BLOCKS
from kit.lora.pipelines.layout import lora_layout
from kit.messages import joined, tr
from kit.models.bases.base_parts import BaseChoice

NAMES = {number: re.sub(r"_blocks?\.(\d+).*", r"\1", original) for number, (_, original) in BLOCKS.items()}
"""By DiffSynth's number, from the UNet's way down to its way up: input4, input5, …, output5."""
_MODULES = {diffusers: NAMES[number] for number, (diffusers, _) in BLOCKS.items()}
"""By diffusers' name of the block."""
REST = "rest"
"""What is named neither by its block nor in a group."""
_SDXL = {"content": ("output0",), "style": ("output1",)}
_EMBEDDED = {
    "content": ("input7", "input8"),
    "style": ("input4", "input5", "output3", "output4", "output5"),
}
GROUPS: Mapping[str, Mapping[str, tuple[str, ...]]] = {"kolors": _SDXL, EMBEDDED: _EMBEDDED}
"""By base. SDXL's, whose blocks Kolors has, are the two that B-LoRA (arXiv 2403.14572) trains; on Kolors' own
weights nobody has measured them. Those of the embedded base are measured: tests/benchmarks/blocks.py."""
_SHOWN = 60


def groups_of(base: BaseChoice) -> Mapping[str, tuple[str, ...]]:
    """Return the blocks that make content and style in a base; a base of one's own has Kolors' layout."""
    return GROUPS.get(str(base), _SDXL)


def block_of(layer: str) -> str:
    """Return the block that a layer is in, by DiffSynth's name of it, or by part and module.

    >>> block_of("blocks.25.proj_in"), block_of("blocks.0.time_emb_proj")
    ('output0', 'rest')
    """
    if not layer.startswith("blocks."):
        own = (f"unet.{block}." for block in _MODULES)
        return next((_MODULES[one[5:-1]] for one in own if layer.startswith(one)), REST)
    return NAMES.get(int(layer.split(".")[1]), REST)


def strengths_of(blocks: Mapping[str, float], base: BaseChoice) -> dict[str, float]:
    """Return the strength of every block, those without a name last; 1 for what is not named.

    Args:
        blocks: strengths by block, by group, and of the rest.
        base: whose groups are meant.

    Raises:
        ValueError: there is no such block, one is named twice, or the base's have no names.

    >>> strengths_of({"style": 1.0, "input4": 0.2, "rest": 0.5}, "kolors")["output1"]
    1.0
    """
    layout = lora_layout(base)
    if layout and layout.family != "sdxl":
        raise ValueError(tr("are for Kolors and SDXL, whose blocks have names: delete it"))
    groups, named = groups_of(base), dict[str, float]()
    for name, strength in blocks.items():
        for block in groups.get(name, (name,)):
            if block not in (*NAMES.values(), REST):
                raise ValueError(_unknown(name, groups))
            if block in named:
                raise ValueError(
                    tr(
                        "{block} is in {group} of this base: name one of the two",
                        block=block,
                        group=_group(block, groups),
                    )
                )
            named[block] = strength
    return {block: named.get(block, named.get(REST, 1.0)) for block in (*NAMES.values(), REST)}


def _unknown(name: str, groups: Mapping[str, tuple[str, ...]]) -> str:
    told = [f"{group} ({', '.join(blocks)})" for group, blocks in groups.items()]
    return tr(
        "no block is called {name!r}; there are {groups}, {rest}, and {blocks}{meant}",
        name=printable(name[:_SHOWN]),
        groups=joined(told, tr(", ")),
        rest=REST,
        blocks=joined(NAMES.values(), tr(", ")),
        meant=did_you_mean(name, [*groups, *NAMES.values(), REST]),
    )


def _group(block: str, groups: Mapping[str, tuple[str, ...]]) -> str:
    return next(name for name, blocks in groups.items() if block in blocks)


def blocks_text(strengths: Mapping[str, float]) -> str:
    """Return strengths by block as one text, in one form: what most blocks have is the rest.

    >>> blocks_text({"input4": 0.5, "output0": 1.0, "output1": 0.25, "output2": 0.5})
    'output0=1,output1=0.25,rest=0.5'
    """
    most = max(Counter(strengths.values()).items(), key=lambda one: (one[1], -one[0]))[0]
    usual = strengths.get(REST, most)
    others = [(block, strengths[block]) for block in NAMES.values() if strengths.get(block, usual) != usual]
    return ",".join(f"{name}={value:.9g}" for name, value in [*others, (REST, usual)])


def read_blocks(text: str) -> dict[str, float]:
    """Return the strengths that a text such as "content=0.4,style=1,rest=0.7" names.

    Raises:
        ValueError: it is none, or names a block twice.
    """
    found: dict[str, float] = {}
    for part in re.split(r"[,，;；\s]+", text.strip()):
        name, _, number = part.partition("=")
        if not name or name in found or not re.fullmatch(r"-?(\d{1,9}(\.\d{1,9})?|\.\d{1,9})", number):
            raise ValueError(
                tr(
                    "must be blocks and their strengths, as content=0.4,style=1,rest=0.7, got {text!r}",
                    text=text[:_SHOWN],
                )
            )
        found[name] = float(number)
    return found
