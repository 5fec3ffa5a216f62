import html
import json
import re
from io import BytesIO

import pytest
from entries import INTRODUCTION, make_scored_run, write_scores
from PIL import Image
from served_board import board_client
from starlette.testclient import TestClient

from storykit.board.taking_home import routes
from submissions.bundle.bundle import open_bundle
from submissions.packing.entry_file import Decisions, keep_decisions, read_decisions
from submissions.verification.verify import verify

TEAM = {"team": "云上画师", "title": "墨猫夜行记", "introduction": f"{INTRODUCTION} 触发词：墨韵"}
HERE = {"run": "work/run"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return make_scored_run(tmp_path_factory.mktemp("home") / "work")


@pytest.fixture
def run(drawn):
    yield drawn
    for name in ("entry.toml", "introduction.md", "entry.zip"):
        (drawn.folder / name).unlink(missing_ok=True)


@pytest.fixture
def client(run) -> TestClient:
    return board_client(run.folder.parent.parent)


def seen(client: TestClient) -> str:
    return re.search(r'id="seen" name="seen" value="(\w+)"', client.get("/home", params=HERE).text).group(1)


def decide(client: TestClient, **told: str):
    return client.post("/home/decisions", params=HERE, data={"seen": seen(client), **told})


def words(page: str) -> str:
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", page)).split())


def test_what_is_decided_is_a_file_and_stands_in_the_form_again(client, run) -> None:
    answer = decide(client, candidate="ink", seed="3", **TEAM)
    assert answer.headers["hx-trigger"] == "entry-changed"
    assert "Kept in entry.toml." in words(answer.text)
    assert read_decisions(run) == Decisions(candidate="ink", seed=3, team="云上画师", title="墨猫夜行记")
    page = client.get("/home", params=HERE).text
    assert 'value="云上画师"' in page
    assert '<option value="ink" selected>' in page
    assert "it should name the trigger words: 墨韵" in words(page)


def test_the_later_of_two_tabs_is_told_what_the_first_one_wrote_and_may_write_over_it(client, run) -> None:
    old = seen(client)
    decide(client, **TEAM)
    late = client.post("/home/decisions", params=HERE, data={"seen": old, "team": "late"})
    assert late.status_code == 409
    assert "was changed elsewhere meanwhile" in words(late.text)
    assert "云上画师" in late.text
    assert read_decisions(run).team == "云上画师"
    now = json.loads(re.search(r"hx-vals='({\"seen\".*?})'", html.unescape(late.text)).group(1))["seen"]
    client.post("/home/decisions", params=HERE, data={"seen": now, "team": "late"})
    assert read_decisions(run).team == "late"


def test_a_seed_that_was_decided_on_is_not_taken_over_to_another_candidate(client, run) -> None:
    decide(client, candidate="ink", seed="3")
    decide(client, candidate="base", seed="3")
    assert read_decisions(run).seed is None
    decide(client, candidate="base", seed="3")
    assert read_decisions(run).seed == 3


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"seed": "first"}, "seed: must be a whole number"),
        ({"rules": "../rules.toml"}, "rules: must be one of"),
        ({"team": "x" * 10_001}, "team: must have at most 10000 characters"),
        ({"title": "nul\x00"}, ""),
    ],
)
def test_what_no_decision_can_be_is_refused_by_name(client, run, told, said) -> None:
    answer = decide(client, **told)
    assert said in words(answer.text)
    assert answer.status_code in (200, 400)
    assert client.get("/home", params=HERE).status_code == 200


def test_the_checklist_comes_with_what_mends_it_and_only_when_something_changed(client) -> None:
    answer = client.get("/home/checks", params=HERE)
    assert "3 things are missing: nothing can be packed yet" in words(answer.text)
    assert 'href="#field-team"' in answer.text
    assert '"action": "compare"' in answer.text
    stamp = re.search(r"seen=(\w+)", answer.text).group(1)
    assert client.get("/home/checks", params={**HERE, "seen": stamp}).status_code == 204
    decide(client, **TEAM)
    again = client.get("/home/checks", params={**HERE, "seen": stamp})
    assert "Nothing is missing: it can be packed." in words(again.text)
    assert "bundle: made on trial, `storykit verify` finds no faults" in words(again.text)


def test_what_the_checklist_proposes_is_taken_with_a_click_and_leaves_the_rest(client, run) -> None:
    decide(client, candidate="base", **TEAM)
    checks = client.get("/home/checks", params=HERE).text
    values = json.loads(re.search(r"/home/choose.*?hx-vals='({.*?})'", checks).group(1))
    assert values["candidate"] == "ink"
    answer = client.post("/home/choose", params=HERE, data=values)
    assert answer.headers["hx-refresh"] == "true"
    assert (read_decisions(run).candidate, read_decisions(run).team) == ("ink", "云上画师")


