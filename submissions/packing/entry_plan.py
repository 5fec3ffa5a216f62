"""What a team has decided about its entry so far, and what it has not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.casting.selection import places_chosen
from kit.errors import InputError, RunError
from kit.experiment.run import Run
from kit.files.user_paths import shell_word
from kit.messages import joined, tr
from submissions.contest.rules import Rules
from submissions.faults import Fault, Remedy
from submissions.packing.entry import USUAL_ORDER, only_story
from submissions.packing.entry_file import kept_introduction, read_decisions, read_introduction


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryPlan:
    """What a team has decided about its entry so far; empty or None where it has not."""

    candidate: str = ""
    order: str = ""
    story: str = ""
    seed: int | None = None
    rules: str = ""
    team: str = ""
    title: str = ""
    introduction: Path | None = None
    """A text file."""
    out: Path | None = None
    link: str = ""


SET = ("candidate", "order", "story", "seed")
"""What says which panels are meant."""


def with_decisions(run: Run, plan: EntryPlan) -> tuple[EntryPlan, tuple[str, ...]]:
    """Return a plan with what the team decided before where it says nothing, and what that is, by name.

    Where it names another candidate, order or story, the rest of the set that was decided on does not hold.
    """
    decisions = read_decisions(run)
    asked = {name: getattr(plan, name) for name in SET[:3]}
    other = any(told and told != getattr(decisions, name) for name, told in asked.items())
    taken: dict[str, Any] = {
        name: value
        for name, value in decisions.made.items()
        if getattr(plan, name) in ("", None) and not (other and name in SET)
    }
    if plan.introduction is None and (path := kept_introduction(run)):
        taken["introduction"] = path
    return replace(plan, **taken), tuple(taken)


def undecided_words(plan: EntryPlan, rules: Rules) -> tuple[list[Fault], str]:
    """Return what a team has not told yet, each with its option, and the introduction."""
    faults = []
    if not plan.team:
        faults.append(
            Fault("team", tr("is not given"), tr("--team and the name as registered"), _asked("team"))
        )
    if not plan.title:
        mend = tr("--title and the entry's own name")
        faults.append(Fault("title", tr("is not given"), mend, _asked("title")))
    if plan.introduction is None:
        mend = tr(
            "write at least {n} characters about the LoRA into a file: --introduction intro.txt",
            n=rules.introduction.minimum,
        )
        return [*faults, Fault("introduction", tr("is not given"), mend, _asked("introduction"))], ""
    try:
        return faults, read_introduction(plan.introduction)
    except InputError as error:
        return [*faults, Fault("introduction", str(error), remedy=_asked("introduction"))], ""


def open_choices(run: Run, plan: EntryPlan) -> tuple[str, str, list[Fault]]:
    """Return candidate and story where the run leaves no choice or the team made it, and what is open."""
    faults = []
    candidate, story = plan.candidate, plan.story
    cast = list(dict.fromkeys(place[0] for place in places_chosen(run)))
    wearing = [one.name for one in run.loaded.experiment.candidates if one.lora]
    wearing = cast if len(cast) == 1 else wearing
    if not candidate and len(wearing) == 1:
        candidate = wearing[0]
    elif not candidate:
        known = wearing or [one.name for one in run.loaded.experiment.candidates]
        mend = tr("--candidate and one of {names}", names=joined(known, tr(", ")))
        faults.append(Fault("candidate", tr("is not chosen"), mend, _asked("candidate", known)))
    try:
        story = story or only_story(run)
    except RunError:
        known = [one.name for one in run.loaded.stories]
        mend = tr("--story and one of {names}", names=joined(known, tr(", ")))
        faults.append(Fault("story", tr("is not chosen"), mend, _asked("story", known)))
    return candidate, story, faults


def _asked(decision: str, known: Sequence[str] = ()) -> Remedy:
    return Remedy("answer", decision=decision, known=tuple(known))


def next_command(run: Run, plan: EntryPlan) -> str:
    """Return the command that packs the entry, once nothing is missing."""
    said = {
        "--candidate": plan.candidate or open_choices(run, plan)[0],
        "--order": plan.order if plan.order != USUAL_ORDER else "",
        "--story": plan.story,
        "--seed": "" if plan.seed is None else str(plan.seed),
        "--rules": plan.rules,
        "--team": plan.team,
        "--title": plan.title,
        "--introduction": str(plan.introduction or ""),
        "--link": plan.link,
        "--out": str(plan.out or run.folder / "entry.zip"),
    }
    words = [f"{option} {shell_word(word)}" for option, word in said.items() if word]
    return f"storykit pack {shell_word(run.folder)} {' '.join(words)}"
