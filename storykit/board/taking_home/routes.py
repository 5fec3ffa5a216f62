"""The page that takes an entry home: decisions, the checklist with what mends it, the bundle."""

import hashlib
from typing import Annotated, Literal, NamedTuple

from fastapi import APIRouter, Depends, Form, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from kit.errors import BundleError, StorykitError
from kit.experiment.identity import is_draft
from kit.experiment.run import Run
from kit.messages import mark, tr
from reports.run.story_page import ChosenStory
from storykit.board.jobs.commands import job_order
from storykit.board.jobs.start import start_job
from storykit.board.open_runs import file_state
from storykit.board.pages import OpenedRun, ServedBoard, TheBoard, page
from storykit.board.taking_home.entry_desk import EntryChangedError, EntryDesks, bundle_of, desk_of, entry_of
from storykit.sharing import Layout, chosen_story, layouts, post_words
from submissions.bundle.mosaic import MosaicLayout
from submissions.packing.checklist_lines import Tick
from submissions.packing.pack import pack

CHANGED = {"HX-Trigger": "entry-changed"}
"""Has the pieces of the page that hang on the decisions ask for themselves anew."""
Name = Annotated[str, Form(max_length=1000)]
MOST_DIGITS = 20
"""Of a seed."""

router = APIRouter(prefix="/home")


class SentEntry(BaseModel):
    """What the form sends; what is too long for a decision is refused with its name."""

    seen: str
    candidate: str = ""
    order: str = ""
    story: str = ""
    seed: str = ""
    rules: str = ""
    team: str = ""
    title: str = ""
    link: str = ""
    introduction: str = ""

    @property
    def decisions(self) -> dict[str, object]:
        """Return the decisions; a seed that is no number is refused later."""
        seed = self.seed.strip()
        number = int(seed) if seed.isascii() and seed.isdigit() and len(seed) < MOST_DIGITS else seed or None
        return {**self.model_dump(exclude={"seen", "introduction"}), "seed": number}


Sent = Annotated[SentEntry, Form()]


class HomeRequest(NamedTuple):
    """What every part of the page needs."""

    request: Request
    board: ServedBoard
    run: Run
    name: str
    """Of the run, in addresses."""

    @property
    def desks(self) -> EntryDesks:
        """What is written and was found of all entries."""
        return self.board.part(EntryDesks)

    def answer(self, template: str, status: int = 200, **values: object) -> Response:
        """Return the page or a piece of it."""
        told = {"run_name": self.name, "area": "home", **values}
        return page(self.request, f"taking_home/{template}", status, **told)

    def changed_elsewhere(self, error: EntryChangedError) -> Response:
        """Say that nothing was written, with what the entry is now."""
        return self.answer("conflict.html", 409, reason=str(error), desk=desk_of(self.run))


def _asked(request: Request, board: TheBoard, opened: OpenedRun, run: Annotated[str, Query()]) -> HomeRequest:
    return HomeRequest(request, board, opened, run)


Here = Annotated[HomeRequest, Depends(_asked)]


@router.get("")
def home(here: Here) -> Response:
    """Show what was decided; the checks and the pictures ask for themselves."""
    return here.answer("home.html", desk=desk_of(here.run), bundle=_lying(here.run))


@router.get("/checks")
def checks(here: Here, seen: str = "") -> Response:
    """Answer with the checklist where something changed since, with nothing else."""
    stamp = here.desks.stamp(here.run)
    if seen == stamp:
        return Response(status_code=204)
    version = desk_of(here.run).version
    ticks: tuple[Tick, ...] = ()
    trouble = ""
    try:
        ticks = here.desks.ticks(here.run)
    except StorykitError as error:
        trouble = str(error)
    missing = sum(tick.state == "missing" for tick in ticks)
    return here.answer(
        "checks.html", ticks=ticks, trouble=trouble, missing=missing, seen=stamp, known_as=version
    )


