from collections.abc import Sequence

import numpy as np
import pytest
from course_entries import ranked_by, scored_entry

from submissions.leaderboard.ranking import RankedEntry, rank_entries, weights_of


def test_the_parts_that_judges_alone_can_say_leave_their_weight_to_the_others():
    rules = ranked_by(("skill", 0.4, None), ("style", 0.45, "style"), ("look", 0.15, "aesthetic_mean"))
    assert weights_of(rules) == pytest.approx({"style": 0.75, "aesthetic_mean": 0.25})


def stand(**rows: Sequence[float]) -> dict[str, RankedEntry]:
    """Return where entries stand by one metric, from their values whole and with each panel left out."""
    entries = [(scored_entry(name), {"style": np.array(row)}) for name, row in rows.items()]
    return {one.exhibit.team: one for one in rank_entries(entries, {"style": 1.0})}


def test_standard_scores_have_mean_0_and_deviation_1_and_the_leave_outs_keep_the_scale():
    found = stand(a=[1, 1, 1], b=[2, 2, 4], c=[3, 3, 3])
    deviation = np.sqrt(2 / 3)
    assert [one.total for one in found.values()] == pytest.approx(
        [1 / deviation, 0, -1 / deviation], abs=1e-6
    )
    assert (found["b"].low, found["b"].high) == pytest.approx((0, 2 / deviation), abs=1e-6)


def test_neighbours_whose_intervals_overlap_are_not_told_apart():
    found = stand(a=[9, 8, 9], b=[7, 7, 8.5], c=[1, 1, 1])
    assert {name: one.tied_with_next for name, one in found.items()} == {"a": True, "b": False, "c": False}
    assert [one.rank for one in found.values()] == [1, 2, 3]


def test_equal_totals_share_a_rank_and_stand_by_name():
    found = stand(d=[1, 1, 1], b=[2, 2, 2], a=[2, 2, 2], c=[2, 2, 2])
    assert [(name, one.rank) for name, one in found.items()] == [("a", 1), ("b", 1), ("c", 1), ("d", 4)]
    assert [one.tied_with_next for one in found.values()] == [True, True, False, False]


def test_where_entries_do_not_differ_all_stand_at_0():
    assert {one.total for one in stand(a=[5, 6, 7], b=[5, 1, 2]).values()} == {0.0}
