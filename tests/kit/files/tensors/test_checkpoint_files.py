import io
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kit.files.tensors.checkpoint_files import open_checkpoint


def saved(value: object, **how: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **how)
    return file.getvalue()


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def changed(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """Return a torch zip with one of its files changed, its checksums right again."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {one: archive.read(one) for one in archive.namelist()}
    [place] = [one for one in files if one.endswith(name)]
    return zipped(files | {place: change(files[place])})


TENSORS = {
    "a": torch.arange(6.0).reshape(2, 3),
    "half": torch.ones(3, dtype=torch.float16),
    "b": torch.tensor(4.0, dtype=torch.bfloat16),
}


def opened(data: bytes, folder: Path) -> dict[str, torch.Tensor]:
    (folder / "a.ckpt").write_bytes(data)
    checkpoint = open_checkpoint(folder / "a.ckpt")
    return {name: checkpoint.load(name) for name in checkpoint.spots}


@pytest.mark.parametrize(
    "value",
    [
        TENSORS,
        OrderedDict(TENSORS),
        {"state_dict": TENSORS, "epoch": 3, "rates": [0.1, None, True, (1, "x")], "loops": {"a": {1: {}}}},
        torch.nn.Linear(3, 2).state_dict(),
        {"weight": torch.nn.Parameter(torch.ones(2))},
    ],
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_what_torch_saves_comes_back_as_torch_reads_it(
    tmp_path: Path, value: dict[str, object], protocol: int
) -> None:
    data = saved(value, pickle_protocol=protocol)
    theirs = torch.load(io.BytesIO(data), weights_only=False)  # it is ours
    theirs = theirs.get("state_dict", theirs)
    ours = opened(data, tmp_path)
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert ours[name].dtype == tensor.dtype
        assert torch.equal(ours[name], tensor)


def test_tensors_that_share_an_array_or_are_turned_are_read(tmp_path: Path) -> None:
    whole = torch.arange(24.0)
    parts = {"first": whole[:6].view(2, 3), "second": whole[6:].view(3, 6).T, "none": torch.zeros(0, 4)}
    ours = opened(saved(parts), tmp_path)
    assert all(torch.equal(ours[name], tensor) for name, tensor in parts.items())
    assert ours["second"].is_contiguous()


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_fp8_is_read(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = torch.arange(8.0).to(dtype)
    assert torch.equal(opened(saved({"a": tensor}), tmp_path)["a"].float(), tensor.float())


class Runs:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("it-ran"),)


def stretched(pickled: bytes) -> bytes:
    """Return the list of tensors with the sides 2 and 3 of one made 65536."""
    return pickled.replace(b"K\x02K\x03\x86", b"J\0\0\1\0J\0\0\1\0\x86")


GAPS = "gaps or repeats between its numbers"
SOUND = saved(TENSORS)
HOSTILE: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "code": (saved({"a": Runs()}), r"asks to run '.*' when it is opened, which storykit never does"),
    "code beside tensors": (saved({"state_dict": TENSORS, "x": Runs()}), "asks to run"),
    "a foreign class": (saved({"a": Path("x")}), "asks to run 'pathlib"),
    "more numbers than there are": (changed(SOUND, "data.pkl", stretched), GAPS),
    "a stretched tensor": (saved({"a": torch.zeros(1).expand(1 << 20, 1 << 10)}), GAPS),
    "every second number": (saved({"a": torch.zeros(8)[::2]}), GAPS),
    "sparse": (saved({"a": torch.eye(2).to_sparse()}), "holds sparse tensors, not plain ones"),
    "csr": (lambda: saved({"a": torch.eye(2).to_sparse_csr()}), "holds sparse tensors"),
    "meta": (saved({"a": torch.empty(1 << 20, 1 << 20, device="meta")}), r"holds empty \(meta\) tensors"),
    "quantised": (
        lambda: saved({"a": torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.qint8)}),
        "numbers of a kind that is not read here|holds quantised tensors",
    ),
    "numbers as names": (saved({1: torch.zeros(2)}), "must hold tensors by name"),
    "a tuple as name": (saved({("a", "b"): torch.zeros(2)}), "must hold tensors by name"),
    "none as name": (saved({None: torch.zeros(2)}), "must hold tensors by name"),
    "a list": (saved([torch.zeros(2)]), "must hold tensors by name"),
    "a tensor alone": (saved(torch.zeros(2)), "must hold tensors by name"),
    "a text among tensors": (saved({"a": torch.zeros(2), "b": "x"}), "got something else at b"),
    "compressed": (
        zipped({"archive/data.pkl": b"\x80\x02}.", "archive/data/0": bytes(1 << 20)}, zipfile.ZIP_DEFLATED),
        "is compressed or locked inside",
    ),
    "big-endian": (changed(SOUND, "byteorder", lambda _: b"big"), "on a big-endian machine"),
    "no list of tensors": (zipped({"archive/version": b"3"}), "is a zip archive, no file of weights"),
    "a zip of a LoRA": (zipped({"lora/ink.safetensors": b"x"}), r"give lora/ink\.safetensors in it"),
    "a torn list": (changed(SOUND, "data.pkl", lambda old: old[:-20]), "is torn"),
    "an array that is gone": (
        changed(
            SOUND, "data.pkl", lambda old: old.replace(b"X\x01\0\0\x000", b"X\x01\0\0\x007")
        ),
        "its array 7 is missing",
    ),
    "an odd opcode": (changed(SOUND, "data.pkl", lambda old: b"\x80\x022" + old[2:]), "tensors alone"),
    "a far memo": (
        changed(SOUND, "data.pkl", lambda old: b"\x80\x02Nr\xff\xff\xff\x7f0" + old[2:]), ""
    ),
    "cut": (SOUND[:-40], r"is no whole \.ckpt, perhaps half a download"),
    "a flipped number": (
        (lambda data: data.replace(struct.pack("<f", 5.0), struct.pack("<f", 7.0)))(SOUND),
        "its checksum differs",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Sparse CSR", "ignore:.*quant")
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_or_broken_checkpoint_is_one_clear_sentence(tmp_path: Path, case: str) -> None:
    made, fault = HOSTILE[case]
    data = made() if callable(made) else made
    if not fault:  # odd, and harmless
        assert opened(data, tmp_path).keys() == TENSORS.keys()
        return
    with pytest.raises(ValueError, match=fault) as told:
        opened(data, tmp_path)
    assert "weights_only" not in str(told.value)
    assert not Path("it-ran").exists()
