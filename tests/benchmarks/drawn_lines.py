"""Measures whether the embedded base's ControlNet has it draw along lines, and what the prompt loses by it.

    python -m tests.benchmarks.drawn_lines --controlnet kit/mini/controlnets/canny --out runs/drawn-lines

Each prompt is of a combination that no training has seen; its map is of a render of the same scene placed
otherwise. OUT gets result.json, and sheet.jpg: map, without, and held at each weight.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from kit.experiment.controls.control_record import ControlRecord
from kit.files.encodings import sha256_bytes
from kit.generation.controls.control import Control
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.painter import Painter, PanelRequest
from kit.images.png_metadata import encoded
from kit.lora.lora import find_lora
from kit.mini.training.shards import HELD_OUT_STYLES
from kit.models.base import load_base
from kit.models.bases.controlnet_files import open_controlnet
from kit.world.render import render
from kit.world.scene import Scene, Style
from tests.benchmarks.base import Judged, judged
from tests.benchmarks.judge import Judge, load
from tests.benchmarks.machine import commit, cpu, today, versions
from tests.benchmarks.pictures import BATCH, SETTINGS
from tests.benchmarks.prompts import Prompt, held_out_prompts
from tests.benchmarks.tables import table
from tests.benchmarks.tally import content_right, share_of, tally
from tests.support.line_agreement import line_agreement, lines_of

WEIGHTS = (0.0, 0.5, 0.7, 1.0)
"""0 is drawn without the ControlNet."""
USUAL = 0.7
STYLED = 16
"""Prompts drawn with each LoRA."""
SHOWN = 14
"""Rows of the sheet."""
ROWS = ("place", "kind", "colours", "pose")
Json = dict[str, Any]


class Drawn(NamedTuple):
    """Pictures and the maps that they were to follow."""

    maps: Sequence[Image.Image]
    pictures: Sequence[Image.Image]

    @property
    def pixels(self) -> Tensor:
        """(n, 256, 256, 3) uint8."""
        return torch.from_numpy(np.stack([np.asarray(one) for one in self.pictures]))


def moved(scene: Scene, style: Style = "flat") -> Image.Image:
    """Return another composition of a scene: what its words leave open is otherwise."""
    return render(replace(scene, seed=scene.seed + 1, style=style)).picture


class Bench:
    """Draws prompts along maps."""

    def __init__(self, painter: Painter, folder: Path) -> None:
        """Take who draws, and the ControlNet's folder."""
        self.painter, self._folder, self._identity = painter, folder, open_controlnet(folder).identity

    def draw(self, texts: Sequence[str], maps: Sequence[Image.Image], weight: float) -> Drawn:
        """Return a picture of each prompt along its map, the first from seed 0; weight 0: free."""
        pngs = [encoded(one) for one in maps]
        requests = [
            PanelRequest(
                prompt=text, negative="", seed=seed, label=f"{weight} {seed}", control=self._held(png, weight)
            )
            for seed, (text, png) in enumerate(zip(texts, pngs, strict=True))
        ]
        self.painter.encode_prompts([text for one in requests for text in one.texts])
        pictures = []
        for first in range(0, len(requests), BATCH):
            pictures += self.painter.draw(requests[first : first + BATCH], SETTINGS)
        return Drawn(maps, [one for one in pictures if isinstance(one, Image.Image)])

    def _held(self, png: bytes, weight: float) -> tuple[Control, ...]:
        if not weight:
            return ()
        record = ControlRecord(
            kind="canny", map=sha256_bytes(png), weight=weight, until=1.0, controlnet=self._identity
        )
        return (Control(record=record, png=png, folder=self._folder),)


def told(scenes: Sequence[Scene], drawn: Drawn, judge: Judge, style: Style = "flat") -> Json:
    """Return how lines agree, and what the judge sees of the prompts."""
    agreed = [line_agreement(*pair) for pair in zip(drawn.maps, drawn.pictures, strict=True)]
    seen: Judged = judged(judge, drawn.pixels)
    shares = tally(scenes, seen.seen)
    content = share_of(content_right(*pair) for pair in zip(scenes, seen.seen, strict=True))
    return {
        "pictures": len(scenes),
        "precision": round(float(np.mean([one.precision for one in agreed])), 3),
        "recall": round(float(np.mean([one.recall for one in agreed])), 3),
        "f1": round(float(np.mean([one.f1 for one in agreed])), 3),
        "f1_least": round(min(one.f1 for one in agreed), 3),
        **{row: round(shares[row].share, 3) for row in ROWS},
        "content": round(content.share, 3),
        "in_style": round(share_of(one.style == style for one in seen.seen).share, 3),
        "spoilt": round(share_of((seen.faults.amax(1) > 0.5).tolist()).share, 3),
    }


