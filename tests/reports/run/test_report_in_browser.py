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


def test_a_browser_shows_every_picture_without_overflow_and_without_a_fault(
    report: str, visit: Visits
) -> None:
    page = visit(report.replace(' loading="lazy"', ""), width=390, language="zh")
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    pictures = page.locator("main img").evaluate_all("all => all.map(one => one.naturalWidth > 0)")
    assert pictures == [True] * (2 * 2 * 8 + 2)
    page.is_sound()


def test_the_page_opens_with_the_lora_and_arrow_keys_lead_along_and_across(
    report: str, visit: Visits
) -> None:
    page = visit(report)
    page.locator(".shot:visible").first.press("Enter")
    for key, told in (("", "ink 1"), ("ArrowRight", "ink 2"), ("ArrowUp", "base 2"), ("ArrowLeft", "base 1")):
        if key:
            page.keyboard.press(key)
        candidate, _, panel = page.locator(".box-title").text_content().split(" · ")
        assert f"{candidate} {panel.split()[1]}" == told
    page.keyboard.press("Escape")
    assert not page.locator("#lightbox").is_visible()
    page.wait_for_function("!document.activeElement.closest('#lightbox')")  # it closes a little later
    assert page.focused() == "第 1 格: 看大图"
    assert page.locator("input:checked + label").first.text_content() == "base"
