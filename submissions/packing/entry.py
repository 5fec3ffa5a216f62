"""What a team decides about its entry, checked against the rules' words."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.casting.selection import places_chosen, seeds_cast
from kit.did_you_mean import none_such
from kit.embedded import EMBEDDED
from kit.errors import RunError
from kit.experiment.config import Experiment
from kit.experiment.extras.extra_pictures import seeds_at
from kit.experiment.identity import is_draft, is_embedded, read_identity
from kit.experiment.run import Run
from kit.files.user_paths import shell_word
from kit.messages import joined, mark, tr
from kit.story.story import PANELS
from submissions.contest.rules import Rules, load_rules
from submissions.faults import Fault, Remedy

USUAL_ORDER = "authored"
"""The prompt order that is meant where none is named."""
_KINDS = {
    "candidate": mark("candidate"),
    "order": mark("order"),
    "story": mark("story"),
    "seed": mark("seed"),
}
"""What a set of panels is named by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """Which story of a run is handed in, where, and under what name."""

    candidate: str
    order: str
    story: str
    seeds: tuple[int, ...]
    """The seed of each panel: one for all, or as they were cast."""
    rules: Rules
    team: str
    """The team's name as registered."""
    title: str
    """The entry's own name: what stands for xxxxxx in the LoRA's name."""
    introduction: str
    """The team's text about its LoRA, Markdown."""
    out: Path
    """The zip to write."""
    link: str = ""
    """Where the LoRA is published; empty while it is not."""
    overwrite: bool = False
    """Whether another entry's bundle at `out` may be replaced."""

    def of_one_seed(self, experiment: Experiment) -> bool:
        """Return whether it is the set of a seed of the experiment; else it was cast, or finished."""
        return len(set(self.seeds)) == 1 and self.seeds[0] in experiment.seeds

    @property
    def seeds_said(self) -> str:
        """The seed of each panel, or the one of all, for people."""
        return " ".join(map(str, self.seeds if len(set(self.seeds)) > 1 else self.seeds[:1]))


def draft_faults(run: Run, place: tuple[str, str, str] = ("", "", "")) -> list[Fault]:
    """Return why nothing of a run can be packed while its pictures are drafts; nothing where they are final.

    Args:
        run: drawn.
        place: candidate, order and story that are meant; empty where that is open.
    """
    if not is_draft(run):
        return []
    candidate, order, story = place
    return [
        Fault(
            "panels",
            tr("are drafts, which are not drawn as the contest draws"),
            tr(
                "`storykit finish {folder}` draws what was chosen as finals; pack those",
                folder=shell_word(run.folder),
            ),
            Remedy("finish", candidate=candidate, order=order, story=story),
        )
    ]


def seeds_of(opened: Run, place: tuple[str, str, str], seed: int | None) -> tuple[int, ...]:
    """Return the seed of each panel that is packed."""
    if seed is None and (cast_seeds := seeds_cast(opened, *place)):
        return cast_seeds
    return (opened.loaded.experiment.seeds[0] if seed is None else seed,) * PANELS


def unknown_choices(opened: Run, place: tuple[str, str, str], seeds: Sequence[int]) -> list[Fault]:
    """Return which of candidate, order, story and seeds a run does not have, with all that it has."""
    experiment = opened.loaded.experiment
    asked: list[tuple[str, object, Collection[object]]] = [
        ("candidate", place[0], [one.name for one in experiment.candidates]),
        ("order", place[1], experiment.orders),
        ("story", place[2], [story.name for story in opened.loaded.stories]),
        *(("seed", seed, seeds_at(opened, place)) for seed in dict.fromkeys(seeds)),
    ]
    return [
        Fault(
            kind,
            none_such(tr("the run"), tr(_KINDS[kind]), wanted, known),
            remedy=Remedy("answer", decision=kind, known=tuple(map(str, known))),
        )
        for kind, wanted, known in asked
        if wanted not in known
    ]


def only_story(opened: Run) -> str:
    """Return the name of a run's story; raises RunError when there are several to choose from."""
    names = [story.name for story in opened.loaded.stories]
    if len(names) != 1:
        raise RunError(tr("the run has several stories, name one: {names}", names=joined(names, tr(", "))))
    return names[0]


def only_candidate(opened: Run) -> str:
    """Return the candidate that was chosen, else the only one with a LoRA, else the only one; or RunError."""
    every = opened.loaded.experiment.candidates
    cast = dict.fromkeys(place[0] for place in places_chosen(opened))
    for names in ([*cast], [one.name for one in every if one.lora], [one.name for one in every]):
        if len(names) == 1:
            return names[0]
    known = joined((one.name for one in every), tr(", "))
    raise RunError(tr("the run has several candidates, name one: {names}", names=known))


def fitting_rules(opened: Run) -> Rules:
    """Return the contest that a run can enter: practice where the embedded base drew it, else the first."""
    try:
        practising = is_embedded(read_identity(opened).base)
    except RunError:  # packing tells what is wrong with run.json
        practising = opened.loaded.experiment.base == EMBEDDED
    return load_rules("practice" if practising else "kolors-2024")
