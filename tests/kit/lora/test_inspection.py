import contextlib
import io
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w
import torch
from diffsynth.models.lora import get_lora_loaders
from diffsynth.models.sdxl_unet import SDXLUNet
from diffsynth.models.utils import load_state_dict
from diffusers_twin import EXACT, SAME, load_with_kolors_pipeline, ours, theirs, toy_unet, twin
from fakes import TOY_PROMPTS, fake_picture, toy_base, toy_lora
from peft import LoraConfig, PeftModel, inject_adapter_in_model
from torch import nn
from toy_training import SilentListener

from kit.generation.kolors.denoiser import Denoiser
from kit.lora.convert import convert_lora
from kit.lora.formats import Content, LoraPair, read_content
from kit.lora.inspection import NOTEBOOK_ALPHA, NOTEBOOK_RANK, bases_of, known_shapes, loaders_of, problems_of
from kit.lora.key_names import ADAPTER_FILE, Tool
from kit.lora.lora import load_lora
from kit.models.base import load_base
from kit.models.kolors.unet import time_ids
from kit.training.config import load_training
from kit.training.train import train

ALPHA = 4.0
TARGETS = ["to_q", "to_k", "to_v", "to_out"]
FORMS: list[tuple[Tool, str]] = [
    ("diffsynth", "lora.ckpt"),
    ("peft", "adapter"),
    ("diffusers", "d.safetensors"),
    ("kohya", "k.safetensors"),
]


def written(tool: Tool, name: str, folder: Path) -> Path:
    source = toy_lora(folder / "source.safetensors", rank=NOTEBOOK_RANK, alpha=ALPHA)
    convert_lora(source, tool, folder / name)
    return folder / name


def told(path: Path, loader: str) -> float | None:
    content = read_content(path)
    content = replace(content, alpha=content.alpha or ALPHA)
    return next(reading.factor for reading in loaders_of(content) if reading.loader.startswith(loader))


def counted(unet: nn.Module, folder: Path) -> float:
    """Return how often up @ down was added to the toy base's weights."""
    source = load_lora(folder / "source.safetensors")
    before, after = load_base(toy_base()).unet().state_dict(), unet.state_dict()
    changes = [(after[f"{n}.weight"] - before[f"{n}.weight"], u.float() @ d.float())
               for n, (d, u) in source.pairs.items()]  # fmt: skip
    along = sum((change * product).sum() for change, product in changes)
    return float(along / sum(product.square().sum() for _, product in changes))


def tensors_of(path: Path) -> Path:
    return path / ADAPTER_FILE if path.is_dir() else path


@pytest.mark.parametrize(("tool", "name"), [form for form in FORMS if form[0] != "kohya"])  # needs a GPU
def test_diffsynths_loader_counts_the_product_as_we_say(tmp_path, tool, name):
    path = written(tool, name, tmp_path)
    unet, state = load_base(toy_base()).unet(), load_state_dict(str(tensors_of(path)))
    with contextlib.redirect_stdout(io.StringIO()):
        for loader in get_lora_loaders():
            if (match := loader.match(unet, state)) is not None:
                loader.load(unet, state, match[0], alpha=1.0, model_resource=match[1])
                break
    assert counted(unet, tmp_path) == pytest.approx(told(path, "DiffSynth") or 0.0, abs=1e-3)


@pytest.mark.parametrize(("tool", "name"), FORMS)
def test_the_notebooks_loader_counts_the_product_as_we_say(tmp_path, tool, name):
    path = written(tool, name, tmp_path)
    unet = load_base(toy_base()).unet()
    config = LoraConfig(r=NOTEBOOK_RANK, lora_alpha=NOTEBOOK_ALPHA, target_modules=TARGETS)
    inject_adapter_in_model(config, unet)
    unet.load_state_dict(load_state_dict(str(tensors_of(path))), strict=False)
    assert counted(merged(unet), tmp_path) == pytest.approx(told(path, "the contest") or 0.0, abs=1e-3)


def merged(unet: SDXLUNet) -> nn.Module:
    """Return a plain UNet with peft's layers merged."""
    for name, layer in dict(unet.named_modules()).items():
        if hasattr(layer, "get_base_layer"):
            layer.merge()
            unet.set_submodule(name, layer.get_base_layer())
    return unet


@pytest.mark.parametrize(("tool", "name"), FORMS)
def test_kolors_pipeline_draws_as_strong_as_we_say(tmp_path, tool, name):
    path = written(tool, name, tmp_path)
    other = twin(toy_unet())
    load_with_kolors_pipeline(other, tensors_of(path))
    expected, factor = toy_unet(), told(path, "KolorsPipeline") or 0.0
    with torch.no_grad():
        for layer, (down, up) in load_lora(tmp_path / "source.safetensors").pairs.items():
            expected.get_submodule(layer).weight += factor * (up.double() @ down.double())
    torch.testing.assert_close(theirs(other), ours(expected), rtol=0, atol=SAME)


def test_peft_counts_the_product_as_we_say(tmp_path):
    path = written("peft", "adapter", tmp_path)
    worn = PeftModel.from_pretrained(load_base(toy_base()).unet(), str(path)).merge_and_unload()
    assert counted(worn, tmp_path) == pytest.approx(told(path, "peft on DiffSynth"), abs=1e-3)


