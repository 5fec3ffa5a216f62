import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffsynth import SDXLImagePipeline
from diffsynth.configs.model_config import model_loader_configs
from diffsynth.models.kolors_text_encoder import ChatGLMModel as TheirTextEncoder
from diffsynth.models.sdxl_unet import SDXLUNet
from diffsynth.models.utils import hash_state_dict_keys
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers_twin import ATTENTION_EPS, EXACT, SAME
from fakes import TOY_PROMPTS
from published_toy import SIZES, copy_of_published, toy_published, write_unet
from torch import nn

from kit.errors import WeightsError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.files.checksums import RECORD
from kit.files.encodings import sha256_of
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.hub.repository import inpainting_folder
from kit.models.base import load_base
from kit.models.kolors.text_encoder import encode_ids, tokenize
from kit.models.kolors.unet import build_unet, linear_shapes, time_ids
from kit.models.layouts.diffusers_networks import diffusers_unet, diffusers_vae
from kit.models.layouts.open_kolors import open_published
from kit.models.layouts.sizes_by_shape import LATENT_SCALE
from kit.models.sizes import KOLORS_SIZES
from tests.benchmarks.published import INDEX

UNET_FILE = "unet/diffusion_pytorch_model.safetensors"
SHARD = "text_encoder/pytorch_model-00003-of-00007.bin"
DECODER_EPS = 1e-5
"""Of the decoder's last normalisation: diffusers writes 1e-6, DiffSynth computes with 1e-5."""
SAME_TEXT = 1e-3
"""How far a text's states may be apart: float32 rounds them by 1e-5, another text is 4 away."""


@pytest.fixture(scope="module")
def whole() -> Path:
    """Return a folder in Kolors' layout that diffusers itself wrote, in toy sizes."""
    return toy_published()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copy_of_published(tmp_path)


# the same networks


def test_diffsynth_recognises_the_layout_at_full_size():
    known = {config[1] for config in model_loader_configs if "sdxl_unet" in config[2]}
    with torch.device("meta"):
        states = (
            diffusers_unet(KOLORS_SIZES.unet).state_dict(),
            diffusers_vae(KOLORS_SIZES.vae, LATENT_SCALE).state_dict(),
        )
    assert hash_state_dict_keys(states[0], with_shape=True) in known
    autoencoders = {config[1] for config in model_loader_configs if "sdxl_vae_decoder" in config[2]}
    assert hash_state_dict_keys(states[1], with_shape=True) in autoencoders


def test_full_size_is_the_unet_of_kolors():
    with torch.device("meta"):
        ours, theirs = build_unet(KOLORS_SIZES.unet), SDXLUNet(is_kolors=True)
    shapes = [{name: tensor.shape for name, tensor in net.state_dict().items()} for net in (ours, theirs)]
    assert shapes[0] == shapes[1]


def test_the_sizes_are_read_from_the_folder(whole):
    assert open_published(whole).sizes == SIZES


def test_the_unet_predicts_what_diffusers_predicts(whole):
    theirs = UNet2DConditionModel.from_pretrained(whole / "unet", torch_dtype=EXACT).eval()
    for name, layer in theirs.named_modules():
        if isinstance(layer, nn.GroupNorm) and ".attentions." in name:
            layer.eps = ATTENTION_EPS
    chance = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 4, 8, 8, generator=chance, dtype=EXACT)
    text = torch.randn(2, 9, 32, generator=chance, dtype=EXACT)
    numbers, times = time_ids(2, 64).to(EXACT), torch.tensor([500.0, 20.0], dtype=EXACT)
    with torch.no_grad():
        ours = open_published(whole).unet(dtype=EXACT)(latents, times, text, numbers, text[:, 0])
        more = {"time_ids": numbers.reshape(2, 6), "text_embeds": text[:, 0]}
        expected = theirs(latents, times, text, added_cond_kwargs=more).sample
    assert expected.std() > 0.01
    torch.testing.assert_close(ours, expected, rtol=0, atol=SAME)


def test_the_autoencoder_decodes_and_encodes_what_diffusers_does(whole):
    theirs = AutoencoderKL.from_pretrained(whole / "vae", torch_dtype=EXACT).eval()
    theirs.decoder.conv_norm_out.eps = DECODER_EPS
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0), dtype=EXACT)
    base = open_published(whole)
    with torch.no_grad():
        pictures = theirs.decode(latents / base.latent_scale).sample
        torch.testing.assert_close(base.vae_decoder().to(EXACT)(latents), pictures, rtol=0, atol=SAME)
        means = theirs.encode(pictures).latent_dist.mean * base.latent_scale
        torch.testing.assert_close(base.vae_encoder().to(EXACT)(pictures), means, rtol=0, atol=SAME)