@pytest.mark.parametrize(
    ("sent", "order"),
    [
        ({"action": "score"}, ("score", {"run": "work/run"})),
        ({"action": "compare"}, ("compare", {"run": "work/run"})),
        (
            {"action": "cast", "candidate": "ink", "order": "authored", "story": "moon"},
            ("cast", {"run": "work/run", "candidate": "ink", "order": "authored", "story": "moon"}),
        ),
        (
            {"action": "finish", "candidate": "ink"},
            ("finish", {"run": "work/run", "candidate": "ink", "out": "work/run-final"}),
        ),
        (
            {"action": "generate"},
            ("generate", {"experiment": "work/run/experiment.toml", "out": "work/run"}),
        ),
    ],
)
def test_a_mend_that_takes_time_is_started_as_a_job(client, monkeypatch, sent, order) -> None:
    started = []

    def start(folder, job):
        started.append((job.command, dict(job.values)))
        return type("Started", (), {"command": job.command_line})

    monkeypatch.setattr(routes, "start_job", start)
    answer = client.post("/home/mend", params=HERE, data=sent)
    assert started == [order]
    assert f"Started: storykit {order[0]}" in words(answer.text)
    assert client.post("/home/mend", params=HERE, data={"action": "publish"}).status_code == 422


def test_the_bundle_is_packed_into_the_run_and_what_is_downloaded_verifies(client, run, tmp_path) -> None:
    decide(client, **TEAM)
    answer = client.post("/home/pack", params=HERE)
    assert "Packed and checked: `storykit verify` finds no faults." in words(answer.text)
    got = client.get("/home/bundle", params=HERE)
    assert got.headers["content-type"] == "application/zip"
    path = tmp_path / "got.zip"
    path.write_bytes(got.content)
    assert verify(open_bundle(path)) == ()
    assert "Download entry.zip" in words(client.get("/home", params=HERE).text)


def test_what_the_contest_would_refuse_is_listed_and_nothing_is_written(client, run) -> None:
    answer = client.post("/home/pack", params=HERE)
    assert answer.status_code == 409
    assert "team: " in words(answer.text)
    assert answer.text.count("<li>") >= 3
    assert not (run.folder / "entry.zip").exists()
    assert client.get("/home/bundle", params=HERE).status_code == 404


def test_another_file_of_the_bundles_name_is_only_replaced_where_it_is_a_bundle(client, run) -> None:
    decide(client, **TEAM)
    (run.folder / "entry.zip").write_bytes(b"my holiday")
    for data in ({}, {"overwrite": "true"}):
        assert "is no bundle" in words(client.post("/home/pack", params=HERE, data=data).text)
    assert (run.folder / "entry.zip").read_bytes() == b"my holiday"


def test_a_link_in_the_bundles_place_is_followed_nowhere(client, run, tmp_path) -> None:
    (tmp_path / "secret").write_text("token")
    (run.folder / "entry.zip").symlink_to(tmp_path / "secret")
    for answer in (client.get("/home/bundle", params=HERE), client.post("/home/pack", params=HERE)):
        assert answer.status_code == 400
        assert "token" not in answer.text
    (run.folder / "entry.zip").unlink()


def test_damaged_decisions_are_named_and_never_written_over(client, run) -> None:
    (run.folder / "entry.toml").write_text('introduction = "/etc/passwd"')
    for address in ("/home", "/home/checks", "/home/show"):
        assert "introduction: unknown key" in words(client.get(address, params=HERE).text)
    assert client.post("/home/decisions", params=HERE, data={"seen": "x"}).status_code == 400
    assert "passwd" in (run.folder / "entry.toml").read_text()


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>"])
def test_words_of_strangers_stay_text_in_every_piece(client, run, text) -> None:
    keep_decisions(run, Decisions(candidate=text, team=text, title=text, link=text), text)
    for address in ("/home", "/home/checks", "/home/show"):
        page = client.get(address, params=HERE).text
        assert text not in page
        assert "<img src=x" not in page
    late = client.post("/home/decisions", params=HERE, data={"seen": "x"})
    assert text not in late.text


def test_a_set_below_the_gate_is_told_without_any_pack(tmp_path) -> None:
    run = make_scored_run(tmp_path / "work")
    write_scores(run, (5.0,) * 8)
    keep_decisions(run, Decisions(team="云上画师", title="墨猫夜行记"), INTRODUCTION)
    page = words(board_client(tmp_path).get("/home/checks", params=HERE).text)
    assert "gate: the pictures' mean aesthetic score is 5.00" in page


def test_the_page_speaks_chinese(run) -> None:
    page = words(board_client(run.folder.parent.parent, "zh").get("/home", params=HERE).text)
    assert "比赛要求的东西" in page
    assert "Take home" not in page


def test_changes_need_the_form_token_and_an_owner(client, run) -> None:
    stranger = board_client(run.folder.parent.parent)
    stranger.headers["origin"] = "http://evil.example"
    for address in ("/home/decisions", "/home/choose", "/home/mend", "/home/pack"):
        assert stranger.post(address, params=HERE, data={"seen": "x"}).status_code == 403
        assert client.get(address, params=HERE).status_code in (404, 405)


def test_a_folder_outside_the_served_one_is_no_run(client) -> None:
    for name in ("../work", "/etc", "work/../../x", "work/run/../../..", "nowhere"):
        for piece in ("", "/checks", "/show", "/bundle", "/picture", "/slides", "/page"):
            assert client.get(f"/home{piece}", params={"run": name}).status_code == 400


@pytest.mark.parametrize(("layout", "width"), [("4x2", 2), ("2x4", 4), ("strip", 2)])
def test_a_pictures_width_is_said_before_it_is_drawn(client, layout, width) -> None:
    answer = client.get("/home/picture", params={**HERE, "layout": layout})
    assert Image.open(BytesIO(answer.content)).width == routes.width_of(layout)
    assert f"{routes.width_of(layout)} pixels wide" in words(client.get("/home/show", params=HERE).text)
