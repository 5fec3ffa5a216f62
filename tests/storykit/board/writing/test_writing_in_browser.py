"""A story written in a real browser: what is said stands beside its panel, and no word is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from served_board import ServingProcess, serving

from kit.story.story import load_story


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mine")


@pytest.fixture(scope="module")
def board(folder: Path) -> Iterator[ServingProcess]:
    with serving(folder) as served:
        yield served


GIRL = "一个黑色长发的小女孩，穿着红色裙子"


def test_a_story_is_written_checked_saved_and_not_overwritten_unasked(visit, board, folder) -> None:
    page = visit(board.address, language="zh", reduced_motion="reduce")
    page.goto(f"{board.root}/writing/new?begin=blank")
    page.fill("#name", "雨天")
    page.fill("#title", "雨天的小猫")
    for number in range(8):
        page.fill(f"#panel-{number}-prompt", f"{GIRL}，在第{number + 1}条街上走路")
    page.locator("[hx-vals*=clauses-panel-0]").click()
    page.wait_for_selector("#panel-0-clause-0-role:focus")
    page.fill("#panel-2-prompt", "她在睡觉")
    page.wait_for_selector("#said-panel-2 .said-finding")
    assert page.locator(".said-finding").count() == 1
    page.fill("#panel-2-prompt", f"{GIRL}，睡觉")
    page.click("#save")
    page.wait_for_url("**/writing/edit?file=*")
    file = folder / "雨天.toml"
    assert load_story(file).story.panels[2].prompt == f"{GIRL}，睡觉"

    file.write_text(file.read_text(encoding="utf-8") + "# 别处改的\n", encoding="utf-8")
    page.fill("#title", "我的标题")
    page.click("#save")
    page.wait_for_selector("#conflict-title")
    assert "别处改的" in page.inner_text(".diff")
    assert page.input_value("#title") == "我的标题"
    page.faults.clear()  # Chromium tells of the answer 409
    page.is_sound()
    page.press("#new-name", "Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/writing/edit?file=*-2.toml")
    assert load_story(folder / "雨天-2.toml").story.title == "我的标题"
    assert load_story(file).story.title == "雨天的小猫"


def test_rows_are_added_by_keyboard_and_a_draft_is_not_left_without_a_word(visit, board) -> None:
    page = visit(board.address, width=390, dark=True, reduced_motion="reduce")
    page.goto(f"{board.root}/writing/new?begin=en/rainy-night")
    rows = page.locator("[id^=panel-0-clause-][id$=-role]").count()
    page.focus("#panel-0-add")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#panel-0-clause-{rows}-role:focus")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(f"{board.root}/writing/new?kind=experiment")
    assert asked == ["beforeunload"]
    page.is_sound()
    page.goto(f"{board.root}/writing")
    page.is_sound()


def test_a_draft_stays_on_the_page_when_the_board_dies_and_comes_back(visit, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    with serving(folder) as board:
        page = visit(board.address)
        page.goto(f"{board.root}/writing/new?begin=blank")
        page.fill("#title", "kept")
        board.kill()
        page.click("#save")
        page.wait_for_selector("body.is-closed")
    with serving(folder, "--port", board.root.rpartition(":")[2]):
        page.click("#save")
        page.wait_for_selector("#told .told")
        assert page.input_value("#title") == "kept"
        page.close()  # the form goes on asking what is wrong with it
    page.faults.clear()
