"""The pages on which stories and experiments are written; GET changes nothing, only saving writes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from kit.errors import BoardError, StorykitError, printable
from kit.files.text.toml_text import parse_toml
from kit.messages import reader_language, tr
from kit.writing.experiment_draft import experiment_draft_of
from kit.writing.foreign_draft import PASTED, foreign_draft, kind_of_document
from kit.writing.own_files import MOST_BYTES, Conflict, difference, free_name
from storykit.board.pages import ServedBoard, TheBoard, page
from storykit.board.writing.actions import acted
from storykit.board.writing.editing import (
    Composed,
    Editing,
    compose,
    folder_of,
    has_new_names,
    open_file,
    posted,
    save,
    shown_draft,
)
from storykit.board.writing.listing import (
    beginning_experiment,
    beginning_story,
    beginnings,
    own_files,
)
from storykit.board.writing.said import said_of
from storykit.board.writing.view import view_of

MOST_FIELDS = 20_000
"""Of a form: 24 panels of 200 clauses."""
MOST_SENT = 1 << 21
"""Bytes of a form as a browser sends it: of a Chinese letter nine, each text twice."""
MOST_UPLOADED = 1 << 24
"""Bytes of a file to import; a notebook with its pictures has some million."""

router = APIRouter(prefix="/writing")


async def _form(request: Request) -> AsyncIterator[FormData]:
    if not request.url.path.endswith("/import") and int(request.headers["content-length"]) > MOST_SENT:
        raise BoardError(tr("a story or an experiment has at most {most:,} bytes", most=MOST_BYTES))
    async with request.form(max_files=1, max_fields=MOST_FIELDS, max_part_size=1 << 20) as form:
        yield form


Sent = Annotated[FormData, Depends(_form)]


@router.get("")
def writing(request: Request, board: TheBoard) -> Response:
    """Show the stories and experiments of the folder."""
    return page(request, "writing/list.html", files=own_files(board.folder), beginnings=beginnings())


@router.get("/edit")
def edit(request: Request, board: TheBoard, file: str) -> Response:
    """Show a story or an experiment to be changed."""
    editing = open_file(board.folder, "story", file)
    try:
        kind = kind_of_document(parse_toml(editing.text or editing.source))
    except ValueError:  # broken, so that only its words tell
        kind = "experiment" if "[[candidate]]" in editing.text else "story"
    if kind is None:
        raise BoardError(tr("{name} is neither a story nor an experiment", name=file))
    return _editor(request, board, replace(editing, kind=kind))


@router.get("/new")
def new(request: Request, board: TheBoard, kind: str = "story", begin: str = "", story: str = "") -> Response:
    """Show a story or an experiment that is not there yet."""
    root = board.folder.root
    if kind != "experiment":
        source = beginning_story(begin, reader_language())
        name = free_name(root, begin.rpartition("/")[2] or "story")
        return _editor(request, board, Editing(kind="story", source=source, name=name))
    source = beginning_experiment(reader_language())
    editing = Editing(kind="experiment", source=source, name=free_name(root, "experiment"))
    known = [one.name for one in own_files(board.folder) if one.kind == "story"]
    drawn = [one for one in known if one == story] or known[:1]
    if drawn:
        draft = experiment_draft_of(parse_toml(source))
        editing = replace(editing, draft=replace(draft, said={**draft.said, "stories": drawn[0]}))
    return _editor(request, board, editing)


@router.post("/import")
async def bring_in(request: Request, board: TheBoard, form: Sent) -> Response:
    """Show the story in what somebody has: a file, or pasted text; nothing is written."""
    given, pasted = form.get("upload"), form.get("pasted")
    data, name = pasted.encode() if isinstance(pasted, str) else b"", PASTED
    if isinstance(given, UploadFile) and given.filename:
        data, name = await given.read(MOST_UPLOADED + 1), given.filename
    if len(data) > MOST_UPLOADED:
        told = tr("must be at most {most:,} bytes; keep the part with the story", most=MOST_UPLOADED)
        raise BoardError(tr("{place}: {told}", place=printable(name[:99]), told=told))
    return await run_in_threadpool(_brought_in, request, board, data, name)


def _brought_in(request: Request, board: ServedBoard, data: bytes, name: str) -> Response:
    found = foreign_draft(data, name)
    called = free_name(board.folder.root, found.name)
    editing = Editing(kind=found.kind, source=found.source, name=called, notes=found.notes, dirty=True)
    return _editor(request, board, editing, "draft")


@router.post("/draft")
def draft(request: Request, board: TheBoard, form: Sent) -> Response:
    """Show the form after one of its buttons; nothing is written."""
    editing = posted(form)
    do = str(form.get("do", ""))
    focus = ""
    if do == "toml" and editing.mode == "form":
        editing = replace(editing, mode="toml", text=compose(editing).text, draft=None)
        focus = "text"
    elif do == "form" and editing.mode == "toml":
        composed = compose(editing)
        if not composed.problem:
            editing = replace(editing, mode="form", source=editing.text, text="")
    elif editing.draft is not None:
        changed, focus = acted(editing.draft, do)
        editing = replace(editing, draft=changed)
    return _editor(request, board, editing, "draft", focus=focus)


@router.post("/check")
def check(request: Request, board: TheBoard, form: Sent) -> Response:
    """Say what is wrong with what stands in a form; nothing is written."""
    editing = posted(form)
    composed = compose(editing)
    said = said_of(board.folder, editing, composed)
    view = view_of(board, editing, composed, said, choices=False)
    return page(request, "writing/checked.html", **view)


@router.post("/save")
def save_it(request: Request, board: TheBoard, form: Sent) -> Response:
    """Write the file, if it still is what was seen; else show both."""
    editing = posted(form)
    match str(form.get("how", "")):
        case "new":  # under another name, beside the one that was changed
            editing = replace(editing, file="", version="", name=str(form.get("new-name", "")))
        case "over":
            editing = replace(editing, version=str(form.get("there", "")))
    composed = compose(editing)
    too_large = tr("it has more than {most:,} bytes", most=MOST_BYTES) if composed.is_too_large else ""
    if first := composed.problem or too_large or next((one.told for one in composed.faults), ""):
        trouble = tr("not saved: {reason}", reason=first)
        return _editor(request, board, editing, "saved", 422, trouble=trouble)
    try:
        found = save(board.folder, editing, composed)
    except StorykitError as error:
        return _editor(request, board, editing, "saved", 409, trouble=str(error))
    if isinstance(found, Conflict):
        return _conflict(request, board, editing, composed, found)
    answer = _editor(request, board, found, "draft" if has_new_names(editing) else "saved", saved=True)
    if has_new_names(editing):  # by which clauses are told what to say: the fields are shown anew
        answer.headers.update({"HX-Retarget": "#draft", "HX-Reswap": "outerHTML"})
    answer.headers["HX-Trigger"] = "draft-saved"
    answer.headers["HX-Replace-Url"] = f"/writing/edit?{urlencode({'file': found.file})}"
    return answer


def _conflict(
    request: Request, board: ServedBoard, editing: Editing, composed: Composed, found: Conflict
) -> Response:
    there = found.there
    folder = folder_of(board.folder, editing)
    return _editor(
        request,
        board,
        editing,
        "saved",
        409,
        conflict={
            "there": there,
            "lines": difference(composed.text, there.text) if there else [],
            "free": free_name(folder, editing.name),
        },
    )


def _editor(
    request: Request,
    board: ServedBoard,
    editing: Editing,
    template: Literal["editor", "draft", "saved"] = "editor",
    status: int = 200,
    **more: object,
) -> Response:
    """Answer with a draft and all that is said of it: a page, its form, or what of that saving changes."""
    composed = compose(editing)
    if editing.draft is None and editing.mode == "form":
        editing = replace(editing, draft=shown_draft(editing, composed))
    said = said_of(board.folder, editing, composed)
    known = {"focus": "", "trouble": "", "saved": False, "conflict": None, "oob": template == "saved"}
    view = view_of(board, editing, composed, said, choices=template != "saved")
    return page(request, f"writing/{template}.html", status, **(known | view | more))
