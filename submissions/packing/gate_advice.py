"""What a team can do about an entry below the gate, of what its run really has."""

from collections.abc import Iterator
from math import floor

from eval.scoring.records import Scores
from kit.experiment.config import EIGHT_SEEDS, Experiment, usual_drawing
from kit.experiment.run import Run
from kit.files.user_paths import shell_word
from submissions.faults import Fault
from submissions.packing.entry import Entry


def gate_told(run: Run, entry: Entry, scores: Scores, mean: float) -> Iterator[Fault]:
    """Yield the fault of an entry below the gate, with what to do next; nothing where it is not below."""
    least = entry.rules.gate.threshold
    if mean < least:
        got = f"{floor(100 * mean) / 100:.2f}"
        told = f"the pictures' mean aesthetic score is {got}, the contest wants at least {least:g}"
        yield Fault("gate", f"{told}: {_advice(run, entry, scores)}")


def _advice(run: Run, entry: Entry, scores: Scores) -> str:
    experiment = run.loaded.experiment
    return (
        _enough(experiment, entry, scores)
        or _small(experiment)
        or " or ".join(_others(run, experiment, entry))
    )


def _enough(experiment: Experiment, entry: Entry, scores: Scores) -> str:
    """Return which other set of the story reaches the gate, the best of them; empty where none does."""
    allowed = _with_lora(experiment)
    reached = [
        (value, row)
        for row in scores.stories
        if row.story == entry.story and row.candidate in allowed
        if (value := row.values.get("aesthetic_mean")) is not None and value >= entry.rules.gate.threshold
    ]
    if not reached:
        return ""
    value, best = max(reached, key=lambda one: one[0])
    order = f" --order {best.order}" if len(experiment.orders) > 1 else ""
    seed = f" --seed {best.seed}" if len(experiment.seeds) > 1 else ""
    return f"another of this run has {value:.2f}, pack it with --candidate {best.candidate}{order}{seed}"


def _with_lora(experiment: Experiment) -> list[str]:
    """Return whose pictures are worth handing in."""
    return [one.name for one in experiment.candidates if one.lora]


def _small(experiment: Experiment) -> str:
    """Return that the pictures were drawn in fewer steps or smaller than is usual; empty where not."""
    steps, size = usual_drawing(experiment.base)
    pairs = ((experiment.steps or steps, steps, "steps"), (experiment.size or size, size, "pixels"))
    less = [(own, usual, noun) for own, usual, noun in pairs if own < usual]
    if not less:
        return ""
    has = " and ".join(f"{own} {noun if own > 1 else 'step'}" for own, _, noun in less)
    return f"this run has {has}, draw it with the usual {' and '.join(str(usual) for _, usual, _ in less)}"


def _others(run: Run, experiment: Experiment, entry: Entry) -> Iterator[str]:
    """Yield what else the run has, and at the end what to do with its seeds."""
    candidates = [name for name in _with_lora(experiment) if name != entry.candidate]
    orders = [order for order in experiment.orders if order != entry.order]
    if candidates:
        yield f"try another candidate ({', '.join(candidates)})"
    if orders:
        yield f"try another order ({', '.join(orders)})"
    cast = f"let `storykit cast {shell_word(run.folder)} --candidate {entry.candidate}` choose"
    if len(experiment.seeds) == 1:
        yield f"this run has one seed: write more, {EIGHT_SEEDS}, draw, score and {cast}"
    elif len(set(entry.seeds)) == 1:
        yield f"{cast} the best of its {len(experiment.seeds)} seeds for each panel"
    else:
        yield f"draw more than its {len(experiment.seeds)} seeds, score and {cast} again"
