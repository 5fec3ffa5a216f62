import numpy as np
import pytest
from course_entries import no_tools, rank_all, ranked_by, scored_entry, unit_rows

from kit.errors import InputError
from submissions.leaderboard.leaderboard import leaderboard
from submissions.leaderboard.page import board_html
from submissions.leaderboard.scored_entry import duplicate_panels, shared_loras
from submissions.leaderboard.table import notes_of, sentences


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


def test_panels_that_two_entries_share_are_found(hand_in):
    first = hand_in(1, pictures=range(8))
    second = hand_in(2, pictures=[*range(50, 57), 2])
    board = rank_all([first, second, hand_in(3)])
    (one,) = board.likenesses
    assert (one.first.file, one.second.file) == ("001.zip", "002.zip")
    assert [tuple(pair) for pair in one.pairs] == [(3, 8, 1.0, True)]
    assert "panels like those of 002.zip" in notes_of(board, sentences("en"))["001.zip"]
    assert "3 = 8" in board_html(board)


def test_nearly_equal_panels_are_found_by_their_cosine_whichever_entry_they_are_in():
    rng = np.random.default_rng(0)
    rows = unit_rows(rng.normal(size=(3, 8, 48)).reshape(24, 48)).reshape(3, 8, 48)
    rows[2, 4] = unit_rows(rows[0, 1][None] + 0.01 * rng.normal(size=(1, 48)))[0]
    rows[1, 7] = rows[1, 0]
    entries = [scored_entry(name, embeddings=own) for name, own in zip("abc", rows, strict=True)]
    found = duplicate_panels(entries, 0.95)
    assert [(one.first.team, one.second.team, one.pairs[0][:2]) for one in found] == [
        ("b", "b", (1, 8)),
        ("a", "c", (2, 5)),
    ]
    expected = float(rows[0, 1] @ rows[2, 4])
    assert found[1].pairs[0].cosine == pytest.approx(expected, abs=1e-4)
    assert not found[1].pairs[0].same_pixels


def test_entries_with_one_lora_file_are_grouped_and_those_without_any_are_not():
    entries = [scored_entry(name, lora_sha256=sha256) for name, sha256 in zip("abcde", "xyx", strict=False)]
    entries += [scored_entry("f"), scored_entry("g")]
    assert [[one.team for one in group] for group in shared_loras(entries)] == [["a", "c"]]
