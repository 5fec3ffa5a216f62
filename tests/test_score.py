import csv
import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from eval.metrics.story_facts import text_of
from eval.scorers.load import Scorers
from eval.scorers.protocols import Direction, Stamp
from eval.scoring.records import PanelScore, Scores, StoryScore
from eval.scoring.score import score
from kit.errors import RunError, ScoreError
from kit.experiment.config import load_experiment
from kit.experiment.run import PanelRow, Run, Slot
from kit.files.encodings import sha256_bytes

SIDE = 32
STORY = """
title = "t"
language = "zh"
[characters.girl]
text = "小女孩"
{panels}
"""
PANEL = """
[[panel]]
clauses = [
    {{ role = "style", text = "水墨画" }},
    {{ role = "subject", character = "girl" }},
    {{ role = "place", text = "地方{k}" }},
]
"""
EXPERIMENT = """
stories = ["story.toml"]
size = 32
orders = {orders}
seeds = {seeds}
[score]
gate = {gate}
[[candidate]]
name = "base"
[[candidate]]
name = "ink"
lora = "mini:ink"
trigger = "触发词"
"""


class Brightness:
    """Scores 1 (black) to 10 (white)."""

    name = "aesthetic"
    title = "Brightness"
    direction: Direction = "higher"
    range = (1.0, 10.0)
    unit = "points"
    source = "test"

    def __init__(self, weights: str = "b" * 64) -> None:
        self.stamp = Stamp(weights="fake", weights_sha256=weights, preprocessing="p", embedded=True)
        self.seen = 0

    def score(self, panels: Sequence[Image.Image]) -> list[float]:
        self.seen += len(panels)
        return [1 + 9 * float(np.asarray(panel.convert("L")).mean()) / 255 for panel in panels]


