"""A small scored run and an entry about it, made by hand: what packing and verifying are tested on."""

import csv
import io
import json
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from eval.comparison.compare import compare_scores
from eval.comparison.design import ComparisonDesign
from eval.scoring.records import ScoredSet
from kit.errors import BundleError
from kit.experiment.config import load_experiment
from kit.experiment.identity import embedded_sha256
from kit.experiment.run import PanelRow, Run
from kit.files.encodings import canonical_json, json_bytes, sha256_bytes, zip_bytes
from kit.images.png_metadata import parameters_of
from kit.story.prompt import prompt_of
from submissions.bundle.bundle import open_bundle
from submissions.bundle.manifest import MANIFEST, seal_of
from submissions.contest.rules import Rules, load_rules
from submissions.faults import Fault
from submissions.packing.entry import Entry
from submissions.packing.pack import pack
from submissions.verification.verify import verify

SIZE = 32
KOLORS = {"name": "kolors", "sha256": {"unet": "1" * 64}, "scheduler": {"name": "ddim"}, "dtype": "float16"}
MINI = {"name": "mini", "sha256": dict(embedded_sha256()), "scheduler": {"name": "ddim"}}
CAPTIONS = (
    "雪夜，小猫阿墨离开了家。",
    "竹林里有一盏灯笼。",
    "月亮沉进湖里。",
    "桥上的风很大。",
    "“你去哪里？”",
    "天亮了。",
    "她认出了屋檐。",
    "回家。",
)
SCORES = (6.5, 6.25, 6.75, 6.5, 6.0, 7.0, 6.5, 6.5)
INTRODUCTION = "一个水墨风格的 LoRA，用四十张自己画的水墨画训练，适合画夜晚的小猫。"
STORY = 'title = "墨猫夜行记"\nlanguage = "zh"\nnegative = "模糊，变形"\n' + "".join(
    f'[[panel]]\ncaption = "{caption}"\nprompt = "水墨风格，一只黑猫，第{number}幕"\n'
    for number, caption in enumerate(CAPTIONS, 1)
)


def make_entry(folder: Path, **changes: object) -> Entry:
    """Return an entry about the story of `make_scored_run`."""
    entry = Entry(
        candidate="ink",
        order="authored",
        story="moon",
        seeds=(3,) * 8,
        rules=load_rules("kolors-2024"),
        team="云上画师",
        title="墨猫夜行记",
        introduction=INTRODUCTION,
        out=folder / "entry.zip",
    )
    return replace(entry, **changes)


