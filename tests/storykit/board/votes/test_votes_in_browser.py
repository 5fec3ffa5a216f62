"""Voting as people do it: by keyboard alone, taken back, killed in between, looked at in Chromium."""

import pytest
from made_run import Plan, make_run, write_made_up_scores
from served_board import serving

from eval.votes.vote_file import FILE, read_votes


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("served"), Plan(candidates=("ink", "wash"), seeds=(0, 1)))
    write_made_up_scores(run)
    return run


@pytest.fixture(scope="module")
def board(scored):
    with serving(scored.folder.parent) as served:
        yield served


@pytest.fixture
def run(scored):
    for name in (FILE, "voters.json"):
        (scored.folder / name).unlink(missing_ok=True)
    return scored


def given(page, votes):
    page.page.wait_for_selector(f".pair[data-given='{votes}']")


def test_ten_pairs_are_voted_by_keyboard_alone_and_the_strengths_seen(visit, run, board):
    page = visit(board.address, reduced_motion="reduce")
    page.goto(board.root + "/votes?run=run")
    page.is_sound()
    page.focus("#owner-name")
    page.keyboard.type("Li Na")
    page.keyboard.press("Enter")
    given(page, 0)
    page.is_sound()
    for votes, key in enumerate(["ArrowLeft", "ArrowRight", "t", "b", "ArrowDown", *["ArrowLeft"] * 5], 1):
        page.keyboard.press(key)
        given(page, votes)
    assert [vote.answer for vote in read_votes(run).votes][:5] == [
        "left",
        "right",
        "tie",
        "both-bad",
        "tie",
    ]
    page.keyboard.press("z")
    given(page, 9)
    page.keyboard.press("Enter")
    page.wait_for_selector(".two-sides[data-zoom='2']")
    spots = "getComputedStyle(document.querySelectorAll('.window img')[{}]).transformOrigin"
    before = page.evaluate(spots.format(0))
    page.keyboard.press("Shift+ArrowRight")
    assert page.evaluate(spots.format(0)) == page.evaluate(spots.format(1)) != before
    page.keyboard.press("Escape")
    page.wait_for_selector(".two-sides[data-zoom='0']")
    page.goto(board.root + "/votes/results?run=run")
    assert page.locator("svg.strength").count() == 2
    page.is_sound()
    assert (len(read_votes(run).votes), len(read_votes(run).undone)) == (9, 1)


def test_a_board_killed_between_votes_loses_nothing_that_was_confirmed(visit, run):
    with serving(run.folder.parent) as board:
        page = visit(board.address, reduced_motion="reduce")
        page.goto(board.root + "/votes?run=run")
        page.fill("#owner-name", "Li Na")
        page.click("button.main")
        given(page, 0)
        for votes in range(1, 4):
            page.keyboard.press("ArrowRight")
            given(page, votes)
        asked, address = page.get_attribute("[name=key]", "value"), page.url
        board.kill()
    assert len(read_votes(run).votes) == 3
    with serving(run.folder.parent) as board:
        again = visit(board.address, reduced_motion="reduce")
        again.goto(board.root + "/voting" + address.partition("/voting")[2])
        assert again.get_attribute("[name=key]", "value") == asked


def test_a_voter_s_link_works_on_a_small_dark_chinese_screen(visit, run, board):
    owner = visit(board.address, reduced_motion="reduce")
    owner.goto(board.root + "/votes?run=run")
    owner.fill("#voter-name", "吴")
    owner.click("#links form.fields button")
    link = owner.inner_text("#links .told code")
    voter = visit(link, width=390, dark=True, language="zh", reduced_motion="reduce")
    voter.is_sound()
    left, right = (one.bounding_box() for one in voter.query_selector_all(".window"))
    assert (left["width"], left["height"]) == (right["width"], right["height"])
    voter.keyboard.press("ArrowLeft")
    given(voter, 1)
    voter.is_sound()
    assert [vote.voter for vote in read_votes(run).votes] == ["吴"]
