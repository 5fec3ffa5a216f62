"""A page of one story to show to others: its pictures and captions, and nothing to judge by unless asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from PIL import Image

from eval.casting.selection import read_selections
from eval.metrics.registry import METRICS
from eval.scoring.records import read_scores
from kit.embedded import EMBEDDED
from kit.errors import RunError
from kit.experiment.identity import is_draft
from kit.experiment.run import Run
from kit.images.decode import PANEL_FORMATS, PictureError, open_picture
from kit.messages import asked_language, tr
from kit.story.prompt import prompt_of
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
            panels=shown_panels(run, chosen, SIDE),
            draft=is_draft(run),
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


def shown_panels(run: Run, chosen: ChosenStory, side: int) -> list[ShownPanel]:
    """Return the panels with their words, each picture within a square of `side` px; or RunError."""
    story = next(one.story for one in run.loaded.stories if one.name == chosen.story)
    shown = []
    for panel, told in enumerate(story.panels, 1):
        picture = _embedded(run, chosen, panel, side)
        said = prompt_of(story, panel - 1, chosen.order)
        shown.append(ShownPanel(panel=panel, caption=told.caption, prompt=said, picture=picture))
    return shown


def panel_picture(run: Run, chosen: ChosenStory, panel: int) -> Image.Image:
    """Return a panel, 1 to 8, as RGB; raises RunError where it is missing or no picture."""
    path = _path_of(run, chosen, panel)
    try:
        return open_picture(path, PANEL_FORMATS).convert("RGB")
    except PictureError as error:
        _missing(panel, path, error)


def _embedded(run: Run, chosen: ChosenStory, panel: int, side: int) -> Picture:
    path = _path_of(run, chosen, panel)
    return embed(path, side) or _missing(panel, path)


def _path_of(run: Run, chosen: ChosenStory, panel: int) -> Path:
    seed = chosen.seeds[panel - 1]
    return run.panel_path(chosen.candidate, chosen.order, chosen.story, seed, panel)


def _missing(panel: int, path: Path, cause: PictureError | None = None) -> NoReturn:
    told = {"panel": panel, "file": path}
    raise RunError(tr("panel {panel} cannot be shown: {file} is missing or no picture", **told)) from cause
