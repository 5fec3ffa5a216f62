"""Held against diffusers' own pipelines with `load_lora_weights` and `set_adapters`, in fp32 on the CPU."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("diffusers", reason="needs storykit[bases]")

import torch

from kit.errors import LoraError
from kit.experiment.candidates.candidate import Candidate
from kit.experiment.candidates.kept_loras import keep_lora
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.diffusers_painter import load_diffusers_painter
from kit.generation.painter import PanelRequest
from kit.generation.pipelines.clip_pipelines import ClipPipeline, step_noise
from kit.generation.pipelines.lora_layers import WornLora
from kit.generation.pipelines.parts import PipelineParts
from kit.generation.sampling.first_noise import first_noise
from kit.lora.lora import LoadedLora, find_lora
from kit.lora.pipelines.embeddings import Embedding
from kit.lora.pipelines.layout import PipelineLayout, lora_layout
from kit.models.bases.pipeline_files import open_pipeline
from tests.support.toy_loras import as_kohya, diffusers_lora, toy_pipeline
from tests.support.toy_pipelines import SIDE, toy_models

SDXL, SD = "AI-ModelScope/stable-diffusion-xl-base-1.0", "YorickHe/majicmixRealistic_v6/v7"
HOW = DrawSettings(steps=2, cfg=5.0, size=SIDE, noise="portable", sampler="own")
pytestmark = pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")
SAID, UNWANTED, SEED = "a cat", "a dog", 3


class Toys:
    """One toy, its LoRAs, our painter and the bare pipeline."""

    def __init__(self, base: Path, folder: Path) -> None:
        self.base, self.folder = base, folder
        self.plain = diffusers_lora(base, folder / "plain.safetensors", seed=1)
        wide = diffusers_lora(base, folder / "wide.safetensors", seed=2, rank=3, with_convolutions=True)
        self.given: set[Path] = set()
        self.kohya = as_kohya(self.plain, folder / "kohya.safetensors", alpha=2.0)
        self.locon = as_kohya(wide, folder / "locon.safetensors", alpha=2.0)
        self._painter = load_diffusers_painter(str(base), "cpu")
        self._painter.encode_prompts([SAID, UNWANTED])

    @cached_property
    def layout(self) -> PipelineLayout:
        layout = lora_layout(str(self.base))
        assert layout is not None
        return layout

    @cached_property
    def reader(self) -> ClipPipeline:
        return ClipPipeline(
            PipelineParts(open_pipeline(str(self.base)), "cpu", torch.float32), "cpu", torch.float32
        )

    def read(self, file: Path) -> LoadedLora:
        return find_lora(str(file), layout=self.layout)

    def ours(self, lora: LoadedLora | None, strength: float = 1.0) -> NDArray[np.int16]:
        self._painter.set_lora(lora, strength)
        [picture] = self._painter.draw([PanelRequest(prompt=SAID, negative=UNWANTED, seed=SEED)], HOW)
        return np.asarray(picture, np.int16)

    @cached_property
    def bare(self) -> NDArray[np.int16]:
        return self.ours(None)

    @cached_property
    def wearing(self) -> Any:
        """The bare pipeline with every LoRA that it was given; it draws with those that are asked for."""
        return toy_pipeline(self.base)

    def theirs(self, worn: Mapping[Path, float]) -> NDArray[np.int16]:
        pipeline, noise = (
            self.wearing if worn else toy_pipeline(self.base),
            first_noise(SEED, HOW, "cpu", None),
        )
        names = {file.stem: strength for file, strength in worn.items()}
        for file in worn.keys() - self.given:
            pipeline.load_lora_weights(str(file.parent), weight_name=file.name, adapter_name=file.stem)
            self.given.add(file)
        if names:
            pipeline.set_adapters([*names], [*names.values()])
        [picture] = pipeline(
            SAID, negative_prompt=UNWANTED, latents=noise, num_inference_steps=HOW.steps, height=SIDE,
            guidance_scale=HOW.cfg, width=SIDE, generator=step_noise(SEED, noise.shape),
        ).images  # fmt: skip
        return np.asarray(picture, np.int16)


@pytest.fixture(scope="module", params=[SDXL, SD], ids=["sdxl", "sd"])
def toys(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Toys:
    return Toys(toy_models() / request.param, tmp_path_factory.mktemp("loras"))


def test_the_base_alone_is_drawn_as_diffusers_draws_it(toys: Toys) -> None:
    assert np.abs(toys.bare - toys.theirs({})).max() <= 1


@pytest.mark.parametrize("strength", [1.0, 0.6])
@pytest.mark.parametrize("file", ["plain", "kohya", "locon"])
def test_a_lora_is_worn_as_diffusers_wears_it(toys: Toys, file: str, strength: float) -> None:
    path: Path = getattr(toys, file)
    worn = toys.ours(toys.read(path), strength)
    assert np.abs(worn - toys.theirs({path: strength})).max() <= 1
    assert np.abs(worn - toys.bare).mean() > 3


def test_two_at_once_are_kept_as_one_file_that_diffusers_wears_alike(toys: Toys) -> None:
    stack = [{"file": str(toys.plain), "strength": 0.5}, {"file": str(toys.locon), "strength": 1.2}]
    candidate = Candidate.model_validate({"name": "both", "lora": stack, "strength": 0.8})
    kept = keep_lora(toys.folder, candidate, toys.layout)
    file = toys.folder / str(kept.lora)
    lora = toys.read(file)
    assert (lora.rank, lora.alpha) == (7, 7.0)
    worn = toys.ours(lora, kept.strength)
    assert np.abs(worn - toys.theirs({toys.plain: 0.4, toys.locon: 0.96})).max() <= 1
    assert np.abs(worn - toys.theirs({file: 0.8})).max() <= 1


def test_a_lora_of_another_family_is_refused_with_what_to_write(tmp_path: Path) -> None:
    sd = diffusers_lora(toy_models() / SD, tmp_path / "sd.safetensors")
    xl = diffusers_lora(toy_models() / SDXL, tmp_path / "xl.safetensors")
    for base, file, reads in ((SDXL, sd, (32, 64)), (SD, xl, (64, 32))):
        painter = load_diffusers_painter(str(toy_models() / base), "cpu")
        lora = find_lora(str(file), layout=lora_layout(str(toy_models() / base)))
        with pytest.raises(LoraError, match="was made for another family") as told:
            painter.check(lora)
        assert "read {} numbers a token, this base's {}; use a LoRA of".format(*reads) in str(told.value)


def test_what_touches_no_text_encoder_leaves_what_was_read(tmp_path: Path) -> None:
    file = diffusers_lora(toy_models() / SD, tmp_path / "a.safetensors")
    worn = WornLora(find_lora(str(file), layout=PipelineLayout("sd")))
    assert worn.touches("text_encoder")
    assert not worn.touches("text_encoder_2")
    assert not WornLora().touches("unet", "text_encoder")


@pytest.mark.parametrize("long_prompts", [False, True])
def test_a_word_of_several_vectors_is_read_as_diffusers_reads_it(toys: Toys, long_prompts: bool) -> None:
    pipeline = toy_pipeline(toys.base)
    parts = [one for one in ("text_encoder", "text_encoder_2") if getattr(pipeline, one, None) is not None]
    chance = torch.Generator().manual_seed(4)
    vectors = {part: torch.randn(3, 32, generator=chance) for part in parts}
    for part, rows in vectors.items():
        tokenizer = getattr(pipeline, part.replace("text_encoder", "tokenizer"))
        pipeline.load_textual_inversion(rows, "<fox>", tokenizer, getattr(pipeline, part))
    wanted = pipeline.encode_prompt(
        prompt="a <fox> runs", device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
    )[0][0]
    taught = (Embedding(token="<fox>", sha256="", vectors=vectors),)
    how = replace(HOW, long_prompts=long_prompts)
    read = toys.reader.read(["a <fox> runs", "a fox runs"], WornLora(embeddings=taught), how)
    torch.testing.assert_close(read["a <fox> runs"].cross, wanted, atol=1e-5, rtol=0)
    untaught = toys.reader.read(["a fox runs"], WornLora(), how)
    assert torch.equal(untaught["a fox runs"].cross, read["a fox runs"].cross)
