"""Which blocks of a style LoRA carry the style and which cost content, on the embedded base, by the judge.

    python -m tests.benchmarks.blocks --prompts 64 --workers 12

Held-out prompts with the LoRA's trigger in front are drawn with each block and each group of blocks alone,
and with all but it, always from the same seeds; the judge, which never saw a picture of the base, says how
many are in the style and how many have the place and the figures that were asked for. Then the base draws
alone while some blocks read another prompt, in another style: whose place and figures come, and whose style
(B-LoRA, arXiv 2403.14572, found its two blocks so)? Prints Markdown.
"""

import argparse
import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kit.embedded import EMBEDDED
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.kolors.denoiser import CachedProjection, Denoiser
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.lora.blocks import NAMES, REST, block_of, groups_of
from kit.lora.lora import LoadedLora, embedded_loras, find_lora
from kit.lora.merge import MergePart, merge_loras
from kit.world import words
from kit.world.scene import STYLES, Style
from tests.benchmarks.judge import load, verdicts
from tests.benchmarks.machine import commit, cpu, today, versions
from tests.benchmarks.pictures import SETTINGS
from tests.benchmarks.prompts import Prompt, held_out_prompts, texts_of
from tests.benchmarks.tables import table
from tests.benchmarks.tally import content_right, read_verdicts

JUDGE = Path(__file__).parent / "judge.pt"
BLOCKS = tuple(NAMES.values())
LEVELS = {
    "down, 1/16": ("input4", "input5"),
    "down, 1/32": ("input7", "input8"),
    "up, 1/32": ("output0", "output1", "output2"),
    "up, 1/16": ("output3", "output4", "output5"),
}
"""The blocks of one resolution on the UNet's way down and up."""
NOTHING, ALL = "no LoRA", "all blocks"
OTHER_STYLES: Sequence[Style] = ("pixel", "papercut")
"""Styles that the base draws by their words alone."""


class Reading(NamedTuple):
    """What the judge says of pictures drawn alike, one number a picture."""

    style: Sequence[float]
    """1 where it is the LoRA's."""
    likely: Sequence[float]
    """log10 of the probability of the style."""
    content: Sequence[float]
    """1 where place and figures are as told."""


class Setting(NamedTuple):
    """One style LoRA with some of its blocks."""

    style: str
    name: str
    blocks: frozenset[str]

    @property
    def drawn(self) -> tuple[str, frozenset[str]]:
        """What its pictures hang on."""
        return self.style, self.blocks


def parts() -> dict[str, tuple[str, ...]]:
    """Return what is looked at alone and left out: blocks, levels, groups."""
    groups = groups_of(EMBEDDED)
    named = {block for blocks in groups.values() for block in blocks}
    rest = tuple(block for block in BLOCKS if block not in named)
    return {**{block: (block,) for block in BLOCKS}, **LEVELS, **groups, REST: rest}


def settings(styles: Sequence[str]) -> list[Setting]:
    """Return every row of each style; some have the same blocks."""
    found: list[Setting] = []
    for style in styles:
        every = {NOTHING: frozenset[str](), ALL: frozenset(BLOCKS)}
        for name, blocks in parts().items():
            every |= {f"{name} alone": frozenset(blocks), f"without {name}": frozenset(BLOCKS) - {*blocks}}
        found += [Setting(style, name, blocks) for name, blocks in every.items()]
    return found


def worn(setting: Setting) -> LoadedLora | None:
    """Return the LoRA with the blocks that count; None for none."""
    if not setting.blocks:
        return None
    lora = find_lora(f"mini:{setting.style}")
    shares = {block: float(block in setting.blocks) for block in (*BLOCKS, REST)}
    merged = merge_loras([MergePart(lora, 1.0, shares)])
    return replace(lora, pairs=merged.pairs, rank=merged.rank, alpha=float(merged.rank))


class OtherReading(NamedTuple):
    """What the judge says of pictures of which some blocks read another prompt, one number a picture."""

    own: Sequence[float]
    """1 where place and figures are those of the prompt."""
    other: Sequence[float]
    """1 where they are those of the other prompt."""
    style: Sequence[float]
    """1 where the style is the other prompt's."""


