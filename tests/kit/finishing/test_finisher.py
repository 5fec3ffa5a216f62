from pathlib import Path

import numpy as np
import pytest
import torch
from finishing_networks import network, written
from PIL import Image

from kit.embedded import FINISHER
from kit.errors import WeightsError
from kit.files.encodings import sha256_of
from kit.finishing.finisher import Finisher, open_finisher
from kit.finishing.network_files import LoadedNetwork, load_network
from kit.mini.training.finisher_pairs import smaller
from kit.world.render import render
from kit.world.scene import Character, Scene, is_held_out

HELD_OUT = Scene(
    characters=(Character(kind="girl", colour="red", hair="black", hair_length="long"),), place="street"
)


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def psnr(picture: Image.Image, truth: Image.Image) -> float:
    error = np.asarray(picture, np.float64) - np.asarray(truth, np.float64)
    return float(10 * np.log10(255**2 / (error**2).mean()))


@pytest.fixture(scope="module")
def embedded() -> Finisher:
    return open_finisher("mini", "cpu")


@pytest.mark.parametrize(("name", "scale"), [("compact", 2), ("esrgan", 4), ("swinir", 3), ("restorer", 1)])
def test_a_finished_picture_is_as_many_times_larger_as_the_network_says(
    tmp_path: Path, name: str, scale: int
) -> None:
    path = written(tmp_path, name, ".safetensors")
    finisher = open_finisher(path, "cpu")
    assert (finisher.name, finisher.sha256) == (path.name, sha256_of(path))
    assert (finisher.scale, finisher.kind) == (scale, "upscale" if scale > 1 else "restore")
    finished = finisher.apply(noise(41, 18))
    assert (finished.size, finished.mode) == ((41 * scale, 18 * scale), "RGB")


def test_the_picture_is_what_the_network_gives_for_it(tmp_path: Path) -> None:
    picture = noise(20, 12)
    with torch.inference_mode():
        seen = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
        wanted = network("esrgan")(seen)[0].clamp(0, 1).permute(1, 2, 0).mul(255).round().byte().numpy()
    made = np.asarray(open_finisher(written(tmp_path, "esrgan", ".pth"), "cpu").apply(picture))
    assert np.abs(made.astype(int) - wanted).max() <= 1


def test_a_large_picture_in_tiles_is_the_whole_one_to_one_step_in_255(tmp_path: Path) -> None:
    finisher = open_finisher(written(tmp_path, "compact", ".safetensors"), "cpu")
    picture = noise(300, 70)
    whole = LoadedNetwork(finisher._network, for_faces=False).descriptor
    with torch.inference_mode():
        seen = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
        wanted = whole(seen)[0].permute(1, 2, 0).mul(255).round().byte().numpy()
    assert np.abs(np.asarray(finisher.apply(picture)).astype(int) - wanted).max() <= 1


def test_a_face_goes_through_the_square_that_face_restorers_take(tmp_path: Path) -> None:
    seen: list[tuple[int, ...]] = []
    descriptor = load_network(written(tmp_path, "restorer", ".safetensors")).descriptor
    descriptor.model.register_forward_pre_hook(lambda _, inward: seen.append(tuple(inward[0].shape)))
    finisher = Finisher("face.pth", "", LoadedNetwork(descriptor, for_faces=True), "cpu")
    descriptor.model.register_forward_hook(lambda _, inward, made: made + torch.randn_like(made) / 9)
    face = finisher.apply(noise(90, 60))
    assert face.size == (90, 60)
    assert (seen, finisher.kind, finisher.for_faces) == ([(1, 3, 512, 512)], "restore", True)
    assert finisher.apply(noise(90, 60)).tobytes() == face.tobytes(), (
        "noise inside a network is the same again"
    )


def test_a_network_of_no_numbers_is_refused(tmp_path: Path) -> None:
    finisher = open_finisher(written(tmp_path, "compact", ".safetensors"), "cpu")
    next(iter(finisher._network.model.parameters())).fill_(float("nan"))
    with pytest.raises(WeightsError, match="gives pixels that are no numbers"):
        finisher.apply(noise(9, 9))


def test_the_embedded_finisher_is_small_and_has_its_card(embedded: Finisher) -> None:
    assert FINISHER.stat().st_size <= 1_500_000
    assert (embedded.name, embedded.scale, embedded.kind) == ("mini", 4, "upscale")
    card = (FINISHER.parents[1] / "MODEL_CARD.md").read_text("utf-8")
    assert "weights/finisher.safetensors" in card


def test_the_embedded_finisher_is_nearer_to_a_held_out_render_than_lanczos(embedded: Finisher) -> None:
    assert is_held_out(HELD_OUT)
    truth = render(HELD_OUT, 4).picture
    small = smaller(truth, 0)
    finished = embedded.apply(small)
    assert finished.tobytes() == embedded.apply(small).tobytes()
    assert psnr(finished, truth) > psnr(small.resize(truth.size, Image.Resampling.LANCZOS), truth) + 2
