"""A story to show to others: which eight pictures are meant, and the one picture of them for a post."""

import io
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from kit.errors import RunError
from kit.messages import asked_language, joined, tr

if TYPE_CHECKING:
    from PIL.Image import Image

    from kit.experiment.run import Run, Slot
    from reports.run.story_page import ChosenStory
    from storykit.grid import GridWish
    from submissions.bundle.mosaic import Grid, MosaicText

Layout = Literal["4x2", "2x4", "strip"]
"""Rows x columns; or one below the other."""
USUAL_LAYOUT: Layout = "4x2"
MOST_BYTES = 3_000_000
"""Of a picture for a post: what chats and forums take without making it smaller themselves."""
_QUALITIES = (90, 80, 70, 55, 40)
"""Of JPEG, the first that is small enough."""


class Wanted(NamedTuple):
    """What is written of a story beside its page."""

    layout: Layout = USUAL_LAYOUT
    captions: bool = True
    slides: bool = False
    text: bool = False
    """Whether the slides end with the story's text."""
    upscale: str = ""
    """What enlarges the panels of the picture: "mini", a network's file, or nothing."""

    @property
    def picture_file(self) -> str:
        """Return the name of the picture; each form has its own."""
        form = "" if self.layout == USUAL_LAYOUT else f"-{self.layout}"
        return f"story{form}{'' if self.captions else '-no-captions'}.jpg"


class PostPicture(NamedTuple):
    """The eight panels of a story as one picture."""

    jpeg: bytes
    width: int
    """In pixels; so is the height."""
    height: int
    lettered: bool
    """Whether the story's words are on it, where they were asked for."""
    left_out: str
    """Emoji of the words that no font here can write."""


def chosen_story(
    run: "Run", candidate: str = "", order: str = "", story: str = "", seed: int | None = None
) -> "ChosenStory":
    """Return which eight pictures are meant: as named, else as the team decided, else as they were cast.

    Raises:
        RunError: it is open whose pictures are meant, or the run has none of that name.
    """
    from reports.run.story_page import ChosenStory
    from submissions.packing.entry import USUAL_ORDER, only_candidate, only_story, seeds_of, unknown_choices
    from submissions.packing.entry_plan import EntryPlan, with_decisions

    plan = EntryPlan(candidate=candidate, order=order, story=story, seed=seed)
    plan, _ = with_decisions(run, plan)
    place = (
        plan.candidate or only_candidate(run),
        plan.order or USUAL_ORDER,
        plan.story or only_story(run),
    )
    named = () if plan.seed is None else (plan.seed,)
    if unknown := unknown_choices(run, place, named):
        raise RunError(joined((fault.problem for fault in unknown), tr("; ")))
    candidate, order, story = place
    seeds = seeds_of(run, place, plan.seed)
    return ChosenStory(candidate=candidate, order=order, story=story, seeds=seeds)


def layouts() -> Mapping[Layout, "Grid"]:
    """Return the forms of a picture for a post."""
    from submissions.bundle.mosaic import GRIDS, STRIP

    return {"4x2": GRIDS[0], "2x4": GRIDS[1], "strip": STRIP}


def post_picture(run: "Run", chosen: "ChosenStory", wanted: Wanted) -> PostPicture:
    """Return the eight panels as one JPEG of at most MOST_BYTES, with title and captions or without a word.

    Raises:
        RunError: a picture is missing.
        WeightsError: what is to enlarge them is no such network.
    """
    from reports.run.story_page import panel_picture
    from submissions.bundle.mosaic import draw_mosaic

    words, left_out = post_words(run, chosen, wanted.captions)
    grid = layouts()[wanted.layout]
    pictures = [panel_picture(run, chosen, panel) for panel in range(1, len(chosen.seeds) + 1)]
    if wanted.upscale:
        from kit.finishing.finisher import open_finisher

        finisher = open_finisher(wanted.upscale)
        pictures = [finisher.apply(one) if one.width < grid.cell else one for one in pictures]
    sheet = draw_mosaic(pictures, words, grid)
    lettered = wanted.captions and words.lettering.captions
    return PostPicture(_small_jpeg(sheet), sheet.width, sheet.height, lettered, left_out)


