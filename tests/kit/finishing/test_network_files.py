import os
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from finishing_networks import weights, written
from safetensors.torch import save, save_file

from kit.embedded import BASE_WEIGHTS, LORAS
from kit.errors import WeightsError
from kit.files.tensors.tensor_files import open_tensor_file
from kit.finishing.network_files import architecture_of, load_network, network_in

SEEN = torch.rand((1, 3, 17, 30), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("ending", [".safetensors", ".pth", ".bin"])
@pytest.mark.parametrize(("name", "scale"), [("compact", 2), ("esrgan", 4), ("swinir", 3), ("restorer", 1)])
def test_networks_that_spandrel_knows_are_read_from_any_kind_of_file(
    tmp_path: Path, name: str, scale: int, ending: str
) -> None:
    loaded = load_network(written(tmp_path, name, ending))
    assert (loaded.descriptor.scale, loaded.for_faces) == (scale, False)
    assert loaded.descriptor(SEEN).shape == (1, 3, 17 * scale, 30 * scale)
    assert not any(parameter.requires_grad for parameter in loaded.descriptor.model.parameters())


def test_the_averaged_weights_are_taken_where_a_training_kept_both(tmp_path: Path) -> None:
    other = {name: torch.zeros_like(tensor) for name, tensor in weights("compact").items()}
    loaded = load_network(written(tmp_path, "compact", ".pth", params=other))
    torch.testing.assert_close(loaded.descriptor.model.state_dict(), OrderedDict(weights("compact")))


def test_halves_are_computed_in_full(tmp_path: Path) -> None:
    save_file(
        {name: tensor.half() for name, tensor in weights("compact").items()}, tmp_path / "a.safetensors"
    )
    loaded = load_network(tmp_path / "a.safetensors")
    assert loaded.descriptor.dtype == torch.float32
    save_file(
        {f"module.{name}": tensor for name, tensor in weights("compact").items()}, tmp_path / "b.safetensors"
    )
    torch.testing.assert_close(
        load_network(tmp_path / "b.safetensors").descriptor(SEEN), loaded.descriptor(SEEN), atol=1e-3, rtol=0
    )


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, ("touch /tmp/must-not-be-there",))


def refused(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        load_network(path)
    told = str(caught.value)
    assert told.startswith(f"finisher {path} ")
    assert "\n" not in told
    return told


def test_a_file_that_would_run_code_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    torch.save({"params": weights("compact"), "x": Runs()}, tmp_path / "a.pth")
    assert "asks to run" in refused(tmp_path / "a.pth")
    assert not Path("/tmp/must-not-be-there").exists()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (LORAS / "ink.safetensors", "is a LoRA, which draws and does not enlarge or restore"),
        (BASE_WEIGHTS / "text_encoder.safetensors", "does not enlarge or restore|is no network from picture"),
        (BASE_WEIGHTS / "config.json", "is a JSON text"),
        (BASE_WEIGHTS / "none.safetensors", "none.safetensors"),
    ],
)
def test_other_files_are_refused_in_one_line(path: Path, says: str) -> None:
    with pytest.raises(WeightsError, match=says):
        load_network(path)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("grey", "from 1 channels to 1, and a picture has 3"),
        ("five", "for 5 times the side; 1, 2, 3, 4 or 8"),
    ],
)
def test_networks_that_make_no_rgb_picture_of_a_usual_size_are_refused(
    tmp_path: Path, name: str, says: str
) -> None:
    assert says in refused(written(tmp_path, name, ".safetensors"))


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["generator.model.1.bn_l.running_mean"], "is LaMa, which fills holes and needs a mask"),
        (
            ["position_emb", "idx_pred_layer.1.weight", "quantize.embedding.weight"],
            "is CodeFormer, whose licence",
        ),
        (["text_model.encoder.layers.0.mlp.fc1.weight"], "is a text encoder, which does not enlarge"),
        (["model.diffusion_model.input_blocks.0.0.weight"], "is a whole checkpoint of a base model"),
        (["anything.weight"], r"is no network from picture to picture, by its tensors (anything.weight)"),
    ],
)
def test_what_a_file_is_instead_is_told_by_its_names(tmp_path: Path, names: list[str], says: str) -> None:
    save_file({name: torch.zeros(2, 2) for name in names}, tmp_path / "a.safetensors")
    assert says in refused(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("names", "architecture"),
    [
        (["toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight"], "GFPGAN"),
        (["model.model.1.bn_l.running_mean"], "LaMa"),
    ],
)
def test_large_architectures_are_known_before_they_are_built(
    tmp_path: Path, names: list[str], architecture: str
) -> None:
    save_file({name: torch.zeros(2, 2) for name in names}, tmp_path / "a.safetensors")
    known = architecture_of(open_tensor_file(tmp_path / "a.safetensors"))
    assert known is not None
    assert known.id == architecture


def test_names_of_an_architecture_with_other_shapes_are_refused(tmp_path: Path) -> None:
    spoilt = weights("compact")
    spoilt["body.2.weight"] = torch.zeros(3, 3)
    save_file(spoilt, tmp_path / "a.safetensors")
    assert "has tensors named as in RealESRGAN Compact and does not fit it" in refused(
        tmp_path / "a.safetensors"
    )


def test_a_small_file_that_would_build_a_network_beyond_all_memory_is_refused(tmp_path: Path) -> None:
    wide = weights("compact") | {"body.0.weight": torch.zeros((90_000, 3, 3, 3), dtype=torch.float16)}
    save_file(wide, tmp_path / "a.safetensors")
    assert "does not fit it" in refused(tmp_path / "a.safetensors")


@pytest.mark.parametrize("name", ["compact", "swinir"])
def test_of_a_strangers_file_too_no_network_beyond_all_memory_is_built(name: str) -> None:
    first = "body.0.weight" if name == "compact" else "conv_first.weight"
    wide = weights(name) | {first: torch.zeros((60_000, 3, 3, 3), dtype=torch.float16)}
    with pytest.raises(WeightsError, match="does not fit it"):
        network_in(save(wide), "x")


def test_a_name_that_would_build_millions_of_layers_is_refused(tmp_path: Path) -> None:
    save_file(weights("compact") | {"body.99999999.weight": torch.zeros(1)}, tmp_path / "a.safetensors")
    assert "is no network from picture to picture" in refused(tmp_path / "a.safetensors")
