import os
import resource
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from full_disk import disk_with_room_for

from kit.errors import RunError
from kit.files.atomic_write import (
    copy_atomic,
    drafted,
    remove_partial_files,
    replaced_folder,
    write_atomic,
    write_together,
)
from kit.files.encodings import sha256_of


def test_a_written_file_holds_the_data_and_makes_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "panel.png"
    write_atomic(path, b"first")
    write_atomic(path, b"second")
    assert path.read_bytes() == b"second"
    assert os.listdir(path.parent) == ["panel.png"]


def test_a_full_disk_is_one_line_and_what_was_there_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    write_atomic(path, b"old")
    with disk_with_room_for(1000), pytest.raises(RunError) as caught:
        write_atomic(path, bytes(100_000))
    assert (
        str(caught.value) == f"{path} cannot be written: File too large; what was there before is unchanged"
    )
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["scores.json"]


def test_a_full_disk_while_copying_leaves_no_half_copy(tmp_path: Path) -> None:
    source, path = tmp_path / "ink.safetensors", tmp_path / "loras" / "ink.safetensors"
    source.write_bytes(bytes(100_000))
    with disk_with_room_for(1000), pytest.raises(RunError, match="File too large"):
        copy_atomic(source, path)
    assert os.listdir(tmp_path) == ["ink.safetensors"]
    copy_atomic(source, path)
    assert sha256_of(path) == sha256_of(source)


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(RunError, match=r"out/x/a\.json cannot be written: Not a directory; what was there"):
        write_atomic(tmp_path / "out" / "x" / "a.json", b"{}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match=r"a\.json cannot be written: Permission denied; what was there"):
        write_atomic(tmp_path / "a.json", b"{}")


def test_a_name_that_is_too_long_for_the_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    remedy = (
        "cannot be written: File name too long; what was there before is unchanged; choose a shorter name$"
    )
    with pytest.raises(RunError, match=remedy):
        write_atomic(tmp_path / ("n" * 300), b"{}")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_where_one_may_not_write_one_is_told_to_choose_another_place() -> None:
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(
                RunError, match="unchanged; choose another place, or copy the folder to where"
            ):
                write_atomic(Path(name) / "a.json", b"{}")
        finally:
            os.seteuid(0)


def test_copying_or_hashing_a_missing_file_is_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(RunError, match="gone cannot be read: No such file or directory"):
        copy_atomic(gone, tmp_path / "copy")
    with pytest.raises(RunError, match="gone cannot be read: No such file or directory"):
        sha256_of(gone)


def test_files_that_belong_together_are_all_new_and_what_told_of_the_old_ones_is_gone(tmp_path: Path) -> None:
    table, page = tmp_path / "scores.csv", tmp_path / "report.html"
    both = {table: b"one", tmp_path / "scores.json": b"one"}
    write_together(both)
    page.write_bytes(b"of one")
    write_together(both, [page])
    assert page.read_bytes() == b"of one"
    write_together(both | {table: b"two"}, [page])
    assert sorted(os.listdir(tmp_path)) == ["scores.csv", "scores.json"]
    assert table.read_bytes() == b"two"


def test_on_a_full_disk_neither_of_two_files_changes_and_their_page_stays(tmp_path: Path) -> None:
    table, page = tmp_path / "leaderboard.csv", tmp_path / "leaderboard.html"
    write_together({table: b"old", page: b"old"})
    with (
        disk_with_room_for(1000),
        pytest.raises(RunError, match=r"leaderboard\.html cannot be written: File too"),
    ):
        write_together({table: b"new", page: bytes(100_000)})
    assert (table.read_bytes(), page.read_bytes()) == (b"old", b"old")
    assert sorted(os.listdir(tmp_path)) == ["leaderboard.csv", "leaderboard.html"]


def test_more_files_than_may_be_open_can_belong_together(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, hard))
    try:
        write_together({tmp_path / f"figure-{number}.svg": b"<svg/>" for number in range(60)})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(os.listdir(tmp_path)) == 60


@pytest.mark.parametrize("write", [write_atomic, lambda path, data: write_together({path: data})])
def test_the_next_write_into_a_folder_sweeps_what_a_killed_one_left_there(tmp_path: Path, write) -> None:
    foreign = (".download.part", ".0123456789abcdef.part.txt", "0123456789abcdef.part")
    for name in (".0123456789abcdef.part", ".ffffffffffffffff.part", *foreign):
        (tmp_path / name).write_bytes(b"half a file")
    with drafted(tmp_path / "entry.zip") as (mine, file):
        file.write(b"whole")
        write(tmp_path / "a.json", b"{}")
        assert sorted(os.listdir(tmp_path)) == sorted([*foreign, mine.name, "a.json"])
    assert sorted(os.listdir(tmp_path)) == sorted([*foreign, "a.json", "entry.zip"])


def test_a_draft_that_fails_leaves_neither_a_file_nor_the_folders_made_for_it(tmp_path: Path) -> None:
    with (
        disk_with_room_for(1000),
        pytest.raises(RunError, match="File too large"),
        drafted(tmp_path / "a" / "b" / "entry.zip") as (_, file),
    ):
        file.write(bytes(100_000))
    assert os.listdir(tmp_path) == []


def test_leftovers_of_the_dead_are_swept_and_files_of_the_living_are_not(tmp_path: Path) -> None:
    (tmp_path / "panels").mkdir()
    (tmp_path / "panels" / ".0123456789abcdef.part").write_bytes(b"half a picture")
    (tmp_path / ".folder.part").mkdir()
    (tmp_path / "my.part").touch()
    path = tmp_path / "panels" / "1.png"
    with drafted(path) as (_, file):
        file.write(b"whole")
        remove_partial_files(tmp_path)
    assert path.read_bytes() == b"whole"
    assert sorted(os.listdir(tmp_path)) == [".folder.part", "my.part", "panels"]
    assert os.listdir(path.parent) == ["1.png"]


def test_a_folder_that_cannot_be_made_is_told_as_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(RunError, match=r"file/data cannot be written: .*; what was there before is unchanged"),
        replaced_folder(tmp_path / "file" / "data"),
    ):
        pass
