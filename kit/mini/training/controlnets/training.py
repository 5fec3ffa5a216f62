"""Training of the embedded base's ControlNet: it adds to the frozen UNet, with and without LoRAs."""

import logging
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from diffsynth.models.kolors_text_encoder import ChatGLMModel
from diffsynth.models.sd_unet import PopBlock
from diffsynth.models.sdxl_unet import SDXLUNet
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder
from diffusers import ControlNetModel
from torch import Tensor, nn

from kit.embedded import LORA_PREFIX
from kit.generation.controls.held_panels import Residuals, added
from kit.lora.lora import find_lora
from kit.mini.training.controlnets.line_maps import line_maps, torn, unpacked
from kit.mini.training.controlnets.network import save_controlnet, untrained_controlnet
from kit.mini.training.corpus import encode_world, padded_left
from kit.mini.training.networks import load_networks
from kit.mini.training.optimizer import AveragedOptimizer, DistributedRanks, Rates
from kit.mini.training.unet import BASE_STYLES, BaseConfig, Clock, Lessons, captured, learn
from kit.models.kolors.text_encoder import encode_ids
from kit.models.kolors.unet import time_ids
from kit.models.mini_layout import EmbeddedFolder
from kit.models.networks import TOKENIZER
from kit.world.canvas import SIDE
from kit.world.scene import Style

log = logging.getLogger(__name__)
PLAIN = "plain"
"""The UNet without a LoRA."""
UNTOLD = 0.3
"""Pictures without a caption: there is more to learn from the lines then."""
PLAIN_SHARE = 0.7
"""Steps that the base draws without a LoRA; the LoRAs share the others."""


class HeldLearner(nn.Module):
    """A ControlNet beside the frozen base, as one network that predicts noise."""

    def __init__(
        self, net: ControlNetModel, unet: SDXLUNet, text_encoder: ChatGLMModel, ranks: DistributedRanks
    ) -> None:
        """Keep the networks, which are on the ranks' device; the UNet in the precision of its arithmetic."""
        super().__init__()
        self.net, self.unet, self.text_encoder, self.ranks = net, unet, text_encoder, ranks
        self.sizes = time_ids(1, SIDE, ranks.device)
        self.pops = [block for block in unet.blocks if isinstance(block, PopBlock)]

    def forward(self, noisy: Tensor, times: Tensor, ids: Tensor, lengths: Tensor, maps: Tensor) -> Tensor:
        """Return the predicted noise, shape of `noisy`, where the maps are followed."""
        sizes = self.sizes.repeat(len(noisy))
        with self.ranks.autocast():
            with torch.no_grad():
                cross, pooled = encode_ids(self.text_encoder, *padded_left(ids, lengths))
            told = {"text_embeds": pooled, "time_ids": sizes}
            skipped, middle = self.net(noisy, times, cross, maps, added_cond_kwargs=told, return_dict=False)
        noisy, cross, pooled, middle = (self.ranks.as_used(each) for each in (noisy, cross, pooled, middle))
        with added(self.pops, Residuals([self.ranks.as_used(each) for each in skipped], middle)):
            predicted: Tensor = self.unet(noisy, times, cross, sizes, pooled)
        return predicted.float()


class Wardrobe:
    """The UNet's weights without a LoRA and with each of those that it wears, in one place of the memory."""

    def __init__(self, unet: SDXLUNet, styles: Sequence[str]) -> None:
        """Merge the embedded LoRAs of these styles, at strength 1, beside the UNet."""
        loras = {style: find_lora(LORA_PREFIX + style) for style in styles}
        names = sorted({name for lora in loras.values() for name in lora.pairs})
        self._worn = [unet.get_submodule(name).get_parameter("weight") for name in names]
        self._kept = {PLAIN: [weight.detach().clone() for weight in self._worn]}
        for style, lora in loras.items():
            self._kept[style] = [weight.clone() for weight in self._kept[PLAIN]]
            for name, weight in zip(names, self._kept[style], strict=True):
                if name in lora.pairs:
                    down, up = (factor.to(weight.device).float() for factor in lora.pairs[name])
                    weight.add_((lora.scale * (up @ down)).to(weight.dtype))

    @torch.no_grad()
    def wear(self, name: str) -> None:
        """Put on a style's LoRA, or none."""
        if self._worn:
            torch._foreach_copy_(self._worn, self._kept[name])


class StyledLessons(NamedTuple):
    """Renders that are drawn alike."""

    lessons: Lessons
    maps: Tensor
    """As `line_maps` returns them, on the device."""


