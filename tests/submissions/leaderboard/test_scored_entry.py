import pytest
from course_entries import no_tools, rank_all, ranked_by

from kit.errors import InputError
from submissions.leaderboard.leaderboard import leaderboard


@pytest.mark.parametrize("metric", ["identity", "place", "text_subject"])
def test_a_part_that_needs_the_story_is_a_clear_error(hand_in, metric):
    rules = ranked_by(("who is who", 0.5, metric), ("look", 0.5, "aesthetic_mean"))
    with pytest.raises(InputError, match=rf"ranking\.part\[1\] 'who is who': .* {metric} needs"):
        leaderboard([hand_in(1)], rules, no_tools)


def test_every_metric_that_a_bundle_allows_gives_a_number(hand_in):
    metrics = ("aesthetic_mean", "style", "staging", "text_mean", "mrr", "loo_mean")
    rules = ranked_by(("judges", 0.4, None), *((name, 0.1, name) for name in metrics))
    board = rank_all([hand_in(1), hand_in(2), hand_in(3)], rules)
    for one in board.standings:
        assert set(one.values) == set(metrics)
        assert one.low <= one.total <= one.high
        assert one.total == pytest.approx(sum(one.standard.values()) / 6, abs=1e-5)


def test_the_trigger_is_no_part_of_a_prompt(hand_in):
    (one,) = rank_all([hand_in(1)]).standings
    assert one.exhibit.prompts[0] == "水墨风格，一只黑猫，第1幕"
