import csv
import io
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from command import refused, said, tell, tree
from entries import INTRODUCTION, forge, make_entry, make_scored_run, picture_bytes, repack
from numpy.typing import NDArray
from PIL import Image

from eval.scorers.load import Scorers
from eval.scorers.protocols import Direction, Stamp
from kit.errors import InputError
from kit.files.encodings import sha256_bytes
from reports.page_templates import template_text
from submissions.bundle.manifest import Manifest
from submissions.bundle.texts import texts_of
from submissions.contest.rules import RankingPart, RankingRule, Rules, load_rules
from submissions.leaderboard.intake import bundles_in, contest_of
from submissions.leaderboard.leaderboard import Board, leaderboard
from submissions.leaderboard.page import board_html
from submissions.leaderboard.ranking import RankedEntry, rank_entries, weights_of
from submissions.leaderboard.scored_entry import ScoredEntry, duplicate_panels, shared_loras
from submissions.leaderboard.table import board_csv, board_lines, notes_of, sentences
from submissions.packing.pack import pack

COURSE = load_rules("course-example")
HOSTILE = "<script>alert(1)</script>"
LEAN_IMPORTS = """
import sys
import storykit.cli.verify
import submissions.leaderboard.leaderboard, submissions.leaderboard.page, submissions.leaderboard.table
print([name for name in ("torch", "transformers", "open_clip") if name in sys.modules])
"""


class Brightness:
    """Scores 5 (black) to 10.1 (white) by the mean grey level."""

    name = "aesthetic"
    title = "Brightness"
    direction: Direction = "higher"
    range = (5.0, 10.1)
    unit = "points"
    source = "test"

    def __init__(self, embedded: bool = False) -> None:
        self.stamp = Stamp(weights="fake", weights_sha256="b" * 64, preprocessing="p", embedded=embedded)

    def score(self, panels: Sequence[Image.Image]) -> list[float]:
        return [5 + float(np.asarray(panel.convert("L")).mean()) / 50 for panel in panels]


class Squares:
    """Sees a picture as its 4 x 4 mean colours, and each text as a direction of its own."""

    stamp = Stamp(weights="squares", weights_sha256="c" * 64, preprocessing="p", embedded=False)

    def pictures(self, panels: Sequence[Image.Image]) -> NDArray[np.float32]:
        small = [np.asarray(panel.resize((4, 4), Image.Resampling.BOX), np.float32) for panel in panels]
        return _unit(np.stack([one.ravel() - one.mean() for one in small]))

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        seeds = [int(sha256_bytes(text.encode())[:8], 16) for text in texts]
        return _unit(np.stack([np.random.default_rng(seed).normal(size=48) for seed in seeds]))


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def tools(embedded: bool = False) -> Scorers:
    return Scorers(aesthetic=Brightness(embedded), encoder=Squares())


def no_tools() -> Scorers:
    raise AssertionError("nothing is to be scored, so nothing is to be loaded")


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> bytes:
    """The bytes of a sound bundle for the course whose mosaics are small."""
    folder = tmp_path_factory.mktemp("sound")
    path = pack(
        make_scored_run(folder / "work"), make_entry(folder, rules=COURSE, introduction=2 * INTRODUCTION)
    ).path
    return forge(path, lambda files, _: files.update(small_mosaics(files))).read_bytes()


def small_mosaics(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: picture_bytes(1, {}) for name in files if name.startswith("mosaic")}


@pytest.fixture
def hand_in(sound, tmp_path) -> Callable[..., Path]:
    """Write the bundle of one more team, with pictures of its own."""

    def write(number: int, team: str = "", title: str = "", pictures: Sequence[int] = ()) -> Path:
        path = tmp_path / f"{number:03}.zip"
        path.write_bytes(sound)
        seeds = pictures or range(100 * (number + 1), 100 * (number + 1) + 8)
        return forge(path, lambda files, told: repaint(files, told, (team or f"队{number}", title, seeds)))

    return write