def make_scored_run(
    folder: Path, base: Mapping[str, object] = KOLORS, story: str = STORY, seeds: Sequence[int] = (3,)
) -> Run:
    """Write a run of one story with the candidates `base` and `ink`, drawn and scored."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "moon.toml").write_text(story, encoding="utf-8")
    (folder / "ink.safetensors").write_bytes(lora_bytes())
    name = "mini" if base["name"] == "mini" else "kolors"
    (folder / "experiment.toml").write_text(
        f'stories = ["moon.toml"]\nbase = "{name}"\nseeds = {list(seeds)}\nsize = {SIZE}\nsteps = 2\n'
        '[[candidate]]\nname = "base"\n'
        '[[candidate]]\nname = "ink"\nlora = "ink.safetensors"\nstrength = 0.8\ntrigger = "墨韵"\n',
        encoding="utf-8",
    )
    run = Run.create(folder / "run", load_experiment(folder / "experiment.toml"))
    for candidate in ("base", "ink"):
        for panel, seed in product(range(1, 9), seeds):
            draw_panel(run, base, candidate, panel, seed)
    run.write_json("run.json", run_identity(base))
    write_scores(run, SCORES, embedded=base["name"] == "mini")
    return run


def run_identity(base: Mapping[str, object]) -> dict[str, object]:
    """Return run.json as the drawing stage writes it."""
    bare = {"lora_sha256": None, "rank": None, "alpha": None, "strength": 1.0, "keys": 0, "trigger": ""}
    ink = {
        "lora_sha256": sha256_bytes(lora_bytes()),
        "rank": 2,
        "alpha": 4.0,
        "strength": 0.8,
        "keys": 1,
        "trigger": "墨韵",
    }
    return {
        "storykit": "0.1.0",
        "base": base,
        "candidates": {"base": bare, "ink": ink},
        "settings": {
            "steps": 2,
            "cfg": 4.0,
            "size": SIZE,
            "noise": "portable",
            "scheduler": base["scheduler"],
        },
        "versions": {"torch": "2.12.1"},
        "device": "cpu",
        "commit": None,
    }


def draw_panel(run: Run, base: Mapping[str, object], candidate: str, panel: int, seed: int = 3) -> None:
    """Put a panel of coloured squares into a run, as if it had been drawn."""
    story = run.loaded.stories[0].story
    prompt = prompt_of(story, panel - 1, "authored", "墨韵" if candidate == "ink" else "")
    identity = run.read_json("run.json") if (run.folder / "run.json").exists() else run_identity(base)
    ink = {"lora_sha256": identity["candidates"]["ink"]["lora_sha256"], "alpha": 4.0, "strength": 0.8}
    recipe = {
        "base": base,
        "lora": ink if candidate == "ink" else None,
        "prompt": prompt,
        "negative": story.negative,
        "seed": seed,
        "steps": 2,
        "cfg": 4.0,
        "size": SIZE,
        "noise": "portable",
    }
    key = sha256_bytes(canonical_json(recipe))
    data = picture_bytes(
        panel,
        {
            "storykit": canonical_json({"storykit": "0.1.0", "key": key, **recipe}).decode(),
            "parameters": parameters_of(recipe),
        },
    )
    path = run.panel_path(candidate, "authored", "moon", seed, panel)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    run.append(
        PanelRow(
            key=key,
            candidate=candidate,
            order="authored",
            story="moon",
            seed=seed,
            panel=panel,
            file=path.relative_to(run.folder).as_posix(),
            sha256=sha256_bytes(data),
            prompt=prompt,
            negative=story.negative,
            seconds=0.5,
        )
    )


def wear(run: Run, lora_sha256: str) -> None:
    """Have the ink candidate's panels drawn with another LoRA file, and scored again."""
    identity = run.read_json("run.json")
    identity["candidates"]["ink"]["lora_sha256"] = lora_sha256
    run.write_json("run.json", identity)
    for panel in range(1, 9):
        draw_panel(run, identity["base"], "ink", panel)
    write_scores(run, SCORES, embedded=identity["base"]["name"] == "mini")


def picture_bytes(panel: int, texts: Mapping[str, str], size: int = SIZE) -> bytes:
    """Return a PNG of coloured squares that carries some texts."""
    squares = np.random.default_rng(panel).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    chunks = PngInfo()
    for name, text in texts.items():
        chunks.add_itxt(name, text)
    file = io.BytesIO()
    Image.fromarray(squares).resize((size, size), Image.Resampling.NEAREST).save(file, "PNG", pnginfo=chunks)
    return file.getvalue()