def test_the_texts_states_are_those_of_diffsynths_text_encoder(whole):
    theirs = TheirTextEncoder.from_pretrained(whole / "text_encoder", torch_dtype=torch.float32).eval()
    base = open_published(whole)
    tokens = tokenize(base.prompter(), TOY_PROMPTS)
    with torch.no_grad():
        for ours, expected in zip(
            encode_ids(base.text_encoder(), *tokens), encode_ids(theirs, *tokens), strict=True
        ):
            torch.testing.assert_close(ours, expected, rtol=0, atol=SAME_TEXT)
            assert (expected[0] - expected[1]).abs().max() > 1


def test_a_layer_of_the_text_encoder_is_in_memory_only_while_it_works(whole):
    base = open_published(whole)
    encoder = base.text_encoder()
    layers, there = encoder.encoder.layers, []
    layers[1].register_forward_pre_hook(
        lambda *_: there.append([not next(layer.parameters()).is_meta for layer in layers])
    )
    with torch.no_grad():
        encode_ids(encoder, *tokenize(base.prompter(), TOY_PROMPTS))
    assert there == [[False, True, False]]
    assert all(parameter.is_meta for parameter in layers.parameters())


def test_a_published_base_draws_what_diffsynths_pipeline_draws(whole):
    base, size = load_base(whole), 64
    pipe = SDXLImagePipeline(device="cpu", torch_dtype=torch.float32)
    pipe.scheduler.__init__(beta_end=0.014, num_train_timesteps=1100)
    pipe.prompter = base.prompter()
    pipe.prompter.fetch_models(base.text_encoder())
    pipe.unet, pipe.vae_decoder = base.unet(), base.vae_decoder()
    painter = KolorsPainter(base, "cpu")
    requests = [
        PanelRequest(key="k", prompt=prompt, negative="下雪", seed=seed)
        for seed, prompt in enumerate(TOY_PROMPTS)
    ]
    painter.encode_prompts([*TOY_PROMPTS, "下雪"])
    settings = DrawSettings(steps=3, cfg=4.0, size=size, noise="portable")
    for asked, ours in zip(requests, painter.draw(requests, settings), strict=True):
        expected = pipe(
            asked.prompt, negative_prompt="下雪", cfg_scale=4.0, height=size, width=size,
            num_inference_steps=3, seed=asked.seed, progress_bar_cmd=list,
        )  # fmt: skip
        difference = np.asarray(ours).astype(int) - np.asarray(expected).astype(int)
        assert np.abs(difference).max() <= 1
        assert np.asarray(expected).std() > 5


def test_weights_under_the_fp16_name_are_read(copy):
    (copy / UNET_FILE).rename(copy / "unet" / "diffusion_pytorch_model.fp16.safetensors")
    assert open_published(copy).unet().conv_in.weight.shape == (32, 4, 3, 3)


def test_without_a_tokenizer_of_its_own_kolors_own_is_used(copy):
    shutil.rmtree(copy / "tokenizer")
    assert open_published(copy).prompter().tokenizer.tokenizer.n_words == 64798


# what is missing or damaged


def test_everything_that_is_missing_is_named_with_what_fetches_it(copy):
    (copy / UNET_FILE).unlink()
    (copy / SHARD).unlink()
    with pytest.raises(WeightsError) as refused:
        open_published(copy)
    told = str(refused.value)
    assert UNET_FILE in told
    assert SHARD in told
    assert f"`storykit download kolors --out {copy}`" in told
    assert "\n" not in told


@pytest.mark.parametrize("name", ["unet/config.json", f"text_encoder/{INDEX}"])
def test_a_missing_config_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(WeightsError, match=f"lacks {name}.*storykit download kolors"):
        open_published(copy)


def test_a_config_that_lacks_a_size_is_refused_with_its_name(copy):
    (copy / "vae" / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"vae/config\.json: .*scaling_factor: is missing"):
        open_published(copy)


@pytest.mark.parametrize("kept", [0, 50, 2000])
def test_a_damaged_tokenizer_is_one_line(copy, kept):
    file = copy / "tokenizer" / "tokenizer.model"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=r"tokenizer/tokenizer\.model is not a whole sentencepiece model"):
        open_published(copy).prompter()


@pytest.mark.parametrize("name", [UNET_FILE, SHARD, "tokenizer/tokenizer.model"])
def test_a_file_that_changed_since_it_was_recorded_is_refused(copy, name):
    open_published(copy)
    data = bytearray((copy / name).read_bytes())
    data[-1] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(WeightsError, match=f"{name} is damaged"):
        open_published(copy)


