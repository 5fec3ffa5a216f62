import os

import pytest
from fakes import make_run, no_editor
from finishing_networks import written

from kit.embedded import FINISHER
from kit.errors import InputError, RunError, WeightsError
from kit.experiment.steps import mask_file, network_file
from kit.files.encodings import sha256_bytes, sha256_of
from kit.finishing.kept_networks import network_to_keep
from kit.generation.repair.step_files import StepFiles, files_of, keep_network, mask_bytes, network_bytes

SHA256 = "0" * 64


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a folder, must be a file"),
        (lambda path: path.write_bytes(b"words"), "another mask"),
        (lambda path: (path.touch(), os.truncate(path, 2**40)), "are the most"),
    ],
)
def test_what_is_no_mask_of_the_run_is_refused_and_never_read_without_end(tmp_path, make, said):
    run = make_run(tmp_path)
    path = run.folder / mask_file(SHA256)
    path.parent.mkdir()
    make(path)
    with pytest.raises(RunError, match=said):
        mask_bytes(run, SHA256)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "cannot be read"),
        (lambda path: path.mkdir(), "cannot be read"),
        (lambda path: path.write_bytes(b"words"), "another network than a picture was finished with"),
    ],
)
def test_what_is_no_network_of_the_run_is_refused(tmp_path, make, said):
    run = make_run(tmp_path)
    path = run.folder / network_file(SHA256)
    path.parent.mkdir()
    make(path)
    with pytest.raises(RunError, match=said):
        network_bytes(run, SHA256)
    with pytest.raises(InputError, match="is not the network that it is finished with: put that one back"):
        files_of(run, "cpu").finisher(SHA256)


def test_a_network_is_kept_by_its_sha256_and_opened_once(tmp_path):
    run = make_run(tmp_path)
    kept = network_to_keep(str(written(tmp_path, "compact", ".pth")))
    keep_network(run, kept)
    keep_network(run, network_to_keep("mini"))
    assert [path.name for path in (run.folder / "finishers").iterdir()] == [f"{kept.sha256}.safetensors"]
    files = files_of(run, "cpu")
    finisher = files.finisher(kept.sha256)
    assert (finisher.sha256, finisher.scale) == (kept.sha256, 2)
    (run.folder / network_file(kept.sha256)).unlink()
    assert files.finisher(kept.sha256) is finisher
    assert files.finisher(sha256_of(FINISHER)).name == "mini"


def test_what_is_no_network_is_told_by_its_place(tmp_path):
    data = b"words"
    files = StepFiles(lambda _: b"", lambda _: data, no_editor, "cpu")
    with pytest.raises(WeightsError, match=f"finisher {network_file(sha256_bytes(data))}"):
        files.finisher(sha256_bytes(data))