def repaint(files: dict[str, bytes], told: dict, entry: tuple[str, str, Sequence[int]]) -> None:
    """Make another team's entry of a bundle, every file as the team would have packed it."""
    team, title, seeds = entry
    told |= {"team": team, "title": title or told["title"]}
    told["name"] = COURSE.name_of(told["team"], told["title"])
    for panel, seed in zip(told["panels"], seeds, strict=True):
        with Image.open(io.BytesIO(files[panel["file"]])) as old:
            recipe = old.info["storykit"]
        files[panel["file"]] = picture_bytes(seed, {"storykit": recipe})
        found = sha256_bytes(files[panel["file"]])
        files["scores.csv"] = files["scores.csv"].replace(panel["sha256"].encode(), found.encode())
        panel["sha256"] = found
    retell(files, told)


def retell(files: dict[str, bytes], told: dict) -> None:
    """Write the texts anew that follow from the manifest."""
    files |= texts_of(Manifest.model_validate_json(json.dumps(told)), COURSE)


def rank_all(paths: Sequence[Path], rules: Rules | None = None, embedded: bool = False) -> Board:
    return leaderboard(bundles_in(paths), rules, lambda: tools(embedded))


def rows_of(board: Board) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(board_csv(board).decode("utf-8-sig"))))


def ranked_by(*parts: tuple[str, float, str | None]) -> Rules:
    """Return the course's rules with another ranking."""
    named = tuple(RankingPart(name=name, weight=weight, metric=metric) for name, weight, metric in parts)
    return COURSE.model_copy(update={"ranking": RankingRule(source="test", part=named)})


# the whole


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
    "not the score of these pictures": lambda path: forge(path, record_another_score),
    "there is none at": lambda path: path.unlink(),
}
"""By what is said of it, what is done to a bundle."""


def test_of_a_hundred_bundles_ninety_are_ranked_and_ten_named_with_reasons(hand_in):
    paths = [hand_in(number) for number in range(100)]
    for path, damage in zip(paths[5::10], DAMAGES.values(), strict=True):
        damage(path)
    board = rank_all(paths)
    assert (len(board.standings), len(board.unranked)) == (90, 10)
    assert [one.file for one in board.unranked] == [path.name for path in paths[5::10]]
    for one, words in zip(board.unranked, DAMAGES, strict=True):
        assert words in "; ".join(one.reasons)
    totals = [one.total for one in board.standings]
    assert totals == sorted(totals, reverse=True)
    assert np.mean(totals) == pytest.approx(0, abs=1e-5)
    assert list(board_lines(board))[-1] == "90 ranked, 10 named with reasons"
    assert len(rows_of(board)) == 100


def test_the_order_of_the_bundles_does_not_matter(hand_in, tmp_path):
    paths = [hand_in(number) for number in range(6)] + [tmp_path / "none.zip"]
    board, turned = rank_all(paths), rank_all([*paths[3:], *paths[2::-1], paths[4]])
    assert board_csv(board) == board_csv(turned)
    assert board_html(board) == board_html(turned)


def test_a_folder_means_the_zips_directly_in_it_each_once(hand_in, tmp_path):
    paths = [hand_in(number) for number in range(3)]
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "other.zip").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("none of them")
    assert bundles_in([paths[1], tmp_path]) == [paths[1], paths[0], paths[2]]


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


def test_sound_bundles_of_several_contests_are_one_clear_error():
    files = [f"{number:03}.zip" for number in range(6)]
    assert contest_of({}) is None
    assert contest_of({"course-example": files}) == COURSE
    with pytest.raises(
        InputError,
        match=r"must be for one contest, got course-example \(001.zip, 002.zip, 003.zip and 2 more\); "
        r"practice \(000.zip\); give its --rules",
    ):
        contest_of({"practice": files[:1], "course-example": files[1:]})


def test_given_rules_hold_for_bundles_of_any_contest(hand_in):
    paths = [hand_in(1), forge(hand_in(2), lambda _, told: told.update(rules="elsewhere"))]
    assert len(rank_all(paths).unranked) == 1
    assert len(rank_all(paths, COURSE).standings) == 2


# what is ranked


