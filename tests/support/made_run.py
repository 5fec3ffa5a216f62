"""A run folder made by hand: simple landscapes for panels, made-up scores and comparisons."""

import csv
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pytest
import tomli_w
from PIL import Image, ImageDraw

from eval.comparison.compare import Comparison, Family
from eval.comparison.verdict import Contrast
from eval.metrics.registry import describe_metrics
from eval.scorers.protocols import Metric, Stamp
from kit.experiment.config import load_experiment
from kit.experiment.run import PanelRow, Run
from kit.files.encodings import sha256_of
from kit.messages import LANGUAGE_VARIABLES
from reports.run.report import write_report

CAPTIONS = {
    "zh": (
        "清晨，小猫在窗边醒来。",
        "它跳上窗台，看见远处的山。",
        "小猫沿着小路出发了。",
        "树林里很静，只有风声。",
        "河边的石头被太阳晒得暖暖的。",
        "下起雨来，它躲到一片大叶子底下。",
        "雨停了，天边挂着彩虹。",
        "傍晚，小猫回到窗边，睡着了。",
    ),
    "en": (
        "At dawn the cat wakes by the window.",
        "It jumps on the sill and sees the far hills.",
        "Down the path it goes.",
        "The wood is quiet; only the wind speaks.",
        "By the river the stones are warm.",
        "Rain comes, and it hides under a leaf.",
        "The rain stops; a rainbow hangs in the sky.",
        "At dusk the cat is home, asleep.",
    ),
}
COLOURS = {
    "base": ("#bcd9ee", "#f2c14e", "#7fae6b", "#d98a4b"),
    "ink": ("#e9e4d8", "#5b5650", "#8d877c", "#3d3833"),
    "wash": ("#dfe8ee", "#c96f5b", "#88a7b5", "#7a4a3a"),
}
LORAS: dict[str, dict[str, object]] = {
    "ink": {"lora": "ink.safetensors", "strength": 0.8},
    "wash": {"lora": "mini:ink"},
    "base": {},
}
LEVEL = {"base": 5.4, "ink": 5.9, "wash": 5.6}
JUDGED = ("aesthetic_mean", "loo_mean", "text_mean", "mrr")
Faulty = Mapping[tuple[str, int, int], str]
"""Status other than ok, by candidate, seed, panel."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the made-up run holds."""

    language: str = "zh"
    title: str = "小猫的一天"
    candidates: tuple[str, ...] = ("ink", "base")
    orders: tuple[str, ...] = ("authored",)
    seeds: tuple[int, ...] = (0, 1)
    stories: tuple[str, ...] = ("cat",)
    size: int = 64
    base: str = "mini"


def make_run(folder: Path, plan: Plan) -> Run:
    """Return a run folder with every panel drawn, not yet scored."""
    run = Run.create(folder / "run", load_experiment(_write_experiment(folder / "source", plan)))
    for slot in run.wanted():
        path = run.panel_path(*slot)
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(slot.candidate, slot.seed, slot.panel, plan.size).save(path)
        story = next(loaded.story for loaded in run.loaded.stories if loaded.name == slot.story)
        row = PanelRow(
            **slot._asdict(),
            key="k",
            file=path.relative_to(run.folder).as_posix(),
            sha256=sha256_of(path),
            prompt=story.panels[slot.panel - 1].prompt or "",
            negative="",
            seconds=0.5,
        )
        run.append(row)
    base = {"name": "mini", "sha256": "ab" * 32, "scheduler": "enhanced-ddim", "dtype": "float32"}
    loras = {"ink": {"lora_sha256": "cd" * 32, "rank": 16, "alpha": 4.0, "strength": 0.8}}
    run.write_json("run.json", {"storykit": "0.1.0", "base": base, "candidates": loras, "device": "cpu"})
    return run