class HeldLessons:
    """Lessons with the lines of their pictures, of one group of styles a step."""

    def __init__(
        self, groups: Mapping[str, StyledLessons], wardrobe: Wardrobe, ranks: DistributedRanks
    ) -> None:
        """Draw by the dice of the first group."""
        self.groups, self.wardrobe, self.ranks = groups, wardrobe, ranks
        self.dice = groups[PLAIN].lessons.dice
        self.order = random.Random(self.dice.initial_seed())

    def loss(self, learner: nn.Module) -> tuple[Tensor, Tensor]:
        """Return the weighted and the plain mean squared error over one batch."""
        styled = [name for name in self.groups if name != PLAIN]
        plain = not styled or self.order.random() < PLAIN_SHARE
        name = PLAIN if plain else self.order.choice(styled)
        self.wardrobe.wear(name)
        lessons, maps = self.groups[name]
        lesson = lessons.lesson()
        lots = torch.randint(maps.shape[1], lesson.rows.shape, device=maps.device, generator=self.dice)
        seen = torn(unpacked(maps[lesson.rows, lots]), self.dice)
        return lessons.errors(lesson, learner(*lesson.told, seen))

    def example(self) -> tuple[Tensor, ...]:
        """Return what the learner takes, in the shapes of a batch."""
        lessons, maps = self.groups[PLAIN]
        first = unpacked(maps[:1, 0]).repeat(lessons.config.batch, 1, 1, 1)
        return (*lessons.example(), first)


def train_controlnet(
    shards: Path, out: Path, base: EmbeddedFolder, styles: Sequence[Style], config: BaseConfig
) -> None:
    """Train on one GPU and write the averaged ControlNet to `out/controlnets/canny`, and in fp16 beside it.

    Keeps `out/controlnet-state.pt` every 1000 steps; the same command goes on from there.

    Args:
        shards: renders of the base's styles and of the others.
        out: where states and weights are kept.
        base: that draws; it learns nothing.
        styles: whose LoRAs it wears in some steps.
        config: how the ControlNet learns.
    """
    ranks = DistributedRanks()
    net = untrained_controlnet(base, config.seed).to(ranks.device, memory_format=torch.channels_last)
    rates = Rates(peak=config.peak_rate, warmup=100, decay=0.01, average=0.998)
    descent = AveragedOptimizer({"controlnet": net}, rates, ranks)
    spent = descent.resume(out / "controlnet-state.pt")
    networks = load_networks(base, str(ranks.device))
    encoder = networks.encoder.to(memory_format=torch.channels_last)
    seeded = replace(config, seed=config.seed + descent.step)
    groups = dict(_groups(shards, (encoder, base.folder / TOKENIZER), styles, seeded, ranks))
    unet = networks.unet.to(torch.bfloat16 if ranks.device.type == "cuda" else torch.float32)
    unet = unet.to(memory_format=torch.channels_last).requires_grad_(False)
    learner = HeldLearner(net, unet, networks.text_encoder.requires_grad_(False), ranks)
    lessons = HeldLessons(groups, Wardrobe(unet, styles), ranks)
    clock = Clock(config, ranks, time.monotonic() - spent)
    learn(captured(learner, lessons.example(), ranks), descent, lessons, clock, out / "controlnet-state.pt")
    descent.settle()
    torch.save({**descent.halves(), "step": descent.step}, out / "controlnet.pt")
    save_controlnet(out / "controlnets" / "canny", net)
    zero = torch.cat([each.weight.detach().flatten() for each in net.controlnet_down_blocks])
    log.info("%d steps, %.0f s; zero convolutions: %.5f", descent.step, clock.spent, zero.abs().mean().item())


def _groups(
    shards: Path,
    encoding: tuple[SDXLVAEEncoder, Path],
    styles: Sequence[Style],
    config: BaseConfig,
    ranks: DistributedRanks,
) -> Iterator[tuple[str, StyledLessons]]:
    """Yield the renders of the base's styles, then those of each LoRA's; encoding: a VAE and a tokenizer."""
    drawn: dict[str, Sequence[Style]] = {PLAIN: BASE_STYLES, **{style: (style,) for style in styles}}
    for number, (name, alike) in enumerate(drawn.items()):
        started = time.monotonic()
        world = encode_world(shards, alike, *encoding, ranks)
        own = replace(config, seed=config.seed + number)
        maps = line_maps(shards, alike, own.seed).to(ranks.device)
        took = time.monotonic() - started
        log.info("%s: %d pictures with their lines, %.0f s", name, len(world.pictures), took)
        yield name, StyledLessons(Lessons(world, own, ranks, 0), maps)
