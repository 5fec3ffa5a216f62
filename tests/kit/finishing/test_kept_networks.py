from pathlib import Path

import pytest
import torch
from finishing_networks import weights, written
from safetensors.torch import save_file

from kit.embedded import FINISHER, LORAS
from kit.errors import WeightsError
from kit.files.encodings import sha256_bytes, sha256_of
from kit.finishing import kept_networks
from kit.finishing.kept_networks import EMBEDDED_USE, network_to_keep
from kit.finishing.network_files import load_network, network_in


def test_a_safetensors_file_is_kept_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "compact.sft"
    save_file(weights("compact"), path, {"note": "mine"})
    kept = network_to_keep(str(path))
    assert (kept.data, kept.sha256, kept.use) == (path.read_bytes(), sha256_of(path), (2, False))


@pytest.mark.parametrize("name", ["compact", "esrgan", "swinir", "restorer"])
def test_of_torchs_files_the_tensors_are_kept_the_same_bytes_each_time(tmp_path: Path, name: str) -> None:
    kept = network_to_keep(str(written(tmp_path, name, ".pth")))
    more = network_to_keep(str(written(tmp_path, name, ".bin", epoch=7, words="trained at home")))
    assert kept == more
    assert kept.sha256 == sha256_bytes(kept.data)
    picture = torch.rand((1, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    made, given = network_in(kept.data, name), load_network(tmp_path / f"{name}.pth")
    assert made.use == kept.use == given.use
    with torch.inference_mode():
        assert torch.equal(made.descriptor(picture), given.descriptor(picture))


def test_storykits_own_is_never_copied(tmp_path: Path) -> None:
    own = network_to_keep("mini")
    assert (own.sha256, own.data) == (sha256_of(FINISHER), b"")
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(FINISHER.read_bytes())
    assert network_to_keep(str(copy)) == own
    assert load_network(FINISHER).use == EMBEDDED_USE


@pytest.mark.parametrize(
    ("path", "said"), [(LORAS / "ink.safetensors", "is a LoRA"), (Path("none.pth"), "does not exist")]
)
def test_what_is_no_network_is_refused(path: Path, said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        network_to_keep(str(path))


def test_what_no_bundle_could_hold_is_refused_before_a_picture_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "compact", ".pth")
    monkeypatch.setattr(kept_networks, "MOST_KEPT_BYTES", 1000)
    with pytest.raises(WeightsError, match="take a smaller network, or save it in half precision"):
        network_to_keep(str(path))


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_in_memory_safetensors_alone_are_opened(tmp_path: Path, ending: str) -> None:
    data = written(tmp_path, "compact", ending).read_bytes()
    if ending == ".safetensors":
        assert network_in(data, "x").use == (2, False)
        data = data[:-4]
    with pytest.raises(WeightsError, match="finisher x"):
        network_in(data, "x")


@pytest.mark.parametrize(
    ("use", "wanted", "masked", "said"),
    [
        ((4, False), "upscale", False, ""),
        ((4, False), "restore", True, "4 times larger: give it with --upscale"),
        ((1, False), "upscale", False, "not larger: give it with --restore"),
        ((1, False), "restore", False, ""),
        ((8, True), "upscale", False, "not larger: give it with --restore"),
        ((8, True), "restore", False, "with --mask X,Y,WIDTH,HEIGHT"),
        ((8, True), "restore", True, ""),
    ],
)
def test_a_network_says_what_it_is_not_for(
    use: tuple[int, bool], wanted: str, masked: bool, said: str
) -> None:
    fault = kept_networks.NetworkUse(*use).fault(wanted, masked=masked)
    assert said in fault
    assert bool(said) == bool(fault)
