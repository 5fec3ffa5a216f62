"""Which block of a UNet a tensor is in, by its name in the original code, in diffusers or in DiffSynth."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping

from kit.messages import joined, mark, tr

OUTSIDE = ""
"""The block of what is in none: size and class of the picture, the text's projection."""
LARGEST = {"input": 11, "middle": 2, "output": 11}
"""The last number of each group in SD 1.5; SDXL and Kolors have 8 in place of 11."""
SINGLE = ("out", "time_embed")
BLOCKS = tuple(f"{group}{n}" for group, last in LARGEST.items() for n in range(last + 1)) + SINGLE
"""Every block that a UNet may have, in the order of the original code."""
PREFIXES = ("model.diffusion_model.", "diffusion_model.", "")
"""What stands before a UNet's names in a file with other networks, in ComfyUI's, in one of its own."""
NAMINGS: Mapping[str, str] = {
    "input_blocks.": mark("the original code"),
    "down_blocks.": "diffusers",
    "blocks.": "DiffSynth",
}
"""Whose names they are, by how some begin."""

_DIFFSYNTH = {
    0: "input1", 2: "input2", 4: "input3", 6: "input4", 9: "input5", 12: "input6", 14: "input7", 17: "input8",
    20: "middle0", 21: "middle1", 22: "middle2", 23: "output0", 26: "output1", 29: "output2", 33: "output3",
    36: "output4", 39: "output5", 43: "output6", 45: "output7", 47: "output8",
}  # fmt: skip
"""The first of DiffSynth's numbers in each block of SDXL's UNet; pushing and popping have numbers, too."""
_DIFFSYNTH_LAST = 48


def _of_diffsynth(number: int) -> str | None:
    if number > _DIFFSYNTH_LAST:
        return None
    starts = list(_DIFFSYNTH)
    return _DIFFSYNTH[starts[bisect_right(starts, number) - 1]]


_PLACES: tuple[tuple[re.Pattern[str], Callable[..., str | None]], ...] = tuple(
    (re.compile(pattern), block)
    for pattern, block in (
        (r"input_blocks\.(\d|1[01])\.", lambda n: f"input{n}"),
        (r"middle_block\.([0-2])\.", lambda n: f"middle{n}"),
        (r"output_blocks\.(\d|1[01])\.", lambda n: f"output{n}"),
        (r"out\.[02]\.|conv_norm_out\.|conv_out\.", lambda: "out"),
        (r"time_embed\.[02]\.|time_embedding\.", lambda: "time_embed"),
        (r"conv_in\.", lambda: "input0"),
        (r"down_blocks\.([0-3])\.(?:resnets|attentions)\.([01])\.", lambda i, j: f"input{3 * i + j + 1}"),
        (r"down_blocks\.([0-2])\.downsamplers\.0\.", lambda i: f"input{3 * i + 3}"),
        (r"mid_block\.resnets\.([01])\.", lambda j: f"middle{2 * j}"),
        (r"mid_block\.attentions\.0\.", lambda: "middle1"),
        (r"up_blocks\.([0-3])\.(?:resnets|attentions)\.([0-2])\.", lambda i, j: f"output{3 * i + j}"),
        (r"up_blocks\.([0-2])\.upsamplers\.0\.", lambda i: f"output{3 * i + 2}"),
        (r"blocks\.(\d{1,2})\.", _of_diffsynth),
        (r"(?:label_emb|class_embedding|add_embedding|add_time_embedding)\.", lambda: OUTSIDE),
        (r"(?:encoder_hid_proj|text_intermediate_proj)\.", lambda: OUTSIDE),
    )
)
"""How a name begins, and the block; diffusers counts three to a level of SDXL and of SD 1.5."""


def block_of(name: str) -> str | None:
    """Return the block of a UNet's tensor, OUTSIDE for none; None where such a UNet has no such tensor.

    >>> block_of("up_blocks.1.upsamplers.0.conv.bias"), block_of("output_blocks.5.2.conv.bias")
    ('output5', 'output5')
    """
    for pattern, block in _PLACES:
        if found := pattern.match(name):
            return block(*map(int, found.groups()))
    return None


def naming_of(names: Iterable[str]) -> str:
    """Return whose names a UNet has, as a sentence says it; empty where none tells."""
    return next(
        (tr(whose) for name in names for start, whose in NAMINGS.items() if name.startswith(start)), ""
    )


def in_ranges(blocks: Iterable[str]) -> str:
    """Return blocks in the original code's order, neighbours as ranges.

    >>> in_ranges(["out", "input0", "input2", "input1"])
    'input0-2, out'
    """
    there = set(blocks)
    told: list[str] = []
    for group, last in LARGEST.items():
        for first in range(last + 1):
            if f"{group}{first}" in there and f"{group}{first - 1}" not in there:
                end = next(n for n in range(first, last + 2) if f"{group}{n + 1}" not in there)
                told.append(f"{group}{first}" + (f"-{end}" if end > first else ""))
    return joined([*told, *(one for one in SINGLE if one in there)], ", ")
