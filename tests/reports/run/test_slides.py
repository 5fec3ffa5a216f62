import re
from pathlib import Path

import pytest
from browser import Visits
from command import tell
from made_run import CAPTIONS, Plan, make_run, words_of

from kit.experiment.run import Run
from reports.run.slides import slides_page
from storykit.sharing import chosen_story
from submissions.packing.entry_file import Decisions, keep_decisions

HOSTILE = '</script><script>alert(1)</script>"><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    plan = Plan(language="en", title="A cat's day", candidates=("ink",), seeds=(0,))
    return make_run(tmp_path_factory.mktemp("slides"), plan)


def test_a_show_is_one_page_that_loads_nothing_and_runs_its_own_script_alone(run: Run) -> None:
    page = slides_page(run, chosen_story(run))
    assert page.count('<img src="data:image/webp;base64,') == 8
    assert re.findall(r"https?:|href=|url\(|src=\"(?!data:)| on\w+=| style=", page) == []
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_captions_stand_together_at_the_end_where_that_is_wanted(run: Run) -> None:
    for text, times in ((False, 1), (True, 2)):
        words = words_of(slides_page(run, chosen_story(run), text=text))
        assert [words.count(caption) for caption in CAPTIONS["en"]] == [times] * 8


def test_the_title_slide_names_the_team_as_it_was_decided(run: Run, tmp_path: Path) -> None:
    keep_decisions(run, Decisions(team="云上画师"), "")
    tell("share", run.folder, "--slides", "--out", tmp_path)
    assert '<p class="team" dir="auto">云上画师</p>' in (tmp_path / "slides.html").read_text(encoding="utf-8")


def test_a_show_speaks_the_language_that_is_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    assert 'aria-label="下一页"' in slides_page(run, chosen_story(run))


@pytest.fixture
def show(run: Run, tmp_path: Path) -> Path:
    path = tmp_path / "slides.html"
    path.write_text(slides_page(run, chosen_story(run), text=True), encoding="utf-8")
    return path


def test_keys_clicks_and_clickers_lead_through_the_show(visit: Visits, show: Path) -> None:
    tab = visit(show)
    where = tab.locator("#where")
    for key, at in (
        ("ArrowRight", "1 / 8"), (" ", "2 / 8"), ("PageDown", "3 / 8"), ("ArrowLeft", "2 / 8"),
        ("Shift+ ", "1 / 8"), ("End", "The story"), ("ArrowRight", "The story"), ("PageUp", "8 / 8"),
        ("Home", ""), ("ArrowLeft", ""),
    ):  # fmt: skip
        tab.keyboard.press(key)
        assert where.inner_text() == at, key
    tab.mouse.click(900, 300)
    tab.mouse.click(900, 300)
    assert where.inner_text() == "2 / 8"
    tab.mouse.click(100, 300)
    assert where.inner_text() == "1 / 8"
    assert tab.locator("figcaption").nth(0).is_visible()
    tab.keyboard.press("c")
    assert not tab.locator("figcaption").nth(0).is_visible()
    tab.get_by_role("button", name="Captions").click()
    assert tab.locator("figcaption").nth(0).is_visible()
    tab.keyboard.press("f")
    tab.wait_for_function("document.fullscreenElement")
    tab.reload()
    assert where.inner_text() == "1 / 8"
    for landscape in (False, True):
        assert len(re.findall(rb"/Type\s*/Page\b", tab.pdf(landscape=landscape))) == 10, "one slide a page"


def test_each_slide_is_sound(visit: Visits, run: Run, show: Path) -> None:
    tab = visit(show)
    for key in ("Home", "ArrowRight", "End"):
        tab.keyboard.press(key)
        unsound = [fault for fault in tab.axe() if not fault.startswith("page-has-heading-one")]
        assert unsound == [], "but for a heading, which the first slide has for all"
        assert tab.wide() == []


@pytest.mark.parametrize(
    "title", [HOSTILE, "\u05d9\u05d5\u05dd " * 30, "day " + "\N{BUTTERFLY}" * 9, "x" * 10_000]
)
def test_a_title_of_any_kind_stays_text_on_its_slide(visit: Visits, tmp_path: Path, title: str) -> None:
    run = make_run(tmp_path, Plan(language="en", title=title, candidates=("ink",), seeds=(0,), size=32))
    tab = visit(slides_page(run, chosen_story(run), team=title))
    assert tab.locator("h1").text_content() == title
    for width in (1280, 390):
        tab.set_viewport_size({"width": width, "height": 720})
        assert tab.wide() == []
        assert tab.get_by_role("button", name="Next").is_visible()
