"""A page of one story to show to others: its pictures and captions, and nothing to judge by unless asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from eval.casting.selection import read_selections
from eval.metrics.registry import METRICS
from eval.scoring.records import read_scores
from kit.embedded import EMBEDDED
from kit.errors import RunError
from kit.experiment.run import Run
from kit.messages import asked_language, tr
from kit.story.prompt import prompt_of
from kit.story.story import Story
from kit.versions import installed_version
from reports.number_format import written
from reports.page_templates import environment, load_words, page_assets
from reports.thumbnails import Picture, embed

SIDE = 768
"""Side of a picture in pixels: sharp on a phone; a page of eight has about 1 MB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenStory:
    """Which eight pictures of a run are shown."""

    candidate: str
    order: str
    story: str
    seeds: tuple[int, ...]
    """The seed of each panel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownPanel:
    """A panel on the page."""

    panel: int
    caption: str
    prompt: str
    picture: Picture


def story_page(run: Run, chosen: ChosenStory, *, scores: bool = False) -> str:
    """Return the page, HTML that needs nothing else; in the language asked for, else the story's.

    Args:
        run: drawn, and scored where scores are wanted.
        chosen: one picture for each panel.
        scores: whether the numbers of the set are shown.

    Raises:
        RunError: a picture is missing, or there are no numbers of this set.
    """
    story = next(one.story for one in run.loaded.stories if one.name == chosen.story)
    words = load_words(asked_language() or story.language)
    numbers = scores_of(run, chosen) if scores else {}
    return (
        environment()
        .get_template("shared.html")
        .render(
            story=story,
            panels=[_shown(run, chosen, story, panel) for panel in range(1, len(chosen.seeds) + 1)],
            practice=run.loaded.experiment.base == EMBEDDED,
            scores=[(words.metric(name), written(one)) for name, one in numbers.items()],
            w=words,
            version=installed_version("storykit"),
            **page_assets(),
        )
    )


def scores_of(run: Run, chosen: ChosenStory) -> Mapping[str, float]:
    """Return the numbers of a set by metric: of one seed as it was scored, else as the set was cast."""
    place = (chosen.candidate, chosen.order, chosen.story)
    cast = next(
        (one for one in read_selections(run) if (one.place, one.seeds) == (place, chosen.seeds)), None
    )
    if cast is not None:
        return cast.standing.values
    for one in (read_scores(run) or _unscored(run)).stories:
        if (one.candidate, one.order, one.story) == place and {one.seed} == set(chosen.seeds):
            shown = {name: value for name, value in one.values.items() if name in METRICS}
            return {name: value for name, value in shown.items() if value is not None}
    return _unscored(run)


def _unscored(run: Run) -> NoReturn:
    raise RunError(tr("{folder}: this set has no scores; `storykit score` first", folder=run.folder))


def _shown(run: Run, chosen: ChosenStory, story: Story, panel: int) -> ShownPanel:
    path = run.panel_path(chosen.candidate, chosen.order, chosen.story, chosen.seeds[panel - 1], panel)
    picture = embed(path, SIDE)
    if picture is None:
        told = {"panel": panel, "file": path}
        raise RunError(tr("panel {panel} cannot be shown: {file} is missing or no picture", **told))
    said = prompt_of(story, panel - 1, chosen.order)
    return ShownPanel(panel=panel, caption=story.panels[panel - 1].caption, prompt=said, picture=picture)
