"""Training of the autoencoder: crops first, whole pictures last."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kit.kolors import SDXLVAEDecoder, SDXLVAEEncoder, build_vae_decoder, build_vae_encoder, encode_moments
from kit.mini.ranks import Average, Ranks, learning_rate
from kit.mini.shards import read_shards
from kit.mini.sizes import VaeSizes
from kit.world.scene import STYLES

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class VaeConfig:
    """How the autoencoder is trained."""

    steps: int = 6000
    batch: int = 96
    crop: int = 128
    """Side of the pictures seen in the first 70 % of all steps; whole pictures after that."""
    peak_rate: float = 1.2e-3
    kl_weight: float = 2e-4
    seed: int = 0


def load_pictures(folder: Path, ranks: Ranks) -> Tensor:
    """Return all pictures of all styles on the device: (n, 256, 256, 3) uint8."""
    parts = [torch.from_numpy(s.pictures).to(ranks.device)
             for s in read_shards(folder, STYLES, (ranks.rank, ranks.count))]  # fmt: skip
    return torch.cat(parts)


def as_input(pictures: Tensor) -> Tensor:
    """Return (n, 3, h, w) in [-1, 1] from (n, h, w, 3) uint8."""
    return (
        pictures.permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)
    )


def reconstruction_loss(wanted: Tensor, got: Tensor) -> Tensor:
    """Return absolute error + gradients at three scales + structural dissimilarity."""
    loss = 2 * (wanted - got).abs().mean() + 0.3 * (1 - _ssim(wanted, got))
    for scale in range(3):
        if scale:
            wanted, got = F.avg_pool2d(wanted, 2), F.avg_pool2d(got, 2)
        error = wanted - got
        loss = loss + ((error[..., 1:] - error[..., :-1]).abs().mean()
                       + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()) / 3  # fmt: skip
    return loss


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    def mean(v: Tensor) -> Tensor:
        return F.avg_pool2d(v, 7, 1)

    mx, my = mean(x), mean(y)
    sx, sy, sxy = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    return (
        ((2 * mx * my + 0.01) * (2 * sxy + 0.03)) / ((mx * mx + my * my + 0.01) * (sx + sy + 0.03))
    ).mean()


def train_vae(shards: Path, out: Path, sizes: VaeSizes, config: VaeConfig) -> None:
    """Train, and write weights and scaling factor to `out/vae.pt`; goes on from `out/vae-state.pt`."""
    ranks = Ranks()
    torch.manual_seed(config.seed)
    encoder = build_vae_encoder(sizes).to(ranks.device, memory_format=torch.channels_last)
    decoder = build_vae_decoder(sizes).to(ranks.device, memory_format=torch.channels_last)
    pair = nn.ModuleDict({"encoder": encoder, "decoder": decoder})
    parameters = list(pair.parameters())
    optimizer = torch.optim.AdamW(parameters, config.peak_rate, betas=(0.9, 0.99), weight_decay=1e-4)
    average = Average(parameters, 0.998)
    pictures = load_pictures(shards, ranks)
    log.info("%d pictures", len(pictures))
    first = _resume(out / "vae-state.pt", pair, optimizer, average, ranks)
    dice = torch.Generator().manual_seed(config.seed + 1000 * ranks.rank + first)
    started = time.monotonic()
    for step in range(first, config.steps):
        whole = step >= 0.7 * config.steps
        side, batch = (256, max(8, config.batch // 3)) if whole else (config.crop, config.batch)
        x = as_input(_crops(pictures, batch, side, dice))
        rate = learning_rate(step / config.steps, step, config.peak_rate, 100)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with ranks.autocast():
            mean, log_variance = encode_moments(encoder, x)
            log_variance = log_variance.float().clamp(-12, 6)
            mean = mean.float()
            drawn = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
            y = decoder(drawn).float()
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
        loss = reconstruction_loss(x, y) + config.kl_weight * kl
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        ranks.average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        average.update(parameters, step)
        if step % 250 == 0 and ranks.rank == 0:
            log.info(
                "vae step %d loss %.4f kl %.2f, %.0f s",
                step,
                loss.item(),
                kl.item(),
                time.monotonic() - started,
            )
        if (step + 1) % 2000 == 0 and ranks.rank == 0:
            _save_state(out / "vae-state.pt", step + 1, pair, optimizer, average)
    average.swap(parameters)
    if ranks.rank == 0:
        _finish(out, encoder, decoder, pictures, ranks)
    ranks.leave()


def _crops(pictures: Tensor, batch: int, side: int, dice: torch.Generator) -> Tensor:
    """Return crops at one place of a batch of pictures chosen by lot, half of them mirrored."""
    chosen = pictures[torch.randint(len(pictures), (batch,), generator=dice).to(pictures.device)]
    y, x = (int(torch.randint(0, 257 - side, (1,), generator=dice)) for _ in range(2))
    crop = chosen[:, y : y + side, x : x + side]
    half = batch // 2
    return torch.cat([crop[:half], crop[half:].flip(2)])


def _save_state(
    path: Path, step: int, pair: nn.Module, optimizer: torch.optim.Optimizer, average: Average
) -> None:
    state = {
        "step": step,
        "pair": pair.state_dict(),
        "optimizer": optimizer.state_dict(),
        "average": average.values,
    }
    partial = path.with_suffix(".part")
    torch.save(state, partial)
    partial.replace(path)


def _resume(
    path: Path, pair: nn.Module, optimizer: torch.optim.Optimizer, average: Average, ranks: Ranks
) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, map_location=ranks.device)
    pair.load_state_dict(state["pair"])
    optimizer.load_state_dict(state["optimizer"])
    average.values = state["average"]
    return int(state["step"])


@torch.no_grad()
def _finish(
    out: Path, encoder: SDXLVAEEncoder, decoder: SDXLVAEDecoder, pictures: Tensor, ranks: Ranks
) -> None:
    """Measure the spread of the latents and the error of the pictures; write the weights."""
    sample = pictures[
        torch.randperm(len(pictures), generator=torch.Generator().manual_seed(1))[:512].to(pictures.device)
    ]
    latents, errors = [], []
    for chunk in torch.split(sample, 32):
        x = as_input(chunk)
        mean, _ = encode_moments(encoder, x)
        latents.append(mean)
        errors.append(((decoder(mean).clamp(-1, 1) - x) ** 2).mean((1, 2, 3)))
    spread = torch.cat(latents).std().item()
    psnr = (10 * torch.log10(4 / torch.cat(errors))).mean().item()
    log.info(
        "vae psnr %.2f dB, latent std %.3f, channel means %s",
        psnr,
        spread,
        torch.cat(latents).mean((0, 2, 3)).tolist(),
    )
    halves = {"encoder": encoder.half().state_dict(), "decoder": decoder.half().state_dict()}
    torch.save({**halves, "scaling_factor": 1 / spread, "psnr": psnr}, out / "vae.pt")
