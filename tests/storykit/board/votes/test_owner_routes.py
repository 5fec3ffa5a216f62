"""The owner's pages: choosing what is voted on, links, and what came out."""

import re

import pytest
from made_run import Plan, make_run, write_made_up_scores
from served_board import board_client
from voting import booth_of, taste, vote

from eval.votes.vote_file import FILE
from storykit.board.votes.voters import read_voters

THREE = ("ink", "wash", "base")


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("served"), Plan(candidates=THREE, seeds=(0, 1)))
    write_made_up_scores(run)
    return run


@pytest.fixture
def run(scored):
    for name in (FILE, "voters.json"):
        (scored.folder / name).unlink(missing_ok=True)
    return scored


@pytest.fixture
def client(run):
    return board_client(run.folder.parent)


def first_ballot(client):
    return re.search(r'name="ballot" value="(\w+)"', client.get("/votes?run=run").text)[1]


def test_the_page_names_what_can_be_voted_on(client):
    text = client.get("/votes?run=run").text
    assert "panels of the candidates in order authored" in text
    assert "whole stories of the candidates in order authored" in text
    assert "--host" in text


def test_the_owner_gives_a_name_once_and_is_led_to_the_booth(client, run):
    told = {"name": " Li  Na ", "ballot": first_ballot(client)}
    answer = client.post("/votes/begin?run=run", data=told)
    assert answer.headers["HX-Redirect"] == f"/voting?run=run&ballot={told['ballot']}"
    assert read_voters(run).owner == "Li Na"
    assert 'value="Li Na"' in client.get("/votes?run=run").text


@pytest.mark.parametrize("name", ["", "  ", "a" * 61, "\x1b[31m", "\u202eda"])
def test_a_name_that_is_none_is_told(client, run, name):
    answer = client.post("/votes/begin?run=run", data={"name": name, "ballot": first_ballot(client)})
    assert answer.status_code in (400, 422)
    assert read_voters(run).owner == ""


def test_two_people_cannot_vote_under_one_name(client):
    ballot = first_ballot(client)
    client.post("/votes/begin?run=run", data={"name": "Li Na", "ballot": ballot})
    assert client.post("/votes/link?run=run", data={"name": "Li Na", "ballot": ballot}).status_code == 400
    client.post("/votes/link?run=run", data={"name": "Wu", "ballot": ballot})
    assert client.post("/votes/begin?run=run", data={"name": "Wu", "ballot": ballot}).status_code == 400


def test_a_ballot_that_is_not_there_gets_no_link(client, run):
    assert client.post("/votes/link?run=run", data={"name": "Wu", "ballot": "none"}).status_code == 400
    assert read_voters(run).links == ()


def test_names_are_text_and_never_markup(client):
    name = "<img src=x onerror=alert(1)>"
    text = client.post("/votes/link?run=run", data={"name": name, "ballot": first_ballot(client)}).text
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text


def test_results_say_who_is_preferred_and_which_metric_agrees(client, run):
    booth = booth_of(run)
    vote(run, booth, taste({"ink": 2.5, "wash": 0, "base": 0}, booth.ballot), 44)
    text = client.get("/votes/results?run=run").text
    assert text.index('<th scope="row">ink') < text.index('<th scope="row">wash')
    assert "ink is preferred to wash" in text
    assert "Aesthetic" in text
    assert 'class="strength"' in text
    assert "Li Na" in text


def test_results_without_votes_say_so(client):
    assert "no votes yet" in client.get("/votes/results?run=run").text


def test_the_pages_speak_chinese(run):
    client = board_client(run.folder.parent, "zh")
    vote(run, booth_of(run), lambda pair: "left", 12)
    for address in ("/votes?run=run", "/votes/results?run=run"):
        text = re.sub(r"<[^>]+>", " ", client.get(address).text.partition("</head>")[2])
        assert re.findall(r"\b(?:the|of|votes|not|are)\b", text.replace("storykit", "")) == []


def test_a_run_with_one_candidate_has_nothing_to_vote_on(tmp_path):
    make_run(tmp_path, Plan(candidates=("ink",), seeds=(0,)))
    assert "nothing to vote on" in board_client(tmp_path).get("/votes?run=run").text


@pytest.mark.parametrize("damage", [b"{", b"[]", b'{"links": 5}', b"\xff"])
def test_a_damaged_file_of_voters_is_told(client, run, damage):
    (run.folder / "voters.json").write_bytes(damage)
    answer = client.get("/votes?run=run")
    assert (answer.status_code, "voters.json" in answer.text) == (400, True)
