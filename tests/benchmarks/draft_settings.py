"""What each setting of drafts costs and how near its pictures are to the finals, on the embedded base.

Run: python -m tests.benchmarks.draft_settings [--count 8] [--sheet FILE]

Seconds are of the processor, so that other programs do not count. Near is the root mean square of the
differences of pixels, of 255, from the final that begins from the same noise.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from kit.embedded import EMBEDDED
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.drawing.usual import usual_drawing
from kit.experiment.tables import DraftTable
from kit.generation.kolors import drawing_loop
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.generation.sampling.dpm_solver import LEAST, DpmSolver, karras_spaced, noise_levels
from kit.models.base import load_base
from tests.benchmarks.machine import commit, cpu, today, versions
from tests.benchmarks.prompts import NEGATIVE, held_out_prompts
from tests.benchmarks.tables import table

FINAL = DrawSettings(steps=25, cfg=4.0, size=256, noise="portable")
DRAFT = DraftTable().drawn_as(FINAL, usual_drawing(EMBEDDED))
SETTINGS = {
    "final: DDIM, 25 steps": FINAL,
    f"draft: DPM++ 2M, {DRAFT.steps} steps, guidance until {DRAFT.guidance_until}": DRAFT,
    f"`steps = {DRAFT.steps}`, DDIM": replace(FINAL, steps=DRAFT.steps),
    '`sampler = "dpm++2m"`': replace(FINAL, sampler="dpm++2m"),
    f'`sampler = "dpm++2m"`, `steps = {DRAFT.steps}`': replace(DRAFT, guidance_until=1.0),
    '`sampler = "dpm++2m"`, `steps = 15`': replace(DRAFT, steps=15, guidance_until=1.0),
    f"`guidance_until = {DRAFT.guidance_until}`": replace(FINAL, guidance_until=DRAFT.guidance_until),
    "`size = 128`": replace(FINAL, size=128, noise_size=256),
    "`cache_every = 2`": replace(FINAL, cache_every=2),
    "`cache_every = 3`": replace(FINAL, cache_every=3),
    "draft with `cache_every = 2`": replace(DRAFT, cache_every=2),
}
EXACT_STEPS = 200
"""Of DDIM: what all samplers come near to."""

Pictures = list[NDArray[np.float64]]


class Drawn(NamedTuple):
    """Pictures, and what each took."""

    pictures: Pictures
    seconds: float
    """Of the processor, a picture."""


def drawn(painter: KolorsPainter, requests: Sequence[PanelRequest], how: DrawSettings) -> Drawn:
    began = time.process_time()
    made = [picture for picture in painter.draw(requests, how) if isinstance(picture, Image.Image)]
    seconds = (time.process_time() - began) / len(requests)
    return Drawn(
        [np.asarray(one.resize((256, 256), Image.Resampling.LANCZOS), float) for one in made], seconds
    )


def near(ones: Pictures, others: Pictures) -> list[float]:
    """Return the root mean square of the differences of each two pictures."""
    return [float(np.sqrt(((one - other) ** 2).mean())) for one, other in zip(ones, others, strict=True)]


def told(distances: Sequence[float]) -> list[str]:
    return [f"{np.mean(distances):.1f}", f"{max(distances):.0f}"]


def linspace(steps: int) -> list[float]:
    """Return levels at evenly spaced timesteps, as diffusers' "linspace"."""
    return [float(noise_levels()[round(1099 - step * 1099 / steps)]) for step in range(steps)]


SPACINGS: dict[str, Callable[[int], list[float]]] = {
    f"Karras down to {LEAST}": karras_spaced,
    "Karras down to Kolors' least, .03": lambda steps: karras_spaced(steps, float(noise_levels()[0])),
    "even timesteps": linspace,
}


@contextmanager
def spaced_by(spacing: Callable[[int], list[float]]) -> Iterator[None]:
    """Have the painter solve drafts at other levels for a while."""
    usual = drawing_loop.solver_of
    drawing_loop.solver_of = lambda how, first: DpmSolver(spacing(how.steps)[first:])
    try:
        yield
    finally:
        drawing_loop.solver_of = usual


def spacings(painter: KolorsPainter, requests: Sequence[PanelRequest], final: Pictures) -> list[list[str]]:
    """Return a row for each number of steps and spacing: how near it is to the final and to many steps."""
    exact = drawn(painter, requests, replace(FINAL, steps=EXACT_STEPS)).pictures
    rows = [["DDIM, 25 steps", "", *told(near(final, exact))]]
    for steps in (DRAFT.steps, 20):
        for name, spacing in SPACINGS.items():
            with spaced_by(spacing):
                made = drawn(painter, requests, replace(DRAFT, steps=steps, guidance_until=1.0)).pictures
            rows.append(
                [f"{name}, {steps} steps", f"{np.mean(near(made, final)):.1f}", *told(near(made, exact))]
            )
    return rows


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    painter = KolorsPainter(load_base(EMBEDDED), "cpu")
    requests = [
        PanelRequest(prompt=prompt.text(), negative=NEGATIVE, seed=seed)
        for seed, prompt in enumerate(held_out_prompts(options.count))
    ]
    painter.encode_prompts([text for request in requests for text in request.texts])
    drawn(painter, requests[:1], replace(FINAL, steps=1))  # the base is loaded
    made = {name: drawn(painter, requests, how) for name, how in SETTINGS.items()}
    final = next(iter(made.values()))
    rows = [
        [
            name,
            f"{one.seconds:.2f}",
            f"{one.seconds / final.seconds:.0%}",
            *told(near(one.pictures, final.pictures)),
        ]
        for name, one in made.items()
    ]
    print(f"{cpu()}, 1 thread; {versions()}; commit {commit()}; {today()}; {len(requests)} pictures\n")
    print(table(["setting", "s a picture", "of the final", "RMS to the final", "most"], rows))
    others = drawn(painter, [replace(one, seed=one.seed + 1000) for one in requests], FINAL).pictures
    print(f"\nfinals of other seeds: {np.mean(near(final.pictures, others)):.0f}\n")
    head = ["levels", "RMS to the final", f"RMS to {EXACT_STEPS} steps of DDIM", "most"]
    print(table(head, spacings(painter, requests, final.pictures)))
    if options.sheet:
        page = np.concatenate([np.concatenate(one.pictures, axis=1) for one in made.values()])
        Image.fromarray(page.astype(np.uint8)).save(options.sheet)


if __name__ == "__main__":
    main()
