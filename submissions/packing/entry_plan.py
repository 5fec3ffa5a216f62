"""What a team has decided about its entry so far, and what it has not."""

from dataclasses import dataclass
from pathlib import Path

from eval.casting.selection import places_chosen
from kit.errors import InputError, RunError
from kit.experiment.run import Run
from kit.files.documents import read_text
from kit.files.user_paths import shell_word
from kit.messages import joined, tr
from submissions.contest.rules import Rules
from submissions.faults import Fault
from submissions.packing.entry import only_story


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryPlan:
    """What a team has decided about its entry so far; empty or None where it has not."""

    candidate: str = ""
    order: str = "authored"
    story: str = ""
    seed: int | None = None
    rules: str = ""
    team: str = ""
    title: str = ""
    introduction: Path | None = None
    """A text file."""
    out: Path | None = None
    link: str = ""


def undecided_words(plan: EntryPlan, rules: Rules) -> tuple[list[Fault], str]:
    """Return what a team has not told yet, each with its option, and the introduction."""
    faults = []
    if not plan.team:
        faults.append(Fault("team", tr("is not given"), tr("--team and the name as registered")))
    if not plan.title:
        faults.append(Fault("title", tr("is not given"), tr("--title and the entry's own name")))
    if plan.introduction is None:
        mend = tr(
            "write at least {n} characters about the LoRA into a file: --introduction intro.txt",
            n=rules.introduction.minimum,
        )
        return [*faults, Fault("introduction", tr("is not given"), mend)], ""
    try:
        return faults, read_text(plan.introduction, wanted="text")
    except InputError as error:
        return [*faults, Fault("introduction", str(error))], ""


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
        names = joined((wearing or [one.name for one in run.loaded.experiment.candidates]), tr(", "))
        faults.append(
            Fault("candidate", tr("is not chosen"), tr("--candidate and one of {names}", names=names))
        )
    try:
        story = story or only_story(run)
    except RunError:
        names = joined((one.name for one in run.loaded.stories), tr(", "))
        faults.append(Fault("story", tr("is not chosen"), tr("--story and one of {names}", names=names)))
    return candidate, story, faults


def next_command(run: Run, plan: EntryPlan) -> str:
    """Return the command that packs the entry, once nothing is missing."""
    said = {
        "--candidate": plan.candidate or open_choices(run, plan)[0],
        "--order": plan.order if plan.order != "authored" else "",
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
