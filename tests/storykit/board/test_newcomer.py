"""The path of a newcomer through the board, in a real browser and by keyboard alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import ANY, Visits
from newcomers_run import newcomers_run
from served_board import ServingProcess, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, scored; nothing is picked or voted in it."""
    made = tmp_path_factory.mktemp("runs")
    newcomers_run(made / "evening")
    return made


@pytest.fixture(scope="module")
def board(folder: Path) -> Iterator[ServingProcess]:
    with serving(folder) as serves:
        yield serves


def test_the_shelf_is_sound_and_its_language_is_switched_by_keyboard(
    board: ServingProcess, visit: Visits
) -> None:
    page = visit(board.address, width=390, language="en")
    page.is_sound(ANY)
    page.locator("button[lang=zh]").press("Enter")
    page.wait_for_selector("html[lang=zh]")
    assert page.locator("h1").text_content().startswith("各次结果")
    page.is_sound(ANY)


def test_a_page_that_is_not_there_says_so_and_leads_back(board: ServingProcess, visit: Visits) -> None:
    page = visit(board.address, dark=True)
    page.goto(f"{board.root}/sheet?run=gone")
    assert re.search("404|400", page.faults.pop())
    page.is_sound(ANY)
    page.locator("main a").press("Enter")
    page.wait_for_url(f"{board.root}/")


def test_a_board_that_has_ended_is_said_to_have(folder: Path, visit: Visits) -> None:
    with serving(folder) as serves:
        page = visit(serves.address)
        serves.kill()
        page.locator("button[lang=zh]").press("Enter")
        page.wait_for_selector(".closed:visible")
        assert "start `storykit board` again" in page.locator("[role=alert]").text_content()
        page.faults.clear()
        page.is_sound(ANY)
        page.faults.clear()
