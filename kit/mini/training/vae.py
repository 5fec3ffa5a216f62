"""Training of the autoencoder: crops first, whole pictures last."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder
from torch import Tensor
from torch.nn.functional import avg_pool2d

from kit.mini.training.corpus import as_input
from kit.mini.training.optimizer import AveragedOptimizer, DistributedRanks, Rates
from kit.mini.training.shards import read_shards
from kit.models.kolors.vae import build_vae_decoder, build_vae_encoder
from kit.models.sizes import VaeSizes
from kit.world.canvas import SIDE
from kit.world.scene import STYLES

log = logging.getLogger(__name__)
REPORT_STEPS, KEEP_STEPS = 250, 2000
"""So often the log gets a line, and the state is kept."""
CROPPED_SHARE = 0.7
"""Share of all steps that see crops; whole pictures come after that."""
MEASURED = 512
"""Pictures that the scaling factor and the error are measured on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VaeTraining:
    """How the autoencoder is trained."""

    steps: int = 6000
    batch: int = 96
    """Crops a step; whole pictures come a third as many, but at least 8."""
    crop: int = 128
    """Side of the crops."""
    peak_rate: float = 1.2e-3
    kl_weight: float = 2e-4
    seed: int = 0


def load_pictures(folder: Path, ranks: DistributedRanks) -> Tensor:
    """Return this process's share of all styles' pictures on the device: (n, 256, 256, 3) uint8."""
    shards = read_shards(folder, STYLES, (ranks.rank, ranks.count))
    return torch.cat([torch.from_numpy(shard.pictures).to(ranks.device) for shard in shards])


def reconstruction_loss(wanted: Tensor, got: Tensor) -> Tensor:
    """Return absolute error + gradients at three scales + structural dissimilarity."""
    loss = 2 * (wanted - got).abs().mean() + 0.3 * (1 - _ssim(wanted, got))
    for scale in range(3):
        if scale:
            wanted, got = avg_pool2d(wanted, 2), avg_pool2d(got, 2)
        error = wanted - got
        across = (error[..., 1:] - error[..., :-1]).abs().mean()
        down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
        loss = loss + (across + down) / 3
    return loss


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    def mean(v: Tensor) -> Tensor:
        return avg_pool2d(v, 7, 1)

    mx, my = mean(x), mean(y)
    sx, sy, sxy = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    likeness = ((2 * mx * my + 0.01) * (2 * sxy + 0.03)) / ((mx * mx + my * my + 0.01) * (sx + sy + 0.03))
    return likeness.mean()


def train_vae(shards: Path, out: Path, sizes: VaeSizes, config: VaeTraining) -> None:
    """Train; write both networks' averaged weights in fp16 and the scaling factor to `out/vae.pt`.

    Keeps `out/vae-state.pt` every 2000 steps; the same command goes on from there.
    """
    ranks = DistributedRanks()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        encoder, decoder = build_vae_encoder(sizes), build_vae_decoder(sizes)
    networks = {
        "encoder": encoder.to(ranks.device, memory_format=torch.channels_last),
        "decoder": decoder.to(ranks.device, memory_format=torch.channels_last),
    }
    rates = Rates(peak=config.peak_rate, warmup=100, decay=1e-4, average=0.998)
    descent = AveragedOptimizer(networks, rates, ranks)
    spent = descent.resume(out / "vae-state.pt")
    pictures = load_pictures(shards, ranks)
    log.info("%d pictures", len(pictures))
    started = time.monotonic() - spent
    dice = torch.Generator(ranks.device).manual_seed(config.seed + 1000 * ranks.rank + descent.step)
    while descent.step < config.steps:
        loss = _loss(descent, _crops(pictures, descent.step, config, dice), config, dice)
        descent.descend(loss, descent.step / config.steps)
        if descent.step % REPORT_STEPS == 0 and ranks.rank == 0:
            log.info("vae step %d loss %.4f, %.0f s", descent.step, loss.item(), time.monotonic() - started)
        if descent.step % KEEP_STEPS == 0:
            descent.keep(out / "vae-state.pt", time.monotonic() - started)
    descent.settle()
    if ranks.rank == 0:
        scale = _measure(encoder, decoder, pictures)
        torch.save({**descent.halves(), **scale}, out / "vae.pt")
    ranks.leave()


def _crops(pictures: Tensor, step: int, config: VaeTraining, dice: torch.Generator) -> Tensor:
    """Return crops at one place of a batch of pictures chosen by lot, half of them mirrored."""
    whole = step >= CROPPED_SHARE * config.steps
    side, batch = (SIDE, max(8, config.batch // 3)) if whole else (config.crop, config.batch)
    rows = torch.randint(len(pictures), (batch,), device=pictures.device, generator=dice)
    corner = torch.randint(SIDE + 1 - side, (2,), device=pictures.device, generator=dice)
    y, x = corner.tolist()
    crop = pictures[rows, y : y + side, x : x + side]
    half = batch // 2
    return as_input(torch.cat([crop[:half], crop[half:].flip(2)]))


def _loss(descent: AveragedOptimizer, x: Tensor, config: VaeTraining, dice: torch.Generator) -> Tensor:
    with descent.ranks.autocast():
        mean, log_variance = encode_moments(descent.networks["encoder"], x)
        mean, log_variance = mean.float(), log_variance.float().clamp(-12, 6)
        noise = torch.randn(mean.shape, device=mean.device, generator=dice)
        y = descent.networks["decoder"](mean + torch.exp(0.5 * log_variance) * noise).float()
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
    return reconstruction_loss(x, y) + config.kl_weight * divergence


def encode_moments(encoder: SDXLVAEEncoder, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and log variance of the latents, (B, 4, H/8, W/8) each, unscaled; pictures in [-1, 1]."""
    hidden = encoder.conv_in(pictures)
    for block in encoder.blocks:
        hidden = block(hidden, None, None, [])[0]
    hidden = encoder.conv_out(encoder.conv_act(encoder.conv_norm_out(hidden)))
    mean, log_variance = encoder.quant_conv(hidden).chunk(2, dim=1)
    return mean, log_variance


@torch.no_grad()
def _measure(encoder: SDXLVAEEncoder, decoder: SDXLVAEDecoder, pictures: Tensor) -> dict[str, float]:
    """Return the scaling factor, one over the latents' spread, and the pictures' PSNR in dB."""
    rows = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(1))[:MEASURED]
    latents, errors = [], []
    for chunk in torch.split(pictures[rows.to(pictures.device)], 32):
        x = as_input(chunk)
        mean, _ = encode_moments(encoder, x)
        latents.append(mean)
        errors.append(((decoder(mean).clamp(-1, 1) - x) ** 2).mean((1, 2, 3)))
    spread = torch.cat(latents).std().item()
    psnr = (10 * torch.log10(4 / torch.cat(errors))).mean().item()
    middles = torch.cat(latents).mean((0, 2, 3)).tolist()
    log.info("vae psnr %.2f dB, latent std %.3f, channel means %s", psnr, spread, middles)
    return {"scaling_factor": 1 / spread, "psnr": psnr}
