import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from english_sentences import english_sentences
from entries import forge, lora_bytes, make_entry, make_scored_run, picture_bytes, repack, unpack, verified

from kit.errors import BundleError, StorykitError
from kit.messages import in_english
from submissions.bundle.manifest import read_manifest
from submissions.contest.rules import load_rules
from submissions.faults import Fault, listed
from submissions.leaderboard.intake import beyond, check, contest_of
from submissions.leaderboard.leaderboard import Board, Unranked
from submissions.leaderboard.page import check_board_folder
from submissions.leaderboard.table import board_csv, board_lines
from submissions.packing.pack import pack
from submissions.packing.preflight import check_entry
from submissions.reproduction.likeness import bound_told
from submissions.reproduction.reproduce import Redrawn, Reproduction
from submissions.reproduction.rescoring import Rescored
from submissions.untrusted.lora_reader import LoraFile, lora_faults, sorted_notes
from submissions.untrusted.png_reader import read_picture
from submissions.untrusted.secret_scan import find_leaks
from submissions.verification.comparison_checks import comparison_problem
from submissions.verification.rule_checks import words_faults

PRACTICE = load_rules("practice")


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv("STORYKIT_LANG", "zh")


def spoil_all(files, told):
    told |= {"team": "", "title": "a" * 99, "link": "http://a.b", "introduction": "too few", "name": "Ink"}
    told["gate"] |= {"threshold": 9.0, "score": -1.0, "scorer": "another"}
    told["lora"] |= {"strength": 0.001, "rank": 7, "keys": 9, "trigger": "said by nobody"}
    told["storykit"], told["mosaic"] = "999.0", "none of these"
    told["panels"][1] |= {"prompt": " ", "negative": "another one", "anchors": [], "consistency": 0.5}
    told["panels"][2]["seed"] = 77
    files["scores.csv"] = files["scores.csv"].replace(b",ok,", b",lost,")
    files["prompts.csv"] = b"panel\n1\n"
    files["comparison.json"] = b'{"metric": 1}'
    files["NOTICE"] = b"ask me@example.org, \xe2\x80\x8b at /home/ann/work\n"
    files["panels/4.png"] = picture_bytes(3, {"recipe": "{}"})
    files["panels/extra.png"] = picture_bytes(9, {}, size=32)
    files["mosaic-4x2.png"] = picture_bytes(1, {})


def of_a_bundle_spoilt_all_over(folder: Path) -> list[Fault]:
    return list(verified(forge(folder / "entry.zip", spoil_all)))


def of_a_bundle_with_files_lost_and_others_put_in(folder: Path) -> list[Fault]:
    def change(files):
        del files["panels/3.png"]
        files |= {"notes.txt": b"", "a.csv": b"\xff", "panels/2.png": b"hello"}

    return list(verified(repack(folder / "entry.zip", change)))


