import re

import pytest
from browser import WIDTHS, Visits
from command import tell
from entries import INTRODUCTION, make_scored_run
from served_board import serving

from submissions.packing.entry_file import Decisions, keep_decisions, read_decisions

PAGE = "/home?run=work/run"
LONG = "<b>" + "x" * 300


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_scored_run(tmp_path_factory.mktemp("browser") / "work")


@pytest.fixture(scope="module")
def board(run):
    with serving(run.folder.parent.parent) as served:
        yield served


def opened(visit: Visits, board, **seen):
    page = visit(board.address, **seen)
    page.goto(board.root + PAGE)
    page.wait_for_selector(".ticks li")
    page.wait_for_selector("#show .post, #show .told")
    return page


def test_an_entry_is_written_packed_and_taken_home_and_verifies(visit: Visits, board, run, tmp_path) -> None:
    page = opened(visit, board)
    page.get_by_role("link", name=re.compile("Say it.*: Team")).press("Enter")
    assert page.focused() == "Team, as registered"
    page.keyboard.type("云上画师")
    page.keyboard.press("Tab")
    page.keyboard.type("墨猫夜行记")
    page.keyboard.press("Tab")
    page.keyboard.type(f"{INTRODUCTION} 触发词：墨韵 ")
    assert page.locator("#introduction-count").inner_text() == str(len(f"{INTRODUCTION} 触发词：墨韵"))
    page.keyboard.press("Tab")
    page.get_by_text("Nothing is missing: it can be packed.").wait_for()
    assert read_decisions(run).title == "墨猫夜行记"
    page.get_by_role("button", name="Pack the bundle").press("Enter")
    page.get_by_text("Packed and checked: `storykit verify` finds no faults.").wait_for()
    page.is_sound()
    with page.expect_download() as got:
        page.get_by_role("link", name="Download entry.zip").click()
    assert got.value.suggested_filename == "墨猫夜行记.zip"
    got.value.save_as(tmp_path / "home.zip")
    assert tell("verify", tmp_path / "home.zip").code == 0
    with page.expect_download() as got:
        page.get_by_role("link", name=re.compile("Download.*: A long strip")).click()
    assert re.fullmatch(r".+-strip\.jpg", got.value.suggested_filename)


@pytest.mark.parametrize(
    ("decisions", "language"),
    [(Decisions(), "en"), (Decisions(candidate="nobody", team=LONG, title=LONG), "zh")],
)
def test_the_page_is_sound_whatever_was_decided(visit: Visits, board, run, decisions, language) -> None:
    keep_decisions(run, decisions, decisions.team * 9)
    page = opened(visit, board, language=language, width=WIDTHS[1])
    page.is_sound()


def test_a_second_tab_is_told_and_loses_no_word(visit: Visits, board, run) -> None:
    keep_decisions(run, Decisions(), "")
    first, second = opened(visit, board), visit.again(board.root + PAGE)
    first.get_by_label("Team, as registered").fill("first")
    first.keyboard.press("Tab")
    first.get_by_text("Kept in entry.toml.").wait_for()
    second.get_by_label("Team, as registered").fill("second")
    second.keyboard.press("Tab")
    second.get_by_text("the entry was changed elsewhere meanwhile").wait_for()
    second.faults.clear()
    assert second.get_by_label("Team, as registered").input_value() == "second"
    second.get_by_role("button", name="Write mine over it").click()
    second.get_by_text("Kept in entry.toml.").wait_for()
    assert read_decisions(run).team == "second"


def test_what_was_just_written_is_kept_before_it_is_packed(visit: Visits, board, run) -> None:
    keep_decisions(run, Decisions(), "")
    page, told = opened(visit, board), []
    page.on("request", lambda one: told.append(("asked", one.url.split("?")[0])))
    page.on("response", lambda one: told.append(("answered", one.url.split("?")[0])))
    page.get_by_label("Team, as registered").fill("early")
    page.get_by_role("button", name="Pack the bundle").click()
    page.locator("#packed", has_text="Nothing was packed").wait_for()
    kept = told.index(("answered", f"{board.root}/home/decisions"))
    assert kept < told.index(("asked", f"{board.root}/home/pack"))
    assert read_decisions(run).team == "early"
    page.faults.clear()  # refused: there is no introduction
