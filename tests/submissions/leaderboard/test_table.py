import re
from dataclasses import replace

import pytest
from course_entries import rank_all, rows_of
from entries import forge

from submissions.leaderboard.table import board_csv, board_lines, notes_of, sentences


def test_the_table_has_a_row_for_every_bundle_and_opens_in_a_spreadsheet(hand_in, tmp_path):
    board = rank_all([hand_in(1, title="雨夜"), hand_in(2), tmp_path / "none.zip"])
    assert board_csv(board).startswith(b"\xef\xbb\xbfrank,team,title,file,total,low,high,tied_with_next,")
    rows = rows_of(board)
    assert list(rows[0])[8:] == [
        "aesthetic_mean", "text_mean", "aesthetic_mean_standard", "text_mean_standard", "notes", "reasons",
    ]  # fmt: skip
    assert [row["rank"] for row in rows] == ["1", "2", ""]
    assert {"雨夜", ""} < {row["title"] for row in rows}
    assert float(rows[0]["total"]) == -float(rows[1]["total"])
    assert "file does not exist" in rows[2]["reasons"]


@pytest.mark.parametrize("team", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1"])
def test_a_name_that_a_spreadsheet_would_run_is_text(hand_in, team):
    rows = rows_of(rank_all([hand_in(1, team=team), hand_in(2)]))
    assert f"'{team}" in [row["team"] for row in rows]
    assert all(re.fullmatch(r"-?[0-9.]+", row["total"]) for row in rows), "numbers stay numbers"


def test_a_terminal_gets_no_control_characters_and_no_more_than_a_short_table(hand_in, monkeypatch):
    monkeypatch.setattr("submissions.leaderboard.table.SHOWN", 3)
    paths = [hand_in(number) for number in range(6)]
    forge(paths[0], lambda _, told: told.update(team="\x1b[31mred\u202e\x07"))
    lines = list(board_lines(rank_all(paths)))
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 1 + 3 + 1 + 1 + 1 + 1
    assert "... and 2 more" in lines
    assert lines[-3].startswith(r"-     \x1b[31mred\u202e\x07")


def test_panels_below_the_calibrated_floor_are_named_beside_their_entry(hand_in):
    board = rank_all([hand_in(1), hand_in(2)])
    first, *others = board.exhibits
    low = replace(board, exhibits=(replace(first, below_floor=(3, 5)), *others))
    words = {language: sentences(language)["note_low"].format(names="3, 5") for language in ("en", "zh")}
    assert words["en"] in notes_of(low, sentences("en"))[first.file]
    assert not any(words["en"] in said for said in notes_of(board, sentences("en")).values())
    assert words["zh"] in notes_of(low, sentences("zh"))[first.file]
    assert list(board_lines(board))[-1].startswith("note    not calibrated for these weights")
