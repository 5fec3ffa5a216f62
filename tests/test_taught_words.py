"""A word that Kolors' text encoder was taught, from the experiment to the bundle and back."""

import json
import tomllib
from pathlib import Path

import pytest
import torch
from command import refused, said
from fakes import toy_base, toy_lora, write_story
from PIL import Image
from safetensors.torch import save_file

from kit.experiment.candidates.candidate import embedding_file
from kit.experiment.run import Run
from kit.images.png_metadata import RECIPE
from submissions.bundle.bundle import open_bundle
from submissions.untrusted.png_reader import picture_texts
from tests.test_flow import PROMPTS, packed

EXPERIMENT = """
stories = ["cat.toml"]
base = "{base}"
seeds = [0]
steps = 1
size = 64

[[candidate]]
name = "ink"
lora = "ink.safetensors"
embeddings = ["zu.safetensors"]
trigger = "水墨风格"

[[candidate]]
name = "plain"
lora = "ink.safetensors"
trigger = "水墨风格"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a run lies whose first candidate has a word, scored, with its bundle."""
    folder = tmp_path_factory.mktemp("taught")
    word = 3 * torch.randn(2, 32, generator=torch.Generator().manual_seed(5))
    save_file({"<zu>": word}, folder / "zu.safetensors")
    write_story(folder / "cat.toml", ["一只<zu>", *PROMPTS[1:]])
    toy_lora(folder / "ink.safetensors")
    (folder / "experiment.toml").write_text(EXPERIMENT.format(base=toy_base()), "utf-8")
    said("generate", folder / "experiment.toml", "--out", folder / "run")
    said("score", folder / "run")
    packed(folder / "run", folder / "ink.zip")
    return folder


def test_a_word_is_in_the_run_the_recipe_and_the_bundle(folder):
    ink, plain = tomllib.loads((folder / "run" / "experiment.toml").read_text("utf-8"))["candidate"]
    bundle = open_bundle(folder / "ink.zip")
    (record,) = bundle.sound_manifest.embeddings
    assert ink["embeddings"] == [{"file": embedding_file(record.sha256), "token": "<zu>"}]
    assert "embeddings" not in plain
    rows = Run(folder / "run").rows()
    pictures = {
        row.candidate: (folder / "run" / row.file).read_bytes() for row in rows if row.slot.panel == 1
    }
    told = {name: json.loads(picture_texts(png)[RECIPE]) for name, png in pictures.items()}
    assert told["ink"]["embeddings"] == [{"token": "<zu>", "sha256": record.sha256}]
    assert "embeddings" not in told["plain"]
    pixels = {row.slot: Image.open(folder / "run" / row.file).tobytes() for row in rows}
    first, *others = (
        {drawn for slot, drawn in pixels.items() if slot.panel == panel} for panel in range(1, 9)
    )
    assert len(first) == 2, "the word was read"
    assert all(len(same) == 1 for same in others), "and nothing else is changed"
    assert "0 panels, 16 were there" in said("generate", folder / "experiment.toml", "--out", folder / "run")


def test_a_bundle_with_a_word_is_sound_and_drawn_again_to_the_bit(folder):
    rules = ("--rules", folder / "easy.toml")
    assert "no faults" in said("verify", folder / "ink.zip", *rules)
    told = json.loads(said("reproduce", folder / "ink.zip", *rules, "--base", toy_base(), "--json"))
    assert {panel["verdict"] for panel in told["reproduced"]["panels"]} == {"identical"}


def test_a_word_of_another_base_is_refused_before_anything_is_drawn(folder, tmp_path):
    save_file({"clip_l": torch.ones(1, 768), "clip_g": torch.ones(1, 1280)}, folder / "sdxl.safetensors")
    text = (folder / "experiment.toml").read_text("utf-8").replace("zu.safetensors", "sdxl.safetensors")
    (folder / "other.toml").write_text(text, "utf-8")
    line = refused("generate", folder / "other.toml", "--out", tmp_path / "run")
    assert "sdxl.safetensors: was made for SDXL: its vectors have 768 and 1280 numbers" in line
    assert not (tmp_path / "run").exists()
