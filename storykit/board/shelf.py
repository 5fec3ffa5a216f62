"""The shelf: the runs of the folder, each with its cover, how far it is and what came out."""

import hashlib
import math
from collections.abc import Collection
from dataclasses import dataclass
from threading import Lock

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from eval.casting.selection import FILE as SELECTION
from eval.casting.selection import read_selections
from eval.comparison.compare import read_comparison
from kit.embedded import EMBEDDED
from kit.errors import StorykitError
from kit.experiment.identity import is_draft
from kit.experiment.run import PAGE, PanelRow, Run
from kit.messages import Language, reader_language
from kit.story.story import PANELS
from reports.page_templates import load_words
from reports.run.verdicts import ComparedPair, pairs_of
from storykit.board.open_runs import file_state
from storykit.board.pages import OpenedRun, ServedBoard, TheBoard, page
from storykit.board.pictures import DrawnPanels

MOST_NAMED = 3
"""Verdicts and candidates that a card names."""
_FILES = ("experiment.toml", "run.json", "panels.jsonl", "scores.json", "comparison.json", SELECTION, PAGE)

router = APIRouter()


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCard:
    """What the shelf says of a run."""

    name: str
    """Below the served folder."""
    title: str = ""
    """Of its first story."""
    story_language: str = "en"
    stories: int = 0
    candidates: tuple[str, ...] = ()
    drawn: int = 0
    wanted: int = 0
    scored: bool = False
    cast: int = 0
    """Sets of panels that were chosen."""
    verdicts: tuple[str, ...] = ()
    cover: str = ""
    """sha256 of a picture; empty while there is none."""
    embedded: bool = False
    draft: bool = False
    page: bool = False
    """Whether the report is written."""
    trouble: str = ""
    """Why the run cannot be read."""


class Shelf:
    """The cards of a board; one is made anew when a file of its run changed."""

    def __init__(self, board: ServedBoard) -> None:
        """Know no card yet."""
        self._board = board
        self._lock = Lock()
        self._known: dict[tuple[str, Language], tuple[str, RunCard]] = {}

    def cards(self) -> tuple[list[RunCard], str]:
        """Return the card of each run, the newest first, and a text that changes when one of them does."""
        names = self._board.folder.runs()
        stamps = [f"{name} {self._stamp(name)}" for name in names]
        seen = hashlib.sha256("\n".join([reader_language(), *stamps]).encode()).hexdigest()[:16]
        return [self._card(name, stamp) for name, stamp in zip(names, stamps, strict=True)], seen

    def _stamp(self, name: str) -> str:
        folder = self._board.folder.root / name
        return " ".join(file_state(folder / file) for file in _FILES)

    def _card(self, name: str, stamp: str) -> RunCard:
        key = (name, reader_language())
        with self._lock:
            known = self._known.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        try:
            run = self._board.runs.run(name)
            card = _card_of(name, run, self._board.part(DrawnPanels).rows(run))
        except StorykitError as error:
            card = RunCard(name=name, trouble=str(error))
        with self._lock:
            self._known[key] = (stamp, card)
        return card


def _card_of(name: str, run: Run, rows: tuple[PanelRow, ...]) -> RunCard:
    loaded = run.loaded
    drawn, wanted = _drawn(run, rows)
    selections = read_selections(run)
    return RunCard(
        name=name,
        title=loaded.stories[0].story.title,
        story_language=loaded.stories[0].story.language,
        stories=len(loaded.stories),
        candidates=tuple(one.name for one in loaded.experiment.candidates),
        drawn=len(drawn),
        wanted=wanted,
        scored=(run.folder / "scores.json").exists(),
        cast=len(selections),
        verdicts=_verdicts(run),
        cover=_cover(run, drawn),
        embedded=loaded.experiment.base == EMBEDDED,
        draft=is_draft(run),
        page=(run.folder / PAGE).exists(),
    )


def _drawn(run: Run, rows: tuple[PanelRow, ...]) -> tuple[list[PanelRow], int]:
    """Return the rows that the experiment wants, and how many: it may want more than memory holds."""
    asked = run.loaded.experiment
    known: list[Collection[object]] = [
        {one.name for one in asked.candidates},
        set(asked.orders),
        {one.name for one in run.loaded.stories},
        set(asked.seeds),
        range(1, PANELS + 1),
    ]
    drawn = [row for row in rows if all(one in them for one, them in zip(row.slot, known, strict=True))]
    return drawn, math.prod(map(len, known))


def _cover(run: Run, drawn: list[PanelRow]) -> str:
    """Return the picture that stands for a run: the first one chosen, else one with a LoRA, else any."""
    chosen = [part.sha256 for one in read_selections(run) for part in one.parts]
    there = {row.sha256 for row in drawn}
    dressed = [one.name for one in run.loaded.experiment.candidates if one.lora]
    first = [row.sha256 for row in drawn if row.panel == 1 and row.candidate in dressed]
    return next((one for one in (*chosen, *first, *(row.sha256 for row in drawn)) if one in there), "")


def _verdicts(run: Run) -> tuple[str, ...]:
    """Return what the comparison of candidates says, each pair in a sentence; () before any comparison."""
    told = read_comparison(run)
    return tuple(_verdict(pair) for pair in pairs_of(told) if pair.kind == "candidate") if told else ()


def _verdict(pair: ComparedPair) -> str:
    words = load_words(reader_language())
    match pair.stance:
        case "a":
            return words["ahead"].format(winner=pair.a, loser=pair.b)
        case "b":
            return words["ahead"].format(winner=pair.b, loser=pair.a)
        case "mixed":
            return words["mixed"].format(a=pair.a, b=pair.b)
        case "tied":
            return words["tied"].format(a=pair.a, b=pair.b)
    return words["undecided"].format(a=pair.a, b=pair.b)


@router.get("/")
def shelf(request: Request, board: TheBoard) -> Response:
    """Show the runs of the folder."""
    cards, seen = board.part(Shelf).cards()
    return page(
        request, "shelf/shelf.html", cards=cards, seen=seen, most=MOST_NAMED, folder=board.folder.root.name
    )


@router.get("/shelf")
def shelf_again(request: Request, board: TheBoard, seen: str = "") -> Response:
    """Answer with the cards where one of them changed since, with nothing else."""
    cards, now = board.part(Shelf).cards()
    if seen == now:
        return Response(status_code=204)
    return page(request, "shelf/cards.html", cards=cards, seen=now, most=MOST_NAMED)


REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {script}"
)
"""What a run's own page may do: be looked at, with our script alone and without the board's rights."""


@router.get("/report")
def report(run: OpenedRun) -> Response:
    """Answer with a run's page as it lies there; a stranger's page can do nothing to the board."""
    from reports.page_templates import page_assets

    script = f"'sha256-{page_assets()['script_sha256']}'"
    text = run.read_text(PAGE)
    return Response(
        text, media_type="text/html", headers={"content-security-policy": REPORT_POLICY.format(script=script)}
    )