class Bench:
    """What draws and what judges, of one process."""

    def __init__(self, prompts: Sequence[Prompt], batch: int, steps: int) -> None:
        """Load everything."""
        torch.set_num_threads(1)
        self.painter = load_painter("mini", "auto")
        self.judge = load(JUDGE, self.painter.device)
        self.prompts, self.batch = prompts, batch
        self.settings = replace(SETTINGS, steps=steps)

    def read_other(self, blocks: frozenset[str]) -> OtherReading:
        """Draw the prompts while some blocks read the next prompt, in another style."""
        number = len(self.prompts)
        others = [self.prompts[(place + 1) % number] for place in range(number)]
        styles = [OTHER_STYLES[place % len(OTHER_STYLES)] for place in range(number)]
        named = zip(others, styles, strict=True)
        texts = [other.text(words.STYLES[other.language][style][0]) for other, style in named]
        self.painter.encode_prompts([*texts_of(self.prompts), *texts, ""])
        self.painter.set_lora(None, 1.0)
        pictures = []
        for first in range(0, number, self.batch):
            part = slice(first, first + self.batch)
            requests = [
                PanelRequest(key=str(seed), prompt=prompt, negative="", seed=seed)
                for seed, prompt in enumerate(texts_of(self.prompts)[part], first)
            ]
            with reading(self.painter, blocks, texts[part]):
                pictures += [np.asarray(one) for one in self.painter.draw(requests, self.settings)]
        heads, _, _ = verdicts(self.judge, torch.from_numpy(np.stack(pictures)))
        seen = read_verdicts(heads)
        return OtherReading(
            own=[float(content_right(p.scene, one)) for p, one in zip(self.prompts, seen, strict=True)],
            other=[float(content_right(p.scene, one)) for p, one in zip(others, seen, strict=True)],
            style=[float(one.style == style) for one, style in zip(seen, styles, strict=True)],
        )

    def read(self, setting: Setting) -> Reading:
        """Draw the prompts and return what is seen."""
        texts = texts_of(self.prompts, find_lora(f"mini:{setting.style}").trigger)
        requests = [
            PanelRequest(key=text, prompt=text, negative="", seed=seed) for seed, text in enumerate(texts)
        ]
        self.painter.encode_prompts([*texts, ""])
        self.painter.set_lora(worn(setting), 1.0)
        pictures = [
            np.asarray(picture)
            for first in range(0, len(requests), self.batch)
            for picture in self.painter.draw(requests[first : first + self.batch], self.settings)
        ]
        heads, _, likely = verdicts(self.judge, torch.from_numpy(np.stack(pictures)))
        seen = read_verdicts(heads)
        right = [content_right(prompt.scene, one) for prompt, one in zip(self.prompts, seen, strict=True)]
        return Reading(
            style=[float(one.style == setting.style) for one in seen],
            likely=likely[:, STYLES.index(setting.style)].tolist(),
            content=list(map(float, right)),
        )


@contextmanager
def reading(painter: KolorsPainter, blocks: frozenset[str], texts: Sequence[str]) -> Iterator[None]:
    """Have some blocks of the UNet read other texts than the others do, one a picture."""
    denoiser = painter._networks.denoiser
    layers = {name: one for name, one in denoiser.unet.named_modules() if isinstance(one, CachedProjection)}
    chosen = [one for name, one in layers.items() if name.startswith("blocks.") and block_of(name) in blocks]
    other = painter._networks.texts.of([*texts, *[""] * len(texts)])[0]

    def set_text(cross: Tensor) -> None:
        Denoiser.set_text(denoiser, cross)
        read = denoiser._first.set_text(other.to(denoiser._device, denoiser._dtype))
        for layer in chosen:
            layer.set_text(read)

    denoiser.set_text = set_text
    try:
        yield
    finally:
        del denoiser.set_text


_bench: Bench


def _start(prompts: int, batch: int, steps: int) -> None:
    global _bench
    _bench = Bench(held_out_prompts(prompts), batch, steps)


def _read(setting: Setting) -> Reading:
    return _bench.read(setting)


def _read_other(blocks: frozenset[str]) -> OtherReading:
    return _bench.read_other(blocks)


def rows(
    wanted: Sequence[Setting], readings: Mapping[tuple[str, frozenset[str]], Reading]
) -> Iterator[list[object]]:
    """Yield the table's rows: what is drawn, then each style's share and all styles' content."""
    for name in dict.fromkeys(setting.name for setting in wanted):
        own = [readings[setting.drawn] for setting in wanted if setting.name == name]
        likely = float(np.mean([np.mean(one.likely) for one in own]))
        content = [value for one in own for value in one.content]
        style = [value for one in own for value in one.style]
        yield [
            name,
            *(f"{np.mean(one.style):.1%}" for one in own),
            f"{np.mean(style):.1%} ± {error(style):.1%}",
            f"{likely:.2f}",
            f"{np.mean(content):.1%} ± {error(content):.1%}",
        ]


def error(values: Sequence[float]) -> float:
    """Return the standard error of a mean."""
    return float(np.std(values) / len(values) ** 0.5)


def main() -> None:
    """Draw, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=SETTINGS.steps)
    parser.add_argument("--styles", nargs="+", default=embedded_loras())
    parser.add_argument("--only", nargs="+", default=[], help="names of rows; none for all")
    given = parser.parse_args()
    began = time.monotonic()
    wanted = [one for one in settings(given.styles) if not given.only or one.name in given.only]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.workers, spawn, _start, (given.prompts, given.batch, given.steps)) as pool:
        once = {setting.drawn: setting for setting in wanted}
        readings = dict(zip(once, pool.map(_read, once.values()), strict=True))
        named = {name: frozenset(blocks) for name, blocks in {"none": (), **parts(), "all": BLOCKS}.items()}
        chosen = {name: blocks for name, blocks in named.items() if not given.only or name in given.only}
        others = dict(zip(chosen, pool.map(_read_other, chosen.values()), strict=True))
    heads = ["drawn with", *given.styles, "in style", "log10 p", "content"]
    print(table(heads, rows(wanted, readings)))
    shares = [
        [name, *(f"{np.mean(one):.1%} ± {error(one):.1%}" for one in read)] for name, read in others.items()
    ]
    print(
        "\n"
        + table(["who reads the other prompt", "own content", "other's content", "other's style"], shares)
    )
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else cpu()
    drawn = f"{given.prompts} prompts a row and style, {given.steps} steps; {where}; {versions()}"
    print(f"\n{drawn}; {today()}, commit {commit()}; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
