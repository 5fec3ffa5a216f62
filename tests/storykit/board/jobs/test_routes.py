import json
import re
import signal
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

import pytest
from fakes import make_run
from served_board import board_client, serving, serving_from_scratch
from stand_in_command import PATIENCE_S

from storykit.board.jobs.job import JOB, jobs_folder, running_job

FORM = {"command": "generate", "experiment": "a.toml", "out": "runs/a", "proposed": "runs/a"}


def play(played, **told):
    """Write what a job is to do."""
    (played.root / "a.toml").write_text(json.dumps(told))


def test_a_job_is_started_watched_and_done(played):
    client = board_client(played.root)
    play(played, say=["<b>bold</b>"], until="go")
    assert "Nothing is at work." in client.get("/jobs").text
    assert client.get("/jobs/line").text.count("href") == 0
    started = client.post("/jobs/start", data=FORM)
    assert started.status_code == 200
    assert "storykit generate a.toml --out runs/a" in started.text
    job = running_job(played.served)
    played.until((played.root / "began").exists)
    assert "&lt;b&gt;bold&lt;/b&gt;" in client.get("/jobs").text
    assert "Only draw an experiment" in client.get("/jobs/line").text
    (played.root / "go").touch()
    events = client.get("/jobs/live", params={"id": job.id}).text
    assert re.findall("^event: (.*)$", events, re.M)[-1] == "over"
    assert set(re.findall("^event: (.*)$", events, re.M)) <= {"progress", "log", "over"}
    listed = client.get("/jobs/list", params={"ended": job.id}).text
    assert "Only draw an experiment: done" in listed
    seen = re.search(r"seen=(\w+)", listed).group(1)
    assert client.get("/jobs/list", params={"seen": seen}).status_code == 204
    assert client.get("/jobs/live", params={"id": job.id}).text == "event: over\ndata: \n\n"


def test_a_second_job_is_refused_and_one_that_has_ended_goes_on(played):
    client = board_client(played.root)
    play(played, until="go")
    client.post("/jobs/start", data=FORM)
    job = running_job(played.served)
    refused = client.post("/jobs/start", data=FORM, headers={"hx-request": "true"})
    assert refused.status_code == 409
    assert "`storykit generate a.toml --out runs/a` is still at work" in refused.text
    (played.root / "go").touch()
    played.ended(job)
    assert client.post("/jobs/again", data={"job": job.id}).status_code == 200
    played.until(lambda: running_job(played.served) is None)


def test_a_job_outlives_boards_that_are_killed_or_closed_and_is_found_and_stopped(played, capfd):
    play(played, until="go")
    with serving(played.root) as board:
        Visitor(board).send("/jobs/start", FORM)
        played.until((played.root / "began").exists)
        board.kill()
    job = running_job(played.served)
    with serving_from_scratch(played.root) as board:
        owner = Visitor(board)
        page = owner.open("/jobs").read().decode()
        assert "storykit generate a.toml --out runs/a" in page
        assert owner.open(f"/jobs/live?id={job.id}").readline() == b"event: progress\n"
        board.process.send_signal(signal.SIGINT)
        assert board.process.wait(PATIENCE_S) == 0
    assert capfd.readouterr().err == ""
    client = board_client(played.root)
    assert f'sse-connect="/jobs/live?id={job.id}"' in client.get("/jobs").text
    client.post("/jobs/stop", data={"job": job.id})
    assert played.ended(job).state == "stopped"
    assert "Go on" in client.get("/jobs").text


class Visitor:
    """Sends requests to a board as its own pages do."""

    def __init__(self, board) -> None:
        self.root = board.root
        self.opener = build_opener(ProxyHandler({}), HTTPCookieProcessor())
        page = self.opener.open(board.address).read().decode()
        token = re.search(r'"X-Form-Token": "(\w+)"', page).group(1)
        self.headers = {"origin": board.root, "x-form-token": token}

    def open(self, path):
        return self.opener.open(self.root + path)

    def send(self, path, form) -> None:
        self.opener.open(Request(self.root + path, urlencode(form).encode(), self.headers)).read()


HOSTILE = {
    "a path elsewhere": {**FORM, "experiment": "../../etc/passwd"},
    "an option": {**FORM, "experiment": "--help"},
    "lines": {**FORM, "out": "a\nb"},
    "another command": {"command": "publish", "bundle": "x"},
    "no command": {"experiment": "a.toml"},
    "more values": {**FORM, "PYTHONPATH": "."},
    "markup": {**FORM, "out": "../<script>alert(1)</script>"},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_form_starts_nothing_and_shows_no_markup(kind, played):
    client = board_client(played.root)
    play(played)
    for answer in (
        client.post("/jobs/start", data=HOSTILE[kind], headers={"hx-request": "true"}),
        client.get("/jobs/preview", params=HOSTILE[kind]),
    ):
        assert answer.status_code in (200, 400)
        assert "<script>" not in answer.text
    assert not (played.root / ".storykit-board").exists()


@pytest.mark.parametrize(
    "query", ["?start=publish", "?start=run&experiment=../x", "?start=cast&run=%3Cb%3E", "?start="]
)
def test_a_page_is_shown_whatever_its_address_asks_for(query, played):
    answer = board_client(played.root).get(f"/jobs{query}")
    assert answer.status_code == 200
    assert "<b>" not in answer.text


@pytest.mark.parametrize("path", ["/jobs/live?id=../..", "/jobs/form?command=publish", "/jobs/nowhere"])
def test_what_is_not_there_is_not_found(path, played):
    assert board_client(played.root).get(path).status_code == 404


def test_a_strangers_job_is_text_and_is_never_given_again(played):
    own = jobs_folder(played.served) / "20260101-000000-abcdef"
    own.mkdir(parents=True)
    told = {"command": "publish", "values": {"x": "y"}, "line": "<script>alert(1)</script>", "started": "x"}
    (own / JOB).write_text(json.dumps(told))
    (own / "log.txt").write_text("<img src=x onerror=alert(1)>")
    client = board_client(played.root)
    text = client.get("/jobs").text
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "ended without a word" in text
    assert client.post("/jobs/again", data={"job": own.name}).status_code == 409
    assert client.post("/jobs/stop", data={"job": own.name}).status_code == 200


def test_a_failed_command_tells_its_reason_in_the_language_of_the_page(played, monkeypatch):
    monkeypatch.delenv("PYTHONPATH")
    (played.root / "no run").mkdir()
    client = board_client(played.root, language="zh")
    client.post("/jobs/start", data={"command": "report", "run": "no run"})
    played.until(lambda: running_job(played.served) is None)
    text = client.get("/jobs").text
    assert "失败" in text
    assert "不是" in text
    assert "storykit report &#39;no run&#39;" in text


def test_a_done_job_links_to_what_came_out(played):
    make_run(played.root / "runs" / "a")
    client = board_client(played.root)
    play(played)
    client.post("/jobs/start", data={**FORM, "out": "runs/a/run"})
    played.until(lambda: running_job(played.served) is None)
    assert "/sheet?run=runs%2Fa%2Frun" in client.get("/jobs").text
