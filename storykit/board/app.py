"""The board as a web application: its pages by area, and what is said when something cannot be done."""

import mimetypes
from typing import Annotated, Literal

from fastapi import FastAPI, Form
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from kit.errors import StorykitError
from kit.messages import tr
from storykit.board import pictures, shelf
from storykit.board.access import Guard
from storykit.board.jobs.routes import router as jobs_router
from storykit.board.pages import ServedBoard, page, static_file
from storykit.board.sheet import routes as sheet_routes
from storykit.board.taking_home.downloads import router as downloads_router
from storykit.board.taking_home.routes import router as home_router
from storykit.board.votes import owner_routes, voting_routes
from storykit.board.votes.voters import KnownLinks
from storykit.board.writing import routes as writing

ROUTERS = (
    shelf.router,
    pictures.router,
    sheet_routes.router,
    jobs_router,
    owner_routes.router,
    voting_routes.router,
    writing.router,
    home_router,
    downloads_router,
)
"""The areas of the board."""


def board_app(board: ServedBoard) -> FastAPI:
    """Return the application that serves a board."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.board = board
    board.access.voter_of = board.part(KnownLinks).voter_of
    app.add_middleware(Guard, access=board.access)
    app.add_exception_handler(StorykitError, _cannot)
    app.add_exception_handler(OSError, _machine_cannot)
    app.add_exception_handler(RequestValidationError, _misasked)
    app.add_exception_handler(HTTPException, _no_such_page)
    app.get("/static/{name}")(static)
    app.post("/language")(choose_language)
    for router in ROUTERS:
        app.router.routes.extend(router.routes)  # as they are: include_router would make each anew
    return app


def static(name: str) -> Response:
    """Answer with one of the board's own files."""
    data = static_file(name)
    if data is None:
        raise HTTPException(404)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    kept = {"cache-control": "private, max-age=31536000, immutable"}
    return Response(data, media_type=kind, headers=kept)


def choose_language(language: Annotated[Literal["zh", "en"], Form()]) -> Response:
    """Keep the reader's language and have the page loaded again."""
    answer = Response(status_code=204, headers={"HX-Refresh": "true"})
    answer.set_cookie("storykit-language", language, samesite="strict", max_age=31_536_000)
    return answer


def told(request: Request, reason: str, status: int) -> Response:
    """Say why something cannot be done: a line at the top of the page that asked, or a page of its own."""
    if request.headers.get("hx-request") == "true":
        piece = page(request, "told.html", status, reason=reason)
        piece.headers.update({"HX-Retarget": "#told", "HX-Reswap": "innerHTML"})
        return piece
    return page(request, "cannot.html", status, reason=reason)


async def _cannot(request: Request, error: Exception) -> Response:
    return told(request, str(error), 400)


async def _machine_cannot(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    return told(request, reason, 500)


async def _misasked(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    names = sorted({str(fault["loc"][-1]) for fault in error.errors()})
    return told(request, tr("this address or form is not whole: {names}", names=", ".join(names)), 422)


async def _no_such_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reason = tr("there is no such page here") if error.status_code == 404 else str(error.detail)
    return told(request, reason, error.status_code)
