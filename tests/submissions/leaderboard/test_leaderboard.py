import csv
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from another_process import another_at_work
from command import refused, said, tell, tree
from course_entries import COURSE, course_scorers, no_tools, rank_all, retell, rows_of
from entries import forge, picture_bytes, repack
from paths import ROOT

from eval.scorers.load import Scorers
from kit.errors import InputError
from submissions.bundle.manifest import Manifest
from submissions.bundle.texts import texts_of
from submissions.contest.rules import load_rules
from submissions.leaderboard.intake import bundles_in
from submissions.leaderboard.leaderboard import leaderboard
from submissions.leaderboard.page import board_html
from submissions.leaderboard.table import board_csv, board_lines, sentences

LEAN_IMPORTS = """
import sys
import storykit.cli.verify
import submissions.leaderboard.leaderboard, submissions.leaderboard.page, submissions.leaderboard.table
print([name for name in ("torch", "transformers", "open_clip") if name in sys.modules])
"""


def lose_everywhere(files: dict[str, bytes], told: dict) -> None:
    """Leave a panel out of files and list alike."""
    files.pop("panels/3.png")


def record_another_score(files: dict[str, bytes], told: dict) -> None:
    told["gate"]["scorer"] = "fake"
    retell(files, told)


DAMAGES = {
    "damaged or not a zip": lambda path: path.write_bytes(path.read_bytes()[:-30]),
    "does not end with": lambda path: path.write_bytes(b""),
    "in the manifest but not in": lambda path: repack(path, lambda files: files.pop("panels/3.png")),
    "lists no panels/3.png": lambda path: forge(path, lose_everywhere),
    "manifest.json: is missing": lambda path: repack(path, lambda files: files.pop("manifest.json")),
    "its sha256 or size differs": lambda path: repack(
        path, lambda files: files.update({"panels/2.png": picture_bytes(9, {})})
    ),
    "team: is still the placeholder": lambda path: forge(path, lambda _, told: told.update(team="学号")),
    "storykit does not know": lambda path: forge(path, lambda _, told: told.update(rules="elsewhere")),
    "the scorer must be AI-ModelScope": lambda path: forge(path, record_another_score),
    "file does not exist": lambda path: path.unlink(),
}
"""By what is said of it, what is done to a bundle."""


def test_of_twenty_bundles_ten_are_ranked_and_ten_named_with_reasons(hand_in):
    paths = [hand_in(number) for number in range(20)]
    for path, damage in zip(paths[1::2], DAMAGES.values(), strict=True):
        damage(path)
    board = rank_all(paths)
    assert (len(board.standings), len(board.unranked)) == (10, 10)
    assert [one.file for one in board.unranked] == [path.name for path in paths[1::2]]
    for one, words in zip(board.unranked, DAMAGES, strict=True):
        assert words in "; ".join(one.reasons)
    totals = [one.total for one in board.standings]
    assert totals == sorted(totals, reverse=True)
    assert np.mean(totals) == pytest.approx(0, abs=1e-5)
    assert list(board_lines(board))[-2] == "10 ranked, 10 named with reasons"
    assert len(rows_of(board)) == 20


def test_the_order_of_the_bundles_does_not_matter(hand_in, tmp_path):
    paths = [hand_in(number) for number in range(6)] + [tmp_path / "none.zip"]
    board, turned = rank_all(paths), rank_all([*paths[3:], *paths[2::-1], paths[4]])
    assert board_csv(board) == board_csv(turned)
    assert board_html(board) == board_html(turned)


def test_entries_that_are_scored_at_the_same_time_are_ranked_as_one_after_another(hand_in):
    paths = [hand_in(number) for number in range(6)]
    DAMAGES["damaged or not a zip"](paths[2])
    shared = replace(course_scorers(), at_once=3)
    board = leaderboard(bundles_in(paths), None, lambda: shared)
    assert board_csv(board) == board_csv(rank_all(paths))
    assert board_html(board) == board_html(rank_all(paths))


