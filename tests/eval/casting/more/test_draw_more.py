"""A budget of further pictures: where it goes, when it ends, that a stopped one ends in the same bytes."""

import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest
from command import tree
from fakes import HeardProgress
from stripe_painter import StripePainter
from stripes import Columns, new_run, stripe_scorers

from eval.casting.cast import CastRequest, cast
from eval.casting.decisions import state_of
from eval.casting.more.draw_more import DrawnMore, RoundDrawn, Workshop, draw_more
from eval.casting.more.summary import end_said, round_said, spending_told
from eval.casting.selection import read_selections
from eval.scorers.load import Scorers
from kit.errors import RunError, ScoreError, StorykitError
from kit.experiment.extras.extra_pictures import read_extras
from kit.experiment.identity import is_draft
from kit.experiment.run import Run
from kit.generation.generate import generate

WIDE = {1: 30.0, 4: 30.0, 7: 30.0, 2: 0.0}
"""Panels that vary, and one that never does; the others hardly do."""
BASE = CastRequest(candidate="base")
BUDGET = 8


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of four seeds."""
    run = new_run(tmp_path_factory.mktemp("drawn"), seeds=4)
    generate(run, [StripePainter(WIDE)])
    return run


@pytest.fixture
def run(drawn: Run, tmp_path: Path) -> Run:
    """The same to change."""
    return Run.open(shutil.copytree(drawn.folder, tmp_path / "run"))


class Spent(NamedTuple):
    """What a budget led to that nobody stopped."""

    run: Run
    done: DrawnMore
    rounds: list[RoundDrawn]
    painter: StripePainter


@pytest.fixture(scope="module")
def spent(drawn: Run, tmp_path_factory: pytest.TempPathFactory) -> Spent:
    """The same after a budget."""
    run = Run.open(shutil.copytree(drawn.folder, tmp_path_factory.mktemp("spent") / "run"))
    painter, rounds = StripePainter(WIDE), list[RoundDrawn]()
    return Spent(run, spend(run, painter=painter, heard=rounds.append), rounds, painter)


def silent(done: RoundDrawn) -> None:
    """Hear nothing of a round."""


def spend(
    run: Run,
    budget: int = BUDGET,
    painter: StripePainter | None = None,
    wish: CastRequest = BASE,
    heard: Callable[[RoundDrawn], None] = silent,
) -> DrawnMore:
    return draw_more(run, wish, budget, shop(painter or StripePainter(WIDE)), heard)


def shop(painter: StripePainter, tools: Scorers | None = None) -> Workshop:
    tools = tools or stripe_scorers()
    return Workshop(painters=[painter], showing=lambda task: nullcontext(HeardProgress()), tools=tools)


def results(run: Run) -> dict[str, bytes]:
    """Return what a spending leaves: pictures, what was asked for, what was chosen."""
    files = tree(run.folder)
    return {name: data for name, data in files.items() if name.startswith(("panels/", "extras", "selection"))}


def test_a_budget_goes_to_the_panels_that_vary_and_raises_the_set(spent: Spent) -> None:
    run, done, rounds, painter = spent
    [spending] = read_extras(run).spendings
    assert (len(spending.slots), spending.ended) == (BUDGET, "spent")
    assert {slot.panel for slot in spending.slots} == {1, 4, 7}
    assert {slot.seed for slot in spending.slots}.isdisjoint(range(4))
    assert len(painter.drawn) == BUDGET, "each is drawn once"
    assert [one.spent for one in rounds] == [4, 8]
    assert done.without is not None
    assert done.selection.standing.lowest > done.without.lowest
    assert read_selections(run) == [done.selection]
    assert cast(run, BASE, stripe_scorers()).selections == (done.selection,)
    record = spending_told(done)
    assert (record["budget"], record["spent"], record["ended"]) == (BUDGET, BUDGET, "spent")
    assert record["rounds"] == [[one._asdict() for one in each.pictures] for each in rounds]
    told = [str(line) for line in (*map(round_said, rounds), *end_said(done))]
    assert told[0].startswith("draw    4 of 8: panels ")
    assert "the set gains +" in told[-1]


def stopped_while_drawing(run: Run) -> None:
    painter = StripePainter(WIDE)
    painter.takes, painter.stop_before_batch = 1, 1
    spend(run, painter=painter)


def stopped_between_rounds(run: Run) -> None:
    def stop(done: RoundDrawn) -> None:
        raise KeyboardInterrupt

    spend(run, heard=stop)


def stopped_while_measuring(run: Run) -> None:
    tools = stripe_scorers()
    assert isinstance(tools.encoder, Columns)
    tools.encoder.fails_after = 34
    draw_more(run, BASE, BUDGET, shop(StripePainter(WIDE), tools), silent)


@pytest.mark.parametrize("stopped", [stopped_while_drawing, stopped_between_rounds, stopped_while_measuring])
def test_stopped_anywhere_it_ends_with_the_same_bytes(
    run: Run, spent: Spent, stopped: Callable[[Run], None]
) -> None:
    with pytest.raises((RunError, KeyboardInterrupt)):
        stopped(run)
    assert read_extras(run).spendings[0].ended == ""
    painter = StripePainter(WIDE)
    spend(run, painter=painter)
    assert results(run) == results(spent.run)
    assert len(painter.drawn) < BUDGET, "what was there is not drawn again"


def test_picks_by_hand_are_obeyed_and_of_such_panels_nothing_is_drawn(run: Run) -> None:
    wish = CastRequest(candidate="base", keep={1: 3, 4: 1}, ban=frozenset({(7, 0)}))
    done = spend(run, 4, wish=wish)
    assert {slot.panel for slot in done.spending.slots}.isdisjoint({1, 4})
    assert (done.selection.seeds[0], done.selection.seeds[3]) == (3, 1)
    picks = state_of(run, done.selection.place).picks
    assert (picks.kept, picks.banned) == ({1: 3, 4: 1}, {(7, 0)})


def test_it_stops_where_one_more_promises_next_to_nothing(run: Run) -> None:
    keep = dict.fromkeys({*range(1, 9)} - {2}, 0)
    painter = StripePainter(WIDE)
    done = spend(run, 40, painter, CastRequest(candidate="base", keep=keep))
    assert (done.spending.ended, done.spending.slots, painter.drawn) == ("nothing to gain", (), [])
    assert [str(line) for line in end_said(done)] == [
        "spent   0 of 40 pictures; stopped, as one more promises 0.0000 sd, less than 0.0025"
    ]
    assert read_extras(run).spendings[0].ended == "nothing to gain"


def test_a_picture_that_fails_is_spent_and_told_of_once(run: Run) -> None:
    painter, rounds = StripePainter(WIDE), list[RoundDrawn]()
    painter.fail_on = "地方0"
    done = spend(run, painter=painter, heard=rounds.append)
    failed = [slot for slot in done.spending.slots if slot.panel == 1]
    assert failed
    assert sum(one.failed for one in rounds) == len(failed)
    assert len(painter.drawn) == BUDGET
    assert "could not be drawn" in " ".join(str(round_said(one)) for one in rounds)


def test_a_run_of_drafts_gets_drafts(tmp_path: Path) -> None:
    loaded = new_run(tmp_path, seeds=2).loaded
    run = Run.create(tmp_path / "drafts", loaded.drawn_as("draft"))
    generate(run, [StripePainter(WIDE)])
    painter = StripePainter(WIDE)
    spend(run, 1, painter)
    assert [how.sampler for how in painter.settings] == ["dpm++2m"]
    assert is_draft(run)


def test_a_run_of_one_seed_gets_a_second_picture_of_each_panel_first(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    generate(run, [StripePainter(WIDE)])
    rounds: list[RoundDrawn] = []
    done = spend(run, 3, heard=rounds.append)
    assert [one.panel for one in rounds[0].pictures] == [1, 2, 3]
    assert str(round_said(rounds[0])).endswith("panels 1 2 3, to see how they differ")
    assert done.selection.sets == 8
    more = spend(run, 7)
    asked = Counter(slot.panel for slot in more.spending.slots)
    assert [asked[panel] >= 1 for panel in range(4, 9)] == [True] * 5
    assert [len(one.slots) for one in read_extras(run).spendings] == [3, 7]


def test_of_several_sets_the_one_that_was_cast_is_meant(run: Run) -> None:
    cast(run, BASE, stripe_scorers())
    done = spend(run, 1, wish=CastRequest())
    assert done.selection.place == ("base", "authored", "story")


@pytest.mark.parametrize(
    ("budget", "wish", "identity", "reason"),
    [
        (0, BASE, "fake", "a budget must be 1 picture or more, got 0"),
        (-3, BASE, "fake", "a budget must be 1 picture or more, got -3"),
        (4, CastRequest(), "fake", "a budget is for one set of panels: name its candidate"),
        (4, CastRequest(candidate="nobody"), "fake", "the run has no candidate 'nobody'"),
        (2369, BASE, "fake", "a set can be chosen from 2,400 pictures at most"),
        (4, BASE, "another", "32 pictures of base authored story were drawn with other weights, words or"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_drawn(
    run: Run, budget: int, wish: CastRequest, identity: str, reason: str
) -> None:
    painter = StripePainter(WIDE)
    painter.identity = {**painter.identity, "name": identity}
    with pytest.raises((ScoreError, StorykitError)) as error:
        spend(run, budget, painter, wish)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    assert painter.drawn == []
    assert not (run.folder / "extras.json").exists()
