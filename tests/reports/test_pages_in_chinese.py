"""Pages about English stories, asked for in Chinese, hold no English sentence but those of the story."""

import json
from pathlib import Path

import pytest
from english_sentences import english_on_page
from made_run import CAPTIONS, Plan, make_run, write_made_up_comparison, write_made_up_scores

from eval.checkpoint_selection import CheckpointScores
from eval.metrics.registry import METRICS
from kit.experiment.run import Run
from kit.story.prompt import prompt_of
from reports.run.report import write_report
from reports.training import render_training_page

TITLE = "A day of the cat"


@pytest.fixture
def english(tmp_path: Path) -> Run:
    """A run of an English story, scored and compared, with faults, notes and a race."""
    run = make_run(tmp_path, Plan(language="en", title=TITLE, orders=("authored", "shuffle-3")))
    write_made_up_scores(run, {("ink", 1, 4): "wrong-size"})
    told = run.read_json("scores.json")
    for fault in told["faults"]:
        fault["reason"] = "must be a picture that can be decoded, but its file is gone"
    for metric in told["metrics"]:
        metric["stamp"]["weights"] = "embedded: knows only the drawn world"
        metric["source"] = METRICS[metric["name"]].source
    where = {"candidate": "base", "order": "authored", "story": "cat", "seed": 0, "panel": 1}
    told["missing"] = [where | {"attribute": "hair length", "told": "long", "margin": -0.2}]
    told["letters"] = [where | {"read": "SALE"}]
    told["calibration"] = {
        "weights": "w",
        "encoder_sha256": "e",
        "aesthetic_sha256": "a",
        "pictures": "drawn by the embedded base in 25 steps of 256 pixels",
        "stories": 12,
        "believed": ["mrr"],
        "aesthetic_floor": 3.0,
    }
    run.write_json("scores.json", told)
    write_made_up_comparison(run, ["a", "b", "tied", "none"], 6)
    out = {"candidate": "ink", "leader": "base", "seeds": 4, "behind": 0.1, "chance": 0.0071}
    run.write_json("race.json", {"metric": "mrr", "seeds": 12, "risk": 0.05, "left": ["base"], "out": [out]})
    return run


@pytest.fixture
def of_story(english: Run) -> list[str]:
    """What the story itself says."""
    return said_by(english)


def said_by(run: Run) -> list[str]:
    """Return the title, captions and prompts of a run's story."""
    story, orders = run.loaded.stories[0].story, run.loaded.experiment.orders
    prompts = [prompt_of(story, panel, order) for order in orders for panel in range(8)]
    return [TITLE, *CAPTIONS["en"], *prompts]


@pytest.mark.parametrize("asked", ["zh", "en"])
def test_the_page_of_a_run_is_in_the_language_that_the_reader_asks_for(
    english: Run, of_story: list[str], asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORYKIT_LANG", asked)
    page = write_report(english).read_text("utf-8")
    assert f'<html lang="{asked}">' in page
    assert (english_on_page(page, *of_story) == []) == (asked == "zh")


def test_a_page_without_scores_is_chinese_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    run = make_run(tmp_path, Plan(language="en", title=TITLE))
    page = write_report(run).read_text("utf-8")
    assert english_on_page(page, *said_by(run)) == []


@pytest.mark.parametrize("asked", ["zh", "en"])
def test_the_page_of_a_training_is_in_the_language_that_the_reader_asks_for(
    english: Run, of_story: list[str], asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = {"rank": 4, "alpha": 4.0, "steps": 4, "batch": 1, "learning_rate": 1e-4}
    folder = english.folder.parent
    (folder / "train.json").write_text(json.dumps({"base": "mini", "learn": learn}), "utf-8")
    (folder / "log.csv").write_text("step,loss\n1,0.5\n2,0.4\n", "utf-8")
    numbers = {"likeness": 0.5, "mrr": 0.6, "text": 0.2, "aesthetic": 5.0, "identity": 0.7, "style": 0.8}
    looks = [CheckpointScores(step=step, distance=0.1, **numbers) for step in (0, 2)]
    monkeypatch.setenv("STORYKIT_LANG", asked)
    for best in (2, None):
        page = render_training_page(folder, english, looks, best)
        assert f'<html lang="{asked}">' in page
        assert (english_on_page(page, *of_story) == []) == (asked == "zh")
