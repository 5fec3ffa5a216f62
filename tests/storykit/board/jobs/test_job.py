import json
from pathlib import Path

import pytest

from kit.messages import speaking
from storykit.board.jobs.job import JOB, KILL, RESULT, STOP, all_jobs, find_job, jobs_folder, running_job
from storykit.board.served_folder import ServedFolder

ID = "20260101-000000-abcdef"
TOLD = {
    "command": "score",
    "values": {"run": "runs/a"},
    "line": "storykit score runs/a",
    "started": "2026-01-01T01:00:00+01:00",
}


@pytest.fixture
def served(tmp_path: Path) -> ServedFolder:
    (tmp_path / "runs" / "a").mkdir(parents=True)
    return ServedFolder.open(tmp_path)


def lying(served, files, job_id=ID):
    """Return the job that such files tell of."""
    own = jobs_folder(served) / job_id
    own.mkdir(parents=True)
    for name, text in files.items():
        (own / name).write_text(text)
    return find_job(served, job_id)


WELL = json.dumps({"status": 0, "ended": "2026-01-01T01:01:00+01:00"})
ILL = json.dumps({"status": 1, "ended": "2026-01-01T01:01:00+01:00"})
STATES = {
    "done": {RESULT: WELL + "   "},
    "failed": {RESULT: ILL},
    "stopped": {RESULT: ILL, STOP: ""},
    "done though it was asked to stop": {RESULT: WELL, STOP: ""},
    "killed": {},
    "killed while it was to stop": {STOP: "", RESULT: " " * 256},
    "stopped by force": {STOP: "", KILL: ""},
    "killed, its result torn": {RESULT: '{"status": '},
}


@pytest.mark.parametrize("kind", STATES)
def test_how_a_job_ended_is_told_by_its_files(kind, served):
    job = lying(served, {JOB: json.dumps(TOLD), **STATES[kind]})
    assert job.state == kind.split()[0].strip(",")
    assert (job.command, job.order.command_line) == ("storykit score runs/a", "storykit score runs/a")
    assert running_job(served) is None


def test_the_newest_job_is_first_and_what_is_no_job_is_none(served):
    for job_id in (ID, "20260102-000000-abcdef", "20260101-120000-abcdef"):
        lying(served, {JOB: json.dumps(TOLD)}, job_id)
    place = jobs_folder(served)
    (place / "notes").mkdir()
    (place / "20270101-000000-abcdef").symlink_to(place / ID)
    (place / "20280101-000000-abcdef").touch()
    ids = ["20260102-000000-abcdef", "20260101-120000-abcdef", ID]
    assert [job.id for job in all_jobs(served)] == ids


@pytest.mark.parametrize(
    "job_id", ["", "..", "../..", "notes", f"{ID}/..", f"{ID}\n", "20270101-000000-abcdef"]
)
def test_an_id_that_is_none_finds_nothing(job_id, served):
    jobs_folder(served).mkdir(parents=True)
    (jobs_folder(served) / "20270101-000000-abcdef").symlink_to(served.root)
    assert find_job(served, job_id) is None


STRANGE = {
    "nothing": "",
    "a list": "[]",
    "another command": json.dumps({**TOLD, "command": "publish"}),
    "a path elsewhere": json.dumps({**TOLD, "values": {"run": "../.."}}),
    "an option": json.dumps({**TOLD, "values": {"run": "--help"}}),
    "a run that is gone": json.dumps({**TOLD, "values": {"run": "runs/gone"}}),
    "values that are none": json.dumps({**TOLD, "values": ["x"]}),
    "times that are none": json.dumps({**TOLD, "values": 3, "started": "9" * 99}),
    "deep": "[" * 50_000,
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_a_stranger_wrote_in_its_place_is_never_given_again(kind, served):
    job = lying(served, {JOB: STRANGE[kind]})
    assert job.order is None
    assert job.started.year >= 2025


def test_a_job_that_says_nothing_is_told_in_the_readers_words(served):
    lying(served, {})
    with speaking("zh"):
        assert find_job(served, ID).command != find_job(served, ID).command.english


def test_a_folder_without_jobs_is_left_as_it_is(served):
    assert (all_jobs(served), running_job(served)) == ([], None)
    assert [path.name for path in served.root.iterdir()] == ["runs"]