def test_where_all_are_damaged_nobody_is_ranked_and_nothing_is_loaded(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.zip").write_bytes(b"no zip")
    board = leaderboard(bundles_in([tmp_path]), None, no_tools)
    assert (board.standings, [one.file for one in board.unranked]) == ((), ["a.zip", "b.zip"])
    assert "No bundle can be ranked." in board_html(board)
    assert list(board_lines(board))[-1] == "0 ranked, 2 named with reasons"
    assert [row["file"] for row in rows_of(board)] == ["a.zip", "b.zip"]


def test_one_entry_alone_is_first_with_its_own_numbers(hand_in):
    board = rank_all([hand_in(1)])
    (one,) = board.standings
    assert (one.rank, one.total, one.standard, one.tied_with_next) == (1, None, {}, False)
    assert one.values["aesthetic_mean"] == pytest.approx(one.exhibit.aesthetic_mean)
    assert rows_of(board)[0]["total"] == ""
    assert sentences("zh")["alone"] in board_html(board)


def test_given_rules_hold_for_bundles_of_any_contest(hand_in):
    paths = [hand_in(1), forge(hand_in(2), lambda _, told: told.update(rules="elsewhere"))]
    assert len(rank_all(paths).unranked) == 1
    assert len(rank_all(paths, COURSE).standings) == 2


def test_an_entry_below_the_gate_is_not_ranked(hand_in):
    strict = COURSE.model_copy(update={"gate": COURSE.gate.model_copy(update={"threshold": 9.0})})
    paths = [hand_in(1)]
    board = rank_all(forge_gate(paths, 9.35), strict)
    assert "gate: mean aesthetic score must be at least 9, got 7." in board.unranked[0].reasons[0]
    assert (board.standings, len(board.exhibits)) == ((), 1)


def forge_gate(paths: list[Path], score: float) -> list[Path]:
    """Let bundles claim a score, panel for panel."""

    def claim(files: dict[str, bytes], told: dict) -> None:
        told["gate"]["score"] = score
        rows = list(csv.DictReader(io.StringIO(files["scores.csv"].decode("utf-8-sig"))))
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        shares = (step / 10 - 0.35 for step in range(8))
        writer.writerows(
            {**row, "aesthetic": round(score + share, 2)} for row, share in zip(rows, shares, strict=True)
        )
        files["scores.csv"] = text.getvalue().encode("utf-8-sig")
        retell(files, told)

    return [forge(path, claim) for path in paths]


def test_the_embedded_head_gates_no_contest_that_scores_with_another(hand_in):
    strict = {"threshold": 9.0, "embedded": False}
    rules = COURSE.model_copy(update={"gate": COURSE.gate.model_copy(update=strict)})
    board = rank_all(forge_gate([hand_in(1)], 9.35), rules, embedded=True)
    assert (len(board.standings), board.gated) == (1, False)
    page = board_html(board)
    assert "没有作品因分数低而出局" in page
    assert sentences("zh")["embedded_title"] in page


def test_importing_the_leaderboard_loads_no_networks():
    done = subprocess.run([sys.executable, "-c", LEAN_IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_command_ranks_with_the_embedded_instruments_and_says_so(hand_in, tmp_path):
    paths = [hand_in(1), hand_in(2), tmp_path / "none.zip"]
    easy = tmp_path / "easy.toml"
    shipped = (ROOT / "submissions/contest/course-example.toml").read_text(encoding="utf-8")
    easy.write_text(shipped.replace("threshold = 5.5", "threshold = -100.0"), encoding="utf-8")
    with another_at_work(tmp_path / "out"):
        assert "out is being drawn by process" in refused("leaderboard", *paths, "--out", tmp_path / "out")
    lines = said("leaderboard", *paths, "--rules", easy, "--out", tmp_path / "out").splitlines()
    assert lines[0].split() == ["rank", "team", "title", "score", "notes"]
    assert lines[-2] == "2 ranked, 1 named with reasons"
    assert lines[-1].startswith("note    calibrated on ")
    assert set(tree(tmp_path / "out")) == {"leaderboard.csv", "leaderboard.html"}
    page = (tmp_path / "out" / "leaderboard.html").read_text(encoding="utf-8")
    assert sentences("zh")["embedded_title"] in page
    assert page.count("自带：只认得绘制世界") >= 2
    assert page.count("只认得绘制世界里的损坏") >= 2


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["--leaderboard", "out", "--clip", "c"], "storykit leaderboard a.zip --out out --clip c"),
        (["--aesthetic", "a"], "storykit leaderboard a.zip --out OUT --aesthetic a"),
        (["--reproduce"], "storykit reproduce a.zip"),
        (["--reproduce", "--rules", "my rules.toml"], "storykit reproduce a.zip --rules 'my rules.toml'"),
        (["--base", "mini", "--device", "cpu"], "storykit reproduce a.zip --base mini --device cpu"),
    ],
)
def test_an_option_that_became_a_command_names_the_line_to_type(words, command):
    answer = tell("verify", "a.zip", *words)
    assert answer.code == 2
    assert f"this is a command of its own now: {command}\n" in answer.err


class Spoiling:
    """Instruments under which every bundle that was looked at is spoiled on disk, as by a cheat."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __call__(self) -> Scorers:
        for path in self._paths:
            path.write_bytes(b"another file")
        return course_scorers()


def test_what_was_checked_is_what_is_ranked_whatever_happens_to_the_file(hand_in):
    paths = [hand_in(1)]
    wanted = board_csv(rank_all(paths))
    board = leaderboard(paths, None, Spoiling(paths))
    assert board_csv(board) == wanted
    assert [one.exhibit.file for one in board.standings] == ["001.zip"]


def test_bundles_of_two_contests_are_refused_with_all_their_names(hand_in):
    paths = [hand_in(1), forge(hand_in(2), lambda files, told: enter_practice(files, told)), hand_in(3)]
    with pytest.raises(
        InputError, match=r"course-example \(001\.zip, 003\.zip\); practice \(002\.zip\); give its --rules"
    ):
        rank_all(paths)


def enter_practice(files: dict[str, bytes], told: dict) -> None:
    """Make an entry for another contest of a bundle."""
    rules = load_rules("practice")
    told |= {"rules": rules.name, "name": rules.name_of(told["team"], told["title"])}
    told["gate"]["threshold"] = rules.gate.threshold
    files |= texts_of(Manifest.model_validate_json(json.dumps(told)), rules)