def lora_bytes(metadata: Mapping[str, str] | None = None, rank: int = 2) -> bytes:
    """Return a LoRA of one layer as safetensors, built by hand."""
    name = "blocks.7.transformer_blocks.0.attn1.to_q"
    half = 16 * rank
    tensors = {
        f"{name}.lora_A.default.weight": {"dtype": "F16", "shape": [rank, 8], "data_offsets": [0, half]},
        f"{name}.lora_B.default.weight": {
            "dtype": "F16",
            "shape": [8, rank],
            "data_offsets": [half, 2 * half],
        },
    }
    told = dict(metadata or {"rank": str(rank), "alpha": "4"})
    header = json.dumps({"__metadata__": told, **tensors}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + np.arange(half, dtype=np.float16).tobytes()


def write_scores(run: Run, scores: tuple[float, ...], embedded: bool = False) -> None:
    """Write the three score files of a run; every candidate gets these panel scores."""
    weights = "storykit aesthetic mini" if embedded else "sac-logos-ava1-l14-linearMSE"
    stamp = {"weights": weights, "weights_sha256": "3" * 64, "preprocessing": "clip-1", "embedded": embedded}
    metric = {
        "name": "aesthetic",
        "title": "Aesthetic score",
        "direction": "higher",
        "range": [1, 10],
        "unit": "points",
        "source": "test",
        "stamp": stamp,
    }
    run.write_json(
        "scores.json", {"metrics": [metric], "gate": {"threshold": 6.0, "scorer": weights}, "faults": []}
    )
    mean = sum(scores) / len(scores)
    panels = [
        {**asdict(row), "status": "ok", "aesthetic": score, "text": 0.25, "text_rank": 1, "loo": 0.75}
        for row in run.rows()
        for score in [scores[row.panel - 1]]
    ]
    columns = "candidate,order,story,seed,panel,file,sha256,status,aesthetic,text,text_rank,loo"
    write_table(run.folder / "scores.panels.csv", columns, panels)
    sets = dict.fromkeys((row.candidate, row.order, row.story, row.seed) for row in run.rows())
    columns = ("candidate", "order", "story", "seed")
    stories = [
        dict(zip(columns, place, strict=True)) | {"panels_ok": 8, "aesthetic_mean": mean} for place in sets
    ]
    write_table(
        run.folder / "scores.stories.csv",
        "candidate,order,story,seed,panels_ok,faults,aesthetic_mean",
        stories,
    )


def write_comparison(run: Run, lead: float = 0.25) -> None:
    """Compare the candidates of a run in one metric, as `compare` would; ink leads by so much."""
    seeds = run.loaded.experiment.seeds
    names = ("ink", "base")
    plan = ComparisonDesign(
        candidates=names, orders=("authored",), stories=("moon",), seeds=seeds, metrics=("aesthetic_mean",),
        declared=True,
    )  # fmt: skip
    scores = {
        ScoredSet(name, "authored", "moon", seed): {"aesthetic_mean": 6 + lead * (name == "ink") + seed / 100}
        for name, seed in product(names, seeds)
    }
    run.write_json("comparison.json", {"storykit": "0.1.0", **asdict(compare_scores(plan, scores))})


def write_table(path: Path, columns: str, rows: list[dict[str, object]]) -> None:
    """Write rows as a CSV with these columns."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns.split(","), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def edit_row(run: Run, panel: int, **changes: object) -> None:
    """Record a panel of the ink candidate anew, with changes."""
    row = next(row for row in run.rows() if row.candidate == "ink" and row.panel == panel)
    run.append(replace(row, **changes))


def verified(path: Path, rules: Rules | None = None) -> tuple[Fault, ...]:
    """Return everything that is wrong with a bundle's file."""
    return verify(open_bundle(path), rules)


def unpack(path: Path) -> dict[str, bytes]:
    """Return the files of a bundle."""
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def repack(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Change the files of a bundle without telling its manifest."""
    files = unpack(path)
    change(files)
    path.write_bytes(zip_bytes(files))
    return path


def forge(path: Path, change: Callable[[dict[str, bytes], dict[str, object]], None]) -> Path:
    """Change files and manifest of a bundle and hash everything anew, as a forger would."""
    files = unpack(path)
    manifest = json.loads(files.pop(MANIFEST))
    change(files, manifest)
    manifest["files"] = {
        name: {"sha256": sha256_bytes(data), "size_bytes": len(data)} for name, data in files.items()
    }
    if "inf" in str(manifest["base"]):  # no JSON that storykit would write
        files[MANIFEST] = json.dumps(manifest).encode()
    else:
        files[MANIFEST] = json_bytes(manifest | {"seal": seal_of(manifest)})
    path.write_bytes(zip_bytes(files))
    return path


def ink_panel(run, panel):
    return run.panel_path("ink", "authored", "moon", 3, panel)


def refusal(run, entry) -> str:
    """Return what pack says when it refuses, having made sure that nothing was written."""
    before = sorted(entry.out.parent.iterdir())
    with pytest.raises(BundleError) as caught:
        pack(run, entry)
    assert sorted(entry.out.parent.iterdir()) == before
    return str(caught.value)
