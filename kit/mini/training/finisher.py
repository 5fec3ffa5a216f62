"""Makes the embedded finisher: `python -m kit.mini.training.finisher STAGE --out DIR`, on a CPU.

Stages: `pairs` renders, `train` learns from them, `save` writes the file that ships. Each is seeded, resumes
where it stopped, and reads what the one before wrote.
"""

import argparse
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from spandrel.architectures.Compact import Compact
from torch import Tensor, nn

from kit.embedded import FINISHER
from kit.files.atomic_write import write_atomic
from kit.files.safetensors_files import tensor_bytes
from kit.mini.training.finisher_pairs import PICTURES, SCALE, Pairs, read_pairs, render_pairs
from kit.mini.training.optimizer import AveragedOptimizer, DistributedRanks, Rates

log = logging.getLogger("kit.mini.training.finisher")
THREADS = 1
"""Of the CPU, however many it has: sums depend on how they are split, and crops are too small for two."""
REPORT_STEPS, KEEP_STEPS = 50, 100
"""So often the log gets a line, and the state is kept."""
WIDTH, DEPTH = 48, 8
"""Features and convolutions: what draws 1024 pixels within a second and a half on two cores."""
PRELU_SLOPE = 0.25
"""Below zero, where torch's PReLU begins."""
CONTRAST = 5.0
"""Differences of neighbouring pixels are a fifth of what layers like to see."""
DECODED_SHARE = 0.6
"""Crops that the autoencoder has been through, as all that the embedded base draws; the others are clean."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FinisherTraining:
    """How the finisher is trained."""

    steps: int = 4000
    batch: int = 4
    crop: int = 48
    """Side of the crops of small pictures; four times as much of the large ones."""
    peak_rate: float = 1.5e-3
    edge_weight: float = 0.5
    """Of the error between neighbouring pixels, beside that of the pixels."""
    square_weight: float = 10.0
    """Of the squared error; without it most pixels, which are flat and right already, hold the edges back."""
    seed: int = 0


def train_finisher(pairs: Pairs, out: Path, config: FinisherTraining) -> None:
    """Train; write the averaged weights to `out/finisher.pt`, and a state to go on from every 100 steps."""
    ranks = DistributedRanks()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = untrained_finisher()
    network = network.to(ranks.device, memory_format=torch.channels_last)
    rates = Rates(peak=config.peak_rate, warmup=50, decay=1e-4, average=0.99)
    descent = AveragedOptimizer({"finisher": network}, rates, ranks)
    started = time.monotonic() - descent.resume(out / "finisher-state.pt")
    while descent.step < config.steps:
        small, large = _crops(
            pairs, config, torch.Generator().manual_seed((config.seed << 32) + descent.step)
        )
        loss = finisher_loss(large.to(ranks.device), network(small.to(ranks.device)), config)
        descent.descend(loss, descent.step / config.steps)
        if descent.step % REPORT_STEPS == 0:
            log.info("step %d loss %.4f, %.0f s", descent.step, loss.item(), time.monotonic() - started)
        if descent.step % KEEP_STEPS == 0:
            descent.keep(out / "finisher-state.pt", time.monotonic() - started)
    descent.settle()
    torch.save(descent.halves()["finisher"], out / "finisher.pt")


def untrained_finisher() -> Compact:
    """Return a network that begins as nearest pixels and sees differences alone: what is flat stays flat.

    torch's own first weights would let no signal through ten layers.
    """
    network = Compact(num_feat=WIDTH, num_conv=DEPTH, upscale=SCALE)
    convolutions = [layer for layer in network.body if isinstance(layer, nn.Conv2d)]
    for layer in convolutions:
        nn.init.kaiming_normal_(layer.weight, a=PRELU_SLOPE)
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)
    with torch.no_grad():
        first = convolutions[0].weight
        first.sub_(first.mean((2, 3), keepdim=True)).mul_(CONTRAST)
    nn.init.normal_(convolutions[-1].weight, std=1e-3)
    return network


def finisher_loss(wanted: Tensor, got: Tensor, config: FinisherTraining) -> Tensor:
    """Return absolute and squared error, and that of steps from pixel to pixel, which keeps edges crisp."""
    error = got - wanted
    across = (error[..., 1:] - error[..., :-1]).abs().mean()
    down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    edges = config.edge_weight * (across + down)
    return error.abs().mean() + edges + config.square_weight * error.square().mean()


def _crops(pairs: Pairs, config: FinisherTraining, dice: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return small crops and the large ones they are to become, in [0, 1], half of them mirrored."""
    side, large_side = config.crop, config.crop * SCALE
    small, large = [], []
    for number in range(config.batch):
        row = int(torch.randint(len(pairs.small), (), generator=dice))
        y, x = torch.randint(pairs.small.shape[1] + 1 - side, (2,), generator=dice).tolist()
        decoded = float(torch.rand((), generator=dice)) < DECODED_SHARE
        source = (pairs.decoded if decoded else pairs.small)[row, y : y + side, x : x + side]
        y, x = y * SCALE, x * SCALE
        wanted = pairs.large[row, y : y + large_side, x : x + large_side]
        turn = -1 if number % 2 else 1
        small.append(torch.from_numpy(source[:, ::turn].copy()))
        large.append(torch.from_numpy(wanted[:, ::turn].copy()))
    return _as_input(small), _as_input(large)


def _as_input(crops: list[Tensor]) -> Tensor:
    return torch.stack(crops).permute(0, 3, 1, 2).float().div(255)


def save_finisher(out: Path, path: Path) -> None:
    """Write the trained weights as the file that ships, in fp16."""
    weights: dict[str, Tensor] = torch.load(out / "finisher.pt", map_location="cpu")
    write_atomic(path, tensor_bytes(weights, {}))


def main() -> None:
    """Run one stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=("pairs", "train", "save"))
    parser.add_argument("--out", type=Path, required=True, help="where pairs and states are kept")
    parser.add_argument("--workers", type=int, default=2, help="processes that render")
    parser.add_argument("--steps", type=int, default=FinisherTraining().steps)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(THREADS)
    match arguments.stage:
        case "pairs":
            for path in render_pairs(arguments.out, PICTURES, arguments.workers):
                log.info("%s", path)
        case "train":
            train_finisher(read_pairs(arguments.out), arguments.out, FinisherTraining(steps=arguments.steps))
        case "save":
            save_finisher(arguments.out, FINISHER)


if __name__ == "__main__":
    main()