def of_a_bundle_zipped_on_a_mac(folder: Path) -> list[Fault]:
    files = unpack(folder / "entry.zip")
    with zipfile.ZipFile(folder / "entry.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
            archive.writestr(f"__MACOSX/._{name}", b"a")
    return list(verified(folder / "entry.zip"))


def of_zips(folder: Path) -> list[Fault]:
    (folder / "hello.zip").write_bytes(b"hello" * 100)
    with zipfile.ZipFile(folder / "odd.zip", "w") as archive:
        for name in ("../a.txt", "/b.txt", "c?.txt", "d.txt", "D.txt"):
            archive.writestr(name, b"a")
    (folder / "empty").mkdir()
    told = [fault for name in ("empty", "none") for fault in check(folder / name, None).faults]
    return [*verified(folder / "hello.zip"), *verified(folder / "odd.zip"), *told]


def of_pictures(folder: Path) -> list[Fault]:
    png = picture_bytes(1, {"a": "b"})
    grey = png[:25] + b"\x00" + png[26:]
    deep = png[:24] + b"\x10\x04" + png[26:28] + b"\x01" + png[29:]
    spoilt = (b"hello", grey, deep, png[:-9], png + b"more", png[:60] + b"\xff" + png[61:])
    return [fault for data in spoilt for fault in read_picture("panels/1.png", data)[1]]


def of_loras(folder: Path) -> list[Fault]:
    chatty = LoraFile(data=lora_bytes({"trigger": "ink", "path": "/home/ann/work"}))
    return [
        *lora_faults("lora", LoraFile(data=lora_bytes({"a": "b" * 70_000}))),
        *lora_faults("lora", chatty),
    ]


def of_words(folder: Path) -> list[Fault]:
    entry = make_entry(folder, team=" a\n", title="", introduction="ask 13812345678", link="ftp://a")
    return [*check_entry(entry), *words_faults(PRACTICE, "xx", "y", "a" * 20_000, "")]


def of_manifests(folder: Path) -> list[Fault]:
    told = [b"a" * (1 << 20), b'{"format": 2}', b'{"format": 4}']
    return [fault for data in told for fault in read_manifest(data)[1]]


@pytest.mark.parametrize(
    "faults",
    [
        of_a_bundle_spoilt_all_over,
        of_a_bundle_with_files_lost_and_others_put_in,
        of_a_bundle_zipped_on_a_mac,
        of_zips,
        of_pictures,
        of_loras,
        of_words,
        of_manifests,
    ],
)
def test_a_fault_is_told_in_chinese_whole_and_still_known_in_english(faults, light, tmp_path, chinese):
    (tmp_path / "entry.zip").write_bytes(light)
    found = faults(tmp_path)
    assert found
    assert {
        str(fault): english_sentences(str(fault)) for fault in found if english_sentences(str(fault))
    } == {}
    assert [fault for fault in found if set("：（）；") & set(fault.message.english)] == []


def refuse_to_pack(folder: Path) -> None:
    pack(make_scored_run(folder / "work"), make_entry(folder, team="", introduction="few", link="http://a"))


def refuse_a_folder_for_a_bundle(folder: Path) -> None:
    (folder / "out.zip").mkdir()
    pack(make_scored_run(folder / "work"), make_entry(folder, out=folder / "out.zip"))


def refuse_a_board_among_other_files(folder: Path) -> None:
    (folder / "notes.txt").touch()
    check_board_folder(folder)


@pytest.mark.parametrize(
    "refuse",
    [
        refuse_to_pack,
        refuse_a_folder_for_a_bundle,
        refuse_a_board_among_other_files,
        lambda folder: contest_of({"practice": ["a.zip"] * 5, "kolors-2024": ["b.zip"]}),
    ],
)
def test_a_refusal_is_told_in_chinese(refuse: Callable[[Path], object], tmp_path, chinese):
    with pytest.raises(StorykitError) as caught:
        refuse(tmp_path)
    assert english_sentences(str(caught.value)) == []
    assert english_sentences(caught.value.message.english)


def test_what_a_reproduction_and_a_reader_say_is_told_in_chinese(chinese):
    score = Rescored(claimed=5.0, handed_in=4.0, drawn_again=3.0, threshold=5.5)
    drawn = Reproduction(panels=(), reasons=(), place="another", effect=0.1, score=score)
    told = [
        *drawn.problems,
        *map(bound_told, ("same", "another processor", "another")),
        *sorted_notes({"a": "b" * 3000, "mail": "me@example.org"})[1],
        comparison_problem(b"{}", "ink", "authored"),
        str(beyond("cannot be measured, it sets off {error}", ValueError(""))),
    ]
    assert [english_sentences(one) for one in told if english_sentences(one)] == []
    assert all(map(english_sentences, map(in_english, told)))


def test_several_faults_have_lines_of_their_own_below_the_opening(tmp_path, monkeypatch):
    openings = {}
    for language in ("en", "zh"):
        monkeypatch.setenv("STORYKIT_LANG", language)
        with pytest.raises(BundleError) as caught:
            refuse_to_pack(tmp_path / language)
        openings[language] = caught.value.opening
        assert len(caught.value.faults) == 3
    assert openings == {"en": "the entry cannot be packed, 3 faults:", "zh": "作品不能打包，3 个问题："}


def test_files_and_json_are_in_english_whatever_the_language(monkeypatch):
    written = set()
    for language in ("en", "zh"):
        monkeypatch.setenv("STORYKIT_LANG", language)
        fault, long = find_leaks("README.md", "ask\nme@example.org")[0], Fault("a" * 600, "b" * 600)
        out = Unranked(file="a.zip", team="", title="", reasons=(fault.message, listed([fault, long])))
        board = Board(
            rules=None, language="en", weights={}, instrument={}, calibration=None, standings=(),
            unranked=(out,), exhibits=(), likenesses=(), shared=(),
        )  # fmt: skip
        panel = Redrawn(panel=1, verdict="not drawn", reason=fault.message)
        again = Reproduction(panels=(panel,), reasons=(fault.message,), place="same", effect=0.0)
        written.add(board_csv(board) + json.dumps(again.facts).encode())
        lines = "\n".join(board_lines(board))
        assert bool(english_sentences(lines)) == (language == "en")
    assert len(written) == 1