def draw(candidate: str, seed: int, panel: int, size: int) -> Image.Image:
    """Return a landscape with a cat in the candidate's colours; seed and panel move the things in it."""
    rng = random.Random(f"{seed}/{panel}")
    sky, sun, hill, fur = COLOURS[candidate]
    picture = Image.new("RGB", (256, 256), sky)
    pen = ImageDraw.Draw(picture)
    x, y = rng.randint(40, 210), rng.randint(30, 90)
    pen.ellipse((x - 22, y - 22, x + 22, y + 22), fill=sun)
    for left in (-60, 30, 110):
        top = rng.randint(110, 150)
        pen.ellipse((left, top, left + 210, top + 220), fill=hill)
    x, y = rng.randint(80, 180), rng.randint(180, 210)
    pen.ellipse((x - 30, y - 16, x + 30, y + 26), fill=fur)
    pen.ellipse((x + 14, y - 40, x + 50, y - 6), fill=fur)
    for ear in (x + 18, x + 38):
        pen.polygon((ear, y - 34, ear + 4, y - 52, ear + 10, y - 34), fill=fur)
    return picture.resize((size, size), Image.Resampling.LANCZOS)


def write_made_up_scores(run: Run, faulty: Faulty | None = None) -> None:
    """Write made-up scores; panel 6 is the weakest of every set."""
    faulty = faulty or {}
    hashes = {row.slot: row.sha256 for row in run.rows()}
    panels: list[dict[str, object]] = []
    stories: list[dict[str, object]] = []
    matrix = [[round(0.84 - 0.3 * (5 in (i, j)), 4) if i != j else 1.0 for j in range(8)] for i in range(8)]
    for slot in run.wanted():
        status = faulty.get((slot.candidate, slot.seed, slot.panel), "ok")
        numbers = _panel_numbers(slot.candidate, slot.seed, slot.panel) if status == "ok" else {}
        panels.append({**slot._asdict(), "sha256": hashes.get(slot, ""), "status": status, **numbers})
        if slot.panel == 8:
            place = {name: value for name, value in slot._asdict().items() if name != "panel"}
            whole = not any(key[:2] == (slot.candidate, slot.seed) for key in faulty)
            numbers = _story_numbers(slot.candidate, slot.seed) if whole else {}
            stories.append({**place, "panels_ok": 8 if whole else 7, **numbers})
    _write_table(run.folder / "scores.panels.csv", panels)
    _write_table(run.folder / "scores.stories.csv", stories)
    names = ("candidate", "order", "story", "seed")
    maps = [{**{name: row[name] for name in names}, "matrix": matrix} for row in stories]
    faults = [{**row, "reason": "why"} for row in panels if row["status"] != "ok"]
    gate = {"threshold": 5.6, "scorer": "aesthetic"}
    told = {"storykit": "0.1.0", "metrics": _metrics(), "gate": gate, "similarity": maps, "faults": faults}
    run.write_json("scores.json", told)


def write_made_up_comparison(run: Run, verdicts: Sequence[str], pairs: int, against: str = "base") -> None:
    """Write made-up comparisons of ink: a verdict for each of four metrics, each with so many pairs."""
    shown = [
        _comparison(metric, verdict, pairs, against)
        for metric, verdict in zip([*JUDGED, "naive"] if verdicts else [], [*verdicts, "none"], strict=False)
    ]
    family = {
        "metrics": JUDGED,
        "size": 1,
        "needed": 6,
        "sizes": {"candidate": 1, "order": 1},
        "declared": True,
    }
    tied = {"aesthetic_mean": [["ink"], [against]], "text_mean": [["ink", against]]}
    told = {"storykit": "0.1.0", "unit": "seed", "claim": "for this story", "replicates": pairs, "floor": 6}
    run.write_json("comparison.json", {**told, "family": family, "comparisons": shown, "tied_sets": tied})


def _write_experiment(folder: Path, plan: Plan) -> Path:
    folder.mkdir(parents=True)
    (folder / "ink.safetensors").write_bytes(b"ink")
    for name in plan.stories:
        title = plan.title if name == plan.stories[0] else f"{plan.title} ({name})"
        (folder / f"{name}.toml").write_text(_story(plan.language, title), encoding="utf-8")
    document = {
        "stories": [f"{name}.toml" for name in plan.stories],
        "orders": plan.orders,
        "seeds": plan.seeds,
        "size": plan.size,
        "base": plan.base,
        "candidate": [{"name": name, **LORAS[name]} for name in plan.candidates],
    }
    (folder / "experiment.toml").write_text(tomli_w.dumps(document), encoding="utf-8")
    return folder / "experiment.toml"


def _story(language: str, title: str) -> str:
    lead = "水墨画，一只橘猫，" if language == "zh" else "ink painting, an orange cat, "
    panels = [{"caption": said, "prompt": lead + said.strip("。.")} for said in CAPTIONS[language]]
    return tomli_w.dumps({"title": title, "language": language, "negative": "模糊，变形", "panel": panels})


