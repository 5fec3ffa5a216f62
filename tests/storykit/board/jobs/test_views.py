import json
import time
from types import SimpleNamespace

import pytest

from kit.messages import speaking
from storykit.board.jobs.job import LOG, PROGRESS, RESULT, find_job, jobs_folder
from storykit.board.jobs.views import progress_of, view_of
from storykit.board.served_folder import ServedFolder

ID = "20260101-000000-abcdef"
STATE = {"task": "drawing", "done": 8, "total": 16, "note": "checking the base", "left_s": 100.0}


@pytest.fixture
def job(tmp_path):
    served = ServedFolder.open(tmp_path)
    (jobs_folder(served) / ID).mkdir(parents=True)
    return find_job(served, ID)


def told(job, text):
    (job.folder / PROGRESS).write_text(text)
    return progress_of(job)


def test_time_left_goes_down_between_two_states(job):
    far = told(job, json.dumps({**STATE, "at": time.time() - 40}))
    assert far.left_s == pytest.approx(60, abs=5)
    assert told(job, json.dumps({**STATE, "at": time.time() - 400})).left_s == 0
    assert told(job, json.dumps({**STATE, "at": time.time() + 9000})).left_s == 100


def test_it_is_told_in_the_language_of_the_page(job):
    with speaking("zh"):
        far = told(job, json.dumps({**STATE, "left_s": None}))
        assert "drawing" not in far.told
        assert far.note != "checking the base"
    assert told(job, json.dumps({**STATE, "left_s": None})).told == "drawing: 8 of 16"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"task": "drawing", "do',
        "[]",
        "null",
        '{"task": 3, "done": 1}',
        '{"task": "a", "done": "x"}',
    ],
)
def test_what_is_torn_says_nothing(text, job):
    assert told(job, text) is None


@pytest.mark.parametrize("number", ["NaN", "-1", "1e400", "true", '"8"', "[8]"])
def test_numbers_that_are_none_are_not_known(number, job):
    text = f'{{"task": "a", "done": 1, "total": {number}, "left_s": {number}, "at": 5}}'
    far = told(job, text)
    assert (far.total, far.left_s) == (None, None)


@pytest.fixture
def served(tmp_path):
    return ServedFolder.open(tmp_path)


REASONS = {
    "Error: no such base": ({RESULT: '{"status": 1}', LOG: "drawn 3\nError: no such base\n"}, "failed"),
    "it ended with status 7 and said nothing": ({RESULT: '{"status": 7}'}, "failed"),
    "It was killed or the machine went down, perhaps because memory was short. "
    "Every file that was finished is there.": ({}, "ended without a word"),
    "": ({RESULT: '{"status": 0}'}, "done"),
}


@pytest.mark.parametrize("reason", REASONS)
def test_why_a_job_did_not_end_well_is_told(reason, job, served):
    files, state = REASONS[reason]
    for name, text in files.items():
        (job.folder / name).write_text(text)
    view = view_of(served, find_job(served, ID))
    assert (view.reason, view.state) == (reason, state)


def test_where_the_disk_is_full_that_is_told_too(job, served, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=3 * 2**20))
    assert view_of(served, job).reason.endswith("Only 3 MB are left on the disk: make room first.")
