import os

import pytest
from fakes import make_run

from kit.errors import RunError
from kit.experiment.steps import mask_file
from kit.generation.repair.step_files import mask_bytes

SHA256 = "0" * 64


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is no file"),
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
