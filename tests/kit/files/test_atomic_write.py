import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit.errors import RunError
from kit.files.atomic_write import copy_atomic, write_atomic
from kit.files.encodings import sha256_of


@contextmanager
def disk_with_room_for(size_bytes: int) -> Iterator[None]:
    """Let the system itself refuse what is longer, in the middle of writing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


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
    assert os.listdir(path.parent) == []
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


def test_copying_or_hashing_a_missing_file_is_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(RunError, match="gone cannot be read: No such file or directory"):
        copy_atomic(gone, tmp_path / "copy")
    with pytest.raises(RunError, match="gone cannot be read: No such file or directory"):
        sha256_of(gone)
