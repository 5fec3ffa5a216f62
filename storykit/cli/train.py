"""The `storykit train` command: a training file in, a folder with the LoRA or the word out."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from kit.errors import InputError
from kit.messages import tr
from storykit.cli.terminal.console import say, say_fault
from storykit.cli.terminal.progress import ProgressBar, progress_bar

Pick = Literal["last", "best"]


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The training's TOML file.")],
    out: Annotated[
        Path, typer.Option("--out", help="The training's folder; the same command goes on in it.")
    ],
    device: Annotated[str, typer.Option(help="Where to train: auto, cpu or cuda.")] = "auto",
    pick: Annotated[
        Pick, typer.Option(help="Which saved step becomes the finished file; best needs [watch] in CONFIG.")
    ] = "last",
) -> None:
    """Train a LoRA or a word on captioned pictures; goes on where it stopped."""
    from kit.dataset.read import dataset_notes
    from kit.files.folder_lock import lock_folder
    from kit.training.config import load_training
    from kit.training.train import finish
    from kit.training.train import train as train_in

    training = load_training(config)
    for note in dataset_notes(Path(training.data)):
        say(tr("warning {note}", note=note))
    if pick == "best" and training.watch is None:
        raise InputError(str(config), [tr("watch: --pick best needs a story to draw at each saved step")])
    previews = None
    if training.watch is not None:
        from reports.training import CheckpointPreviews

        previews = CheckpointPreviews(training, training.watch, out, device, say_fault)
    with lock_folder(out, "trained"):
        with progress_bar(tr("training"), announced=True) as bar:
            path = train_in(training, out, TrainingProgressBar(bar, training.learn.batch), device, previews)
        if previews is not None:
            say(tr("page    {address}", address=previews.page))
            if pick == "best":
                step = previews.best_step()
                path = finish(training, out, step)
                say(tr("best    step {step}: {rule}", step=step, rule=previews.rule))
    if training.embedding:
        say(tr("word    {path}: {token}", path=path, token=training.embedding.token))
    else:
        say(tr("LoRA    {path}", path=path))


class TrainingProgressBar:
    """Shows a training on the progress bar: loss, pictures a second, memory."""

    def __init__(self, bar: ProgressBar, batch: int) -> None:
        """Take the bar, and how many pictures a step learns from."""
        self._bar, self._batch = bar, batch

    def note(self, text: str) -> None:
        """Show what goes on before the first step."""
        self._bar.note(text)

    def begin(self, total: int, done: int) -> None:
        """Show how far the training is."""
        self._bar.begin(total, done)

    def advance(self, count: int, note: str = "") -> None:
        """Show finished steps and what is noted of them."""
        self._bar.advance(count)
        speed = self._bar.speed
        pace = tr(", {speed:.1f} pictures/s", speed=speed * self._batch) if speed else ""
        self._bar.show(f"{note}{pace}{_memory()}")


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