def test_a_file_is_not_read_again_while_size_and_time_are_the_same(copy):
    before = open_published(copy).sha256
    path, stat = copy / UNET_FILE, (copy / UNET_FILE).stat()
    path.write_bytes(bytes(stat.st_size))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert open_published(copy).sha256 == before


def test_a_copied_folder_is_hashed_again_and_is_the_same_base(copy):
    before = open_published(copy).sha256
    os.utime(copy / UNET_FILE)
    assert open_published(copy).sha256 == before
    assert RECORD in os.listdir(copy)


@pytest.mark.parametrize(("name", "network"), [(UNET_FILE, "unet"), (SHARD, "text_encoder")])
def test_a_file_cut_short_is_refused_by_its_name(copy, name, network):
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[: len(data) // 2])
    base = open_published(copy)
    with pytest.raises(WeightsError, match=rf"{name} is (not a whole shard|cut off).*download"):
        getattr(base, network)()


def test_weights_of_another_size_than_the_config_says_are_refused(copy):
    config = copy / "unet" / "config.json"
    config.write_text(config.read_text().replace('"cross_attention_dim": 48', '"cross_attention_dim": 32'))
    with pytest.raises(
        WeightsError,
        match=r"unet/diffusion_pytorch_model\.safetensors does not fit the sizes in config\.json",
    ):
        open_published(copy).unet()


# the UNet for inpainting beside it


def test_full_size_it_differs_from_the_base_in_what_it_reads_alone():
    wide = replace(KOLORS_SIZES.unet, in_channels=9)
    with torch.device("meta"):
        base, ours, theirs = build_unet(KOLORS_SIZES.unet), build_unet(wide), diffusers_unet(wide)
        named = SDXLUNet.state_dict_converter().from_diffusers(theirs.state_dict())
    shapes = [
        {name: tensor.shape for name, tensor in state.items()}
        for state in (base.state_dict(), ours.state_dict(), named[0] if isinstance(named, tuple) else named)
    ]
    assert shapes[1] == shapes[2]
    assert dict(shapes[0].items() ^ shapes[1].items()).keys() == {"conv_in.weight"}
    assert shapes[1]["conv_in.weight"] == (320, 9, 3, 3)


def test_beside_the_base_its_unet_for_inpainting_is_found_by_its_published_name(copy, monkeypatch):
    found = open_published(copy).inpainting()
    beside = inpainting_folder(copy)
    assert (sha256 := found.unet_sha256) == sha256_of(beside / UNET_FILE)
    assert found.unet().conv_in.weight.shape == (32, 9, 3, 3)
    assert linear_shapes(found.sizes.unet) == linear_shapes(SIZES.unet)
    monkeypatch.chdir(copy)
    assert open_published(Path()).inpainting().unet_sha256 == sha256
    (beside / UNET_FILE).rename(beside / "unet" / "diffusion_pytorch_model.fp16.safetensors")
    (beside / RECORD).unlink()
    assert open_published(copy).inpainting().unet_sha256 == sha256
    shutil.rmtree(beside)
    assert open_published(copy).inpainting() is None


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        (
            SIZES.unet,
            "a UNet for inpainting has 9 input channels, this one has 4",
        ),
        (replace(SIZES.unet, in_channels=9, cross=32), "it is the UNet of another base"),
    ],
)
def test_a_unet_of_another_kind_beside_the_base_is_one_line_that_says_what_to_do(copy, sizes, told):
    beside = inpainting_folder(copy)
    write_unet(beside, sizes)
    with pytest.raises(WeightsError) as refused:
        open_published(copy).inpainting()
    assert str(beside / "unet" / "config.json") in str(refused.value)
    assert told in str(refused.value)
    assert f"`storykit download kolors-inpainting --out {beside}`" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("lost", ["unet/config.json", UNET_FILE])
def test_a_folder_for_inpainting_that_lacks_a_file_is_told(copy, lost):
    beside = inpainting_folder(copy)
    (beside / lost).unlink()
    with pytest.raises(WeightsError, match=rf"{lost}.*download kolors-inpainting"):
        open_published(copy).inpainting()


def test_the_folder_for_inpainting_is_no_base(copy):
    inpainting = inpainting_folder(copy)
    shutil.copytree(inpainting / "unet", copy / "unet", dirs_exist_ok=True)
    with pytest.raises(WeightsError, match="a UNet for inpainting, which draws no picture by itself"):
        load_base(copy)
