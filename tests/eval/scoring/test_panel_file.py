import csv
import os
from pathlib import Path

import pytest
from PIL import Image
from stripes import SIDE, fill, new_run, png, put_panel, story_of, stripe_scorers, striped

from eval.scoring.records import PanelScore, Scores
from eval.scoring.score import score
from kit.experiment.run import Run, Slot


def panel_of(scores: Scores, candidate: str, panel: int) -> PanelScore:
    return next(p for p in scores.panels if (p.candidate, p.panel) == (candidate, panel))


IN_ITS_PLACE = {
    "missing": lambda path: None,
    "folder": lambda path: path.mkdir(),
    "empty": lambda path: path.touch(),
    "pipe": lambda path: os.mkfifo(path),
    "zeros": lambda path: path.symlink_to("/dev/zero"),
    "changed": lambda path: path.write_bytes(striped(5)),
}
"""What is put where a panel was."""
DRAWN = {
    "torn": striped(3)[:60],
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "blank": png(Image.new("RGB", (SIDE, SIDE), (90, 90, 90))),
    "wrong-size": striped(3, side=64),
}
"""What a run notes as drawn."""


def damage(run: Run, kind: str) -> None:
    slot = Slot("ink", "authored", "story", 0, 3)
    if kind in DRAWN:
        put_panel(run, slot, DRAWN[kind])
        return
    path = run.panel_path(*slot)
    path.unlink()
    IN_ITS_PLACE[kind](path)


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        ("missing", "missing", "its file is gone"),
        ("changed", "damaged", "changed since it was drawn"),
        ("torn", "damaged", "can be decoded"),
        ("folder", "damaged", "is a folder, must be a file"),
        ("empty", "damaged", "is an empty file"),
        ("pipe", "damaged", "is neither a file nor a folder"),
        ("zeros", "damaged", "is neither a file nor a folder"),
        ("eps", "damaged", "is an EPS picture, which is not opened here"),
        ("blank", "blank", "one colour"),
        ("wrong-size", "wrong-size", "must be 32 x 32 pixels, got 64 x 64"),
    ],
)
def test_a_faulty_panel_is_named_and_never_scored_zero(
    tmp_path: Path, kind: str, status: str, reason: str
) -> None:
    run = fill(new_run(tmp_path))
    damage(run, kind)
    scores = score(run, stripe_scorers())
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
    score(run, stripe_scorers())
    rows = list(csv.DictReader((run.folder / "scores.panels.csv").read_text("utf-8").splitlines()))
    row = next(r for r in rows if (r["candidate"], r["panel"]) == ("ink", "3"))
    assert [row[name] for name in ("aesthetic", "text", "text_rank", "loo")] == [""] * 4
    matrix = run.read_json("scores.json")["similarity"][1]["matrix"]
    assert matrix[2] == [None] * 8
    assert matrix[0][2] is None
    assert matrix[0][1] is not None
