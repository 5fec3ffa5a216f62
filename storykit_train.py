"""The `storykit train` command: a training file in, a folder with the LoRA out."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storykit_progress import Bar, progress_bar

if TYPE_CHECKING:
    from kit.train import Step

OF_LOSS = 0.02
"""How much of each new loss goes into the one that is shown: single steps say little."""


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The training's TOML file.")],
    out: Annotated[Path, typer.Option("--out", help="The LoRA's folder; the same command goes on in it.")],
    device: Annotated[str, typer.Option(help="Where to train: auto, cpu or cuda.")] = "auto",
) -> None:
    """Train a LoRA on captioned pictures; goes on where it stopped."""
    from kit.train_config import load_training
    from kit.training import train as train_in

    training = load_training(config)
    with progress_bar("training") as bar:
        path = train_in(training, out, Watcher(bar, training.learn.batch), device)
    typer.echo(f"LoRA    {path}")


class Watcher:
    """Shows a training on the progress bar: loss, pictures a second, memory."""

    def __init__(self, bar: Bar, batch: int) -> None:
        """Take the bar, and how many pictures a step learns from."""
        self._bar, self._batch, self._loss = bar, batch, 0.0

    def begin(self, total: int, done: int) -> None:
        """Show how far the training is."""
        self._bar.begin(total, done)

    def hear(self, step: "Step") -> None:
        """Show a step."""
        self._loss = step.loss if not self._loss else self._loss + OF_LOSS * (step.loss - self._loss)
        self._bar.advance(1)
        speed = self._bar.speed
        pace = f", {speed * self._batch:.1f} pictures/s" if speed else ""
        self._bar.tell(f"loss {self._loss:.4f}{pace}{_memory()}")


def _memory() -> str:
    """Return the most memory used so far, the GPU's or this process's, if it can be told."""
    import torch

    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return f", {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB"
    if sys.platform == "win32":
        return ""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return f", {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30:.1f} GiB"
