"""What a team can do about an entry below the gate, of what its run really has."""

from collections.abc import Iterator

from eval.scoring.records import ScoredSet, Scores
from kit.experiment.config import EIGHT_SEEDS, Experiment
from kit.experiment.drawing.usual import usual_drawing
from kit.experiment.run import Run
from kit.files.user_paths import shell_word
from kit.messages import against_threshold, joined, tr, trn
from kit.models.bases.pipeline_class import pipeline_folder
from submissions.faults import Fault, Remedy
from submissions.packing.entry import Entry


def gate_told(run: Run, entry: Entry, scores: Scores, mean: float) -> Iterator[Fault]:
    """Yield the fault of an entry below the gate, with what to do next; nothing where it is not below."""
    least = entry.rules.gate.threshold
    if mean < least:
        told = tr(
            "the pictures' mean aesthetic score is {got}, the contest wants at least {least:g}: {advice}",
            got=against_threshold(mean, least, 2),
            least=least,
            advice=_advice(run, entry, scores),
        )
        yield Fault("gate", told, remedy=_remedy(run.loaded.experiment, entry, scores))


def _advice(run: Run, entry: Entry, scores: Scores) -> str:
    experiment = run.loaded.experiment
    return (
        _enough(experiment, entry, scores)
        or _small(experiment)
        or joined(_others(run, experiment, entry), tr(" or "))
    )


def _remedy(experiment: Experiment, entry: Entry, scores: Scores) -> Remedy | None:
    """Return the same advice as data; None where no click but drawing more or otherwise would help."""
    if found := _best(experiment, entry, scores):
        _, best = found
        return Remedy("choose", candidate=best.candidate, order=best.order, story=best.story, seed=best.seed)
    if _small(experiment) or len(experiment.seeds) == 1 or not entry.of_one_seed(experiment):
        return None
    return Remedy("cast", candidate=entry.candidate, order=entry.order, story=entry.story)


def _best(experiment: Experiment, entry: Entry, scores: Scores) -> tuple[float, ScoredSet] | None:
    """Return the score of the best other set of the story that reaches the gate, and which; or None."""
    allowed = _with_lora(experiment)
    reached = [
        (value, row)
        for row in scores.stories
        if row.story == entry.story and row.candidate in allowed
        if (value := row.values.get("aesthetic_mean")) is not None and value >= entry.rules.gate.threshold
    ]
    return max(reached, key=lambda one: one[0], default=None)


def _enough(experiment: Experiment, entry: Entry, scores: Scores) -> str:
    """Return which other set of the story reaches the gate, the best of them; empty where none does."""
    found = _best(experiment, entry, scores)
    if found is None:
        return ""
    value, best = found
    options = f"--candidate {best.candidate}"
    options += f" --order {best.order}" if len(experiment.orders) > 1 else ""
    options += f" --seed {best.seed}" if len(experiment.seeds) > 1 else ""
    return tr("another of this run has {score:.2f}, pack it with {options}", score=value, options=options)


def _with_lora(experiment: Experiment) -> list[str]:
    """Return whose pictures are worth handing in."""
    return [one.name for one in experiment.candidates if one.lora]


def _small(experiment: Experiment) -> str:
    """Return that the pictures were drawn in fewer steps or smaller than is usual; empty where not."""
    if experiment.sampler is not None and pipeline_folder(experiment.base) is None:
        return ""  # what is usual for it stands in its folder, which is not here
    usual = usual_drawing(experiment.base)
    own_steps, own_size = experiment.steps or usual.steps, experiment.size or usual.size
    less = []
    if own_steps < usual.steps:
        less.append((trn("{n} step", "{n} steps", own_steps), usual.steps))
    if own_size < usual.size:
        less.append((tr("{side} pixels", side=own_size), usual.size))
    if not less:
        return ""
    has = joined([own for own, _ in less], tr(" and "))
    wanted = joined([str(number) for _, number in less], tr(" and "))
    return tr("this run has {has}, draw it with the usual {usual}", has=has, usual=wanted)


def _others(run: Run, experiment: Experiment, entry: Entry) -> Iterator[str]:
    """Yield what else the run has, and at the end what to do with its seeds."""
    candidates = [name for name in _with_lora(experiment) if name != entry.candidate]
    orders = [order for order in experiment.orders if order != entry.order]
    if candidates:
        yield tr("try another candidate ({candidates})", candidates=joined(candidates, tr(", ")))
    if orders:
        yield tr("try another order ({orders})", orders=joined(orders, tr(", ")))
    command = f"storykit cast {shell_word(run.folder)} --candidate {entry.candidate}"
    if experiment.panel_seeds is not None:
        yield tr("choose others among the drafts that these are the finals of and `storykit finish` them")
    elif len(experiment.seeds) == 1:
        yield tr(
            "this run has one seed: write more, {seeds}, draw, score and let `{command}` choose",
            seeds=EIGHT_SEEDS,
            command=command,
        )
    elif entry.of_one_seed(experiment):
        yield tr(
            "let `{command}` choose the best of its {number} seeds for each panel",
            command=command,
            number=len(experiment.seeds),
        )
    else:
        yield tr(
            "draw more than its {number} seeds, score and let `{command}` choose again",
            number=len(experiment.seeds),
            command=command,
        )
