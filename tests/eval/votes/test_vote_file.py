"""votes.jsonl: kept at once, taken back by a row, and read however it was hurt."""

import json
import subprocess
import sys
from dataclasses import asdict

import pytest
from made_run import Plan, make_run
from voting import booth_of, vote

from eval.votes.choice import vote_on
from eval.votes.vote_file import FILE, append_undo, append_vote, read_votes, voter_name
from kit.errors import RunError
from kit.experiment.run import Run


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("drawn"), Plan(seeds=(0,)))


@pytest.fixture
def run(drawn):
    (drawn.folder / FILE).unlink(missing_ok=True)
    yield drawn
    (drawn.folder / FILE).unlink(missing_ok=True)


@pytest.fixture
def row(run):
    return json.loads(json.dumps(asdict(vote(run, booth_of(run), lambda pair: "left", 1)[0])))


def test_a_vote_is_read_as_it_was_given(run):
    given = vote(run, booth_of(run), lambda pair: "tie", 3)
    assert list(read_votes(run).votes) == given


def test_an_undone_vote_stays_in_the_file_and_counts_no_more(run):
    given = vote(run, booth_of(run), lambda pair: "left", 2)
    append_undo(run, given[1])
    log = read_votes(run)
    assert (list(log.votes), list(log.undone)) == ([given[0]], [given[1]])
    assert len((run.folder / FILE).read_bytes().splitlines()) == 3


def test_a_torn_last_line_is_left_out_and_the_next_vote_is_whole(run):
    given = vote(run, booth_of(run), lambda pair: "left", 1)
    with (run.folder / FILE).open("ab") as file:
        file.write(b'{"id": "half", "ki')
    assert read_votes(run).faults == ()
    more = vote_on(given[0], "right", "Wu", key="whole")
    append_vote(run, more)
    log = read_votes(run)
    assert list(log.votes) == [given[0], more]
    assert "line 2" in log.faults[0]


WHOLE = b'{"undo": "nobody"}'
STRANGE = {
    "no JSON": (b"left", "line 2"),
    "a list": (b"[1]", "line 2"),
    "a number": (b"1", "line 2"),
    "null": (b"null", "line 2"),
    "not UTF-8": (b'{"undo": "\xff"}', "line 2"),
    "an undo of nothing": (WHOLE, "no vote nobody"),
    "a long line": (b'{"undo": "' + b"a" * 20_000 + b'"}', "16,384 bytes"),
    "lists in lists": (b"[" * 9_000, "line 2"),
    "a lone surrogate": (rb'{"undo": "\ud800"}', "line 2"),
}


@pytest.mark.parametrize(("line", "told"), STRANGE.values(), ids=STRANGE)
def test_a_strange_line_is_told_and_the_votes_around_it_count(run, row, line, told):
    later = {**row, "id": "later"}
    lines = [json.dumps(row).encode(), line, json.dumps(later).encode()]
    (run.folder / FILE).write_bytes(b"\n".join(lines) + b"\n")
    log = read_votes(run)
    assert [vote.id for vote in log.votes] == [row["id"], "later"]
    assert told in log.faults[0]


CHANGED = {
    "answer": "up",
    "kind": "page",
    "factor": "seeds",
    "panel": 9,
    "seconds": -1,
    "voter": "",
    "id": "../x",
    "story": 5,
    "left": {"candidate": "ink"},
    "repeats": "NO",
}


@pytest.mark.parametrize(("key", "value"), CHANGED.items(), ids=CHANGED)
def test_a_vote_that_nobody_can_have_given_is_told(run, row, key, value):
    (run.folder / FILE).write_text(json.dumps(row | {key: value}) + "\n")
    log = read_votes(run)
    assert (log.votes, len(log.faults)) == ((), 1)
    assert key in log.faults[0]


def test_sides_must_fit_what_was_asked(run, row):
    eight = {"panel": None, "kind": "story"}
    same = {"right": row["left"]}
    no_panel = {"panel": None}
    rows = [
        row | {"id": f"n{k}"} | change
        for k, change in enumerate((eight, same, no_panel, {"factor": "orders"}))
    ]
    (run.folder / FILE).write_text("".join(json.dumps(one) + "\n" for one in rows))
    log = read_votes(run)
    assert (log.votes, len(log.faults)) == ((), 4)


INNOCENT = {
    "a byte order mark": lambda line: b"\xef\xbb\xbf" + line + b"\n",
    "lines as Windows ends them": lambda line: line + b"\r\n",
    "empty lines": lambda line: b"\n\n" + line + b"\n\n",
    "no end of the last line": lambda line: line,
    "a key of a newer version": lambda line: line[:-1] + b', "newer": 1}\n',
}


@pytest.mark.parametrize("shape", INNOCENT.values(), ids=INNOCENT)
def test_a_vote_is_read_through(run, row, shape):
    (run.folder / FILE).write_bytes(shape(json.dumps(row).encode()))
    log = read_votes(run)
    assert (len(log.votes), log.faults) == (1, ())


def test_the_same_vote_twice_counts_once(run, row):
    (run.folder / FILE).write_text(2 * (json.dumps(row) + "\n"))
    log = read_votes(run)
    assert len(log.votes) == 1
    assert "twice" in log.faults[0]


def test_a_folder_in_the_file_s_place_is_told(run):
    (run.folder / FILE).mkdir()
    try:
        with pytest.raises(RunError, match="cannot be read: Is a directory"):
            read_votes(run)
    finally:
        (run.folder / FILE).rmdir()


def test_a_file_that_leads_out_of_the_run_is_refused(run, tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"")
    (run.folder / FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match=FILE):
        Run.open(run.folder)


def test_voters_who_append_at_once_lose_nothing(run, row):
    code = (
        "import sys\nfrom pathlib import Path\nfrom kit.files.atomic_write import append_line\n"
        "path, line, voter = sys.argv[1:]\n"
        "for k in range(50): append_line(Path(path), line.replace('ID', f'{voter}-{k}').encode())"
    )
    line = json.dumps(row | {"id": "ID"})
    command = [sys.executable, "-c", code, str(run.folder / FILE), line]
    several = [subprocess.Popen([*command, f"v{k}"]) for k in range(2)]
    assert [one.wait() for one in several] == [0, 0]
    log = read_votes(run)
    assert (len(log.votes), log.faults) == (101, ())


@pytest.mark.parametrize("name", ["", " ", "a" * 61, "a\x1bb", "\u202eab", "\x00"])
def test_a_name_must_be_plain(name):
    with pytest.raises(RunError, match="1 to 60"):
        voter_name(name)


@pytest.mark.parametrize(("name", "kept"), [("李娜", "李娜"), (" Ana  Maria ", "Ana Maria"), ("<b>", "<b>")])
def test_any_plain_name_is_a_name(name, kept):
    assert voter_name(name) == kept
