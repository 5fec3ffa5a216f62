"""The stage that finishes: what was chosen among drafts, drawn as the contest draws, in a run of its own.

The finals are an ordinary run. Each set that was chosen so far is one of its seeds, which is the set's
number; what its panels are drawn from stands in `panel_seeds`. A picture that two sets share is drawn once.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

from eval.casting.decisions import change_picks, names_of, state_of
from eval.casting.picks import KeptPicture, Picks
from eval.casting.selection import places_chosen, seeds_cast
from eval.metrics.registry import judgeable
from eval.scoring.records import Scores, StoryScore
from eval.scoring.score import score, score_of_set, scorers_of
from kit.errors import RunError
from kit.experiment.config import LoadedExperiment, load_experiment
from kit.experiment.extras.extra_pictures import Origin, fresh_seeds, origins_of, read_extras, seeds_at
from kit.experiment.identity import is_draft
from kit.experiment.run import Run, Slot
from kit.files.path_contents import kind_at
from kit.files.user_paths import shell_word
from kit.generation.generate import GenerateReport, drawing_in, generate
from kit.generation.painter import Painter
from kit.generation.recipe import check_drawable
from kit.generation.redrawing import whole_sets_lost
from kit.messages import joined, tr
from kit.progress import Progress
from kit.story.story import PANELS
from reports.run.story_page import ChosenStory
from submissions.packing.entry import USUAL_ORDER, only_candidate, only_story, unknown_choices
from submissions.packing.entry_file import (
    keep_decisions,
    kept_introduction,
    read_decisions,
    read_introduction,
)
from submissions.packing.entry_plan import EntryPlan, with_decisions

Place = tuple[str, str, str]


class Finals(NamedTuple):
    """The run of what was chosen, as it was drawn."""

    run: Run
    number: int
    """Of the set in that run: its seed there."""
    drawn: GenerateReport

    @property
    def plan(self) -> EntryPlan:
        """What is finished of it: what was picked there, with its repairs; the bare set where it has gaps."""
        return EntryPlan(seed=self.number if self.drawn.faults else None)


class BothSides(NamedTuple):
    """A set as drafts and as finals."""

    draft: StoryScore
    final: StoryScore
    scores: Scores
    """Of the run of finals."""


def usual_folder(run: Run) -> Path:
    """Return where the finals of a run of drafts are drawn unless another place is named: beside it."""
    folder = run.folder if run.folder.name not in ("", "..") else run.folder.resolve()
    return folder.with_name(f"{folder.name}-final")


def chosen_drafts(run: Run, plan: EntryPlan) -> ChosenStory:
    """Return which eight pictures of a run of drafts are meant, by the rule by which `pack` finds them.

    Args:
        run: of drafts.
        plan: what is asked for; what it leaves open is as the team decided, else what alone was chosen.

    Raises:
        RunError: the run is final already, nothing was chosen yet, or it is open which set is meant.
    """
    if not is_draft(run):
        raise RunError(
            tr(
                "{folder} holds no drafts, it is final already: `storykit pack {word}`",
                folder=run.folder,
                word=shell_word(run.folder),
            )
        )
    return chosen_set(run, plan)


def chosen_set(run: Run, plan: EntryPlan) -> ChosenStory:
    """Return which eight pictures of a run are meant to be finished, by the rule by which `pack` finds them.

    Args:
        run: of drafts or finals.
        plan: what is asked for; what it leaves open is as the team decided, else what alone was chosen.

    Raises:
        RunError: nothing was chosen yet, or it is open which set is meant.
    """
    plan, _ = with_decisions(run, plan)
    place = place_of(run, plan)
    named = () if plan.seed is None else (plan.seed,)
    if unknown := unknown_choices(run, place, named):
        raise RunError(joined((fault.problem for fault in unknown), tr("; ")))
    candidate, order, story = place
    seeds = _chosen_seeds(run, place, plan.seed)
    return ChosenStory(candidate=candidate, order=order, story=story, seeds=seeds)


def place_of(run: Run, plan: EntryPlan) -> Place:
    """Return the one place that was chosen and is asked for; of several what `pack` would take."""
    asked = (plan.candidate, plan.order, plan.story)
    chosen = [
        place
        for place in places_chosen(run)
        if all(one in ("", own) for one, own in zip(asked, place, strict=True))
    ]
    if len(chosen) == 1:
        return chosen[0]
    return (
        plan.candidate or only_candidate(run),
        plan.order or USUAL_ORDER,
        plan.story or only_story(run),
    )


def _chosen_seeds(run: Run, place: Place, seed: int | None) -> tuple[int, ...]:
    if seed is None and (cast := seeds_cast(run, *place)):
        return cast
    repaired = {one.number for one in read_extras(run).repairs}
    there = [one for one in seeds_at(run, place) if one not in repaired]
    if seed is None and (len(there) > 1 or state_of(run, place).picks.keep):
        raise RunError(
            tr(
                "nothing is chosen of {place} yet: first `storykit cast {folder} --candidate {candidate}`, "
                "or pick all eight on the board, or name one seed with --seed",
                place=" ".join(place),
                folder=shell_word(run.folder),
                candidate=place[0],
            )
        )
    return (there[0] if seed is None else seed,) * PANELS


def final_experiment(run: Run, chosen: ChosenStory, out: Path) -> LoadedExperiment:
    """Return what is drawn of a choice: the sets of before, where there are any, and this one.

    Args:
        run: of drafts.
        chosen: the set that is wanted.
        out: the folder of the finals, which may hold some.

    Raises:
        RunError: the folder holds something else than finals of this story and candidate.
        InputError: the experiment cannot be drawn on this machine.
    """
    loaded = load_experiment(run.experiment_path, judgeable())
    finals = _finals_in(out, chosen)
    sets = _sets_of(run, chosen, finals)
    return _as_finals(loaded, chosen, sets)


def _as_finals(
    loaded: LoadedExperiment, chosen: ChosenStory, sets: Sequence[tuple[int, tuple[int, ...]]]
) -> LoadedExperiment:
    """Return the part of an experiment that was chosen, with other seeds, as finals."""
    experiment = loaded.experiment
    stories = tuple(one for one in loaded.stories if one.name == chosen.story)
    part = {
        "quality": "final",
        "draft": None,
        "stories": tuple(str(one.path) for one in stories),
        "orders": (chosen.order,),
        "candidates": tuple(one for one in experiment.candidates if one.name == chosen.candidate),
        "seeds": tuple(number for number, _ in sets),
        "panel_seeds": tuple(seeds for _, seeds in sets),
        "compare": experiment.compare.model_copy(update={"baseline": None}),
    }
    return replace(loaded, experiment=experiment.model_copy(update=part), stories=stories)


def _finals_in(out: Path, chosen: ChosenStory) -> Run | None:
    """Return the finals that a folder holds; None where it holds no run yet."""
    if kind_at(out) != "run":
        return None
    there = Run.open(out)
    places = list(product(*names_of(there).values()))
    if is_draft(there) or there.loaded.experiment.panel_seeds is None or len(places) > 1:
        raise RunError(
            tr("{folder} holds a run that `storykit finish` did not draw: choose another --out", folder=out)
        )
    if places != [(chosen.candidate, chosen.order, chosen.story)]:
        place = " ".join(places[0])
        raise RunError(
            tr("{folder} holds the finals of {place}: choose another --out", folder=out, place=place)
        )
    return there


def _sets_of(run: Run, chosen: ChosenStory, finals: Run | None) -> list[tuple[int, tuple[int, ...]]]:
    """Return number and seeds of each set: those that are whole and of the same words, and the wanted one."""
    known = _kept_sets(run, chosen, finals) if finals is not None else {}
    if chosen.seeds not in known.values():
        used = _used_in(finals) if finals is not None else set()
        known[_number(run, chosen, used | known.keys())] = chosen.seeds
    return list(known.items())


def _used_in(finals: Run) -> set[int]:
    repairs = read_extras(finals).repairs
    return {row.seed for row in finals.rows()} | {one.number for one in repairs}


def _kept_sets(run: Run, chosen: ChosenStory, finals: Run) -> dict[int, tuple[int, ...]]:
    experiment, [there] = finals.loaded.experiment, finals.loaded.stories
    told = next(one.story for one in run.loaded.stories if one.name == chosen.story)
    if there.story != told:
        return {}
    place, drawn = (chosen.candidate, chosen.order, chosen.story), {row.slot for row in finals.rows()}
    return {
        number: seeds
        for number, seeds in zip(experiment.seeds, experiment.panel_seeds or (), strict=True)
        if seeds == chosen.seeds
        or all(Slot(*place, number, panel) in drawn for panel in range(1, PANELS + 1))
    }


def _number(run: Run, chosen: ChosenStory, used: set[int]) -> int:
    """Return the number of a new set: the seed where there is one, else one that no draft has."""
    own, *others = dict.fromkeys(chosen.seeds)
    if not others and own not in used:
        return own
    return next(one for one in fresh_seeds(run) if one not in used and one not in chosen.seeds)


def draw_finals(
    run: Run, chosen: ChosenStory, out: Path, painters: Sequence[Painter], progress: Progress | None = None
) -> Finals:
    """Draw what the finals' folder lacks of a choice, from the drafts' noise, and pick it there.

    Stopped anywhere, the same call goes on; what an earlier choice had in common is not drawn again.

    Args:
        run: of drafts.
        chosen: what is wanted of it.
        out: the finals' folder, made if it is not there.
        painters: of the experiment's base.
        progress: hears of every batch.

    Raises:
        RunError: the folder holds something else, other finals, or is at work.
    """
    with drawing_in(out):
        loaded = final_experiment(run, chosen, out)
        check_drawable(loaded, painters[0])
        _refuse_other_settings(run, chosen, out, painters[0])
        finals = Run.create(out, loaded, reworded=True)
        drawn = generate(finals, painters, progress)
        experiment = loaded.experiment
        number = experiment.seeds[(experiment.panel_seeds or ()).index(chosen.seeds)]
        _pick(finals, chosen, number)
        _carry_decisions(run, finals, chosen)
        return Finals(finals, number, drawn)


def _refuse_other_settings(run: Run, chosen: ChosenStory, out: Path, painter: Painter) -> None:
    """Raise RunError where the sets that are there would be drawn otherwise now: they are of another run."""
    finals = _finals_in(out, chosen)
    if finals is None:
        return
    there = finals.loaded.experiment
    sets = list(zip(there.seeds, there.panel_seeds or (), strict=True))
    loaded = _as_finals(load_experiment(run.experiment_path), chosen, sets)
    if (found := whole_sets_lost(out, loaded, painter)) is not None:
        raise RunError(
            tr(
                "{folder} holds finals of another run or of other settings ({reasons}): choose another --out",
                folder=out,
                reasons=found[1],
            )
        )


def _pick(finals: Run, chosen: ChosenStory, number: int) -> None:
    """Pick the panels of a set, so that every later stage takes them; what was made of them stays picked."""
    place, faults = (chosen.candidate, chosen.order, chosen.story), finals.faults()
    if not faults and _is_picked(finals, place, number):
        return
    drawn = {row.panel: row for row in finals.rows() if row.slot[:4] == (*place, number)}
    keep = tuple(
        KeptPicture(panel=panel, seed=number, sha256=row.sha256)
        for panel, row in sorted(drawn.items())
        if row.file not in faults
    )
    change_picks(finals, place, lambda _: replace(Picks.none(place), keep=keep))


def _is_picked(finals: Run, place: Place, number: int) -> bool:
    """Return whether each panel that is picked is the one of a set, or was made of it."""
    try:
        picked = seeds_cast(finals, *place)
    except RunError:  # it was drawn anew since
        return False
    origins = origins_of(finals)
    slots = [Slot(*place, seed, panel) for panel, seed in enumerate(picked, 1)]
    return bool(slots) and all(origins.get(one, Origin(one, ())).drawn.seed == number for one in slots)


def _carry_decisions(run: Run, finals: Run, chosen: ChosenStory) -> None:
    """Take over what the team decided beside the drafts about its entry, where the finals say nothing yet."""
    decisions = read_decisions(run)
    told = kept_introduction(run)
    if not (decisions.made or told) or read_decisions(finals).made or kept_introduction(finals):
        return
    meant = {"candidate": chosen.candidate, "order": chosen.order, "story": chosen.story, "seed": None}
    keep_decisions(finals, decisions.model_copy(update=meant), read_introduction(told) if told else "")


def both_sides(run: Run, chosen: ChosenStory, finals: Finals, progress: Progress | None = None) -> BothSides:
    """Score the finals, and the chosen drafts as one set, by the same scorers.

    Args:
        run: of drafts.
        chosen: what was chosen of it.
        finals: what was drawn of that.
        progress: hears of every batch.
    """
    if progress is not None:
        progress.note(tr("loading the scorers"))
    tools = scorers_of(finals.run.loaded)
    scores = score(finals.run, tools, progress)
    final = next(one for one in scores.stories if one.seed == finals.number)
    place = (chosen.candidate, chosen.order, chosen.story)
    return BothSides(score_of_set(run, place, chosen.seeds, tools, progress), final, scores)