def post_words(run: "Run", chosen: "ChosenStory", captions: bool) -> "tuple[MosaicText, str]":
    """Return what is written on the picture, and the emoji that are not; without captions not a word."""
    from kit.experiment.identity import is_draft
    from kit.images.lettering import find_lettering, find_lettering_of_words
    from reports.page_templates import load_words
    from submissions.bundle.mosaic import MosaicText

    if not captions:
        bare = MosaicText(
            title="", captions=("",) * len(chosen.seeds), lettering=find_lettering(()), numbers=False
        )
        return bare, ""
    story = next(one.story for one in run.loaded.stories if one.name == chosen.story)
    title = story.title
    if is_draft(run):
        title = load_words(story.language)["draft_title"].format(title=title)
    texts = [title, *(panel.caption for panel in story.panels)]
    lettering, lost = find_lettering_of_words(texts)
    title, *said = ["".join(letter for letter in text if letter not in lost) for text in texts]
    seen = "".join(sorted(letter for letter in lost if unicodedata.category(letter) == "So"))
    return MosaicText(title=title, captions=said, lettering=lettering), seen


def _small_jpeg(sheet: "Image") -> bytes:
    data = b""
    for quality in _QUALITIES:
        file = io.BytesIO()
        sheet.save(file, "JPEG", quality=quality, optimize=True)
        data = file.getvalue()
        if len(data) <= MOST_BYTES:
            break
    return data


def grid_picture(run: "Run", wish: "GridWish") -> PostPicture:
    """Return a run's pictures along two axes as one JPEG, each row and column with its label.

    The labels are in the language asked for, else the story's.

    Raises:
        RunError: the run has no such axis, it is open what is meant, or no picture is there.
    """
    from kit.images.grid_sheet import GridWords, draw_grid, side_of
    from kit.images.lettering import find_lettering_of_words
    from storykit.grid import picture_grid

    grid = picture_grid(run, wish, asked_language() or run.loaded.stories[0].story.language)
    rows, columns = len(grid.rows), len(grid.columns)
    if not side_of(rows, columns):
        raise RunError(
            tr("{rows} rows of {columns} pictures are too many for one picture", rows=rows, columns=columns)
        )
    texts = [grid.title, grid.subtitle, *grid.rows, *grid.columns]
    lettering, lost = find_lettering_of_words(texts)
    if not lettering.captions:
        grid = grid._replace(rows=_numbered(rows), columns=_numbered(columns))
    words = GridWords(
        title=grid.title,
        subtitle=grid.subtitle,
        rows=grid.rows,
        columns=grid.columns,
        lettering=lettering,
    )
    sheet = draw_grid(_pictures(run, [slot for row in grid.slots for slot in row]), words)
    left_out = "".join(sorted(letter for letter in lost if unicodedata.category(letter) == "So"))
    return PostPicture(_small_jpeg(sheet), sheet.width, sheet.height, lettering.captions, left_out)


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(1, count + 1)))


def _pictures(run: "Run", slots: Sequence["Slot | None"]) -> Iterator["Image | None"]:
    """Yield the picture of each panel, None where it is not drawn; RunError where none is."""
    from kit.images.decode import PANEL_FORMATS, PictureError, open_picture

    paths = [None if slot is None else run.panel_path(*slot) for slot in slots]
    there = [path if path is not None and path.is_file() else None for path in paths]
    if not any(there):
        raise RunError(tr("{folder}: none of these pictures is drawn", folder=run.folder))
    for path in there:
        try:
            yield None if path is None else open_picture(path, PANEL_FORMATS)
        except PictureError as error:
            raise RunError(tr("{file} cannot be shown: {error}", file=path, error=error)) from error