@torch.inference_mode()
def decoded(pictures: Sequence[Image.Image], device: str) -> list[Image.Image]:
    """Return pictures through the base's autoencoder: the lines that it can draw at all."""
    base = load_base("mini")
    encoder, decoder = base.vae_encoder(device), base.vae_decoder(device)
    made = []
    for picture in pictures:
        x = torch.from_numpy(np.array(picture)).to(device).permute(2, 0, 1)[None].float() / 127.5 - 1
        back = decoder(encoder(x)).clamp(-1, 1).add(1).mul(127.5).round()[0].permute(1, 2, 0)
        made.append(Image.fromarray(back.to(torch.uint8).cpu().numpy()))
    return made


def measure(bench: Bench, judge: Judge, prompts: Sequence[Prompt], out: Path) -> Json:
    """Return all rows; writes the sheet."""
    scenes, texts = [one.scene for one in prompts], [one.text() for one in prompts]
    renders = [moved(scene) for scene in scenes]
    maps = [lines_of(one) for one in renders]
    rows: Json = {
        "renders, decoded": told(scenes, Drawn(maps, decoded(renders, bench.painter.device)), judge)
    }
    shown = {}
    for weight in WEIGHTS:
        shown[weight] = bench.draw(texts, maps, weight)
        rows[f"weight {weight}" if weight else "free"] = told(scenes, shown[weight], judge)
    strangers = maps[1:] + maps[:1]
    other = bench.draw(texts, strangers, USUAL)
    rows[f"another prompt's map, {USUAL}"] = told(scenes, other, judge)
    grid = [maps, *(drawn.pictures for drawn in shown.values()), strangers, other.pictures]
    sheet(grid).save(out / "sheet.jpg", quality=88)
    return rows


def styled(bench: Bench, judge: Judge, prompts: Sequence[Prompt], out: Path) -> Json:
    """Return rows of each LoRA at strength 1, along lines of renders in its style; writes a sheet of them."""
    rows, grid = Json(), []
    scenes = [one.scene for one in prompts]
    for style in HELD_OUT_STYLES:
        lora = find_lora(f"mini:{style}")
        bench.painter.set_lora(lora, 1.0)
        texts = [one.text(lora.trigger) for one in prompts]
        maps = [lines_of(moved(scene, style)) for scene in scenes]
        grid.append(maps)
        for weight in (0.0, USUAL):
            drawn = bench.draw(texts, maps, weight)
            grid.append(drawn.pictures)
            rows[f"{style}, {f'weight {weight}' if weight else 'free'}"] = told(scenes, drawn, judge, style)
        bench.painter.set_lora(None, 1.0)
    sheet(grid).save(out / "styles.jpg", quality=88)
    return rows


def sheet(columns: Sequence[Sequence[Image.Image]], side: int = 192) -> Image.Image:
    """Return the first pictures of each column side by side."""
    page = Image.new("RGB", (len(columns) * side, SHOWN * side), "white")
    for across, column in enumerate(columns):
        for down, picture in enumerate(column[:SHOWN]):
            small = picture.resize((side - 4, side - 4), Image.Resampling.LANCZOS)
            page.paste(small, (across * side + 2, down * side + 2))
    return page


def markdown(rows: Mapping[str, Json]) -> str:
    """Return the rows as a table."""
    heads = list(next(iter(rows.values())))
    return table(["drawn", *heads], [[name, *(row[head] for head in heads)] for name, row in rows.items()])


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--controlnet", type=Path, required=True, help="its folder")
    parser.add_argument("--judge", type=Path, default=Path("tests/benchmarks/judge.pt"))
    parser.add_argument("--out", type=Path, default=Path("runs/drawn-lines"))
    parser.add_argument("--count", type=int, default=40, help="held-out prompts")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    painter = load_painter("mini", given.device)
    bench, judge = Bench(painter, given.controlnet), load(given.judge, painter.device)
    prompts = held_out_prompts(given.count, seed=1)
    rows = measure(bench, judge, prompts, given.out) | styled(bench, judge, prompts[:STYLED], given.out)
    result = {
        "date": today(),
        "commit": commit(),
        "machine": cpu() if painter.device == "cpu" else torch.cuda.get_device_name(),
        "versions": versions(),
        "controlnet": open_controlnet(given.controlnet).identity,
        "rows": rows,
    }
    (given.out / "result.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(markdown(rows))
    print(f"\n{result['machine']}; commit {result['commit']}; {result['versions']}; {result['date']}")


if __name__ == "__main__":
    main()
