"""Makes the embedded base: `python -m kit.mini.train STAGE --out DIR`, stage by stage, on a GPU.

Stages: `tokenizer`, `render`, `vae`, `base`, `lora`, `save`. Every stage is seeded, resumes where it
stopped, and reads what the one before wrote. With several GPUs:
`torchrun --standalone --nproc-per-node N -m kit.mini.train ...`.
"""

import argparse
import logging
import time
from pathlib import Path

import torch

from kit.base import Networks, save_base
from kit.kolors import build_text_encoder, build_unet, build_vae_decoder, build_vae_encoder
from kit.mini.shards import HELD_OUT_STYLES, PER_SHARD, render_shards
from kit.mini.sizes import BaseSizes, UNetSizes, VaeSizes
from kit.mini.train_base import BaseConfig, text_sizes, train_base
from kit.mini.train_lora import style_config, train_style
from kit.mini.train_vae import VaeConfig, train_vae
from kit.mini.vocabulary import train_tokenizer
from kit.world.scene import STYLES

log = logging.getLogger("kit.mini.train")


def main() -> None:
    """Run one stage."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = out / "tokenizer" / "tokenizer.model"
    match arguments.stage:
        case "tokenizer":
            train_tokenizer(tokenizer)
        case "render":
            _render(arguments)
        case "vae":
            train_vae(
                arguments.shards, out, VaeSizes(), VaeConfig(steps=arguments.steps, batch=arguments.batch)
            )
        case "base":
            plan = BaseConfig(steps=arguments.steps, batch=arguments.batch, limit_s=arguments.limit)
            train_base(arguments.shards, out, tokenizer, plan)
        case "lora":
            for style in arguments.styles:
                train_style(
                    arguments.shards, out, style, style_config(style, arguments.steps, arguments.batch)
                )
        case "save":
            save(out, arguments.weights)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=("tokenizer", "render", "vae", "base", "lora", "save"))
    parser.add_argument("--out", type=Path, required=True, help="where states and weights are kept")
    parser.add_argument("--shards", type=Path, default=Path("shards"), help="where the renders are")
    parser.add_argument("--flat", type=int, default=100_000, help="pictures in the base's own style")
    parser.add_argument("--styled", type=int, default=10_000, help="pictures in each other style")
    parser.add_argument("--workers", type=int, default=16, help="processes that render")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=256, help="pictures a step on each GPU")
    parser.add_argument(
        "--limit", type=float, default=1e9, help="seconds within which the base is to be done"
    )
    parser.add_argument(
        "--styles", nargs="+", choices=HELD_OUT_STYLES, default=HELD_OUT_STYLES, help="LoRAs to make"
    )
    parser.add_argument("--weights", type=Path, default=Path(__file__).parent / "weights")
    return parser.parse_args()


def _render(arguments: argparse.Namespace) -> None:
    counts = {style: -(-arguments.styled // PER_SHARD) for style in STYLES}
    counts["flat"] = -(-arguments.flat // PER_SHARD)
    started = time.monotonic()
    made = sum(1 for _ in render_shards(arguments.shards, counts, arguments.workers))
    log.info("%d shards of %d pictures, %.0f s", made, PER_SHARD, time.monotonic() - started)


def save(out: Path, weights: Path) -> None:
    """Write the trained networks of `out` as the embedded base's folder."""
    tokenizer = out / "tokenizer" / "tokenizer.model"
    sizes = BaseSizes(unet=UNetSizes(), text=text_sizes(tokenizer), vae=VaeSizes())
    base, vae = (torch.load(out / name, map_location="cpu") for name in ("base.pt", "vae.pt"))
    networks = Networks(
        unet=build_unet(sizes.unet),
        text_encoder=build_text_encoder(sizes.text),
        encoder=build_vae_encoder(sizes.vae),
        decoder=build_vae_decoder(sizes.vae),
    )
    for network, state in (
        (networks.unet, base["unet"]),
        (networks.text_encoder, base["text_encoder"]),
        (networks.encoder, vae["encoder"]),
        (networks.decoder, vae["decoder"]),
    ):
        network.load_state_dict({name: value.float() for name, value in state.items()})
    networks.encoder.scaling_factor = networks.decoder.scaling_factor = vae["scaling_factor"]
    save_base(weights, sizes, networks, tokenizer)


if __name__ == "__main__":
    main()