class Columns:
    """Puts a picture where its brightest column is; a text where the digit in it says."""

    def __init__(self) -> None:
        self.stamp = Stamp(weights="fake", weights_sha256="c" * 64, preprocessing="q", embedded=True)
        self.seen = 0
        self.read: list[str] = []
        self.fails_after = 10_000

    def pictures(self, panels: Sequence[Image.Image]) -> NDArray[np.float32]:
        if self.seen + len(panels) > self.fails_after:
            raise KeyboardInterrupt
        self.seen += len(panels)
        rows = [np.asarray(panel.convert("L"), np.float32).mean(axis=0) for panel in panels]
        return np.stack([row / np.linalg.norm(row) for row in rows])

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read += texts
        rows = np.zeros((len(texts), SIDE), np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[4 * int("".join(c for c in text if c.isdigit()) or 0)] = 1
        return rows


def tools() -> Scorers:
    return Scorers(aesthetic=Brightness(), encoder=Columns())


def picture(panel: int, level: int = 200, side: int = SIDE) -> bytes:
    """Return a PNG with a bright stripe where panel's text (0 to 7) points."""
    pixels = np.full((side, side, 3), 30, np.uint8)
    pixels[:, 4 * (panel - 1) : 4 * (panel - 1) + 3] = level
    return png(Image.fromarray(pixels))


def png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def new_run(folder: Path, *, orders: Sequence[str] = ("authored",), seeds: int = 1, gate: float = 2.0) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    panels = "".join(PANEL.format(k=k) for k in range(8))
    (folder / "story.toml").write_text(STORY.format(panels=panels), "utf-8")
    text = EXPERIMENT.format(orders=json.dumps(list(orders)), seeds=list(range(seeds)), gate=gate)
    (folder / "experiment.toml").write_text(text, "utf-8")
    return Run.create(folder / "run", load_experiment(folder / "experiment.toml"))


def put(run: Run, slot: Slot, data: bytes) -> Path:
    path = run.panel_path(*slot)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    row = PanelRow(
        key=sha256_bytes(data),
        **slot._asdict(),
        file=path.relative_to(run.folder).as_posix(),
        sha256=sha256_bytes(data),
        prompt="p",
        negative="",
        seconds=0.1,
    )
    run.append(row)
    return path


def fill(run: Run, level: int = 200) -> Run:
    for slot in run.wanted():
        put(run, slot, picture(slot.panel, level + (20 if slot.candidate == "ink" else 0) + slot.seed))
    return run


def panel_of(scores: Scores, candidate: str, panel: int) -> PanelScore:
    return next(p for p in scores.panels if (p.candidate, p.panel) == (candidate, panel))


def story_of(scores: Scores, candidate: str) -> StoryScore:
    return next(s for s in scores.stories if s.candidate == candidate)


def test_a_whole_story_gets_every_number(tmp_path: Path) -> None:
    scores = score(fill(new_run(tmp_path)), tools())
    story = story_of(scores, "ink")
    points = [p.values["aesthetic"] or 0.0 for p in scores.panels if p.candidate == "ink"]
    assert (story.panels_ok, story.faults) == (8, "")
    assert story.values.get("aesthetic_mean") == pytest.approx(sum(points) / 8)
    assert story.values.get("aesthetic_min") == pytest.approx(min(points))
    assert story.values.get("mrr") == 1.0
    assert all(p.values.get("text_rank") == 1 and p.values.get("loo") is not None for p in scores.panels)


def test_the_tables_have_the_agreed_columns(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    score(run, tools())
    panels = (run.folder / "scores.panels.csv").read_text("utf-8").splitlines()
    stories = (run.folder / "scores.stories.csv").read_text("utf-8").splitlines()
    assert panels[0] == (
        "candidate,order,story,seed,panel,file,sha256,status,aesthetic,text,text_rank,loo,identity,style"
    )
    assert stories[0] == (
        "candidate,order,story,seed,panels_ok,faults,aesthetic_mean,aesthetic_min,aesthetic_gain,gate,"
        "naive,loo_mean,loo_min,weakest_panel,text_mean,mrr,"
        "identity,style,place,copies,effective_panels,staging,text_subject,text_action,text_place,text_detail"
    )
    assert (len(panels), len(stories)) == (17, 3)


def test_every_number_column_is_described_with_its_stamp(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    score(run, tools())
    told = run.read_json("scores.json")
    described = {metric["name"]: metric for metric in told["metrics"]}
    tables = [(run.folder / name).read_text("utf-8") for name in ("scores.panels.csv", "scores.stories.csv")]
    columns = {column for table in tables for column in table.partition("\n")[0].split(",")}
    keys = {"candidate", "order", "story", "seed", "panel", "file", "sha256", "status", "panels_ok", "faults"}
    assert set(described) == columns - keys - {"gate", "weakest_panel"}
    assert all(
        set(m["stamp"]) >= {"weights", "weights_sha256", "preprocessing", "embedded"} for m in told["metrics"]
    )
    assert described["text_rank"]["direction"] == "lower"
    assert described["aesthetic_mean"]["stamp"]["weights_sha256"] == "b" * 64
    assert described["mrr"]["stamp"]["weights_sha256"] == "c" * 64


def test_each_number_lies_in_its_declared_range(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    score(run, tools())
    ranges = {metric["name"]: metric["range"] for metric in run.read_json("scores.json")["metrics"]}
    for name in ("scores.panels.csv", "scores.stories.csv"):
        for row in csv.DictReader((run.folder / name).read_text("utf-8").splitlines()):
            for column, (low, high) in ranges.items():
                assert not row.get(column) or low <= float(row[column]) <= high


def damage(run: Run, kind: str) -> None:
    slot = Slot("ink", "authored", "story", 0, 3)
    path = run.panel_path(*slot)
    if kind == "missing":
        path.unlink()
    elif kind == "changed":
        path.write_bytes(picture(5))
    elif kind == "torn":
        put(run, slot, picture(3)[:60])
    elif kind == "blank":
        put(run, slot, png(Image.new("RGB", (SIDE, SIDE), (90, 90, 90))))
    else:
        put(run, slot, picture(3, side=64))


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        ("missing", "missing", "its file is gone"),
        ("changed", "damaged", "changed since it was drawn"),
        ("torn", "damaged", "can be decoded"),
        ("blank", "blank", "one colour"),
        ("wrong-size", "wrong-size", "must be 32 x 32 pixels, got 64 x 64"),
    ],
)
def test_a_faulty_panel_is_named_and_never_scored_zero(
    tmp_path: Path, kind: str, status: str, reason: str
) -> None:
    run = fill(new_run(tmp_path))
    damage(run, kind)
    scores = score(run, tools())
    panel, story = panel_of(scores, "ink", 3), story_of(scores, "ink")
    assert (
        panel.status,
        panel.values.get("aesthetic"),
        panel.values.get("text"),
        panel.values.get("loo"),
    ) == (status, None, None, None)
    assert (story.panels_ok, story.faults) == (7, f"3 {status}")
    numbers = (
        story.values.get("aesthetic_mean"),
        story.values.get("aesthetic_gain"),
        story.values.get("naive"),
        story.values.get("loo_mean"),
        story.values.get("text_mean"),
        story.values.get("mrr"),
    )
    assert numbers == (None,) * 6
    assert story.gate == ""
    assert [(fault.candidate, fault.panel, fault.status) for fault in scores.faults] == [("ink", 3, status)]
    assert reason in scores.faults[0].reason
    assert story_of(scores, "base").panels_ok == 8
    assert panel_of(scores, "ink", 4).values["aesthetic"] is not None


def test_a_faulty_panel_leaves_empty_cells_and_nulls_on_disk(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    damage(run, "missing")
    score(run, tools())
    rows = list(csv.DictReader((run.folder / "scores.panels.csv").read_text("utf-8").splitlines()))
    row = next(r for r in rows if (r["candidate"], r["panel"]) == ("ink", "3"))
    assert [row[name] for name in ("aesthetic", "text", "text_rank", "loo")] == [""] * 4
    matrix = run.read_json("scores.json")["similarity"][1]["matrix"]
    assert matrix[2] == [None] * 8
    assert matrix[0][2] is None
    assert matrix[0][1] is not None


def test_a_run_without_any_picture_is_all_missing(tmp_path: Path) -> None:
    scores = score(new_run(tmp_path), tools())
    assert {panel.status for panel in scores.panels} == {"missing"}
    assert all(story.panels_ok == 0 for story in scores.stories)
    assert scores.faults[0].reason == "has not been drawn"


def test_scoring_again_measures_only_what_changed(tmp_path: Path) -> None:
    run, first, second = fill(new_run(tmp_path)), tools(), tools()
    before = score(run, first)
    again = score(run, second)
    assert (before.encoded, again.encoded) == (16, 0)
    assert again.panels == before.panels
    put(run, Slot("ink", "authored", "story", 0, 3), picture(3, 90))
    third = tools()
    assert score(run, third).encoded == 1
    assert isinstance(third.encoder, Columns)
    assert third.encoder.seen == 1


def test_other_weights_do_not_use_the_old_numbers(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    score(run, tools())
    other = Brightness(weights="d" * 64)
    score(run, Scorers(aesthetic=other, encoder=Columns()))
    assert other.seen == 16


def test_equal_pictures_are_measured_once(tmp_path: Path) -> None:
    run, counting = new_run(tmp_path), tools()
    for slot in run.wanted():
        put(run, slot, picture(1))
    assert score(run, counting).encoded == 1


def test_a_stopped_scoring_keeps_what_it_measured(tmp_path: Path) -> None:
    run, breaking, after = fill(new_run(tmp_path, seeds=8)), Columns(), Columns()
    breaking.fails_after = 100
    with pytest.raises(KeyboardInterrupt):
        score(run, Scorers(aesthetic=Brightness(), encoder=breaking))
    score(run, Scorers(aesthetic=Brightness(), encoder=after))
    assert (breaking.seen, after.seen) == (64, 64)


def test_a_cache_that_is_no_cache_is_named(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    (run.folder / "cache").mkdir()
    (run.folder / "cache" / "scores.sqlite").write_bytes(b"no database" * 200)
    with pytest.raises(RunError, match=r"scores\.sqlite is no usable cache.*delete it"):
        score(run, tools())


def test_the_text_of_a_panel_has_neither_style_nor_trigger(tmp_path: Path) -> None:
    run, reading = fill(new_run(tmp_path, orders=("authored", "reversed"))), Columns()
    score(run, Scorers(aesthetic=Brightness(), encoder=reading))
    assert reading.read[:8] == [f"小女孩，地方{k}" for k in range(8)]


def test_orders_are_scored_on_one_text(tmp_path: Path) -> None:
    scores = score(fill(new_run(tmp_path, orders=("authored", "reversed"))), tools())
    by_order = {
        order: [p.values.get("text") for p in scores.panels if p.order == order]
        for order in ("authored", "reversed")
    }
    assert by_order["authored"] == by_order["reversed"]


def test_a_plain_prompt_stays_whole(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("\n".join(f"水墨画，小猫{k}" for k in range(8)), "utf-8")
    (tmp_path / "e.toml").write_text(
        'stories = ["plain.txt"]\nseeds = [0]\n[[candidate]]\nname = "base"\n', "utf-8"
    )
    story = load_experiment(tmp_path / "e.toml").stories[0].story
    assert text_of(story, 2) == "水墨画，小猫2"


def test_the_gain_is_against_the_baseline_at_the_same_seed(tmp_path: Path) -> None:
    scores = score(fill(new_run(tmp_path, seeds=2)), tools())
    base, ink = ([s for s in scores.stories if s.candidate == name] for name in ("base", "ink"))
    assert [story.values.get("aesthetic_gain") for story in base] == [None, None]
    for own, other in zip(ink, base, strict=True):
        assert own.values.get("aesthetic_mean") is not None
        assert other.values.get("aesthetic_mean") is not None
        assert own.values.get("aesthetic_gain") == pytest.approx(
            own.values.get("aesthetic_mean") - other.values.get("aesthetic_mean")
        )
        assert own.values.get("aesthetic_gain") > 0


def test_the_gate_is_the_mean_against_the_threshold(tmp_path: Path) -> None:
    mean = story_of(score(fill(new_run(tmp_path / "a")), tools()), "base").values["aesthetic_mean"]
    assert mean is not None
    exact = score(fill(new_run(tmp_path / "b", gate=mean)), tools())
    above = score(fill(new_run(tmp_path / "c", gate=mean + 0.01)), tools())
    assert story_of(exact, "base").gate == "pass"
    assert story_of(above, "base").gate == "fail"


def test_the_panel_that_does_not_fit_is_named(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    for slot in run.wanted():
        put(run, slot, picture(6 if slot.panel == 5 else 2, 200 + slot.panel))
    story = story_of(score(run, tools()), "ink")
    assert story.weakest_panel == 5


def test_eight_copies_look_consistent_but_tell_no_story(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    for slot in run.wanted():
        put(run, slot, picture(2))
    story = story_of(score(run, tools()), "base")
    assert story.values.get("naive") == pytest.approx(1)
    assert story.values.get("mrr") == pytest.approx(1 / 4.5)


def test_a_scorer_that_answers_nonsense_is_refused(tmp_path: Path) -> None:
    class Silent(Brightness):
        def score(self, panels: Sequence[Image.Image]) -> list[float]:
            return [float("nan")] * len(panels)

    class Forgetful(Brightness):
        def score(self, panels: Sequence[Image.Image]) -> list[float]:
            return [5.0]

    run = fill(new_run(tmp_path))
    with pytest.raises(ScoreError, match="finite numbers, got nan"):
        score(run, Scorers(aesthetic=Silent(), encoder=Columns()))
    with pytest.raises(ScoreError, match="each of 16 pictures, got 1"):
        score(run, Scorers(aesthetic=Forgetful(), encoder=Columns()))


def test_progress_hears_of_every_panel(tmp_path: Path) -> None:
    class Tally:
        total = done = 0

        def begin(self, total: int, done: int) -> None:
            self.total, self.done = total, done

        def advance(self, count: int) -> None:
            self.done += count

    tally = Tally()
    score(fill(new_run(tmp_path, seeds=3)), tools(), tally)
    assert (tally.done, tally.total) == (48, 48)


def test_the_picture_of_before_is_not_scored_for_one_that_could_not_be_drawn(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    for slot in run.wanted():
        put(run, slot, picture(slot.panel))
    fifth = run.panel_path("base", "authored", "story", 0, 5).relative_to(run.folder).as_posix()
    run.note_faults({fifth: "its numbers are not finite"})
    faults = score(run, tools()).faults
    assert [(fault.panel, fault.status, fault.reason) for fault in faults] == [
        (5, "missing", "its numbers are not finite")
    ]
