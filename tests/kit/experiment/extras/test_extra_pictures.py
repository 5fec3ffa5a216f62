from itertools import islice

import pytest
from fakes import INK_CANDIDATES, ink_run, make_run

from kit.errors import RunError
from kit.experiment.extras.extra_pictures import (
    ExtraPicture,
    Spending,
    all_slots,
    extra_slots,
    fresh_seeds,
    keep_spending,
    open_spending,
    read_extras,
    seeds_at,
    single_slots,
)
from kit.experiment.run import Slot

PLACE = ("base", "authored", "cat")


def spending(*rounds: tuple[tuple[int, int], ...], budget: int = 9, candidate: str = "base") -> Spending:
    pictures = tuple(tuple(ExtraPicture(*one) for one in each) for each in rounds)
    return Spending(candidate=candidate, order="authored", story="cat", budget=budget, rounds=pictures)


def test_what_was_asked_for_is_read_back_and_counted_against_its_budget(tmp_path):
    run = make_run(tmp_path)
    assert (read_extras(run).spendings, open_spending(run, PLACE)) == ((), None)
    begun = spending(((3, 1), (5, 1)))
    keep_spending(run, begun)
    grown = begun.asking((ExtraPicture(3, 2),))
    keep_spending(run, grown)
    assert read_extras(run).spendings == (grown,)
    assert open_spending(run, PLACE) == grown
    assert (grown.left, begun.left) == (6, 7)
    assert grown.slots == (Slot(*PLACE, 1, 3), Slot(*PLACE, 1, 5), Slot(*PLACE, 2, 3))


def test_a_spending_that_is_over_stays_beside_the_next_one(tmp_path):
    run = make_run(tmp_path)
    over = Spending(candidate="base", order="authored", story="cat", budget=2, ended="spent")
    keep_spending(run, over)
    keep_spending(run, spending(((1, 1),)))
    keep_spending(run, spending(((1, 1),), ((2, 2),)))
    assert [one.ended for one in read_extras(run).spendings] == ["spent", ""]
    assert len(extra_slots(run)) == 2


def test_the_run_wants_them_behind_its_own_seeds_each_once(tmp_path):
    run = make_run(tmp_path, "seeds = [0, 1]")
    assert list(all_slots(run)) == list(run.wanted())
    keep_spending(run, spending(((3, 2), (4, 2)), ((3, 3),)))
    assert list(all_slots(run))[16:] == [Slot(*PLACE, 2, 3), Slot(*PLACE, 2, 4), Slot(*PLACE, 3, 3)]
    assert seeds_at(run, PLACE) == (0, 1, 2, 3)
    assert seeds_at(run, ("base", "reversed", "cat")) == (0, 1)
    grown = make_run(tmp_path, "seeds = [0, 1, 2]")
    assert list(all_slots(grown)) == [*grown.wanted(), Slot(*PLACE, 3, 3)]
    assert single_slots(grown) == (Slot(*PLACE, 3, 3),)
    assert len(extra_slots(grown)) == 3, "they were drawn apart from the set that they are part of by now"


def test_those_of_a_candidate_that_the_experiment_dropped_are_not_wanted_until_it_is_back(tmp_path):
    keep_spending(ink_run(tmp_path), spending(((3, 9),), candidate="ink"))
    assert extra_slots(make_run(tmp_path)) == ()
    assert len(extra_slots(make_run(tmp_path, "", INK_CANDIDATES))) == 1


@pytest.mark.parametrize(
    ("head", "fresh"),
    [
        ("seeds = [0, 1]", [2, 4, 5]),
        ("seeds = [1000, 1002]", [1001, 1003, 1004]),
        (f"seeds = [{2**63 - 1}]", [0, 1, 2]),
        (f"seeds = [{(2**63 - 9) // 10}]\nnoise_per_panel = true", [0, 1, 2]),
    ],
)
def test_fresh_seeds_are_numbers_that_nothing_has(tmp_path, head, fresh):
    run = make_run(tmp_path, head)
    keep_spending(run, spending(((3, 3),)))
    assert list(islice(fresh_seeds(run), 3)) == fresh


@pytest.mark.parametrize(
    "harm",
    [
        "[",
        '{"spendings": [{"candidate": "base"}]}',
        '{"spendings": [{"candidate": "base", "order": "authored", "story": "cat", "budget": 1, '
        '"rounds": [[[9, 0]]]}]}',
    ],
)
def test_a_damaged_file_is_named_in_one_line_with_what_to_do(tmp_path, harm):
    run = make_run(tmp_path)
    (run.folder / "extras.json").write_text(harm)
    with pytest.raises(RunError, match=r"extras\.json.*delete it$"):
        read_extras(run)