def test_the_parts_that_judges_alone_can_say_leave_their_weight_to_the_others():
    rules = ranked_by(("skill", 0.4, None), ("style", 0.45, "style"), ("look", 0.15, "aesthetic_mean"))
    assert weights_of(rules) == pytest.approx({"style": 0.75, "aesthetic_mean": 0.25})


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


def test_an_entry_below_the_gate_is_not_ranked(hand_in):
    strict = COURSE.model_copy(update={"gate": COURSE.gate.model_copy(update={"threshold": 9.0})})
    paths = [hand_in(1)]
    board = rank_all(forge_gate(paths, 9.5), strict)
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
        writer.writerows({**row, "aesthetic": score} for row in rows)
        files["scores.csv"] = text.getvalue().encode()
        retell(files, told)

    return [forge(path, claim) for path in paths]


def test_the_embedded_head_gates_no_contest_that_scores_with_another(hand_in):
    strict = {"threshold": 9.0, "embedded": False}
    rules = COURSE.model_copy(update={"gate": COURSE.gate.model_copy(update=strict)})
    board = rank_all(forge_gate([hand_in(1)], 9.5), rules, embedded=True)
    assert (len(board.standings), board.gated) == (1, False)
    page = board_html(board)
    assert "没有作品因分数低而出局" in page
    assert sentences("zh")["embedded_title"] in page


# standings


def exhibit(name: str, **more: object) -> ScoredEntry:
    told = {
        "file": f"{name}.zip",
        "team": name,
        "title": "t",
        "prompts": ("p",) * 8,
        "lora_sha256": "",
        "aesthetics": (6.0,) * 8,
        "embeddings": np.eye(8, dtype=np.float32),
        "pixels": tuple(f"{name}{panel}" for panel in range(8)),
        "thumbs": ("data:,",) * 8,
        "blank": (),
    }
    return ScoredEntry(**{**told, **more})


def stand(**rows: Sequence[float]) -> dict[str, RankedEntry]:
    """Return where entries stand by one metric, from their values whole and with each panel left out."""
    entries = [(exhibit(name), {"style": np.array(row)}) for name, row in rows.items()]
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


# likeness


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
    rows = _unit(rng.normal(size=(3, 8, 48)).reshape(24, 48)).reshape(3, 8, 48)
    rows[2, 4] = _unit(rows[0, 1][None] + 0.01 * rng.normal(size=(1, 48)))[0]
    rows[1, 7] = rows[1, 0]
    entries = [exhibit(name, embeddings=own) for name, own in zip("abc", rows, strict=True)]
    found = duplicate_panels(entries, 0.95)
    assert [(one.first.team, one.second.team, one.pairs[0][:2]) for one in found] == [
        ("b", "b", (1, 8)),
        ("a", "c", (2, 5)),
    ]
    expected = float(rows[0, 1] @ rows[2, 4])
    assert found[1].pairs[0].cosine == pytest.approx(expected, abs=1e-4)
    assert not found[1].pairs[0].same_pixels


def test_entries_with_one_lora_file_are_grouped_and_those_without_any_are_not():
    entries = [exhibit(name, lora_sha256=sha256) for name, sha256 in zip("abcde", "xyx", strict=False)]
    entries += [exhibit("f"), exhibit("g")]
    assert [[one.team for one in group] for group in shared_loras(entries)] == [["a", "c"]]


# table and page


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
    assert "there is none" in rows[2]["reasons"]