def _panel_numbers(candidate: str, seed: int, panel: int) -> dict[str, object]:
    rng = random.Random(f"{candidate}/{seed}/{panel}")
    low = 0.35 if panel == 6 else 0.0
    return {
        "aesthetic": round(LEVEL[candidate] - low + rng.uniform(-0.1, 0.1), 4),
        "text": round(0.31 - low / 5 + rng.uniform(-0.02, 0.02), 4),
        "text_rank": 2.5 if panel == 6 else 1.0,
        "loo": round(0.86 - low / 2 + rng.uniform(-0.02, 0.02), 4),
    }


def _story_numbers(candidate: str, seed: int) -> dict[str, object]:
    rng = random.Random(f"{candidate}/{seed}")
    mean = round(LEVEL[candidate] + rng.uniform(-0.12, 0.12), 4)
    return {
        "aesthetic_mean": mean,
        "aesthetic_min": round(mean - 0.4, 4),
        "aesthetic_gain": "" if candidate == "base" else round(mean - LEVEL["base"], 4),
        "gate": "pass" if mean >= 5.6 else "fail",
        "naive": round(0.8 + rng.uniform(-0.03, 0.03), 4),
        "loo_mean": round(0.84 + rng.uniform(-0.02, 0.02), 4),
        "loo_min": round(0.69 + rng.uniform(-0.02, 0.02), 4),
        "weakest_panel": 6,
        "text_mean": round(0.3 + rng.uniform(-0.02, 0.02), 4),
        "mrr": round(0.93 + rng.uniform(-0.03, 0.03), 4),
    }


def _metrics() -> list[dict[str, object]]:
    stamp = {"weights_sha256": "ef" * 32, "preprocessing": "rgb-224", "embedded": True}
    points = Metric(
        name="", title="", direction="higher", range=(1.0, 10.0), unit="points", source="a paper",
        stamp=Stamp(weights="embedded aesthetic head", **stamp),
    )  # fmt: skip
    encoder = SimpleNamespace(stamp=Stamp(weights="embedded encoder", **stamp))
    return [asdict(metric) for metric in describe_metrics(SimpleNamespace(metric=points), encoder)]


def _comparison(metric: str, verdict: str, pairs: int, against: str) -> dict[str, object]:
    rng = random.Random(metric)
    size = 0.4 if metric == "aesthetic_mean" else 0.04
    middle = {"a": size, "b": -size}.get(verdict, 0.0)
    differences = [round(middle + rng.uniform(-0.6, 0.6) * size, 6) for _ in range(pairs)]
    return {
        "kind": "candidate",
        "metric": metric,
        "a": "ink",
        "b": against,
        "n": pairs,
        "dropped": 0,
        "asked": pairs,
        "differences": differences,
        "shift": sum(differences) / pairs,
        "interval": [min(differences), max(differences)] if pairs >= 6 else None,
        "p_holm": None if metric == "naive" else 0.03125 if verdict in "ab" else 0.6,
        "verdict": verdict,
        "reason": f"because of {metric}",
    }


def _write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    columns = dict.fromkeys(name for row in rows for name in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(columns), restval="")
        table.writeheader()
        table.writerows(rows)


def words_of(page: str) -> str:
    """Return what a reader sees of a page: no markup, no script, no style."""
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def page_of(run: Run) -> str:
    """Return the report of a run for a reader who asks for no language."""
    with pytest.MonkeyPatch.context() as patch:
        for name in LANGUAGE_VARIABLES:
            patch.delenv(name, raising=False)
        return write_report(run).read_text(encoding="utf-8")


def comparisons_of(*given: tuple[str, str], n: int = 6) -> Comparison:
    """Return comparisons of ink and base: metric and verdict."""
    made = [
        Contrast(
            kind="candidate", metric=metric, a="ink", b="base", n=n, dropped=0, asked=n, differences=(),
            verdict=verdict,
        )
        for metric, verdict in given
    ]  # fmt: skip
    family = Family(metrics=(), size=1, sizes={}, needed=6, declared=False)
    return Comparison(
        unit="seed", claim="", replicates=n, floor=6, family=family, comparisons=tuple(made), tied_sets={}
    )
