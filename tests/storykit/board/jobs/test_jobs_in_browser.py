"""Jobs in a real browser: started, watched and stopped by keyboard, in two tabs."""

import json

from browser import Visits
from served_board import serving
from stand_in_command import PlayedFolder

EXPERIMENT = 'stories = ["s.toml"]\n'


def test_a_job_is_started_watched_and_stopped_by_keyboard_and_goes_on(
    played: PlayedFolder, visit: Visits
) -> None:
    (played.root / "a.toml").write_text(EXPERIMENT)
    with serving(played.root) as board:
        page = visit(board.address, reduced_motion="reduce")
        page.goto(f"{board.root}/jobs?start=generate")
        page.wait_for_selector("#stands-for code >> text=storykit generate a.toml --out runs/a")
        (played.root / "a.toml").write_text(json.dumps({"say": ["<b>first</b>"], "until": "go"}))
        page.locator("#start-form button.main").press("Enter")
        page.wait_for_selector("text=drawing: 2 of 8")
        page.wait_for_selector("pre >> text=<b>first</b>")
        page.is_sound()

        shelf = visit.again(board.root)
        shelf.wait_for_selector("#job-line >> text=drawing: 2 of 8")

        page.locator("#job-act").press("Enter")
        page.wait_for_selector("#told >> text=Only draw an experiment: stopped")
        shelf.wait_for_selector("#job-line >> text=stopped")
        assert page.focused() == "Nothing is at work."
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.focused().startswith("Go on")

        (played.root / "go").touch()
        page.keyboard.press("Enter")
        page.wait_for_selector("#told >> text=Only draw an experiment: done")
        page.locator("summary").first.click()
        page.is_sound()
