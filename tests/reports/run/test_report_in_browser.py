import pytest
from browser import Visits
from made_run import Plan, make_run, page_of, write_made_up_comparison, write_made_up_scores

from kit.experiment.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = make_run(tmp_path_factory.mktemp("made"), Plan(seeds=(0, 1)))
    write_made_up_scores(made)
    write_made_up_comparison(made, ["a", "a", "tied", "tied"], 6)
    return made


@pytest.fixture(scope="module")
def report(run: Run) -> str:
    return page_of(run)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_a_browser_shows_every_picture_without_overflow_and_without_a_fault(
    report: str, visit: Visits, width: int, dark: bool
) -> None:
    page = visit(report.replace(' loading="lazy"', ""), width=width, dark=dark, language="zh")
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    pictures = page.locator("main img").evaluate_all("all => all.map(one => one.naturalWidth > 0)")
    assert pictures == [True] * (2 * 2 * 8 + 2)
    page.is_sound()


def test_pictures_open_large_and_arrow_keys_lead_along_and_across(report: str, visit: Visits) -> None:
    page = visit(report)
    title, large = page.locator(".box-title"), page.locator("#lightbox img")
    page.locator(".shot").first.click()
    assert large.get_attribute("src") == page.locator(".shot img").first.get_attribute("src")
    for key, told in (
        ("ArrowRight", "base · 第 2 格"),
        ("ArrowDown", "ink · 第 2 格"),
        ("ArrowLeft", "ink · 第 1 格"),
    ):
        page.keyboard.press(key)
        candidate, _, panel = title.text_content().split(" · ")
        assert f"{candidate} · {panel}" == told
    page.keyboard.press("Escape")
    assert not page.locator("#lightbox").is_visible()
    assert "第 1 格" in page.focused()
