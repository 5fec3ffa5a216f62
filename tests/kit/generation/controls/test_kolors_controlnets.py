"""Kolors held to maps by ControlNets is what diffusers' own classes make of the same weights."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from diffusers_twin import ATTENTION_EPS, EXACT, SAME
from fakes import TOY_PROMPTS, toy_base, toy_sizes
from painting import NEGATIVE, painted
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from kit.errors import InputError, WeightsError
from kit.experiment.config import load_experiment
from kit.experiment.controls.control_record import map_file
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Anchor
from kit.generation.controls.control import Control
from kit.generation.controls.kolors_controlnets import KolorsControlNets
from kit.generation.generate import draw_experiment
from kit.generation.kolors.denoiser import Denoiser
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest, RedrawRequest
from kit.generation.pipelines.part_checks import check_controlnet
from kit.generation.sampling.first_noise import first_noise
from kit.generation.sampling.picture_latents import decoded
from kit.models.base import load_base
from kit.models.bases import controlnet_files
from kit.models.bases.controlnet_files import open_controlnet
from kit.models.kolors.scheduler import scheduler
from kit.models.layouts.diffusers_networks import diffusers_unet
from tests.support.controlled_run import CONTROLS, controlled_experiment
from tests.support.kolors_controlnets import held, kolors_controlnets, write_controlnet
from tests.support.published_toy import SIZES, toy_published
from tests.support.toy_controlnets import shapes, toy_controlnets

HOW = DrawSettings(steps=2, cfg=4.0, size=64, noise="portable")
ONE = (("canny", 0.7, 1.0),)
FULL = (("canny", 1.0, 1.0),)
TWO = (("canny", 0.7, 0.5), ("map", 1.0, 1.0))
Told = Sequence[tuple[str, float, float]]


def controls(told: Told, seed: int = 0) -> tuple[Control, ...]:
    return tuple(
        held(kolors_controlnets()[kind], seed + at, weight, until)
        for at, (kind, weight, until) in enumerate(told)
    )


def request(told: Told, seed: int = 0, **more: object) -> PanelRequest:
    return PanelRequest(
        prompt=TOY_PROMPTS[seed % len(TOY_PROMPTS)], negative=NEGATIVE, seed=seed,
        control=controls(told, seed), **more,
    )  # fmt: skip


def new_painter(base: Path | None = None) -> KolorsPainter:
    return KolorsPainter(load_base(base or toy_published()), "cpu")


@pytest.fixture(scope="module")
def painter() -> KolorsPainter:
    return new_painter()


# the same as diffusers


@cache
def their_unet() -> UNet2DConditionModel:
    unet = UNet2DConditionModel.from_pretrained(toy_published() / "unet", torch_dtype=EXACT).eval()
    for name, layer in unet.named_modules():
        if isinstance(layer, nn.GroupNorm) and ".attentions." in name:
            layer.eps = ATTENTION_EPS
    return unet


@cache
def their_net(kind: str) -> ControlNetModel:
    return ControlNetModel.from_pretrained(kolors_controlnets()[kind], torch_dtype=EXACT).eval()


def their_map(seed: int) -> Tensor:
    pixels = torch.from_numpy(np.asarray(shapes(seed, 64)).astype(np.float32) / 255)
    return pixels.permute(2, 0, 1)[None].to(EXACT)


class Theirs:
    """diffusers' UNet and ControlNets, called as Kolors' own pipeline calls them."""

    def __init__(self, told: Told, seeds: Sequence[int]) -> None:
        self.unet, self.told = their_unet(), told
        self.nets = [their_net(kind) for kind, _, _ in told]
        self.maps = [torch.cat([their_map(seed + at) for seed in seeds]) for at in range(len(told))]

    def __call__(self, rows: Tensor, step: Tensor, text: Tensor, pooled: Tensor, share: float) -> Tensor:
        ids = torch.tensor([[64, 64, 0, 0, 64, 64]] * len(rows))
        more = {"text_embeds": pooled, "time_ids": ids}
        skipped, middle = None, 0
        for net, maps, (_, weight, until) in zip(self.nets, self.maps, self.told, strict=True):
            said, below = net(
                rows, step, net.encoder_hid_proj(text), torch.cat([maps] * (len(rows) // len(maps))),
                weight * (share <= until), added_cond_kwargs=more, return_dict=False,
            )  # fmt: skip
            pairs = zip(skipped or [0] * len(said), said, strict=True)
            skipped, middle = [one + other for one, other in pairs], middle + below
        told: Tensor = self.unet(
            rows, step, text, added_cond_kwargs=more, down_block_additional_residuals=skipped,
            mid_block_additional_residual=middle,
        ).sample  # fmt: skip
        return told


def example(rows: int) -> tuple[Tensor, Tensor, Tensor]:
    chance = torch.Generator().manual_seed(9)
    latents = torch.randn(rows, 4, 8, 8, generator=chance, dtype=EXACT)
    text = torch.randn(rows, 12, SIZES.unet.pooled, generator=chance, dtype=EXACT)
    return latents, text, torch.randn(rows, SIZES.unet.pooled, generator=chance, dtype=EXACT)


@pytest.mark.parametrize("told", [ONE, FULL, TWO], ids=["weight .7", "weight 1", "two"])
def test_the_unet_predicts_what_diffusers_predicts_with_the_same_residuals(told):
    panels = [request(told, seed) for seed in (0, 1)]
    rows, text, pooled = example(4)
    engine, nets = Denoiser(load_base(toy_published()).unet(dtype=EXACT)), KolorsControlNets("cpu")
    step = torch.tensor([500])
    with torch.inference_mode():
        engine.set_text(text)
        bare = engine.at(step, pooled)(rows)
        now = nets.held(panels, text.reshape(2, 2, *text.shape[1:]), range(2), 64, EXACT).at(0)
        ours = engine.at(step, pooled, now)(now.with_maps(rows))
        expected = Theirs(told, (0, 1))(rows, step, text, pooled, 0.5)
        assert torch.equal(engine.at(step, pooled)(rows), bare), "nothing is left of it"
    assert (ours - expected).abs().max() <= SAME
    assert (ours - bare).abs().max() > 0.01 * bare.std()


@pytest.mark.parametrize("told", [(("canny", 0.7, 0.5),), TWO], ids=["one", "two"])
def test_latents_and_pictures_are_those_of_a_loop_over_diffusers_classes(told):
    painter, panels, how = new_painter(), [request(told, seed) for seed in (0, 1)], replace(HOW, steps=4)
    painter._networks.dtype = EXACT
    painter.encode_prompts([text for one in panels for text in one.texts])
    cross, pooled = (
        part.to(EXACT)
        for part in painter._networks.texts.of([*(one.prompt for one in panels), NEGATIVE, NEGATIVE])
    )
    with torch.inference_mode():
        noise = torch.cat([first_noise(one.seed, how, "cpu") for one in panels]).to(EXACT)
        ours = painter._loop.denoise(noise, panels, how)
        theirs, latents, way = Theirs(told, (0, 1)), noise, scheduler(how.steps)
        for number, step in enumerate(way.timesteps, 1):
            predicted = theirs(torch.cat([latents] * 2), step, cross, pooled, number / how.steps)
            wanted, unwanted = predicted.chunk(2)
            latents = way.step(unwanted + how.cfg * (wanted - unwanted), step, latents)
        expected = [decoded(painter._networks.decoder, one.float()) for one in latents]
    assert (ours - latents).abs().max() <= SAME
    for found, picture in zip(painted(new_painter(), panels, how), expected, strict=True):
        assert np.abs(found - np.asarray(picture).astype(int)).max() <= 1


def test_a_controlnet_that_reads_colours_turned_reads_them_so(painter, tmp_path):
    folders = [write_controlnet(tmp_path / order, SIZES.unet, 40, order) for order in ("rgb", "bgr")]
    rows, text, pooled = example(1)
    step, ids = torch.tensor([500]), torch.tensor([[64, 64, 0, 0, 64, 64]])
    for folder in folders:
        panel = replace(request(()), control=(held(folder, 0),))
        with torch.inference_mode():
            now = KolorsControlNets("cpu").held([panel], text[None], range(1), 64, EXACT).at(0)
            _, ours = now.residuals(now.with_maps(rows), step, ids.flatten(), pooled)
            net = ControlNetModel.from_pretrained(folder, torch_dtype=EXACT)
            _, middle = net(
                rows, step, net.encoder_hid_proj(text), their_map(0), 0.7, return_dict=False,
                added_cond_kwargs={"text_embeds": pooled, "time_ids": ids},
            )  # fmt: skip
        assert (ours.middle - middle).abs().max() <= SAME


# batches


def test_panels_held_otherwise_share_a_batch_and_each_comes_out_as_alone(painter):
    mixed = [request(TWO), request((), 1), request(ONE, 2), request(TWO, 3)]
    alone = [painted(painter, [one], HOW)[0] for one in mixed]
    for together, by_itself in zip(painted(painter, mixed, HOW), alone, strict=True):
        assert np.abs(together - by_itself).max() <= 1
    assert len({picture.tobytes() for picture in alone}) == len(mixed)


def test_weight_until_and_map_each_change_the_picture_and_no_weight_is_no_map(painter):
    first = request(ONE)
    others = [
        request(()),
        request((("canny", 0.9, 1.0),)),
        request((("canny", 0.7, 0.5),)),
        replace(first, control=controls(ONE, 5)),
    ]
    pictures = painted(painter, [first, *others], HOW)
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)
    [silent] = painted(painter, [request((("canny", 0.0, 1.0),))], HOW)
    assert np.abs(silent - pictures[1]).max() <= 1


@pytest.mark.parametrize(
    "how",
    [
        replace(HOW, guidance_until=0.5),
        replace(HOW, cfg=1.0),
        replace(HOW, cache_every=2),
        replace(HOW, sampler="dpm++2m"),
    ],
    ids=["guidance ends", "no guidance", "cached", "dpm++2m"],
)
def test_maps_are_heard_whatever_drafts_spare(painter, how):
    held_so, free = painted(painter, [request(TWO), request(())], how)
    assert np.abs(held_so - free).max() > 1


def test_with_low_memory_it_is_the_same_picture(painter):
    panels = [request(ONE), request(TWO, 1)]
    usual = painted(painter, panels, HOW)
    for low, other in zip(painted(painter, panels, replace(HOW, memory="low")), usual, strict=True):
        assert np.abs(low - other).max() <= 1


def test_an_anchor_is_drawn_from_its_words_alone_though_its_panel_is_held(painter):
    hero = request(FULL)
    reader = replace(
        request(ONE, 1), anchors=(Anchor(prompt=hero.prompt, subject="", seed=hero.seed),), consistency=0.8
    )
    [alone] = painted(painter, [reader], HOW)
    _, beside_held = painted(painter, [hero, reader], HOW)
    same_net = replace(reader, control=controls(FULL, 1))
    _, in_one_batch = painted(painter, [hero, same_net], HOW)
    assert np.abs(alone - beside_held).max() <= 1
    assert np.abs(in_one_batch - painted(painter, [same_net], HOW)[0]).max() <= 1
    for other in (replace(reader, control=()), replace(reader, anchors=(), consistency=0.0)):
        assert np.abs(alone - painted(painter, [other], HOW)[0]).max() > 1


# drawn again


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("inpainting", [False, True], ids=["own UNet", "UNet for inpainting"])
def test_a_picture_that_is_drawn_again_is_held_to_its_map(painter, masked, inpainting):
    [picture] = painted(painter, [request(())], HOW)
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    again = RedrawRequest(
        request=request(FULL), picture=Image.fromarray(picture.astype(np.uint8)), strength=0.8,
        mask=mask if masked else None, inpainting=painter.inpainting if inpainting else "",
    )  # fmt: skip
    free = replace(again, request=request(()))
    ours, other = (np.asarray(one).astype(int) for one in painter.redraw([again, free], HOW))
    assert np.abs(ours - other).max() > 1
    if masked:
        assert np.array_equal(ours[:, 32:], picture[:, 32:])


def test_until_counts_the_steps_that_are_drawn_again():
    asked, text = request((("canny", 1.0, 0.5),)), example(1)[1]
    panels = KolorsControlNets("cpu").held([asked], text[None], range(2, 4), 64, EXACT)
    assert [panels.at(number) is not None for number in range(4)] == [False, False, True, False]


def test_in_parts_each_reads_its_own_part_of_the_map(painter):
    large = replace(HOW, size=128)
    [picture] = painted(painter, [request(())], large)
    whole = RedrawRequest(
        request=request(FULL), picture=Image.fromarray(picture.astype(np.uint8)), strength=0.8, tile=64
    )
    asked = [whole, replace(whole, request=request(())), replace(whole, tile=0)]
    parts, free, at_once = (np.asarray(one).astype(int) for one in painter.redraw(asked, large))
    assert np.abs(parts - free).max() > 1
    assert np.abs(parts - at_once).mean() < np.abs(free - at_once).mean()


# what does not fit


def test_a_controlnet_of_sdxl_is_refused_in_a_line_that_names_both(painter):
    stranger = replace(request(()), control=(held(toy_controlnets()["sdxl/canny"], 0),))
    for refuse in (
        lambda: painted(painter, [stranger], HOW),
        lambda: painter.plan_batches([stranger], HOW),
        lambda: painter.redraw([RedrawRequest(request=stranger, picture=shapes(0, 64), strength=0.5)], HOW),
    ):
        with pytest.raises(InputError) as refused:
            refuse()
        [told] = refused.value.faults
        assert told.startswith("the ControlNet controlnet-canny-sdxl-1.0 is for another base than kolors:")


def test_a_controlnet_of_more_layers_is_refused_in_a_line(painter, tmp_path):
    folder = Path(shutil.copytree(kolors_controlnets()["canny"], tmp_path / "net"))
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"layers_per_block": 2', '"layers_per_block": 3'))
    (folder / "storykit.json").unlink(missing_ok=True)
    with pytest.raises(InputError, match="layers_per_block 3, the base's 2"):
        painted(painter, [replace(request(()), control=(held(folder, 0),))], HOW)


@pytest.mark.parametrize(
    ("said", "instead", "told"),
    [
        ('"layers_per_block": 2', '"layers_per_block": 1', "layers_per_block 1, the base's 2"),
        ("16,\n    32,\n    96,\n    256", "16,\n    32,\n    256", "controlnet_cond_embedding"),
        ('"conditioning_channels": 3', '"conditioning_channels": 1', "does not fit this base"),
        ('"use_linear_projection": true', '"use_linear_projection": false', "does not fit this base"),
        (
            '_channel_order": "rgb"',
            '_channel_order": "xyz"',
            "unknown `controlnet_conditioning_channel_order`",
        ),
        ('"norm_eps": 1e-05', '"norm_eps": "x"', "config.json cannot be read as its config says: .* must be"),
        ('"_class_name": "ControlNetModel"', '"_class_name": "ControlNetUnionModel"', "is no ControlNet"),
    ],
)
def test_a_run_is_refused_whose_controlnet_is_not_what_its_config_says(tmp_path, said, instead, told):
    asked = experiment(tmp_path)
    net = Path(shutil.copytree(kolors_controlnets()["canny"], tmp_path / "net"))
    (net / "storykit.json").unlink(missing_ok=True)
    config = net / "config.json"
    assert said in config.read_text()
    config.write_text(config.read_text().replace(said, instead))
    asked.write_text(asked.read_text().replace(str(kolors_controlnets()["canny"]), str(net)))
    with pytest.raises((InputError, WeightsError), match=told):
        draw_experiment(load_experiment(asked), tmp_path / "run", [new_painter()])
    assert not (tmp_path / "run" / "panels.jsonl").exists()


def test_a_controlnet_that_lacks_a_tensor_or_reads_other_maps_is_refused_before_anything_is_drawn(tmp_path):
    lacking = Path(shutil.copytree(kolors_controlnets()["canny"], tmp_path / "net"))
    (lacking / "storykit.json").unlink(missing_ok=True)
    [file] = lacking.glob("*.safetensors")
    tensors = load_file(file)
    del tensors["controlnet_mid_block.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"lacks controlnet_mid_block\.weight"):
        check_controlnet(open_controlnet(lacking).network)
    coarse = tmp_path / "coarse"
    ControlNetModel.from_unet(
        diffusers_unet(SIZES.unet), conditioning_embedding_out_channels=(16, 32, 64)
    ).save_pretrained(coarse)
    with pytest.raises(WeightsError, match="gives 4, we draw with 8"):
        check_controlnet(open_controlnet(coarse).network)


def test_a_base_laid_out_like_the_embedded_one_is_held_by_a_controlnet_of_its_sizes(tmp_path):
    folder = write_controlnet(tmp_path / "own", toy_sizes().unet, 7)
    own = new_painter(toy_base())
    held_so, free = painted(own, [replace(request(()), control=(held(folder, 0),)), request(())], HOW)
    assert np.abs(held_so - free).max() > 1


# from the experiment to the run


def experiment(folder: Path) -> Path:
    """Write an experiment on the toy of Kolors, of which the first two panels are held."""
    controlled_experiment(folder, CONTROLS[:2])
    nets = kolors_controlnets()
    (folder / "experiment.toml").write_text(
        f'stories = ["tale.toml"]\nbase = "{toy_published()}"\nseeds = [3]\nsteps = 2\nsize = 64\n'
        f'[controlnets]\ncanny = "{nets["canny"]}"\nmap = "{nets["map"]}"\n[[candidate]]\nname = "base"\n'
    )
    return folder / "experiment.toml"


def test_a_run_of_kolors_keeps_what_its_panels_were_held_to_and_goes_on(tmp_path):
    loaded = load_experiment(experiment(tmp_path))
    run, report = draw_experiment(loaded, tmp_path / "run", [new_painter()])
    rows = sorted(run.rows(), key=lambda row: row.panel)
    assert [len(row.control) for row in rows] == [1, 2, *[0] * 6]
    assert report.drawn == 8
    assert all((run.folder / map_file(one.map)).is_file() for row in rows for one in row.control)
    _, again = draw_experiment(loaded, tmp_path / "run", [new_painter()])
    assert again.drawn == 0


def test_without_diffusers_a_line_says_how_to_install_it_before_anything_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(controlnet_files, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"read by diffusers, .* pip install storykit\[bases\]"):
        draw_experiment(load_experiment(experiment(tmp_path)), tmp_path / "run", [new_painter()])
    assert not (tmp_path / "run" / "panels").exists()
