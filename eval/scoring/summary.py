"""What a scoring says on a terminal: every fault with its reason, and what has no number."""

from collections.abc import Iterator, Sequence

from eval.metrics.registry import METRICS, judged
from eval.scorers.calibration import said_of
from eval.scoring.records import FILE, PanelScore, ScoredSet, Scores, StoryScore, read_panels
from kit.experiment.run import Run, Slot
from kit.files.user_paths import shell_word
from kit.messages import Message, mark, ptr, tr, trn

MOST = 20
"""Faults that are told; scores.json has all."""


def faults_said(scores: Scores) -> Iterator[Message]:
    """Yield a line for each panel without a score, each set that a gate leaves out, unasked letters."""
    said = [
        tr(
            "fault   {place}, panel {panel}: {status}, {reason}",
            place=_place(one),
            panel=one.panel,
            status=ptr("status", one.status),
            reason=one.reason,
        )
        for one in scores.faults
    ]
    said += [
        tr(
            "copies  {place}: panels are copies of one picture; compare and cast leave the set out",
            place=_place(one),
        )
        for one in scores.stories
        if one.values.get("copies")
    ]
    said += [
        tr(
            "floor   {place}: panels score below {floor:g}, as fog, noise and unfinished pictures do; "
            "compare leaves the set out",
            place=_place(one),
            floor=scores.gate.floor,
        )
        for one in scores.stories
        if one.values.get("below_floor")
    ]
    said += [
        tr(
            "letters {place}, panel {panel}: letters '{letters}' are in the picture and the story asks for "
            "none",
            place=_place(one),
            panel=one.panel,
            letters=one.shown,
        )
        for one in scores.letters
    ]
    yield from said[:MOST]
    if len(said) > MOST:
        yield tr("        and {n} more; scores.json and scores.stories.csv have all", n=len(said) - MOST)


def _place(one: ScoredSet) -> Message:
    return tr(
        "{candidate} {order} {story} seed {seed}",
        candidate=one.candidate,
        order=one.order,
        story=one.story,
        seed=one.seed,
    )


def missing_said(scores: Scores) -> Iterator[Message]:
    """Yield a line for what texts tell and pictures do not show, and what may be believed of the weights."""
    for one in scores.missing[:MOST]:
        yield tr(
            "missing {place}, panel {panel}: {attribute} {told}",
            place=_place(one),
            panel=one.panel,
            attribute=ptr("attribute", one.attribute),
            told=one.told,
        )
    if len(scores.missing) > MOST:
        yield tr("        and {n} more; scores.json has all", n=len(scores.missing) - MOST)
    yield tr("note    {note}", note=said_of(scores.calibration))


def drawn_since_said(run: Run) -> Iterator[Message]:
    """Yield how many of a run's pictures came after it was scored, if any: what tells of it lacks them."""
    if not (run.folder / FILE).exists():
        return
    scored = {Slot(one.candidate, one.order, one.story, one.seed, one.panel): one for one in read_panels(run)}
    rows, failed = {row.slot: row for row in run.rows()}, run.faults()
    since = [
        slot
        for slot in run.wanted()
        if (row := rows.get(slot)) is not None
        and _came_since(row.sha256, scored.get(slot))
        and row.file not in failed
        and (run.folder / row.file).is_file()
    ]
    if since:
        yield trn(
            "{n} picture came after the run was scored and is not in the numbers: `storykit score {run}`",
            "{n} pictures came after the run was scored and are not in the numbers: `storykit score {run}`",
            len(since),
            run=shell_word(run.folder),
        )


def _came_since(sha256: str, scored: PanelScore | None) -> bool:
    """Return whether a picture is not the one that was scored; a damaged file's sha256 is no picture's."""
    return scored is None or (scored.status in ("ok", "missing") and scored.sha256 != sha256)


def undefined_said(scores: Scores) -> Iterator[Message]:
    """Yield a line for each metric that decides by default and that no whole set has, with the reason."""
    for name in judged():
        for story, why in _undefined(name, [one for one in scores.stories if not one.faults]):
            yield tr(
                "note    {story} has no number for {metric}: {why}",
                story=story,
                metric=METRICS[name].said_here,
                why=tr(why),
            )


def _undefined(name: str, whole: Sequence[StoryScore]) -> Iterator[tuple[str, str]]:
    """Yield each story none of whose whole sets has the metric, and why."""
    for story in dict.fromkeys(one.story for one in whole):
        if all(one.values.get(name) is None for one in whole if one.story == story):
            yield story, _WHY.get(name, _ALL_ONE)


_ALL_ONE = mark("to this encoder all the words that it is seen through are one")
_WHY = {"place": mark("it needs panels in one place and panels elsewhere, told by `place` in a TOML story")}
