from email.message import Message
from urllib.parse import unquote

import pytest
from made_run import Plan, make_run
from served_board import board_client

from kit.experiment.run import Run
from storykit.board.taking_home.downloads import LONGEST, attachment, safe_name
from submissions.packing.entry_file import Decisions, keep_decisions

HERE = {"run": "run"}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return make_run(tmp_path_factory.mktemp("downloads"), Plan(candidates=("ink",), seeds=(0,), size=32))


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("小猫的一天", "小猫的一天"),
        ("../../etc/passwd", "etc passwd"),
        ("a/b\\c:d*e?f\"g<h>i|j", "a b c d e f g h i j"),
        ("one\r\nset-cookie: x=1", "one set-cookie x 1"),
        ("\u202egnp.exe\u2066", "gnp exe"),
        ("\u05d9\u05d5\u05dd", "\u05d9\u05d5\u05dd"),
        ("day \N{BUTTERFLY}", "day \N{BUTTERFLY}"),
        ("x" * 10_000, "x" * LONGEST),
        ("con", "story"), ("LPT1", "story"), ("...", "story"), (" ", "story"), ("", "story"),
        ("\ud800", "story"),
    ],
)  # fmt: skip
def test_a_strangers_title_becomes_a_name_that_any_system_takes(title, name) -> None:
    assert safe_name(title, "story") == name
    header = attachment(f"{name}.zip")["content-disposition"]
    assert header.isascii()
    assert header.isprintable()
    told = Message()
    told["content-disposition"] = header
    assert told.get_content_disposition() == "attachment"
    assert told.get_filename() is not None


@pytest.mark.parametrize(
    ("address", "kind", "name"),
    [
        ("/home/picture?layout=2x4&captions=false&save=true", "image/jpeg", "小猫的一天-2x4-no-captions.jpg"),
        ("/home/slides?save=true", "text/html; charset=utf-8", "小猫的一天-slides.html"),
        ("/home/page?save=true", "text/html; charset=utf-8", "小猫的一天.html"),
        ("/home/picture?layout=strip", "image/jpeg", ""),
        ("/home/slides?text=true", "text/html; charset=utf-8", ""),
    ],
)
def test_what_goes_home_has_its_type_and_its_name_and_nothing_is_guessed(run, address, kind, name) -> None:
    answer = board_client(run.folder.parent).get(f"{address}&run=run")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    assert answer.headers["x-content-type-options"] == "nosniff"
    disposition = unquote(answer.headers.get("content-disposition", ""))
    assert disposition.endswith(f"UTF-8''{name}" if name else "")


@pytest.mark.parametrize("address", ["/home/slides", "/home/page"])
def test_a_page_to_share_may_do_less_than_the_board(run, address) -> None:
    policy = board_client(run.folder.parent).get(address, params=HERE).headers["content-security-policy"]
    assert policy.startswith("sandbox")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert "'self'" not in policy


@pytest.mark.parametrize("asked", [{"candidate": "nobody"}, {"order": "x"}, {"story": "x"}])
def test_a_story_that_the_run_does_not_have_is_answered_with_those_it_has(run, asked) -> None:
    for address in ("/home/picture", "/home/slides", "/home/page"):
        answer = board_client(run.folder.parent).get(address, params={**HERE, **asked})
        assert answer.status_code == 400
        assert "the run has no" in answer.text


def test_slides_name_the_team_that_was_decided_on(run) -> None:
    keep_decisions(run, Decisions(team="云上画师"), "")
    assert "云上画师" in board_client(run.folder.parent).get("/home/slides", params=HERE).text
