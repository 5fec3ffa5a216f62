"""The stage that scores: every panel of a run, every set of eight, with what gave each number beside it.

A picture is measured once for each pair of weights and preprocessing; the numbers are kept in RUN/cache. A
panel that is missing, damaged, blank or of a wrong size is a fault with a reason and never a 0.0, and its set
gets no numbers of a set, which would compare seven panels with eight.

The text of a panel is what its author wrote for it, in the authored order, whatever order was drawn: orders
are scored on one text. Clauses of style are left out where roles are known, and a candidate's trigger always:
they say how it is drawn, not what is to be seen. A plain prompt has no roles and stays whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.metrics.attributes import ToldAttribute, choice_rows, margins, told_attributes
from eval.metrics.consistency import similarity, text_image_scores
from eval.metrics.formulas import PanelSet, figure_fit
from eval.metrics.registry import METRICS, describe_metrics, reason_columns
from eval.metrics.story_facts import StoryFacts, told_by
from eval.scorers.calibration import AttributeName
from eval.scorers.load import Scorers, load_scorers
from eval.scoring.letters import covered, unasked_letters
from eval.scoring.measure import Measured, measure
from eval.scoring.records import (
    DECIMALS,
    Gate,
    Matrix,
    MissingAttribute,
    PanelFault,
    PanelScore,
    ScoredSet,
    Scores,
    Similarity,
    StoryScore,
    Weakest,
    rounded,
    write_scores,
)
from eval.scoring.remembered import remembering
from kit.experiment.config import LoadedExperiment, baseline_of
from kit.experiment.extras.extra_pictures import single_slots
from kit.experiment.run import Run, Slot
from kit.files.folder_lock import lock_folder
from kit.messages import tr
from kit.progress import Progress

Rows = NDArray[np.float32]


class AskedAttributes(NamedTuple):
    """What the pictures of a story are asked for."""

    told: Sequence[ToldAttribute]
    choices: Sequence[Rows]
    thresholds: Mapping[AttributeName, float]


def score(run: Run, tools: Scorers | None = None, progress: Progress | None = None) -> Scores:
    """Score a run and write scores.panels.csv, scores.stories.csv and scores.json.

    Args:
        run: its panels, drawn or not.
        tools: what pictures are measured with; by default what the experiment's [score] table names.
        progress: hears of every batch.
    """
    with lock_folder(run.folder, "scored"):
        if progress is not None:
            progress.note(tr("loading the scorers"))
        tools = remembering(tools or scorers_of(run.loaded), run)
        return score_measured(run, tools, measure(run, tools, progress))


def score_measured(run: Run, tools: Scorers, measured: Measured) -> Scores:
    """Score a run whose pictures were measured with these tools; writes what `score` writes."""
    scores = _assemble(run, tools, measured, told_by(run.loaded, tools.encoder))
    write_scores(run, scores)
    return scores


def score_of_set(
    run: Run,
    place: tuple[str, str, str],
    seeds: Sequence[int],
    tools: Scorers,
    progress: Progress | None = None,
) -> StoryScore:
    """Return the numbers of eight panels of a run, whatever seeds they have; the run's scores stay.

    Args:
        run: drawn.
        place: candidate, order and story.
        seeds: of panels 1 to 8; the first names the set.
        tools: what pictures are measured with.
        progress: hears of every batch.
    """
    with lock_folder(run.folder, "scored"):
        tools = remembering(tools, run)
        measured, facts = measure(run, tools, progress, [place]), told_by(run.loaded, tools.encoder)[place[2]]
        slots = [Slot(*place, seed, panel) for panel, seed in enumerate(seeds, 1)]
        eight = [_score_panel(run, slot, measured, facts.texts) for slot in slots]
        story, _ = _score_set(ScoredSet(*place, seeds[0]), eight, measured, facts, _gate(run, tools))
        return story


def scorers_of(loaded: LoadedExperiment) -> Scorers:
    """Return the scorer and the encoder that an experiment names."""
    return scorer_loader(loaded)()


def scorer_loader(loaded: LoadedExperiment) -> partial[Scorers]:
    """Return what loads the scorers that an experiment names."""
    wanted = loaded.experiment.score
    calibration = Path(wanted.calibration) if wanted.calibration else None
    return partial(load_scorers, wanted.aesthetic, wanted.clip, calibration, letters=wanted.letters)


def _assemble(run: Run, tools: Scorers, measured: Measured, told: Mapping[str, StoryFacts]) -> Scores:
    experiment, gate = run.loaded.experiment, _gate(run, tools)
    panels: list[PanelScore] = []
    stories: list[StoryScore] = []
    matrices: list[Similarity] = []
    weakest: list[Weakest] = []
    missing: list[MissingAttribute] = []
    asked = _asked(run, tools)
    for key, group in groupby(run.wanted(), key=lambda slot: slot[:4]):
        place, facts = ScoredSet(*key), told[key[2]]
        eight = [_score_panel(run, slot, measured, facts.texts) for slot in group]
        story, eight = _score_set(place, eight, measured, facts, gate)
        panels += eight
        stories.append(story)
        if story.weakest_panel is not None:
            weakest.append(_weakest(place, eight))
            if place.story in asked:
                missing += _missing(place, eight, measured, asked[place.story])
        matrices.append(_matrix(place, eight, measured))
    panels += [_score_panel(run, one, measured, told[one.story].texts) for one in single_slots(run)]
    return Scores(
        panels=tuple(panels),
        stories=tuple(_with_gain(stories, baseline_of(experiment))),
        similarity=tuple(matrices),
        weakest=tuple(weakest),
        faults=tuple(
            PanelFault(**slot._asdict(), status=reading.status, reason=reading.reason)
            for slot, reading in measured.readings.items()
            if reading.status != "ok"
        ),
        missing=tuple(missing),
        calibration=tools.calibration,
        metrics=describe_metrics(tools.aesthetic, tools.encoder, experiment.own_words, tools.reader),
        gate=gate,
        letters=tuple(unasked_letters(run.loaded, measured.readings, measured.letters)),
        encoded=len(measured.fresh),
        notes=tuple(measured.notes),
    )


def _gate(run: Run, tools: Scorers) -> Gate:
    return Gate(
        threshold=run.loaded.experiment.score.gate,
        scorer=tools.aesthetic.metric.name,
        floor=tools.calibration.aesthetic_floor if tools.calibration else None,
    )


def _score_panel(run: Run, slot: Slot, measured: Measured, texts: Rows) -> PanelScore:
    reading = measured.readings[slot]
    values: dict[str, float | None] = {}
    if reading.status == "ok":
        row, text = measured.embeddings[reading.sha256], texts[slot.panel - 1]
        values["aesthetic"] = measured.aesthetic[reading.sha256]
        values["text"] = float(text_image_scores(row[None], text[None])[0])
        if measured.letters:
            values["letters"] = covered(measured.letters[reading.sha256])
    return PanelScore(
        **slot._asdict(),
        file=run.panel_path(*slot).relative_to(run.folder).as_posix(),
        sha256=reading.sha256,
        status=reading.status,
        values=values,
    )


def _score_set(
    place: ScoredSet, eight: list[PanelScore], measured: Measured, told: StoryFacts, gate: Gate
) -> tuple[StoryScore, list[PanelScore]]:
    """Return the numbers of a set, and its panels with the numbers that need all eight."""
    faults = [f"{panel.panel} {panel.status}" for panel in eight if panel.status != "ok"]
    story = StoryScore(**asdict(place), panels_ok=len(eight) - len(faults), faults="; ".join(faults))
    if faults:
        return story, eight
    rows = np.stack([measured.embeddings[panel.sha256] for panel in eight])
    points = [panel.values["aesthetic"] or 0.0 for panel in eight]
    looks = [measured.looks[panel.sha256] for panel in eight]
    letters = [covered(measured.letters[panel.sha256]) for panel in eight] if measured.letters else []
    shown = PanelSet(
        embeddings=rows, aesthetics=points, told=told, looks=looks, floor=gate.floor, letters=letters
    )
    found = {entry.name: entry.formula(shown) for entry in METRICS.values() if entry.formula}
    each = {
        entry.panels: (-1 if METRICS[entry.panels].direction == "lower" else 1) * value
        for entry in METRICS.values()
        if entry.panels and (value := found[entry.name].panels) is not None
    }
    fits = figure_fit(shown)
    lowest = each["loo"] if fits is None else fits
    mean = found["aesthetic_mean"].value
    return replace(
        story,
        gate="pass" if mean is not None and mean >= gate.threshold else "fail",
        weakest_panel=1 + int(np.argmin(lowest)),
        values={name: one.value for name, one in found.items()},
    ), [
        replace(panel, values={**panel.values, **{name: float(row[k]) for name, row in each.items()}})
        for k, panel in enumerate(eight)
    ]


def _weakest(place: ScoredSet, eight: Sequence[PanelScore]) -> Weakest:
    """Return the lowest panel in each score of a panel."""
    by = {
        metric: 1 + values.index(min(values))
        for metric in reason_columns()
        if len(values := [v for one in eight if (v := one.values.get(metric)) is not None]) == len(eight)
    }
    return Weakest(**asdict(place), by=by)


def _asked(run: Run, tools: Scorers) -> dict[str, AskedAttributes]:
    """Return by story what its texts tell of which the calibration says that it can be told."""
    if tools.calibration is None or not (known := tools.calibration.attributes):
        return {}
    asked = {}
    for story in run.loaded.stories:
        told = [one for one in told_attributes(story.story) if one.name in known]
        asked[story.name] = AskedAttributes(told, choice_rows(told, tools.encoder), known)
    return asked


def _missing(
    place: ScoredSet, eight: Sequence[PanelScore], measured: Measured, asked: AskedAttributes
) -> Iterator[MissingAttribute]:
    """Yield what is told of a whole set's panels and not shown, panel by panel."""
    rows = np.stack([measured.embeddings[panel.sha256] for panel in eight])
    for one, margin in zip(asked.told, margins(rows, asked.told, asked.choices), strict=True):
        if margin <= asked.thresholds[one.name]:
            yield MissingAttribute(
                **asdict(place),
                panel=one.panel + 1,
                attribute=one.name,
                told=one.told,
                margin=round(margin, DECIMALS),
            )


def _matrix(place: ScoredSet, eight: Sequence[PanelScore], measured: Measured) -> Similarity:
    """Return the similarity of the panels that there are."""
    good = [k for k, panel in enumerate(eight) if panel.status == "ok"]
    full = np.full((len(eight), len(eight)), np.nan)
    if good:
        full[np.ix_(good, good)] = similarity(np.stack([measured.embeddings[eight[k].sha256] for k in good]))
    matrix: Matrix = tuple(tuple(rounded(value) for value in row) for row in full.tolist())
    return Similarity(**asdict(place), matrix=matrix)


def _with_gain(stories: Sequence[StoryScore], baseline: str | None) -> list[StoryScore]:
    """Return the sets with their difference to the baseline's set at the same order, story and seed."""
    means = {(s.candidate, s.order, s.story, s.seed): s.values.get("aesthetic_mean") for s in stories}
    gained = []
    for story in stories:
        mean = story.values.get("aesthetic_mean")
        base = means.get((baseline or "", story.order, story.story, story.seed))
        if story.candidate != baseline and base is not None and mean is not None:
            story = replace(story, values={**story.values, "aesthetic_gain": mean - base})
        gained.append(story)
    return gained
