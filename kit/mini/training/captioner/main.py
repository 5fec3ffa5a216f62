"""Makes the embedded captioner: `python -m kit.mini.training.captioner.main STAGE --out DIR`, on any device.

Stages: `render` renders, `train` learns from them, `save` writes the file that ships. Each is seeded, resumes
where it stopped, and reads what the one before wrote. `python -m tests.benchmarks.captioner` measures it.
"""

import argparse
import logging
from pathlib import Path

import torch

from kit.embedded import CAPTIONER
from kit.files.atomic_write import write_atomic
from kit.files.encodings import sha256_bytes
from kit.files.safetensors_files import tensor_bytes
from kit.mini.training.captioner.learning import CaptionerTraining, train_captioner
from kit.mini.training.captioner.renders import read_parts, render_parts

log = logging.getLogger("kit.mini.training.captioner.main")
ENCODER = Path("eval/mini/weights/clip/open_clip_model.safetensors")
"""In the repository's root, where this is run."""
THREADS = 1
"""Of the CPU, however many it has: sums depend on how they are split."""


def save_captioner(out: Path, path: Path) -> str:
    """Write the trained weights as the file that ships, in fp16; returns its sha256."""
    state = torch.load(out / "captioner.pt", map_location="cpu")
    halves = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    data = tensor_bytes(halves, {})
    write_atomic(path, data)
    return sha256_bytes(data)


def main() -> None:
    """Run one stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=("render", "train", "save"))
    parser.add_argument("--out", type=Path, required=True, help="where renders and states are kept")
    parser.add_argument("--parts", type=int, default=10, help="of 6000 renders")
    parser.add_argument("--workers", type=int, default=2, help="processes that render")
    parser.add_argument("--steps", type=int, default=CaptionerTraining().steps)
    parser.add_argument("--batch", type=int, default=CaptionerTraining().batch)
    parser.add_argument("--encoder", type=Path, default=ENCODER, help="what it begins with")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(THREADS)
    match given.stage:
        case "render":
            for path in render_parts(given.out, given.parts, given.workers):
                log.info("%s", path)
        case "train":
            config = CaptionerTraining(steps=given.steps, batch=given.batch)
            train_captioner(read_parts(given.out), given.encoder, given.out, config)
        case "save":
            log.info("%s, for kit/embedded.py", save_captioner(given.out, CAPTIONER))


if __name__ == "__main__":
    main()
