"""Makes the embedded base: `python -m kit.mini.training.main STAGE --out DIR`, stage by stage, on a GPU.

Stages: `tokenizer`, `render`, `vae`, `base`, `save`, `lora`, `controlnet`. Every stage is seeded,
resumes where it stopped, and reads what the one before wrote. `vae` and `base` take several GPUs:
`torchrun --standalone --nproc-per-node N -m kit.mini.training.main ...`. To train on what is there: `open`,
`render` with another `--first`, `base` with a lower `--rate`, `save`.
"""

import argparse
import logging
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from kit.embedded import BASE_WEIGHTS
from kit.files.atomic_write import write_atomic
from kit.mini.training.controlnets.training import UNTOLD, train_controlnet
from kit.mini.training.corpus import text_sizes, train_tokenizer
from kit.mini.training.loras import style_config, train_style
from kit.mini.training.networks import (
    Networks,
    load_networks,
    save_base,
    untrained_text_encoder,
    untrained_unet,
)
from kit.mini.training.shards import HELD_OUT_STYLES, PER_SHARD, render_shards
from kit.mini.training.unet import START, BaseConfig, train_base
from kit.mini.training.vae import VaeTraining, train_vae
from kit.models.kolors.vae import build_vae_decoder, build_vae_encoder
from kit.models.mini_layout import open_embedded
from kit.models.networks import TOKENIZER, Network
from kit.models.sizes import EMBEDDED_SIZES, BaseSizes
from kit.world.scene import STYLES

log = logging.getLogger("kit.mini.training.main")
THREADS = 2
"""Of the CPU, however many it has, since sums depend on how they are split."""


def main() -> None:
    """Run one stage."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(THREADS)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    match arguments.stage:
        case "tokenizer":
            train_tokenizer(out / TOKENIZER)
        case "open":
            open_base(arguments.weights, out)
        case "render":
            _render(arguments)
        case "save":
            save(out, arguments.weights, full_sizes(out))
        case _:
            _learn(arguments)


def _learn(arguments: argparse.Namespace) -> None:
    shards, out, steps, batch = arguments.shards, arguments.out, arguments.steps, arguments.batch
    match arguments.stage:
        case "vae":
            train_vae(shards, out, EMBEDDED_SIZES.vae, VaeTraining(steps=steps, batch=batch))
        case "base":
            config = BaseConfig(steps=steps, batch=batch, peak_rate=arguments.rate, limit_s=arguments.limit)
            train_base(shards, out, full_sizes(out), config)
        case "controlnet":
            config = BaseConfig(
                steps=steps,
                batch=batch,
                peak_rate=arguments.rate,
                caption_dropout=UNTOLD,
                limit_s=arguments.limit,
            )
            train_controlnet(shards, out, open_embedded(arguments.weights), arguments.styles, config)
        case "lora":
            for style in arguments.styles:
                train_style(
                    shards, out, style, open_embedded(arguments.weights), style_config(style, steps, batch)
                )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("stage", choices=("tokenizer", "open", "render", "vae", "base", "save", "lora", "controlnet"))
    add("--out", type=Path, required=True, help="where states and weights are kept")
    add("--shards", type=Path, default=Path("shards"), help="where the renders are")
    add("--flat", type=int, default=100_000, help="pictures in the base's own style")
    add("--styled", type=int, default=10_000, help="pictures in each other style")
    add("--first", type=int, default=0, help="number of the first shard of each style")
    add("--workers", type=int, default=16, help="processes that render")
    add("--steps", type=int, default=6000)
    add("--batch", type=int, default=256, help="pictures a step on each GPU")
    add("--rate", type=float, default=1.2e-3, help="the highest learning rate")
    add("--limit", type=float, default=1e9, help="seconds within which to be done")
    add(
        "--styles",
        nargs="+",
        choices=HELD_OUT_STYLES,
        default=HELD_OUT_STYLES,
        help="LoRAs to make, or to wear",
    )
    add("--weights", type=Path, default=BASE_WEIGHTS)
    return parser.parse_args()


def full_sizes(out: Path) -> BaseSizes:
    """Return the sizes of the embedded base, which fit the tokenizer in `out`."""
    return replace(EMBEDDED_SIZES, text=text_sizes(out / TOKENIZER))


def _render(arguments: argparse.Namespace) -> None:
    counts = {style: -(-arguments.styled // PER_SHARD) for style in STYLES}
    counts["flat"] = -(-arguments.flat // PER_SHARD)
    started = time.monotonic()
    made = sum(1 for _ in render_shards(arguments.shards, counts, arguments.workers, arguments.first))
    log.info("%d shards of %d pictures, %.0f s", made, PER_SHARD, time.monotonic() - started)


def save(out: Path, weights: Path, sizes: BaseSizes) -> None:
    """Write the trained networks of `out` as the embedded base's folder."""
    base, vae = (torch.load(out / name, map_location="cpu") for name in ("base.pt", "vae.pt"))
    networks = Networks(
        unet=_filled(untrained_unet(sizes.unet), base["unet"]),
        text_encoder=_filled(untrained_text_encoder(sizes.text), base["text_encoder"]),
        encoder=_filled(build_vae_encoder(sizes.vae), vae["encoder"]),
        decoder=_filled(build_vae_decoder(sizes.vae), vae["decoder"]),
    )
    networks.encoder.scaling_factor = networks.decoder.scaling_factor = vae["scaling_factor"]
    save_base(weights, sizes, networks, out / TOKENIZER)


def open_base(weights: Path, out: Path) -> None:
    """Undo `save`: write `start.pt`, `vae.pt` and the tokenizer, from which `base` goes on."""
    networks = load_networks(open_embedded(weights), "cpu")
    vae = {"encoder": networks.encoder.state_dict(), "decoder": networks.decoder.state_dict()}
    torch.save(vae | {"scaling_factor": networks.encoder.scaling_factor}, out / "vae.pt")
    parts = {"unet": networks.unet.state_dict(), "text_encoder": networks.text_encoder.state_dict()}
    torch.save(parts, out / START)
    write_atomic(out / TOKENIZER, (weights / TOKENIZER).read_bytes())


def _filled(network: Network, state: dict[str, Tensor]) -> Network:
    network.load_state_dict({name: value.float() for name, value in state.items()})
    return network


if __name__ == "__main__":
    main()
