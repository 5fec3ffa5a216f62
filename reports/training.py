"""A training watched: the same eight panels at every saved step, the curves, and the best step, on a page."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from eval.checkpoint_selection import (
    KEPT,
    CheckpointScores,
    best_step,
    learned_pictures,
    rule,
    score_checkpoints,
    write_checkpoint_scores,
)
from eval.scorers.load import load_scorers
from eval.scoring.records import read_summary
from kit.errors import RunError, ScoreError, StorykitError
from kit.experiment.run import Run
from kit.files.atomic_write import write_atomic
from kit.files.regular_files import open_file, read_file
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.generate import generate
from kit.generation.recipe import check_drawable
from kit.messages import asked_language, joined, tr
from kit.story.story import PANELS
from kit.training.config import Training, Watch
from kit.training.previews import PREVIEWS, previews_of, saved_steps, watched_story
from reports.figures import curve, inline_svg, svg_bytes
from reports.number_format import written
from reports.page_templates import environment, load_words, page_assets
from reports.thumbnails import SMALL_BUDGET, Picture, embed, side_within

PAGE = "training.html"
MEASURES = ("likeness", "mrr", "text", "aesthetic", "identity", "style", "distance")
"""What is shown of each step, in this order."""


class CheckpointPreviews:
    """Draws and scores the watched story at every saved step, and writes the training's page."""

    def __init__(
        self, training: Training, watch: Watch, out: Path, device: str, on_fault: Callable[[str, str], None]
    ) -> None:
        """Take a training; refuses what cannot be drawn before the first step.

        Args:
            training: that is watched.
            watch: its `[watch]` table.
            out: its folder.
            device: where to draw, as `load_painter` takes it.
            on_fault: told the file of each panel that could not be drawn, and why.
        """
        self._training, self._watch, self._out, self._on_fault = training, watch, out, on_fault
        self._story = watched_story(training, watch)
        self._painter = load_painter(training.base, device)
        check_drawable(previews_of(training, watch, self._story, {}), self._painter)
        self._tools = load_scorers(watch.score.aesthetic, watch.score.clip, letters=watch.score.letters)
        self._learned = learned_pictures(Path(training.data), self._tools)
        self.scores: list[CheckpointScores] = []
        """Of each step drawn so far, the bare base first."""
        self.page = out / PAGE

    def __call__(self) -> None:
        """Draw what is not drawn yet, score all of it, and write the page anew."""
        run = self._run()
        for file, reason in generate(run, [self._painter]).faults.items():
            self._on_fault(file, reason)
        self._painter.unload()
        self.scores = score_checkpoints(run, self._tools, self._learned)
        write_checkpoint_scores(self._out / "looks.csv", self.scores)
        best = None
        with suppress(ScoreError):
            best = self.best_step()
        write_atomic(self.page, render_training_page(self._out, run, self.scores, best).encode())

    @property
    def rule(self) -> str:
        """By which the best step is picked, in words."""
        return rule()

    def best_step(self) -> int:
        """Return the step that the rule picks; ScoreError when there is none."""
        return best_step(self.scores)

    def _run(self) -> Run:
        folder = self._out / PREVIEWS
        saved = saved_steps(self._out)
        try:
            return Run.create(folder, previews_of(self._training, self._watch, self._story, saved))
        except StorykitError as error:
            told = tr("{error}, or delete {folder} to draw the steps anew", error=error, folder=folder)
            dropped = [tr("steps that keep_last dropped are then gone")]
            lost = dropped if self._training.learn.keep_last else []
            raise RunError(joined([told, *lost], tr("; "))) from error


def render_training_page(folder: Path, run: Run, looks: Sequence[CheckpointScores], best: int | None) -> str:
    """Return the page as HTML, in the reader's language, else the story's; every text is escaped.

    Args:
        folder: of the training.
        run: its looks.
        looks: their scores, one a step.
        best: the best step by the rule; None where the rule finds none.
    """
    story = run.loaded.stories[0].story
    words = load_words(asked_language() or story.language)
    known = environment()
    known.filters["written"] = written
    known.filters["said"] = words.said
    known.filters["title_of"] = lambda name: words.get(f"learn_{name}") or words.metric(name)
    told = json.loads(read_file(folder / "train.json"))
    return known.get_template("learning.html").render(
        w=words,
        name=folder.resolve().name,
        story=story,
        told=told,
        learn=told["learn"],
        rows=_rows(run, looks),
        best=best,
        kept=KEPT,
        measures=MEASURES,
        curves=[(name, Markup(inline_svg(data))) for name, data in _curves(folder, looks, best)],
        standins=_standins(run),
        **page_assets(),
    )


def _rows(run: Run, looks: Sequence[CheckpointScores]) -> list[tuple[CheckpointScores, list[Picture | None]]]:
    """Return each saved step with its pictures of the first seed; None where one is missing or damaged."""
    experiment = run.loaded.experiment
    side = side_within(SMALL_BUDGET, PANELS * len(looks), experiment.size or 256)
    place = (experiment.orders[0], run.loaded.stories[0].name, experiment.seeds[0])
    return [
        (look, [embed(run.panel_path(one.name, *place, panel), side) for panel in range(1, PANELS + 1)])
        for one, look in zip(experiment.candidates, looks, strict=True)
    ]


def _curves(folder: Path, looks: Sequence[CheckpointScores], best: int | None) -> list[tuple[str, bytes]]:
    """Return each curve's name and SVG; the loss first."""
    figures = [("loss", curve(_losses(folder), None, smooth=True))]
    for name in MEASURES:
        points = [(look.step, value) for look in looks if (value := getattr(look, name)) is not None]
        figures.append((name, curve(points, best)))
    return [(name, svg_bytes(figure, name)) for name, figure in figures]


def _losses(folder: Path) -> list[tuple[int, float]]:
    if not (folder / "log.csv").exists():  # before the first saved step
        return []
    with open_file(folder / "log.csv") as file:
        log = pd.read_csv(file)
    return list(zip(log["step"].tolist(), log["loss"].tolist(), strict=True))


def _standins(run: Run) -> list[str]:
    """Return the names of the embedded models that gave the numbers."""
    stamps = [metric.stamp for metric in read_summary(run).metrics if metric.stamp.embedded]
    return list(dict.fromkeys(stamp.weights for stamp in stamps))
