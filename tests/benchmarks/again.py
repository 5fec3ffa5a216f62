"""How far apart are two drawings of one panel: on another device, in another precision, with other settings.

python -m tests.benchmarks.again --keep FOLDER       draws the panels on this CPU and keeps them
python -m tests.benchmarks.again --against FOLDER    compares with panels that another machine kept
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from statistics import median

import torch
from PIL import Image

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import DrawFailure, PanelRequest
from kit.lora.lora import find_lora
from kit.models.base import load_base
from kit.story.prompt import prompt_of
from kit.story.story import load_story
from submissions.reproduction.reproduce import decoded, mean_difference
from tests.benchmarks.machine import commit, cpu, versions

STORY = Path(__file__).parents[2] / "kit" / "examples" / "demo-zh.toml"
SEEDS = range(4)
HOW = DrawSettings(steps=25, cfg=4.0, size=256, noise="portable")
BATCH = 4


class Bench:
    """A painter that wears the ink LoRA."""

    def __init__(self, device: str, dtype: torch.dtype = torch.float32) -> None:
        """Load the embedded base on a device in a precision."""
        self._painter = KolorsPainter(load_base("mini"), device)
        self._painter._networks.dtype = dtype

    def draw(
        self,
        how: DrawSettings = HOW,
        strength: float = 1.0,
        seeds: Sequence[int] = SEEDS,
        batch: int = BATCH,
    ) -> list[bytes]:
        """Return the story's panels for each seed as PNGs."""
        story, lora = load_story(STORY).story, find_lora("mini:ink")
        requests = [
            PanelRequest(
                key="",
                prompt=prompt_of(story, panel, "authored", lora.trigger),
                negative=story.negative,
                seed=seed,
            )
            for seed in seeds
            for panel in range(8)
        ]
        self._painter.encode_prompts([text for one in requests for text in (one.prompt, one.negative)])
        self._painter.set_lora(lora if strength else None, strength or 1.0)
        pictures = []
        for first in range(0, len(requests), batch):
            pictures += self._painter.draw(requests[first : first + batch], how)
        return [_png(picture) for picture in pictures]


def _png(picture: Image.Image | DrawFailure) -> bytes:
    assert not isinstance(picture, DrawFailure), picture.reason
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def tell(way: str, one: Sequence[bytes], other: Sequence[bytes]) -> None:
    """Print a row of the table: least, middle and largest mean difference, and how many are the same."""
    far = [mean_difference(decoded(a), decoded(b)) for a, b in zip(one, other, strict=True)]
    same = sum(value == 0 for value in far)
    print(
        f"| {way} | {len(far)} | {same} | {min(far):.2f} | {median(far):.2f} | {max(far):.2f} |", flush=True
    )


def main() -> None:
    """Draw, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--against", type=Path)
    args = parser.parse_args()
    print(f"{cpu()}; {versions()}; commit {commit()}")
    ours = Bench("cpu")
    here = ours.draw()
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
        for number, png in enumerate(here):
            (args.keep / f"{number:02}.png").write_bytes(png)
        return
    print("| the same panel | pairs | same pixels | least | median | largest |\n|---|---|---|---|---|---|")
    if args.against:
        tell("CPU of another machine", here, [path.read_bytes() for path in sorted(args.against.iterdir())])
    ways: dict[str, Callable[[], list[bytes]]] = {
        "again": ours.draw,
        "one panel at a time": lambda: ours.draw(batch=1),
    }
    if torch.cuda.is_available():
        for name, dtype in (("fp32", torch.float32), ("fp16", torch.float16), ("bf16", torch.bfloat16)):
            ways[f"GPU in {name}"] = Bench("cuda", dtype).draw
    ways |= {
        "other seed": lambda: ours.draw(seeds=[seed + 10 for seed in SEEDS]),
        "24 steps": lambda: ours.draw(replace(HOW, steps=24)),
        "cfg 4.2": lambda: ours.draw(replace(HOW, cfg=4.2)),
        "strength .9": lambda: ours.draw(strength=0.9),
        "strength .98": lambda: ours.draw(strength=0.98),
        "no LoRA": lambda: ours.draw(strength=0.0),
    }
    for way, draw in ways.items():
        tell(way, here, draw())


if __name__ == "__main__":
    main()
