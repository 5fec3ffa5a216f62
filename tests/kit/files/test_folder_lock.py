import errno
import fcntl
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from another_process import another_at_work

from kit.errors import RunError
from kit.files.folder_lock import LOCK, lock_folder, was_locked


def test_the_second_process_is_told_who_is_at_work_and_since_when_until_the_first_is_gone(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    with another_at_work(folder) as other:
        words = rf"run is being drawn by process {other.pid} since \d\d:\d\d: wait for it or stop it"
        with pytest.raises(RunError, match=words), lock_folder(folder, "scored"):
            pytest.fail("both are at work")
        assert was_locked(folder)
        other.communicate("")
    with lock_folder(folder, "scored"):
        pass


def test_a_second_thread_of_one_process_is_told_and_does_not_wait_for_ever(tmp_path: Path) -> None:
    def score() -> None:
        with lock_folder(tmp_path, "scored"):
            pytest.fail("both are at work")

    with lock_folder(tmp_path, "drawn"), ThreadPoolExecutor(1) as other:
        words = f"is being drawn by process {os.getpid()} since"
        with pytest.raises(RunError, match=words):
            other.submit(score).result()


def test_another_users_lock_counts_though_its_file_cannot_be_written() -> None:
    me = os.geteuid()
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        with another_at_work(folder) as other:
            (folder / LOCK).chmod(0o444)
            os.seteuid(me or 65534)  # root may write everything
            try:
                with pytest.raises(RunError, match=f"by process {other.pid}"), lock_folder(folder, "scored"):
                    pytest.fail("both are at work")
            finally:
                os.seteuid(me)


def test_an_interrupt_leaves_no_lock(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), lock_folder(tmp_path, "drawn"):
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_where_the_file_system_knows_no_locks_no_file_of_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unknown)
    with lock_folder(tmp_path, "drawn"):
        assert os.listdir(tmp_path) == []
    assert os.listdir(tmp_path) == []


def test_the_dead_hold_nothing(tmp_path: Path) -> None:
    with another_at_work(tmp_path) as other:
        other.kill()
        other.wait()
        assert was_locked(tmp_path)
        with lock_folder(tmp_path, "scored"):
            pass
    assert os.listdir(tmp_path) == []


def test_a_note_of_another_machine_names_it_and_one_of_another_day_its_date(tmp_path: Path) -> None:
    with another_at_work(tmp_path):
        note = json.loads((tmp_path / LOCK).read_text())
        note |= {"host": "studio-7", "since": "2026-01-05T10:31:00+00:00"}
        (tmp_path / LOCK).write_text(json.dumps(note))
        words = r"by process \d+ on studio-7 since 2026-01-0\d \d\d:\d\d: wait"
        with pytest.raises(RunError, match=words), lock_folder(tmp_path, "scored"):
            pass


@pytest.mark.parametrize("note", ["", "{", "[]", '{"since": 5}', "\0" * 50])
def test_a_note_that_cannot_be_read_keeps_nobody_from_being_told(tmp_path: Path, note: str) -> None:
    with another_at_work(tmp_path):
        (tmp_path / LOCK).write_text(note)
        with (
            pytest.raises(RunError, match="is being written by another process: wait"),
            lock_folder(tmp_path, "scored"),
        ):
            pass


def test_locks_of_one_thread_may_lie_in_each_other_and_nothing_of_them_stays(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    with lock_folder(folder, "drawn"):
        with lock_folder(folder, "scored"):
            assert was_locked(folder)
        assert was_locked(folder)
        (folder / "kept").touch()
    assert os.listdir(folder) == ["kept"]


def test_a_folder_that_was_made_and_stayed_empty_is_gone_again(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="refused"), lock_folder(tmp_path / "run", "drawn"):
        raise ValueError("refused")
    assert os.listdir(tmp_path) == []


def test_the_lock_of_a_folder_that_took_the_place_of_ours_stays(tmp_path: Path) -> None:
    with lock_folder(tmp_path / "data", "prepared"):
        (tmp_path / "data").rename(tmp_path / "old")
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / LOCK).write_text("another's")
    assert (tmp_path / "data" / LOCK).read_text() == "another's"


def test_where_nothing_can_be_locked_nobody_is_kept_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with lock_folder(tmp_path / "file", "drawn"), lock_folder(tmp_path / "file" / "below", "drawn"):
        pass
    (tmp_path / LOCK).mkdir()
    with lock_folder(tmp_path, "drawn"):
        pass
    assert sorted(os.listdir(tmp_path)) == [LOCK, "file"]