@router.post("/decisions")
def decide(here: Here, sent: Sent) -> Response:
    """Keep what stands in the form."""
    try:
        here.desks.keep(here.run, sent.decisions, sent.introduction, sent.seen)
    except EntryChangedError as error:
        return here.changed_elsewhere(error)
    answer = here.answer("kept.html", desk=desk_of(here.run))
    answer.headers.update(CHANGED)
    return answer


@router.post("/choose")
def choose(here: Here, sent: Sent) -> Response:
    """Take over what the checklist proposes, other decisions left as they are, and show the page anew."""
    told = {name: value for name, value in sent.decisions.items() if value not in ("", None)}
    try:
        here.desks.keep(here.run, told, None, sent.seen)
    except EntryChangedError as error:
        return here.changed_elsewhere(error)
    return Response(status_code=204, headers={"HX-Refresh": "true"})


@router.post("/mend")
def mend(
    here: Here,
    action: Annotated[Literal["generate", "score", "compare", "cast", "finish"], Form()],
    candidate: Name = "",
    order: Name = "",
    story: Name = "",
) -> Response:
    """Start what mends a line of the checklist, as a job."""
    values = {"run": here.name, "candidate": candidate, "order": order, "story": story}
    if action == "generate":
        below = "" if here.name == "." else f"{here.name}/"
        values = {"experiment": f"{below}experiment.toml", "out": here.name}
    elif action == "finish":
        values["out"] = "finals" if here.name == "." else f"{here.name}-final"
    elif action != "cast":
        values = {"run": here.name}
    job = start_job(here.board.folder, job_order(here.board.folder, action, values))
    return here.answer("started.html", command=job.command)


@router.post("/pack")
def pack_entry(here: Here, overwrite: Annotated[bool, Form()] = False) -> Response:
    """Write the bundle into the run's folder, or say all that the contest would refuse."""
    try:
        done = pack(here.run, entry_of(here.run, overwrite=overwrite))
    except BundleError as error:
        replaces = not error.faults and not overwrite and bundle_of(here.run).is_file()
        reasons = error.faults or (str(error),)
        return here.answer("refused.html", 409, reasons=reasons, replaces=replaces)
    answer = here.answer("packed.html", done=done, bundle=_lying(here.run))
    answer.headers.update(CHANGED)
    return answer


@router.get("/show")
def show(here: Here, captions: bool = True) -> Response:
    """Answer with the pictures for a post, the slides and the page to share."""
    try:
        chosen = chosen_story(here.run)
    except StorykitError as error:
        return here.answer("show.html", trouble=str(error), forms=(), captions=captions)
    words, left_out = post_words(here.run, chosen, captions)
    return here.answer(
        "show.html",
        trouble="",
        chosen=chosen,
        draft=is_draft(here.run),
        forms=[(name, width_of(name), tr(_FORMS[name])) for name in layouts()],
        captions=captions,
        lettered=words.lettering.captions,
        left_out=left_out,
        address=_address(here, chosen),
    )


_FORMS: dict[Layout, str] = {
    "4x2": mark("4 rows of 2"),
    "2x4": mark("2 rows of 4"),
    "strip": mark("A long strip"),
}


def width_of(layout: Layout) -> int:
    """Return how wide a picture for a post is, in pixels."""
    grid = layouts()[layout]
    return MosaicLayout(grid=grid, titled=False, lines=(0,) * grid.rows).size[0]


def _address(here: HomeRequest, chosen: ChosenStory) -> dict[str, str]:
    """Return what the addresses of what is shown begin with; `v` changes when a picture does."""
    place = {"candidate": chosen.candidate, "order": chosen.order, "story": chosen.story}
    story = here.run.folder / "stories" / f"{chosen.story}.toml"
    seen = f"{file_state(here.run.rows_path)} {file_state(story)} {chosen.seeds}"
    return {"run": here.name, **place, "v": hashlib.sha256(seen.encode()).hexdigest()[:12]}


class LyingBundle(NamedTuple):
    """The bundle in the run's folder."""

    size_bytes: int
    name: str


def _lying(run: Run) -> LyingBundle | None:
    path = bundle_of(run)
    return LyingBundle(path.stat().st_size, path.name) if path.is_file() else None
