import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from kit.errors import StorykitError
from kit.experiment.config import load_experiment
from kit.files.atomic_write import copy_atomic
from kit.files.documents import read_text, read_toml
from kit.files.regular_files import open_file, read_file, refuse_special
from kit.files.safetensors_files import read_tensors
from kit.files.tensors.tensor_files import open_tensor_file
from kit.lora.lora import load_lora
from kit.training.config import load_training


def devices(folder: Path) -> dict[str, Path]:
    """Return a link to a device that ends at once, where a fault would show, and a folder."""
    (folder / "device").symlink_to(os.devnull)
    (folder / "folder").mkdir()
    return {"device": folder / "device", "folder": folder / "folder"}


def test_only_files_are_opened_however_they_are_read(tmp_path: Path) -> None:
    there = devices(tmp_path)
    for read in (open_file, read_file, refuse_special):
        with pytest.raises(OSError, match="it is neither a file nor a folder"):
            read(there["device"])
    for read in (open_file, read_file):
        with pytest.raises(OSError, match="Is a directory"):
            read(there["folder"])


def test_a_file_is_read_whole_or_as_far_as_asked(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "empty").touch()
    assert (read_file(tmp_path / "a"), read_file(tmp_path / "a", 2)) == (b"abc", b"ab")
    assert read_file(tmp_path / "empty") == b""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs files of Linux' kernel")
def test_a_file_of_the_kernel_that_may_never_end_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / "log.csv").symlink_to("/proc/self/status")
    assert read_file(tmp_path / "log.csv") == b""


@pytest.mark.parametrize(
    "reading",
    [
        lambda path: read_toml(path, BaseModel),
        lambda path: read_text(path),
        lambda path: copy_atomic(path, path.with_name("copy")),
        lambda path: open_tensor_file(path),
        lambda path: read_tensors(path),
        lambda path: load_lora(path),
        lambda path: load_training(path),
        lambda path: load_experiment(path),
    ],
)
def test_a_device_in_a_files_place_is_said_in_a_line(tmp_path: Path, reading) -> None:
    path = devices(tmp_path)["device"]
    with pytest.raises((StorykitError, ValueError), match="it is neither a file nor a folder"):
        reading(path)
