"""The path of a newcomer through the board: in a real browser, by keyboard alone, killed at every step."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from browser import Visited, Visits
from newcomers_run import newcomers_run
from served_board import ServingProcess, serving

from eval.votes.vote_file import read_votes
from kit.experiment.run import Run
from submissions.bundle.bundle import open_bundle
from submissions.verification.verify import verify

RUN = "evening"
STORY = "小橘和流星"
FILLED = "The set is filled"
ANSWERS = ("ArrowLeft", "ArrowRight", "ArrowDown", "b")
VOTES = 10
INTRODUCTION = "一个水墨风格的 LoRA，用四十张自己画的水墨画训练，适合画夜晚的小猫和雨。触发词：水墨画风格。"
SEEDS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, scored; nothing is picked or voted in it."""
    made = tmp_path_factory.mktemp("runs")
    newcomers_run(made / RUN, range(SEEDS))
    return made


def test_the_shelf_is_sound_and_speaks_the_language_that_is_chosen_by_keyboard(
    folder: Path, visit: Visits
) -> None:
    with serving(folder) as serves:
        page = visit(serves.address, width=390)
        page.is_sound()
        page.locator("button[lang=zh]").press("Enter")
        page.locator("html[lang=zh]").wait_for()
        page.is_sound()
        page.goto(f"{serves.root}/sheet?run=gone")
        assert re.search("40[04]", page.faults.pop())
        page.is_sound()
        go_to(page, "回到各次结果", "/")


def test_a_newcomer_picks_fills_votes_and_takes_home_and_a_killed_board_loses_nothing(
    folder: Path, visit: Visits
) -> None:
    with serving(folder) as serves:
        page = visit(serves.address)
        go_to(page, STORY, "/sheet?")
        tab_to(page, "", ".cell")
        for panel in range(1, 5):
            pick(page, panel)
        strike(serves, page, " ", page.locator("#said", has_text="Panel 5: seed 0 is picked."))
    kept = picked(folder)
    assert kept in (seeds_to(4), seeds_to(5))

    with serving(folder) as serves:
        page.goto(serves.address)
        go_to(page, STORY, "/sheet?")
        assert page.locator(".cell.is-picked").count() == len(kept)
        tab_to(page, "", ".cell")
        for panel in range(1, 9):
            pick(page, panel) if panel not in kept else move_on(page, panel)
        assert picked(folder) == seeds_to(8)
        for left in (7, 6, 5):
            page.keyboard.press("z")
            page.locator("#strip", has_text=f"{left} picks").wait_for()
        strike(serves, page, "f", page.locator("#said", has_text=FILLED))
    assert picked(folder) == seeds_to(5)

    with serving(folder) as serves:
        page.goto(serves.address)
        go_to(page, STORY, "/sheet?")
        page.keyboard.press("f")
        page.locator("#said", has_text=FILLED).wait_for()
        assert chosen(folder)[:5] == list(seeds_to(5).values())
        go_to(page, "Votes", "/votes?")
        tab_to(page, "You vote as", "input")
        page.keyboard.type("Mo")
        page.keyboard.press("Enter")
        page.wait_for_url("**/voting?*")
        for given in range(4):
            vote(page, given)
        strike(serves, page, ANSWERS[0], page.locator('#pair[data-given="5"]'))
    assert len(read_votes(Run.open(folder / RUN)).votes) in (4, 5)

    with serving(folder) as serves:
        page.goto(serves.address)
        page.goto(f"{serves.root}/votes?run={RUN}")
        tab_to(page, "^Vote$", "button")
        page.keyboard.press("Enter")
        page.wait_for_url("**/voting?*")
        for given in range(int(page.locator("#pair").get_attribute("data-given")), VOTES):
            vote(page, given)
        go_to(page, "Votes", "/votes?")
        go_to(page, "What the votes say", "/votes/results")
        assert {one.answer for one in read_votes(Run.open(folder / RUN)).votes} == set(
            ("left", "right", "tie", "both-bad")
        )
        assert page.locator(".strengths tbody tr").count() == 2
        go_to(page, "Take home", "/home?")
        page.locator("#checks .ticks li").first.wait_for()
        for field, told in (("Team", "夜航"), ("own name", "雨夜"), ("Introduction", INTRODUCTION)):
            tab_to(page, field, "input, textarea")
            page.keyboard.type(told)
        tab_to(page, "^Keep$", "button")
        page.keyboard.press("Enter")
        page.locator("#kept", has_text="entry.toml").wait_for()
        page.locator("#checks", has_text="Nothing is missing: it can be packed.").wait_for()
        tab_to(page, "Pack the bundle", "button")
        strike(serves, page, "Enter", page.locator("#packed .done"))

    with serving(folder) as serves:
        page.goto(serves.address)
        page.goto(f"{serves.root}/home?run={RUN}")
        page.locator("#checks .ticks li").first.wait_for()
        tab_to(page, "Pack the bundle", "button")
        page.keyboard.press("Enter")
        done, replace = page.locator("#packed .done"), page.locator("#packed button")
        done.or_(replace).first.wait_for()
        if replace.count():  # packed before the board was killed
            replace.press("Enter")
            done.wait_for()
            page.faults = [fault for fault in page.faults if "409" not in fault]
    (bundle,) = folder.rglob("*.zip")
    assert verify(open_bundle(bundle)) == ()


def tab_to(page: Visited, name: str, selector: str = "*") -> None:
    """Press Tab until what is called so has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        fits = page.evaluate("(selector) => document.activeElement.matches(selector)", selector)
        if fits and re.search(name, page.focused()):
            return
    raise AssertionError(f"Tab does not come to {name} {selector}")


def go_to(page: Visited, name: str, address: str) -> None:
    """Follow a link by keyboard."""
    tab_to(page, name, "a")
    with page.expect_navigation(url=f"**{address}*"):
        page.keyboard.press("Enter")


def seeds_to(last: int) -> dict[int, int]:
    """Return the seeds that are picked of the panels up to one: each another than the last."""
    return {panel: (panel - 1) % SEEDS for panel in range(1, last + 1)}


def pick(page: Visited, panel: int) -> None:
    """Pick the picture that has the focus, and go to that of the next panel."""
    page.keyboard.press(" ")
    told = f"Panel {panel}: seed {seeds_to(panel)[panel]} is picked."
    page.locator("#said", has_text=told).wait_for()
    move_on(page, panel)


def move_on(page: Visited, panel: int) -> None:
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight" if panel % SEEDS else "Home")


def vote(page: Visited, given: int) -> None:
    """Vote by a key, and wait until it is kept."""
    page.keyboard.press(ANSWERS[given % 4])
    page.locator(f'#pair[data-given="{given + 1}"]').wait_for()


def strike(serves: ServingProcess, page: Visited, key: str, answered: Any) -> None:
    """Press a key and kill the board while it is at it; the page says so, unless it was answered before."""
    page.keyboard.press(key)
    serves.kill()
    closed = page.locator("[role=alert]", has_text="start `storykit board` again").and_(
        page.locator(":visible")
    )
    answered.or_(closed).first.wait_for()


def picked(folder: Path) -> dict[int, int]:
    """Return the seeds that are picked by hand, by panel."""
    (picks,) = json.loads((folder / RUN / "selection.json").read_text("utf-8"))["picks"]
    return {one["panel"]: one["seed"] for one in picks["keep"]}


def chosen(folder: Path) -> list[int]:
    """Return the seeds of the set that was chosen, panel by panel."""
    (selection,) = json.loads((folder / RUN / "selection.json").read_text("utf-8"))["selections"]
    return [part["seed"] for part in selection["parts"]]
