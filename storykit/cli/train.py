"""The `storykit train` command: a training file in, a folder with the LoRA out."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kit.errors import InputError, RunError, ScoreError, StorykitError
from storykit.cli.progress import ProgressBar, progress_bar

if TYPE_CHECKING:
    from kit.experiment.run import Run
    from kit.training.config import Training, Watch
    from kit.training.loop import TrainStep

Pick = Literal["last", "best"]

OF_LOSS = 0.02
"""How much of each new loss goes into the one that is shown: single steps say little."""


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The training's TOML file.")],
    out: Annotated[Path, typer.Option("--out", help="The LoRA's folder; the same command goes on in it.")],
    device: Annotated[str, typer.Option(help="Where to train: auto, cpu or cuda.")] = "auto",
    pick: Annotated[
        Pick, typer.Option(help="Which saved step becomes the finished LoRA; best needs [watch] in CONFIG.")
    ] = "last",
) -> None:
    """Train a LoRA on captioned pictures; goes on where it stopped."""
    from kit.training.config import load_training
    from kit.training.train import finish
    from kit.training.train import train as train_in

    training = load_training(config)
    if pick == "best" and training.watch is None:
        raise InputError(str(config), ["watch: --pick best needs a story to draw at each saved step"])
    looks = CheckpointPreviews(training, training.watch, out, device) if training.watch else None
    with progress_bar("training") as bar:
        path = train_in(training, out, TrainingProgressBar(bar, training.learn.batch), device, looks)
    if looks is not None:
        typer.echo(f"page    {looks.page}")
    if looks is not None and pick == "best":
        from eval.checkpoint_selection import RULE

        step = looks.best_step()
        path = finish(training, out, step)
        typer.echo(f"best    step {step}: {RULE}")
    typer.echo(f"LoRA    {path}")


class CheckpointPreviews:
    """Draws and scores the watched story at every saved step, and writes the training's page."""

    def __init__(self, training: "Training", watch: "Watch", out: Path, device: str) -> None:
        """Take a training; refuses what cannot be drawn before the first step."""
        from eval.checkpoint_selection import CheckpointScores, learned_pictures
        from eval.scorers.load import load_scorers
        from kit.generation.kolors_painter import KolorsPainter
        from kit.generation.recipe import refuse_misfits
        from kit.models.base import load_base
        from kit.training.previews import previews_of, watched_story

        self._training, self._watch, self._out = training, watch, out
        self._story = watched_story(watch)
        self._painter = KolorsPainter(load_base(training.base), device)
        refuse_misfits(previews_of(training, watch, self._story, {}), self._painter)
        self._tools = load_scorers(watch.score.aesthetic, watch.score.clip)
        self._learned = learned_pictures(Path(training.data), self._tools)
        self.seen: list[CheckpointScores] = []
        self.page = out

    def __call__(self) -> None:
        """Draw what is not drawn yet, score all of it, and write the page anew."""
        from eval.checkpoint_selection import score_checkpoints, write_checkpoint_scores
        from kit.generation.generate import generate
        from reports.training import TrainingPage, write_training_page

        run = self._run()
        for file, reason in generate(run, [self._painter]).faults.items():
            typer.echo(f"fault   {file}: {reason}")
        self._painter.unload()
        self.seen = score_checkpoints(run, self._tools, self._learned)
        write_checkpoint_scores(self._out / "looks.csv", self.seen)
        try:
            best = self.best_step()
        except ScoreError:
            best = None
        self.page = write_training_page(TrainingPage(folder=self._out, run=run, looks=self.seen, best=best))

    def best_step(self) -> int:
        """Return the step that the rule picks; ScoreError when there is none."""
        from eval.checkpoint_selection import best_step

        return best_step(self.seen)

    def _run(self) -> "Run":
        from kit.experiment.run import Run
        from kit.training.previews import PREVIEWS, previews_of, saved_steps

        folder = self._out / PREVIEWS
        try:
            return Run.create(
                folder, previews_of(self._training, self._watch, self._story, saved_steps(self._out))
            )
        except StorykitError as error:
            dropped = "; steps that keep_last dropped are then gone" if self._training.learn.keep_last else ""
            raise RunError(f"{error}, or delete {folder} to draw the steps anew{dropped}") from error


class TrainingProgressBar:
    """Shows a training on the progress bar: loss, pictures a second, memory."""

    def __init__(self, bar: ProgressBar, batch: int) -> None:
        """Take the bar, and how many pictures a step learns from."""
        self._bar, self._batch, self._loss = bar, batch, 0.0

    def begin(self, total: int, done: int) -> None:
        """Show how far the training is."""
        self._bar.begin(total, done)

    def on_step(self, step: "TrainStep") -> None:
        """Show a step."""
        self._loss = step.loss if not self._loss else self._loss + OF_LOSS * (step.loss - self._loss)
        self._bar.advance(1)
        speed = self._bar.speed
        pace = f", {speed * self._batch:.1f} pictures/s" if speed else ""
        self._bar.show(f"loss {self._loss:.4f}{pace}{_memory()}")


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
