"""Times and checks drawing with anchors on full-size Kolors of random weights, on one GPU.

    python -m tests.benchmarks.published runs/kolors-random
    python -m tests.benchmarks.kolors_consistency runs/kolors-random --out runs/kolors-consistency

OUT/result.json has seconds a picture and the highest memory, off and with anchors, as it is and compiled;
whether off is the picture that it was, to the last bit; and how far the same panels are from each other drawn
eight, four and one at a time.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from kit.experiment.candidates.candidate import Candidate
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Slot
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import BatchPlan, PanelRequest
from kit.generation.recipe import request_of
from kit.generation.sampling.first_noise import first_noise
from kit.models.base import load_base
from kit.story.story import PANELS
from tests.benchmarks.machine import commit, cpu, today, versions
from tests.benchmarks.tales import TaleKind, tale

STEPS = 10


def panels(kind: TaleKind, consistency: float) -> list[PanelRequest]:
    """Return the eight panels of a story; of two heroes each is an anchor, six panels show both."""
    slots = [Slot("base", "authored", "tale", 0, panel + 1) for panel in range(PANELS)]
    candidate = Candidate(name="base", consistency=consistency)
    return [request_of(tale(0, kind).story, slot, candidate) for slot in slots]


def latents(painter: KolorsPainter, requests: list[PanelRequest], settings: DrawSettings) -> Tensor:
    """Return the latents of panels that are drawn together."""
    noise = torch.cat([first_noise(request.seed, settings, painter.device) for request in requests])
    with torch.inference_mode():
        return painter._loop.denoise(noise, requests, settings)


def timed(
    painter: KolorsPainter,
    requests: list[PanelRequest],
    settings: DrawSettings,
    plan: BatchPlan | None = None,
) -> dict[str, float]:
    """Return seconds a picture and the highest memory; what is compiled is so before."""
    painter.draw(requests, replace(settings, steps=2), plan)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    started = time.monotonic()
    painter.draw(requests, settings, plan)
    torch.cuda.synchronize()
    seconds = (time.monotonic() - started) / len(requests)
    peak = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    return {
        "s_a_picture": round(seconds, 4),
        "peak_gib": round(peak[0] / 2**30, 2),
        "reserved_gib": round(peak[1] / 2**30, 2),
    }


def apart(some: Tensor, others: Tensor) -> float:
    """Return how far latents are from each other: the norm of the difference over the norm."""
    return float((some.float() - others.float()).norm() / others.float().norm())


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=1024)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    painter = KolorsPainter(load_base(options.folder), "cuda")
    how = DrawSettings(steps=STEPS, cfg=4.0, size=options.size, noise="portable")
    stories = {
        "off": panels("one", 0.0), "one anchor": panels("one", 0.6), "two anchors": panels("two", 0.6),
        "one anchor, a bystander": panels("bystander", 0.6),
    }  # fmt: skip
    painter.encode_prompts([text for story in stories.values() for panel in story for text in panel.texts])
    found: dict[str, object] = {
        "machine": f"{painter.hardware}, {cpu()}; {versions()}; commit {commit()}; {today()}",
        "size": options.size, "steps": STEPS, "panels together": PANELS,
    }  # fmt: skip

    def say(name: str, value: object) -> None:
        found[name] = value
        print(name, value, flush=True)
        (options.out / "result.json").write_text(json.dumps(found, indent=1))

    before = latents(painter, stories["off"], how)
    for name, story in stories.items():
        say(name, timed(painter, story, how))
    say("off is as before, to the last bit", torch.equal(latents(painter, stories["off"], how), before))
    together = latents(painter, stories["one anchor"], how)
    say("anchor's own panel is off's, apart by", apart(together[:1], before[:1]))
    for size in (4, 1):
        parts = [stories["one anchor"][first : first + size] for first in range(0, PANELS, size)]
        drawn = torch.cat([latents(painter, part, how) for part in parts])
        off = torch.cat(
            [latents(painter, stories["off"][first : first + size], how) for first in range(0, PANELS, size)]
        )
        say(f"{size} at a time, apart by", {"one anchor": apart(drawn, together), "off": apart(off, before)})
    say("low memory, one anchor", timed(painter, stories["one anchor"], replace(how, memory="low")))
    say("low memory, off", timed(painter, stories["off"], replace(how, memory="low")))
    plan = BatchPlan(panels=PANELS, compiled=True)
    for name in ("off", "one anchor", "off", "one anchor, a bystander"):
        started = time.monotonic()
        row = timed(painter, stories[name], how, plan)
        say(f"{name}, compiled", row | {"all_s": round(time.monotonic() - started, 1)})
    say("one anchor, compiled, apart by", apart(latents(painter, stories["one anchor"], how), together))
    say("off, compiled, apart by", apart(latents(painter, stories["off"], how), before))


if __name__ == "__main__":
    main()