@pytest.mark.parametrize("team", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1"])
def test_a_name_that_a_spreadsheet_would_run_is_text(hand_in, team):
    rows = rows_of(rank_all([hand_in(1, team=team), hand_in(2)]))
    assert f"'{team}" in [row["team"] for row in rows]
    assert all(re.fullmatch(r"-?[0-9.]+", row["total"]) for row in rows), "numbers stay numbers"


def test_the_page_escapes_what_entries_say_and_asks_the_network_for_nothing(hand_in):
    hidden = forge(hand_in(3), lambda _, told: told.update(team=f"{HOSTILE}\x1b[31m\u202e"))
    page = board_html(rank_all([hand_in(1, team=HOSTILE, title='"><img src=x>'), hand_in(2), hidden]))
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<img src=x" not in page
    assert not {"\x1b", "\u202e"} & set(page)
    assert re.findall(r"""(?:src|href)=["'](?!data:image/webp|#)""", page) == []
    assert page.count("data:image/webp;base64,") == 16


def test_a_terminal_gets_no_control_characters_and_no_more_than_a_short_table(hand_in):
    paths = [hand_in(number) for number in range(25)]
    forge(paths[0], lambda _, told: told.update(team="\x1b[31mred\u202e\x07"))
    lines = list(board_lines(rank_all(paths)))
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 1 + 20 + 1 + 1 + 1
    assert "... and 4 more" in lines
    assert lines[-2].startswith(r"-     \x1b[31mred\u202e\x07")


def test_the_page_says_what_it_did_in_the_language_of_most_entries(hand_in):
    def speak_english(files: dict[str, bytes], told: dict) -> None:
        for panel in told["panels"]:
            panel["prompt"] = "a cat"

    board = rank_all([hand_in(1), hand_in(2)])
    assert (board.language, "分不出高下" in board_html(board)) == ("zh", True)
    broken = [forge(hand_in(number), speak_english) for number in (3, 4, 5)]
    page = board_html(rank_all(broken))
    assert sentences("en")["deck"].format(ranked=0, named=3, all=3) in page


def test_both_languages_have_the_same_sentences_with_the_same_fields():
    tables = tomllib.loads(template_text("leaderboard/leaderboard.toml"))
    fields = [
        {key: set(re.findall(r"\{(\w+)", text)) for key, text in tables[language].items()}
        for language in ("en", "zh")
    ]
    assert fields[0] == fields[1]


# the command


def test_importing_the_leaderboard_loads_no_networks():
    done = subprocess.run([sys.executable, "-c", LEAN_IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_several_bundles_are_checked_one_after_another(hand_in, tmp_path):
    paths = [hand_in(1), repack(hand_in(2), lambda files: files.pop("NOTICE")), tmp_path / "none.zip"]
    answer = tell("verify", *paths)
    assert (answer.code, answer.err) == (1, "")
    assert answer.out.splitlines() == [
        f"{paths[0]}: no faults",
        "NOTICE: is in the manifest but not in the bundle",
        f"{paths[1]}: 1 faults",
        "bundle: a bundle must be a zip file, there is none at none.zip",
        f"{paths[2]}: 1 faults",
    ]
    found = json.loads(tell("verify", tmp_path, "--json").out)
    assert {Path(name).name: len(faults) for name, faults in found.items()} == {"001.zip": 0, "002.zip": 1}


def test_one_bundle_is_told_as_a_list_as_before(hand_in, tmp_path):
    assert json.loads(said("verify", hand_in(1), "--json")) == []
    assert "there is none at none.zip" in refused("verify", tmp_path / "none.zip")


def test_the_command_ranks_with_the_embedded_instruments_and_says_so(hand_in, tmp_path):
    paths = [hand_in(1), hand_in(2), tmp_path / "none.zip"]
    easy = tmp_path / "easy.toml"
    shipped = (Path(__file__).parents[1] / "submissions/contest/course-example.toml").read_text(
        encoding="utf-8"
    )
    easy.write_text(shipped.replace("threshold = 5.5", "threshold = -100.0"), encoding="utf-8")
    lines = said("leaderboard", *paths, "--rules", easy, "--out", tmp_path / "out").splitlines()
    assert lines[0].split() == ["rank", "team", "title", "score", "notes"]
    assert lines[-1] == "2 ranked, 1 named with reasons"
    assert set(tree(tmp_path / "out")) == {"leaderboard.csv", "leaderboard.html"}
    page = (tmp_path / "out" / "leaderboard.html").read_text(encoding="utf-8")
    assert page.count("storykit 自带") >= 2
    assert "embedded: knows only the drawn world" in page


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
        return tools()


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
    files |= texts_of(Manifest.model_validate_json(json.dumps(told)), rules)