def test_strength_is_relative_to_the_training(tmp_path):
    content = read_content(toy_lora(tmp_path / "a.safetensors", rank=NOTEBOOK_RANK, alpha=ALPHA))
    strengths = {reading.loader: reading.strength for reading in loaders_of(content)}
    assert strengths["storykit, strength 1"] == 1.0
    assert strengths["the contest's notebook"] == 0.5
    assert strengths["DiffSynth 1.x load_lora, lora_alpha 1"] == 4.0


def test_a_file_without_alpha_has_no_strength_relative_to_its_training(tmp_path):
    readings = {r.loader: r for r in loaders_of(read_content(written("diffsynth", "lora.ckpt", tmp_path)))}
    assert readings["storykit, strength 1"].note == "asks for the alpha of the training"
    assert readings["the contest's notebook"].factor == NOTEBOOK_ALPHA / NOTEBOOK_RANK
    assert readings["the contest's notebook"].strength is None


def test_a_lora_of_the_contest_preset_draws_in_the_notebook_as_it_does_here(tmp_path):
    path = train(load_training(contest_file(tmp_path)), tmp_path / "ink", SilentListener(), "cpu")
    lora, chance = load_lora(path), torch.Generator().manual_seed(0)
    rows, cross, pooled = (
        torch.randn(shape, generator=chance, dtype=EXACT) for shape in ((2, 4, 8, 8), (2, 7, 32), (2, 32))
    )
    sizes, level = time_ids(2, 64, "cpu"), torch.tensor([500])

    theirs = toy_unet()
    config = LoraConfig(r=NOTEBOOK_RANK, lora_alpha=NOTEBOOK_ALPHA, target_modules=TARGETS)
    inject_adapter_in_model(config, theirs)
    read = theirs.load_state_dict(load_state_dict(str(path.with_suffix(".ckpt"))), strict=False)
    assert not read.unexpected_keys

    ours = Denoiser(toy_unet())
    with torch.no_grad():
        seen = theirs(rows, level, cross, sizes, pooled)
        ours.set_text(cross)
        bare = ours(rows, level, sizes, pooled)
        ours.set_lora(lora, NOTEBOOK_ALPHA / NOTEBOOK_RANK / lora.scale)
        ours.set_text(cross)
        drawn = ours(rows, level, sizes, pooled)
    effect = (seen - bare).abs().max()
    assert effect > 1e-3
    assert (seen - drawn).abs().max() < 1e-4 * effect, "the merged weights alone are rounded to float32"


def contest_file(folder: Path) -> Path:
    """Return a training file of the contest's preset, quick enough to have an effect after some steps."""
    (folder / "data").mkdir()
    for number in range(2):
        fake_picture(str(number), 64).save(folder / "data" / f"{number}.png")
    rows = "".join(f"{number}.png,{TOY_PROMPTS[number]}\n" for number in range(2))
    (folder / "data" / "metadata.csv").write_text(f"file_name,text\n{rows}", encoding="utf-8-sig")
    learn = {"steps": 6, "size": 64, "learning_rate": 0.01, "checkpointing": False}
    document = {"data": "data", "base": str(toy_base()), "preset": "contest", "learn": learn}
    path = folder / "train.toml"
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    return path


def test_the_notebook_stops_at_another_rank(tmp_path):
    content = read_content(toy_lora(tmp_path / "a.safetensors", rank=4))
    reading = next(r for r in loaders_of(content) if r.loader.startswith("the contest"))
    assert (reading.factor, reading.note) == (None, "stops: its rank is 16, this one's 4")


def test_a_lora_of_kolors_fits_kolors_alone() -> None:
    attention = {n: shape for n, shape in known_shapes()["kolors"].items() if ".to_" in n}
    assert (len(attention), sum(map(sum, attention.values()))) == (560, 1_451_520)
    pairs = {
        n: LoraPair(torch.zeros(1, width), torch.zeros(height, 1)) for n, (height, width) in attention.items()
    }
    assert bases_of(pairs) == ["kolors (560 of 560 layers)"]
    name = next(iter(pairs))
    assert bases_of({name: pairs[name], "blocks.99.to_q": pairs[name]}) == ["kolors (1 of 2 layers)"]
    assert bases_of({name: LoraPair(torch.zeros(1, 3), torch.zeros(3, 1))}) == []


def kolors_lora(up: float = 1.0, notes: dict[str, str] | None = None) -> Content:
    shapes = known_shapes()["kolors"]
    pairs = {
        name: LoraPair(torch.ones(1, shapes[name][1]), torch.full((shapes[name][0], 1), up))
        for name in shapes
        if name.rpartition(".")[2] == "to_q"
    }
    return Content(tool="diffsynth", pairs=pairs, rank=1, alpha=1.0, notes=notes or {})


def test_what_is_wrong_with_a_lora_is_said_in_words() -> None:
    assert problems_of(kolors_lora()) == []
    assert "it was never trained" in problems_of(kolors_lora(up=0.0))[0]
    [problem] = problems_of(kolors_lora(notes={"ss_base_model_version": "sdxl_base_v1-0"}))
    assert "says it was trained on sdxl_base_v1-0" in problem
    content = kolors_lora()
    pair = next(iter(content.pairs.values()))
    [problem] = problems_of(replace(content, pairs={**content.pairs, "blocks.99.to_q": pair}))
    assert "no base that storykit knows has all of its layers" in problem
