"""A LoRA of another base from the experiment to the bundle and back."""

import io
import json
import shutil
import tomllib
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="needs storykit[bases]")

import torch
from command import refused, said, tell
from entries import repack
from fakes import write_story
from safetensors.torch import load, save, save_file

from kit.experiment.candidates.candidate import embedding_file
from kit.experiment.run import Run
from kit.images.png_metadata import RECIPE
from kit.lora.lora import find_lora
from kit.lora.pipelines.layout import PipelineLayout
from submissions.bundle.bundle import open_bundle
from submissions.leaderboard.lora_print import lora_print
from submissions.untrusted.png_reader import picture_texts
from tests.support.toy_loras import as_kohya, diffusers_lora
from tests.support.toy_pipelines import SDXL, toy_models
from tests.test_flow import PROMPTS, packed

HOW = "seeds = [0]\nsteps = 1\nsize = 64\nnoise_per_panel = true\n"
NAMES = ("ink", "both", "word")
CANDIDATES = """
[[candidate]]
name = "ink"
lora = "ink.safetensors"
strength = 0.8

[[candidate]]
name = "both"
lora = [{ file = "ink.safetensors", strength = 0.5 }, { file = "wide.safetensors" }]

[[candidate]]
name = "word"
lora = "ink.safetensors"
embeddings = [{ file = "brush.safetensors", token = "<brush>" }]
trigger = "<brush>"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a run of two candidates lies, scored, with a bundle of each."""
    folder = tmp_path_factory.mktemp("loras")
    base = toy_models() / SDXL
    as_kohya(diffusers_lora(base, folder / "plain.safetensors"), folder / "ink.safetensors", alpha=2.0)
    diffusers_lora(base, folder / "wide.safetensors", seed=1, rank=2, with_convolutions=True)
    chance = torch.Generator().manual_seed(5)
    word = {name: torch.randn(2, 32, generator=chance) for name in ("clip_l", "clip_g")}
    save_file(word, folder / "brush.safetensors")
    write_story(folder / "cat.toml", PROMPTS)
    head = f'stories = ["cat.toml"]\nbase = "{base}"\n'
    (folder / "experiment.toml").write_text(head + HOW + CANDIDATES, "utf-8")
    said("generate", folder / "experiment.toml", "--out", folder / "run")
    said("score", folder / "run")
    for name in NAMES:
        packed(folder / "run", folder / f"{name}.zip", "--candidate", name)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_is_sound_and_drawn_again_to_the_bit(folder: Path, name: str) -> None:
    rules = ("--rules", folder / "easy.toml")
    assert "no faults" in said("verify", folder / f"{name}.zip", *rules)
    base = ("--base", toy_models() / SDXL)
    told = json.loads(said("reproduce", folder / f"{name}.zip", *rules, *base, "--json"))["reproduced"]

    assert {panel["verdict"] for panel in told["panels"]} == {"identical"}
    assert told["effect"] > 0.5


def test_a_bundle_s_lora_is_one_that_diffusers_reads(folder: Path) -> None:
    with zipfile.ZipFile(folder / "ink.zip") as bundle:
        tensors = load(bundle.read("lora/ink.safetensors"))
        pickled = torch.load(io.BytesIO(bundle.read("lora/ink.ckpt")), weights_only=True)
    assert all(name.startswith(("unet.", "text_encoder.", "text_encoder_2.")) for name in tensors)
    assert tensors.keys() == pickled.keys()
    worn = find_lora(str(folder / "ink.safetensors"), layout=PipelineLayout("sdxl", 1))
    (folder / "again.safetensors").write_bytes(
        open_bundle(folder / "ink.zip").content("lora/ink.safetensors")
    )
    again = find_lora(str(folder / "again.safetensors"), layout=PipelineLayout("sdxl", 1))
    assert (again.rank, again.alpha) == (worn.rank, worn.alpha)
    assert all(torch.equal(again.pairs[layer].up, pair.up) for layer, pair in worn.pairs.items())


def test_two_loras_are_told_apart_by_what_they_do(folder: Path) -> None:
    ink, both = (
        lora_print(lora) for name in ("ink", "both") if (lora := open_bundle(folder / f"{name}.zip").lora)
    )
    assert ink is not None
    assert both is not None
    assert float(ink @ both) < 0.999 <= float(ink @ ink)


def test_drawing_again_draws_nothing_more(folder: Path) -> None:
    assert "0 panels, 24 were there" in said("generate", folder / "experiment.toml", "--out", folder / "run")


def test_a_lora_of_another_base_is_refused_before_anything_is_drawn(folder: Path, tmp_path: Path) -> None:
    text = (folder / "experiment.toml").read_text("utf-8").replace('"cat.toml"', f'"{folder}/cat.toml"')
    text = text.split("[[candidate]]")[0] + '[[candidate]]\nname = "a"\nlora = "mini:ink"\n'
    (tmp_path / "experiment.toml").write_text(text, "utf-8")
    line = refused("generate", tmp_path / "experiment.toml", "--out", tmp_path / "run")
    assert 'mini:ink is for the embedded base: write base = "mini", or name a file' in line
    assert not list((tmp_path / "run").rglob("*.png"))


def test_a_word_is_in_the_run_the_recipe_and_the_bundle(folder: Path) -> None:
    kept = tomllib.loads((folder / "run" / "experiment.toml").read_text("utf-8"))["candidate"]
    (one,) = next(candidate["embeddings"] for candidate in kept if candidate["name"] == "word")
    assert all("embeddings" not in candidate for candidate in kept if candidate["name"] != "word")
    bundle = open_bundle(folder / "word.zip")
    (record,) = bundle.sound_manifest.embeddings
    assert one == {"file": embedding_file(record.sha256), "token": "<brush>"}
    assert bundle.files[one["file"]] == (folder / "run" / one["file"]).read_bytes()
    assert not open_bundle(folder / "ink.zip").sound_manifest.embeddings
    pictures = [row for row in Run(folder / "run").rows() if row.candidate == "word"]
    told = picture_texts((folder / "run" / pictures[0].file).read_bytes())[RECIPE]
    assert json.loads(told)["embeddings"] == [{"token": "<brush>", "sha256": record.sha256}]


def test_another_embedding_in_a_bundle_is_a_fault(folder: Path, tmp_path: Path) -> None:
    def swap(files: dict[str, bytes]) -> None:
        (name,) = (name for name in files if name.startswith("embeddings/"))
        files[name] = save({"emb_params": torch.ones(1, 32)})

    other = repack(Path(shutil.copy(folder / "word.zip", tmp_path)), swap)
    told = tell("verify", other, "--rules", folder / "easy.toml")
    assert told.code == 1
    assert "is not the embedding that panels were drawn with" in told.out


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('embeddings = ["brush.safetensors"]', "brush, the word of an embedding, stands in no prompt"),
        ('embeddings = ["ink.safetensors"]', "is a LoRA, no embedding: name it at lora"),
        ("embeddings = []", "embeddings"),
    ],
)
def test_a_word_that_nobody_says_is_refused_before_anything_is_drawn(
    folder: Path, line: str, told: str, tmp_path: Path
) -> None:
    text = (folder / "experiment.toml").read_text("utf-8").split("[[candidate]]")[0]
    (folder / "word.toml").write_text(f'{text}[[candidate]]\nname = "a"\n{line}\n', "utf-8")
    assert told in refused("generate", folder / "word.toml", "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()
