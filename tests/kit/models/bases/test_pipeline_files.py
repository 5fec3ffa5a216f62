"""Files of a pipeline that are missing, torn or foreign are refused in a line, and nothing of them is run."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="needs storykit[bases]")

import torch
from safetensors.torch import load_file, save_file

from kit.errors import WeightsError
from kit.generation.diffusers_painter import load_diffusers_painter
from kit.models.bases.base_parts import BaseParts
from kit.models.bases.pipeline_files import open_pipeline
from tests.support.toy_pipelines import CASCADE, LIGHTNING, MAJICMIX, SDXL, toy

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A copy of the toy SDXL to harm."""
    shutil.copytree(toy(SDXL), tmp_path / "base", ignore=shutil.ignore_patterns("storykit.json"))
    return tmp_path / "base"


def in_json(file: str, **told: object) -> Callable[[Path], None]:
    """Return what changes keys of a JSON file."""

    def change(folder: Path) -> None:
        path = folder / file
        path.write_text(json.dumps(json.loads(path.read_text()) | told))

    return change


def cut(file: str, share: float) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        data = (folder / file).read_bytes()
        (folder / file).write_bytes(data[: int(len(data) * share)])

    return change


def gone(name: str) -> Callable[[Path], None]:
    return lambda folder: shutil.rmtree(folder / name)


