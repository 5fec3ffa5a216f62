"""The page of a training, a shared story and a leaderboard, as a phone in dark mode and a desk see them."""

import json
from pathlib import Path

import pytest
from browser import Visits
from made_run import Plan, make_run, write_made_up_scores

import storykit
from eval.checkpoint_selection import CheckpointScores
from kit.experiment.run import Run
from reports.training import render_training_page


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = make_run(tmp_path, Plan(candidates=("base", "ink"), seeds=(0,)))
    write_made_up_scores(made)
    return made


def test_the_page_of_a_training_is_sound_and_its_pictures_open_in_the_storys_language(
    run: Run, visit: Visits, tmp_path: Path
) -> None:
    learn = {"rank": 4, "alpha": 4.0, "steps": 4, "batch": 1, "learning_rate": 1e-4}
    (tmp_path / "train.json").write_text(json.dumps({"base": "mini", "learn": learn}), "utf-8")
    (tmp_path / "log.csv").write_text("step,loss\n1,0.5\n2,0.4\n", "utf-8")
    numbers = {"likeness": 0.5, "mrr": 0.6, "text": 0.2, "aesthetic": 5.0, "identity": 0.7, "style": 0.8}
    looks = [CheckpointScores(step=step, distance=0.1, **numbers) for step in (0, 2)]
    page = visit(render_training_page(tmp_path, run, looks, 2), width=390, dark=True)
    page.is_sound()
    page.locator(".shot").first.press("Enter")
    assert page.locator(".box-caption").get_attribute("lang") == "zh"
    assert page.locator("#lightbox img").get_attribute("lang") == "en"
    page.is_sound()


def test_a_shared_story_is_sound(run: Run, visit: Visits) -> None:
    shared = storykit.share(storykit.open_run(run.folder), candidate="ink", scores=True)
    page = visit(shared.page, width=390, dark=True)
    page.locator("summary").press("Enter")
    page.is_sound()
