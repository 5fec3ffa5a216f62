"""What a scoring says on a terminal: every fault with its reason, and what has no number."""

from collections.abc import Iterator, Sequence

from eval.metrics.registry import METRICS, judged
from eval.scoring.records import Scores, StoryScore

MOST = 20
"""Faults that are told; scores.json has all."""


def faults_said(scores: Scores) -> Iterator[str]:
    """Yield a line for each panel that could not be scored, each set of copies, unasked letters."""
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
        f"letters {one.candidate} {one.order} {one.story} seed {one.seed}, panel {one.panel}: "
        f"letters '{one.shown}' are in the picture and the story asks for none"
        for one in scores.letters
    ]
    yield from said[:MOST]
    if len(said) > MOST:
        yield f"        and {len(said) - MOST} more; scores.json and scores.stories.csv have all"


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
