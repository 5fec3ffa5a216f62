"""Kolors in parts: single files as ComfyUI has them draw the very pictures of the folder they came from."""

import shutil
from pathlib import Path

import pytest
import torch
from fakes import TOY_PROMPTS
from safetensors.torch import load_file, save_file
from single_files import SIZES, single_files, whole_folder

from kit.errors import WeightsError
from kit.experiment.config import load_experiment
from kit.experiment.drawing.base_named import base_named
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.files.encodings import sha256_of
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.models.base import load_base
from kit.models.bases.base_parts import BaseChoice, BaseParts

SETTINGS = DrawSettings(steps=2, cfg=4.0, size=64, noise="portable")


@pytest.fixture(autouse=True)
def _models(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("STORYKIT_MODELS", str(tmp_path / "models"))


def parts(folder: Path, **changed: object) -> BaseParts:
    named = {
        "unet": folder / "kolors_unet.safetensors",
        "text_encoder": folder / "chatglm3-fp16.safetensors",
        "vae": folder / "sdxl_vae.safetensors",
    }
    told = {part: str(place) for part, place in (named | changed).items() if place is not None}
    return BaseParts.model_validate(told)


def drawn(base: BaseChoice | Path) -> list[bytes]:
    painter = KolorsPainter(load_base(base), "cpu")
    prompts = TOY_PROMPTS[:2]
    painter.encode_prompts([*prompts, "下雪"])
    requests = [
        PanelRequest(key="k", prompt=text, negative="下雪", seed=seed) for seed, text in enumerate(prompts)
    ]
    return [picture.tobytes() for picture in painter.draw(requests, SETTINGS)]


def read(base: BaseChoice, network: str | None) -> None:
    found = load_base(base)
    if network is not None:
        getattr(found, network)()


def refusal(base: BaseChoice, network: str | None = None) -> str:
    with pytest.raises(WeightsError) as refused:
        read(base, network)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture(scope="module")
def original() -> list[bytes]:
    return drawn(whole_folder())


@pytest.fixture
def copy(tmp_path) -> Path:
    return shutil.copytree(single_files(), tmp_path / "ComfyUI")


@pytest.mark.parametrize(
    ("unet", "vae"),
    [
        ("kolors_unet", "sdxl_vae"),
        ("kolors_sgm", "vae_diffusers"),
        ("kolors_bare", "sdxl_checkpoint"),
    ],
)
def test_single_files_draw_what_the_published_folder_draws(original, unet, vae):
    files = single_files()
    base = parts(files, unet=files / f"{unet}.safetensors", vae=files / f"{vae}.safetensors")
    assert load_base(base).sizes == SIZES
    assert drawn(base) == original


def test_names_without_what_chatglms_own_files_put_in_front_are_read_too(copy, original):
    file = copy / "chatglm3-fp16.safetensors"
    save_file({name.removeprefix("transformer."): one for name, one in load_file(file).items()}, file)
    assert drawn(parts(copy)) == original


@pytest.mark.parametrize("part", ["unet", "text_encoder", "vae"])
def test_a_part_may_be_a_folder_and_the_rest_single_files(original, part):
    assert drawn(parts(single_files(), **{part: whole_folder() / part})) == original
    assert drawn(parts(single_files(), **{part: whole_folder()})) == original


def test_a_folder_gives_what_is_not_named(tmp_path, original):
    folder = shutil.copytree(whole_folder(), tmp_path / "Kolors", ignore=shutil.ignore_patterns("unet"))
    unet = single_files() / "kolors_sgm.safetensors"
    assert drawn(BaseParts(folder=str(folder), unet=str(unet))) == original
    vae = single_files() / "sdxl_vae.safetensors"
    assert drawn(BaseParts(folder=str(whole_folder()), vae=str(vae))) == original


def test_an_experiment_names_its_parts(tmp_path, original):
    shutil.copytree(single_files(), tmp_path / "ComfyUI")
    (tmp_path / "snow.txt").write_text("a cat, sleeping\n" * 8)
    (tmp_path / "experiment.toml").write_text(
        'stories = ["snow.txt"]\nseeds = [0]\n'
        'base = { unet = "ComfyUI/kolors_unet.safetensors", vae = "ComfyUI/sdxl_vae.safetensors",'
        ' text_encoder = "ComfyUI/chatglm3-fp16.safetensors" }\n[[candidate]]\nname = "base"\n',
    )
    base = load_experiment(tmp_path / "experiment.toml").experiment.base
    assert drawn(base) == original


def test_a_file_takes_the_place_of_the_downloaded_ones_own(tmp_path, original):
    shutil.copytree(whole_folder(), tmp_path / "models" / "Kolors", ignore=shutil.ignore_patterns("unet"))
    shutil.copy(single_files() / "kolors_sgm.safetensors", tmp_path / "mine.safetensors")
    experiment = tmp_path / "experiment.toml"
    experiment.write_text('base = { folder = "kolors", unet = "mine.safetensors" }\n')
    base = base_named(str(experiment))
    assert base == BaseParts(folder="kolors", unet=str(tmp_path / "mine.safetensors"))
    assert drawn(base) == original


def test_checksums_say_the_part_and_the_file_and_follow_a_file_that_was_changed(copy):
    base = parts(copy)
    before = load_base(base)
    assert before.sha256 == {
        "unet/kolors_unet.safetensors": sha256_of(copy / "kolors_unet.safetensors"),
        "text_encoder/chatglm3-fp16.safetensors": sha256_of(copy / "chatglm3-fp16.safetensors"),
        "vae/sdxl_vae.safetensors": sha256_of(copy / "sdxl_vae.safetensors"),
    }
    shutil.copy(copy / "kolors_sgm.safetensors", copy / "kolors_unet.safetensors")
    assert load_base(base).unet_sha256 == sha256_of(copy / "kolors_sgm.safetensors") != before.unet_sha256
    assert not (copy / "storykit.json").exists()


# what is no part of Kolors


def test_a_file_that_is_gone_or_cut_off_is_named_with_its_part(copy):
    file = copy / "sdxl_vae.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    assert refusal(parts(copy)).startswith(f"vae: {file} is cut off, perhaps half a download")
    file.unlink()
    assert refusal(parts(copy)) == f"vae: there is no {file}"


@pytest.mark.parametrize(
    ("part", "file", "told"),
    [
        ("unet", "sdxl_vae", "unet: {} has other names than Kolors' own: Unknown parameters"),
        ("unet", "chatglm3-fp16", "unet: {} has other names than Kolors' own: Unknown parameters"),
        ("vae", "kolors_sgm", "vae: {} is no network of Kolors' shape: it has no blocks"),
        ("vae", "chatglm3-fp16", "vae: {} is no network of Kolors' shape: it has no"),
        (
            "text_encoder",
            "kolors_unet",
            "text_encoder: {} is no network of Kolors' shape: it has no embedding",
        ),
    ],
)
def test_a_file_of_another_network_is_one_line(part, file, told):
    path = single_files() / f"{file}.safetensors"
    assert refusal(parts(single_files(), **{part: path})).startswith(told.format(path))


def test_a_unet_of_sdxl_lacks_what_reads_chatglm(copy):
    file = copy / "kolors_unet.safetensors"
    sdxl = {name: one for name, one in load_file(file).items() if "encoder_hid_proj" not in name}
    save_file(sdxl, file)
    assert refusal(parts(copy)) == f"unet: {file} is no network of Kolors' shape: it has no encoder_hid_proj"


def test_a_file_that_lacks_a_tensor_or_has_one_of_another_size_is_one_line(copy):
    file = copy / "kolors_unet.safetensors"
    whole = load_file(file)
    save_file({name: one for name, one in whole.items() if name != "conv_out.bias"}, file)
    told = f"{file} is no network of Kolors, or not of this base: "
    assert refusal(parts(copy), "unet").startswith(told)
    save_file(whole | {"conv_out.bias": torch.zeros(5)}, file)
    assert refusal(parts(copy), "unet").startswith(told)


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.float8_e4m3fn])
def test_a_quantised_text_encoder_is_refused_with_what_is_needed(copy, dtype):
    file = copy / "chatglm3-8bit.safetensors"
    whole = load_file(copy / "chatglm3-fp16.safetensors")
    save_file({name: one.to(dtype) if one.ndim > 1 else one for name, one in whole.items()}, file)
    told = refusal(parts(copy, text_encoder=file))
    assert told.startswith(f"{file} holds ")
    assert told.endswith("as quantised files do: give it in fp16 or fp32")


def test_what_kolors_does_not_have_is_refused(copy):
    assert refusal(parts(copy, prior=copy)) == (
        "prior is the first stage of Stable Cascade, Kolors has none: delete it in base"
    )


def test_a_unet_for_inpainting_draws_no_picture_by_itself(copy):
    file = copy / "kolors_unet.safetensors"
    wide = load_file(file)
    wide["conv_in.weight"] = wide["conv_in.weight"][:, :1].repeat(1, 9, 1, 1).contiguous()
    save_file(wide, file)
    assert f"{file} holds a UNet for inpainting" in refusal(parts(copy))