def gone_file(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def adapter(folder: Path) -> None:
    told = {"base_model_name_or_path": str(toy(MAJICMIX) / "text_encoder"), "peft_type": "LORA"}
    (folder / "text_encoder/adapter_config.json").write_text(json.dumps(told))


def in_shards(folder: Path) -> None:
    """Write the UNet as two shards and their index."""
    weights = load_file(folder / UNET)
    (folder / UNET).unlink()
    names = sorted(weights)
    half = len(names) // 2
    for number, part in enumerate((names[:half], names[half:])):
        save_file({name: weights[name] for name in part}, folder / f"unet/part-{number}.safetensors")
    places = {name: f"part-{int(at >= half)}.safetensors" for at, name in enumerate(names)}
    told = json.dumps({"metadata": {}, "weight_map": places})
    (folder / f"{UNET}.index.json").write_text(told)


def shards_without(folder: Path) -> None:
    in_shards(folder)
    (folder / "unet/part-1.safetensors").unlink()


def shards_torn(folder: Path) -> None:
    in_shards(folder)
    cut("unet/part-1.safetensors", 0.5)(folder)


def shards_elsewhere(folder: Path) -> None:
    in_shards(folder)
    in_json(f"{UNET}.index.json", weight_map={"conv_in.weight": "../vae/x"})(folder)


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "another class": (
        in_json("model_index.json", _class_name="FluxPipeline"),
        "says FluxPipeline, which we do not",
    ),
    "no autoencoder": (gone("vae"), "vae: there is no .*vae/config.json; download it again"),
    "no tokenizer": (gone("tokenizer_2"), "lacks tokenizer_2/vocab.json"),
    "no scheduler": (gone("scheduler"), "lacks scheduler/scheduler_config.json"),
    "half a network": (cut(UNET, 0.5), "is cut off, perhaps half a download"),
    "half a config": (cut("unet/config.json", 0.5), "unet/config.json is no whole JSON"),
    "half a scheduler": (cut("scheduler/scheduler_config.json", 0.5), "is no whole JSON"),
    "a shard less": (shards_without, "lacks part-1.safetensors"),
    "half a shard": (shards_torn, "part-1.safetensors: is cut off"),
    "shards elsewhere": (shards_elsewhere, "which is no file beside it"),
    "a foreign scheduler": (
        in_json("scheduler/scheduler_config.json", _class_name="os.systemScheduler"),
        "names no scheduler that this base is drawn with: os.systemScheduler",
    ),
    "a scheduler of another family": (
        in_json("scheduler/scheduler_config.json", _class_name="FlowMatchEulerDiscreteScheduler"),
        "names no scheduler that this base is drawn with",
    ),
    "a scheduler of no number": (
        in_json("scheduler/scheduler_config.json", beta_start=-1),
        "makes no scheduler: torch.linspace",
    ),
    "noise of no end": (
        in_json("scheduler/scheduler_config.json", num_train_timesteps=10**11),
        "says num_train_timesteps 100000000000, it must be 1 to 1000",
    ),
    "no words of the tokenizer": (
        gone_file("tokenizer_2/tokenizer_config.json"),
        "lacks tokenizer_2/tokenizer",
    ),
    "words beyond all": (
        in_json("tokenizer/vocab.json", evil=10**6),
        "tokenizer has other words than its text encoder reads",
    ),
    "longer than is read": (
        in_json("tokenizer/tokenizer_config.json", model_max_length=500),
        "must say model_max_length 77",
    ),
    "a division by zero": (in_json("unet/config.json", norm_num_groups=0), "integer modulo by zero"),
    "too large for any machine": (
        in_json("unet/config.json", in_channels=10**9),
        r"conv_in.weight is \[8, 4, 3, 3\], and must be \[8, 1000000000, 3, 3\]",
    ),
    "a quantised network": (
        in_json("text_encoder/config.json", quantization_config={"quant_method": "bitsandbytes"}),
        "is of a quantised network",
    ),
    "an adapter for another encoder": (
        adapter,
        "adapter_config.json has other weights read than this base's",
    ),
    "pictures of no scale": (in_json("vae/config.json", scaling_factor=0), "says scaling_factor 0"),
    "a scheduler of no sense": (
        in_json("scheduler/scheduler_config.json", beta_schedule="nope"),
        "makes no scheduler: nope is not implemented",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_is_refused_before_anything_is_loaded(damage: str, base: Path) -> None:
    harm, told = DAMAGES[damage]
    harm(base)
    with pytest.raises(WeightsError, match=told) as refused:
        load_diffusers_painter(str(base), "cpu")
    assert "\n" not in str(refused.value)


def test_whole_shards_are_those_of_one_network(base: Path) -> None:
    in_shards(base)
    found = open_pipeline(str(base)).networks["unet"]
    assert [path.name for path in found.files[1:]] == ["part-0.safetensors", "part-1.safetensors"]


def test_what_the_index_names_is_never_imported(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil_library.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    in_json("model_index.json", unet=["evil_library", "Net"], image_encoder=["evil_library", "Net"])(base)
    in_json("unet/config.json", auto_map={"AutoModel": "evil_library.Net"})(base)
    painter = load_diffusers_painter(str(base), "cpu")
    assert painter.identity["pipeline"] == "StableDiffusionXLPipeline"
    assert "evil_library" not in sys.modules


class Spoken:
    """What a pickle would run when it is opened."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('run')",))


def test_a_pickle_that_is_more_than_tensors_is_refused(tmp_path: Path) -> None:
    shutil.copytree(toy(MAJICMIX), tmp_path / "sd", ignore=shutil.ignore_patterns("storykit.json"))
    torch.save({"weight": Spoken()}, tmp_path / "sd/unet/diffusion_pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"asks to run '\w+\.exec' when it is opened"):
        open_pipeline(str(tmp_path / "sd"))


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"folder": CASCADE}, "is Stable Cascade's second stage: name the folder of its first one too"),
        ({"folder": f"{CASCADE}-prior"}, "is Stable Cascade's first stage"),
        ({"folder": CASCADE, "prior": SDXL}, "is no first stage of Stable Cascade"),
        ({"folder": SDXL, "prior": f"{CASCADE}-prior"}, "prior cannot be named"),
        ({"folder": SDXL, "text_encoder": f"{SDXL}/text_encoder"}, "text_encoder cannot be named"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(parts: dict[str, str], told: str) -> None:
    with pytest.raises(WeightsError, match=told):
        open_pipeline(BaseParts(**{name: str(toy(place)) for name, place in parts.items()}))


def test_a_part_of_its_own_is_hashed_by_its_own_name() -> None:
    base = BaseParts(folder=str(toy(SDXL)), unet=str(toy(LIGHTNING)))
    hashes = open_pipeline(base).sha256
    assert "unet/sdxl_lightning_4step_unet.safetensors" in hashes
    assert UNET not in hashes


def test_what_shapes_pictures_beside_the_weights_is_hashed(base: Path) -> None:
    asked = BaseParts(folder=str(base), unet=str(toy(LIGHTNING)))
    before = open_pipeline(asked).digest
    (base / "storykit.json").unlink()
    marks = base / "tokenizer_2/special_tokens_map.json"
    marks.write_text(marks.read_text().replace("<|endoftext|>", "!"))
    other = open_pipeline(asked).digest
    (base / "unet/storykit.json").unlink()
    in_json("unet/config.json", attention_head_dim=[2, 2, 2])(base)
    assert len({before, other, open_pipeline(asked).digest}) == 3
