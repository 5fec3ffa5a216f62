"""What an experiment asks for that is allowed and rarely meant."""

from collections.abc import Iterator
from itertools import combinations

from kit.experiment.candidates.candidate import Candidate
from kit.experiment.config import Experiment, LoadedExperiment
from kit.files.user_paths import shell_word
from kit.messages import joined, tr
from kit.story.anchors import cast_of
from kit.story.prompt import prompt_of
from kit.story.story import PANELS, LoadedStory


def notes_on(loaded: LoadedExperiment) -> list[str]:
    """Return a line for each thing that the user should know before anything is drawn."""
    experiment = loaded.experiment
    return [
        *_bare(experiment),
        *_alike(experiment.candidates),
        *(line for story in loaded.stories for line in _unmoved(experiment, story)),
        *(line for story in loaded.stories for line in _one_picture(experiment, story)),
        *_idle_negatives(experiment),
        *_nobody_kept(loaded),
        *_idle_references(loaded),
    ]


def _bare(experiment: Experiment) -> Iterator[str]:
    bare = [
        candidate.name
        for candidate in experiment.candidates
        if candidate.is_bare and not candidate.embeddings
    ]
    if len(bare) < len(experiment.candidates):
        yield from (
            tr("candidate {name} has no lora: it is drawn by the bare base", name=name) for name in bare
        )


def _alike(candidates: tuple[Candidate, ...]) -> Iterator[str]:
    for one, other in combinations(candidates, 2):
        if one.model_copy(update={"name": other.name}) == other:
            yield tr(
                "candidates {one} and {other} differ in their name only: same pictures",
                one=one.name,
                other=other.name,
            )


def _unmoved(experiment: Experiment, story: LoadedStory) -> Iterator[str]:
    """Yield which orders say the same, and why."""
    said: dict[tuple[str, ...], str] = {}
    plain = all(panel.prompt is not None for panel in story.story.panels)
    for order in experiment.orders:
        prompts = tuple(prompt_of(story.story, panel, order) for panel in range(PANELS))
        first = said.setdefault(prompts, order)
        if first != order:
            told = {"story": story.name, "order": order, "first": first}
            if plain:
                yield tr(
                    "story {story}: order {order} says the same as {first}, it has no roles, which [[panel]] "
                    "with clauses in a .toml story have",
                    **told,
                )
            else:
                yield tr("story {story}: order {order} says the same as {first}, nothing moves", **told)


def _one_picture(experiment: Experiment, story: LoadedStory) -> Iterator[str]:
    """Yield which panels are drawn from the same words and the same noise, and held to the same maps."""
    if experiment.noise_per_panel or experiment.panel_seeds:
        return
    saying: dict[tuple[object, ...], list[int]] = {}
    for panel in range(PANELS):
        held = story.story.panels[panel].control
        saying.setdefault((prompt_of(story.story, panel, "authored"), held), []).append(panel + 1)
    for panels in saying.values():
        if len(panels) > 1:
            yield (
                tr(
                    "story {story}: panels {panels} have the same text, so with the same seed they "
                    "will be one picture, and no verdict counts such a set; say what differs",
                    story=story.name,
                    panels=joined(map(str, panels), tr(", ")),
                )
            )


def _idle_negatives(experiment: Experiment) -> Iterator[str]:
    own = [candidate.name for candidate in experiment.candidates if candidate.negative]
    if own and experiment.cfg == 1:
        yield tr("candidate {names}: negative shapes nothing where cfg is 1", names=joined(own, tr(", ")))


def _idle_references(loaded: LoadedExperiment) -> Iterator[str]:
    """Yield which pictures of characters shape nothing: nobody reads them, or no panel shows these."""
    experiment = loaded.experiment
    read = experiment.ip_adapter or any(candidate.consistency for candidate in experiment.candidates)
    for story in loaded.stories:
        shown = {name for panel in range(PANELS) for name in cast_of(story.story, panel)}
        named = [name for name, one in story.story.characters.items() if one.reference]
        told = {"story": story.name}
        if named and not read:
            yield tr(
                "story {story}: the picture of {names} shapes nothing where consistency is 0: write "
                "consistency = 0.6 in the experiment",
                names=joined(named, tr(", ")),
                **told,
            )
        elif idle := [name for name in named if name not in shown]:
            yield tr(
                "story {story}: the picture of {names} shapes nothing, no panel has a clause with "
                "character = {first!r}",
                names=joined(idle, tr(", ")),
                first=idle[0],
                **told,
            )


def _nobody_kept(loaded: LoadedExperiment) -> Iterator[str]:
    """Yield which stories name nobody to keep the same, where that is asked for."""
    if any(candidate.consistency for candidate in loaded.experiment.candidates):
        for story in loaded.stories:
            if not story.story.characters:
                yield (
                    tr(
                        "story {story} names no characters: consistency matches all of panel 1, its place"
                        " too; `storykit story import {file} --out story.toml` finds the characters, and "
                        "then only they are kept the same",
                        story=story.name,
                        file=shell_word(story.path.name),
                    )
                )
