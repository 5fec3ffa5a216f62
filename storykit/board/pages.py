"""How a page of the board is made: its templates, its files, what every page knows."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from threading import Lock
from typing import TYPE_CHECKING, Annotated, TypeVar, cast
from urllib.parse import urlencode

import jinja2
from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse

from kit.experiment.run import Run
from kit.messages import Message, ptr, reader_language, tr, trn
from kit.versions import installed_version
from reports.page_templates import style_sheet
from storykit.board.open_runs import OpenRuns

if TYPE_CHECKING:
    from storykit.board.access import Access
    from storykit.board.served_folder import ServedFolder

STYLES = ("board", "shelf", "sheet", "votes", "jobs", "writing", "taking_home")
"""Parts of the style sheet beside the one of all pages."""
T = TypeVar("T")


@dataclass
class ServedBoard:
    """What a serving board knows; `part` holds what an area keeps between requests."""

    folder: "ServedFolder"
    access: "Access"
    runs: OpenRuns = field(init=False)
    closing: Callable[[], bool] = lambda: False
    """Whether the board is being closed: answers that go on and on end then."""
    _parts: dict[type, object] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        """Have no run open."""
        self.runs = OpenRuns(self.folder)

    def part(self, kind: Callable[["ServedBoard"], T]) -> T:
        """Return the one object of a class that an area keeps, made of the board when first asked for."""
        with self._lock:
            if kind not in self._parts:
                self._parts[cast(type, kind)] = kind(self)
            return cast(T, self._parts[cast(type, kind)])


def board_of(request: Request) -> ServedBoard:
    """Return the board that a request came to."""
    return cast(ServedBoard, request.app.state.board)


def _opened_run(request: Request, run: Annotated[str, Query(max_length=1000)]) -> Run:
    return board_of(request).runs.run(run)


TheBoard = Annotated[ServedBoard, Depends(board_of)]
"""An argument of a route: the board."""
OpenedRun = Annotated[Run, Depends(_opened_run)]
"""An argument of a route: the run that `?run=` names, checked."""


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """Return the environment of the board's templates: all that is filled in is text, never markup."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("storykit.board"),
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(tr=tr, trn=trn, ptr=ptr, language=reader_language, static=static_address)
    made.globals.update(run_areas=run_areas, picture_address=picture_address)
    return made


def run_areas() -> list[tuple[str, str, Message]]:
    """Return the pages of a run: key, address and what it is called."""
    return [
        ("sheet", "/sheet", tr("Pictures")),
        ("votes", "/votes", tr("Votes")),
        ("home", "/home", tr("Take home")),
    ]


def picture_address(name: str, sha256: str, side: int = 320) -> str:
    """Return the address of a picture of the run of that name, reduced to a side in pixels; 0: as drawn."""
    return f"/picture?{urlencode({'run': name, 'sha256': sha256, 'side': side})}"


def page(request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
    """Return a page or a piece of one, in the reader's language."""
    board = board_of(request)
    known = {
        "form_token": board.access.form_token,
        "voter": request.scope.get("state", {}).get("voter", ""),
        "version": installed_version("storykit") or "",
        "here": str(request.url.path),
    }
    made = environment().get_template(template).render(**known, **values)
    return HTMLResponse(made, status_code=status)


def static_file(name: str) -> bytes | None:
    """Return one of the board's own files; None where there is none of that name."""
    if name == "style.css":
        return style_sheet(*STYLES).encode()
    if "/" in name or "\\" in name or name.startswith("."):
        return None
    path = resources.files("storykit.board").joinpath("static", name)
    return path.read_bytes() if path.is_file() else None


@lru_cache
def static_address(name: str) -> str:
    """Return the address of one of the board's own files, which changes when the file does.

    >>> static_address("htmx.min.js").startswith("/static/htmx.min.js?v=")
    True
    """
    data = static_file(name) or b""
    return f"/static/{name}?v={hashlib.sha256(data).hexdigest()[:12]}"
