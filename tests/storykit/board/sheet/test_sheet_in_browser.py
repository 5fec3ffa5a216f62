"""The sheet in a real Chromium: by keyboard alone, in two tabs, narrow and dark, looked at by axe."""

import shutil

import pytest
from served_board import serving
from sheet_run import PLACE, sheet_run

from eval.casting.selection import read_picks, read_selections
from kit.experiment.run import Run

AT = "/sheet?run=rain/run&candidate=base"


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sheet")
    sheet_run(folder)
    with serving(folder) as served:
        yield folder, served


@pytest.fixture
def run(board):
    folder, _ = board
    made = Run(folder / "rain" / "run")
    yield made
    (made.folder / "selection.json").unlink(missing_ok=True)


def opened(visit, board, **window):
    _, served = board
    page = visit(served.address, **window)
    page.goto(served.root + AT)
    return page


def held(page) -> str:
    return page.evaluate("document.activeElement.id")


def test_eight_panels_are_picked_by_keyboard_alone_and_the_focus_stays(visit, board, run):
    page = opened(visit, board)
    page.locator("#cell-1-0").focus()
    for panel in range(1, 9):
        seed = panel % 3
        page.keyboard.press("Home")
        for _ in range(seed):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        page.locator(f"#cell-{panel}-{seed}.is-picked").wait_for()
        assert held(page) == f"cell-{panel}-{seed}"
        page.keyboard.press("ArrowDown")
    assert read_picks(run)[PLACE].seeds == (1, 2, 0, 1, 2, 0, 1, 2)
    page.get_by_text("all eight are picked: pack takes them").wait_for()
    page.keyboard.press("Space")
    page.locator("#cell-8-2:not(.is-picked)").wait_for()
    page.keyboard.press("x")
    page.locator("#cell-8-2.is-banned").wait_for()
    page.keyboard.press("f")
    page.locator("#strip .costs").wait_for()
    assert held(page) == "cell-8-2"
    (chosen,) = read_selections(run)
    assert chosen.seeds[:7] == (1, 2, 0, 1, 2, 0, 1)
    page.is_sound()
    page.keyboard.press("z")
    page.locator("#strip .costs").wait_for(state="detached")
    assert read_selections(run) == []


def test_keys_that_are_pressed_fast_are_done_one_after_the_other(visit, board, run):
    page = opened(visit, board)
    page.locator("#cell-1-0").focus()
    for key in ("Space", "ArrowDown", "Space", "ArrowDown", "Space", "ArrowRight", "x", "z"):
        page.keyboard.press(key)
    page.get_by_text("The last change is undone.").wait_for()
    assert dict(read_picks(run)[PLACE].kept) == {1: 0, 2: 0, 3: 0}
    assert read_picks(run)[PLACE].banned == set()


def test_the_second_tab_is_told_and_shown_what_the_first_one_did(visit, board, run):
    first = opened(visit, board)
    _, served = board
    second = visit.again(served.root + AT)
    first.locator("#cell-3-1").focus()
    first.keyboard.press("Space")
    first.locator("#cell-3-1.is-picked").wait_for()
    second.locator("#cell-4-1").focus()
    second.keyboard.press("Space")
    second.locator("#told").get_by_text("was changed elsewhere").wait_for()
    second.locator("#cell-3-1.is-picked").wait_for()
    assert held(second) == "cell-4-1"
    assert dict(read_picks(run)[PLACE].kept) == {3: 1}
    second.keyboard.press("Space")
    second.locator("#cell-4-1.is-picked").wait_for()
    assert all("409" in fault for fault in second.faults)
    second.faults.clear()


def test_two_pictures_lie_over_each_other_and_keys_and_recipe_are_told(visit, board, run):
    page = opened(visit, board, width=390, dark=True, language="zh")
    page.is_sound()
    page.locator("#cell-2-0").focus()
    page.keyboard.press("Enter")
    page.locator("#large[open] .upper").wait_for()
    page.is_sound()
    page.locator("#slide").focus()
    page.keyboard.press("Home")
    assert page.locator(".upper").evaluate("one => one.style.clipPath").startswith("inset(0px 0px 0px 0")
    page.keyboard.press("v")
    assert "100%" in page.locator(".upper").evaluate("one => one.style.clipPath")
    page.locator("#beside").select_option("2")
    page.locator("#beside:has(option[value='2'][selected])").wait_for()
    page.keyboard.press("Escape")
    assert held(page) == "cell-2-0"
    page.keyboard.press("i")
    page.locator("#recipe[open] dl").wait_for()
    page.is_sound()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.locator("#keys[open]").wait_for()
    page.is_sound()


def test_with_a_mouse_or_a_finger_the_buttons_do_the_same(visit, board, run):
    page = opened(visit, board, width=390, has_touch=True)
    page.locator("#cell-5-1").click()
    page.get_by_role("button", name="Pick").click()
    page.locator("#cell-5-1.is-picked").wait_for()
    page.get_by_role("button", name="Ban").click()
    page.locator("#cell-5-1.is-banned").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.locator("#cell-5-1.is-picked").wait_for()
    assert dict(read_picks(run)[PLACE].kept) == {5: 1}


def test_a_board_that_is_killed_loses_nothing_that_was_confirmed(visit, board, tmp_path):
    folder, _ = board
    shutil.copytree(folder / "rain", tmp_path / "rain")
    with serving(tmp_path) as served:
        page = visit(served.address)
        page.goto(served.root + AT)
        page.locator("#cell-6-1").focus()
        page.keyboard.press("Space")
        page.locator("#cell-6-1.is-picked").wait_for()
        page.goto("about:blank")
        served.kill()
    assert dict(read_picks(Run(tmp_path / "rain" / "run"))[PLACE].kept) == {6: 1}
    with serving(tmp_path) as served:
        page = visit(served.address)
        page.goto(served.root + AT)
        page.locator("#cell-6-1.is-picked").wait_for()
        page.goto("about:blank")
