from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from kit.files.tensors.tensor_files import open_tensor_file, tensors_in

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.bfloat16)}


@pytest.mark.parametrize(
    "name", ["a.safetensors", "a.SAFETENSORS", "a.sft", "a.ckpt", "a.pt", "a.bin", "a", "a.safetensors.part"]
)
@pytest.mark.parametrize("form", ["safetensors", "torch"])
def test_a_file_is_read_by_its_content_whatever_its_ending(tmp_path: Path, name: str, form: str) -> None:
    if form == "torch":
        torch.save(TENSORS, tmp_path / name)
    else:
        (tmp_path / name).write_bytes(save(TENSORS, {"trigger": "墨"}))
    file = open_tensor_file(tmp_path / name)
    assert file.kinds == {"a": ("F32", (2, 3)), "b": ("BF16", (2,))}
    assert file.metadata == ({"trigger": "墨"} if form == "safetensors" else {})
    assert all(torch.equal(file.load(key), tensor) for key, tensor in TENSORS.items())


WHOLE = save(TENSORS)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (WHOLE[:-3], f"is cut off, perhaps half a download, it has {len(WHOLE) - 3} bytes"),
        (WHOLE[:40], r"is cut off, perhaps half a download: its header alone has \d+ bytes, the file 40"),
        (b"\x02" + bytes(7) + b"{x", "is not a whole safetensors file"),
        (b"", "is empty: download the file itself again"),
        (b"<html>", "is a web page"),
        (b"\x80\x02}.", "is a bare pickle, which could run anything when it is opened"),
        (b"PK\x03\x04" + bytes(50), r"is no whole \.ckpt, perhaps half a download"),
        (b"\x93\x01\x02" * 40, r"is neither a safetensors file nor a \.ckpt of torch"),
    ],
)
def test_what_is_no_file_of_tensors_is_one_clear_sentence(tmp_path: Path, data: bytes, fault: str) -> None:
    (tmp_path / "a.ckpt").write_bytes(data)
    with pytest.raises(ValueError, match=fault) as told:
        open_tensor_file(tmp_path / "a.ckpt")
    assert "weights_only" not in str(told.value)


def test_a_download_that_goes_on_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors.crdownload").write_bytes(bytes(300))
    with pytest.raises(ValueError, match=r"is half a download, as its ending \.crdownload says"):
        open_tensor_file(tmp_path / "a.safetensors.crdownload")


@pytest.mark.parametrize("form", ["safetensors", "torch"])
def test_a_tensor_stays_what_it_is_when_the_file_changes_and_later_ones_are_refused(
    tmp_path: Path, form: str
) -> None:
    path = tmp_path / "a"
    tensors = TENSORS | {"c": torch.ones(9000)}
    path.write_bytes(save(tensors)) if form == "safetensors" else torch.save(tensors, path)
    file = open_tensor_file(path)
    before = file.load("c")
    path.write_bytes(bytes(400))
    assert torch.equal(before, tensors["c"])
    with pytest.raises(ValueError, match="became shorter while it was read: download or copy it again"):
        file.load("c")
    path.unlink()
    with pytest.raises(ValueError, match="cannot be read: "):
        file.load("c")


def test_sides_without_numbers_and_a_number_without_sides_are_read(tmp_path: Path) -> None:
    tensors = {
        "none": torch.empty(0, 4),
        "one": torch.tensor(2.5),
        "whole": torch.arange(24).reshape(2, 3, 4),
    }
    (tmp_path / "a").write_bytes(save(tensors))
    file = open_tensor_file(tmp_path / "a")
    assert all(torch.equal(file.load(name), tensor) for name, tensor in tensors.items())


def test_what_is_in_memory_is_read_as_from_a_file_and_torchs_form_is_refused(tmp_path: Path) -> None:
    file = tensors_in(save(TENSORS, {"trigger": "墨"}))
    assert (file.kinds, file.metadata) == ({"a": ("F32", (2, 3)), "b": ("BF16", (2,))}, {"trigger": "墨"})
    assert all(torch.equal(file.load(key), tensor) for key, tensor in TENSORS.items())
    torch.save(TENSORS, tmp_path / "a.pt")
    for data in ((tmp_path / "a.pt").read_bytes(), WHOLE[:-3], b""):
        with pytest.raises(ValueError, match=r"header|safetensors"):
            tensors_in(data)
