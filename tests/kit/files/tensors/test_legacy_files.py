import io
import os
from pathlib import Path

import pytest
import torch

from kit.files.tensors.tensor_files import open_tensor_file

TENSORS = {
    "a": torch.arange(6.0).reshape(2, 3),
    "turned": torch.arange(6.0).reshape(2, 3).t(),
    "half": torch.ones(3, dtype=torch.float16),
    "count": torch.tensor(7),
}


def saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


@pytest.mark.parametrize(
    "value",
    [
        TENSORS,
        {"params_ema": TENSORS, "params": {"a": torch.zeros(9)}, "optimizer": {"b": torch.ones(5)}},
        torch.nn.Conv2d(3, 4, 3).state_dict(),
    ],
)
def test_the_form_before_2020_is_read_as_torch_reads_it(tmp_path: Path, value: dict[str, object]) -> None:
    (tmp_path / "a.pth").write_bytes(saved(value))
    file = open_tensor_file(tmp_path / "a.pth")
    theirs = torch.load(tmp_path / "a.pth", weights_only=True)
    torch.testing.assert_close(
        {name: file.load(name) for name in file.kinds}, dict(theirs.get("params_ema", theirs))
    )


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, ("touch /tmp/must-not-be-there",))


def test_code_in_it_is_refused_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(saved({"params": TENSORS, "x": Runs()}))
    with pytest.raises(ValueError, match="asks to run"):
        open_tensor_file(tmp_path / "a.pth")
    assert not Path("/tmp/must-not-be-there").exists()


def test_wherever_it_is_cut_it_is_refused_in_words(tmp_path: Path) -> None:
    data = saved(TENSORS)
    for end in range(40, len(data) - 1, 7):
        (tmp_path / "a.pth").write_bytes(data[:end])
        with pytest.raises(ValueError, match=r"is damaged|makes no sense"):
            open_tensor_file(tmp_path / "a.pth")


def test_numbers_changed_at_will_never_escape_as_another_error(tmp_path: Path) -> None:
    data = saved(TENSORS)
    for place in range(20, len(data), 3):
        (tmp_path / "a.pth").write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            file = open_tensor_file(tmp_path / "a.pth")
            loaded = [file.load(name) for name in file.kinds]
        except ValueError:
            continue
        assert sum(tensor.numel() for tensor in loaded) < len(data)
