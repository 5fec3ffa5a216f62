"""What a scoring says on a terminal: every fault with its reason, and what has no number."""

from collections.abc import Iterator, Sequence

from eval.metrics.registry import METRICS, judged
from eval.scorers.calibration import said_of
from eval.scoring.records import Scores, StoryScore

MOST = 20
"""Faults that are told; scores.json has all."""


def faults_said(scores: Scores) -> Iterator[str]:
    """Yield a line for each panel without a score, each set that a gate leaves out, unasked letters."""
    said = [
        f"fault   {one.candidate} {one.order} {one.story} seed {one.seed}, panel {one.panel}: "
        f"{one.status}, {one.reason}"
        for one in scores.faults
    ]
    said += [
        f"copies  {one.candidate} {one.order} {one.story} seed {one.seed}: panels are copies of one picture; "
        "compare and cast leave the set out"
        for one in scores.stories
        if one.values.get("copies")
    ]
    said += [
        f"floor   {one.candidate} {one.order} {one.story} seed {one.seed}: panels score below "
        f"{scores.gate.floor:g}, as fog, noise and unfinished pictures do; compare leaves the set out"
        for one in scores.stories
        if one.values.get("below_floor")
    ]
    said += [
        f"letters {one.candidate} {one.order} {one.story} seed {one.seed}, panel {one.panel}: "
        f"letters '{one.shown}' are in the picture and the story asks for none"
        for one in scores.letters
    ]
    yield from said[:MOST]
    if len(said) > MOST:
        yield f"        and {len(said) - MOST} more; scores.json and scores.stories.csv have all"


def missing_said(scores: Scores) -> Iterator[str]:
    """Yield a line for what texts tell and pictures do not show, and what may be believed of the weights."""
    for one in scores.missing[:MOST]:
        yield (
            f"missing {one.candidate} {one.order} {one.story} seed {one.seed}, panel {one.panel}: "
            f"{one.attribute} {one.told}"
        )
    if len(scores.missing) > MOST:
        yield f"        and {len(scores.missing) - MOST} more; scores.json has all"
    yield f"note    {said_of(scores.calibration)}"


def undefined_said(scores: Scores) -> Iterator[str]:
    """Yield a line for each metric that decides by default and that no whole set has, with the reason."""
    for name in judged():
        entry = METRICS[name]
        for story, why in _undefined(name, [one for one in scores.stories if not one.faults]):
            yield f"note    {story} has no number for {entry.said or name}: {why}"


def _undefined(name: str, whole: Sequence[StoryScore]) -> Iterator[tuple[str, str]]:
    """Yield each story none of whose whole sets has the metric, and why."""
    for story in dict.fromkeys(one.story for one in whole):
        if all(one.values.get(name) is None for one in whole if one.story == story):
            yield story, _WHY.get(name, "to this encoder all the words that it is seen through are one")


_WHY = {"place": "it needs panels in one place and panels elsewhere, told by `place` in a TOML story"}
