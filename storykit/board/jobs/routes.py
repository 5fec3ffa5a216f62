"""The page of jobs: start, watch, stop, go on; and the line about them on every page."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from fastapi import APIRouter, Depends, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from kit.errors import StorykitError
from kit.messages import reader_language, tr
from storykit.board.jobs.commands import JobOrder, job_order
from storykit.board.jobs.forms import FORMS, job_form
from storykit.board.jobs.job import BoardJob, all_jobs, find_job, running_job
from storykit.board.jobs.live import events_of
from storykit.board.jobs.start import start_job, stop_job
from storykit.board.jobs.views import TITLES, JobView, view_of
from storykit.board.pages import TheBoard, environment, page
from storykit.board.served_folder import ServedFolder

router = APIRouter(prefix="/jobs")
_APART = ("command", "proposed", "start")
"""What a form sends beside the values of the command."""


def _asked(request: Request) -> dict[str, str]:
    return dict(request.query_params)


async def _sent(request: Request) -> dict[str, str]:
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


Asked = Annotated[dict[str, str], Depends(_asked)]
Sent = Annotated[dict[str, str], Depends(_sent)]


@router.get("")
def jobs(request: Request, board: TheBoard, asked: Asked) -> Response:
    """Show what is at work, what was, and a form; `?start=run&experiment=…` fills it in."""
    command = asked.get("start", "run")
    form = job_form(board.folder, command if command in FORMS else "run", asked)
    titles = [(name, tr(TITLES[name])) for name in FORMS]
    return page(
        request,
        "jobs/jobs.html",
        form=form,
        titles=titles,
        jobs=_listed(board.folder),
        news=None,
        focus=False,
    )


@router.get("/list")
def listed(request: Request, board: TheBoard, seen: str = "", ended: str = "") -> Response:
    """Answer with the jobs where something changed since, with nothing else."""
    if seen == _listed(board.folder).seen:
        return Response(status_code=204)
    return _list(request, board.folder, ended)


@router.get("/form")
def form(request: Request, board: TheBoard, asked: Asked) -> Response:
    """Answer with a form, filled in anew for what was chosen."""
    command = asked.get("command", "")
    if command not in FORMS:
        raise HTTPException(404)
    return page(request, "jobs/form.html", form=job_form(board.folder, command, asked))


@router.get("/preview")
def preview(request: Request, board: TheBoard, asked: Asked) -> Response:
    """Answer with the command line that a form stands for, or with what is wrong with it."""
    try:
        line, trouble = _order(board.folder, asked).command_line, ""
    except StorykitError as error:
        line, trouble = "", str(error)
    return page(request, "jobs/preview.html", line=line, trouble=trouble)


@router.get("/line")
def line(request: Request, board: TheBoard, ended: str = "") -> Response:
    """Answer with the line that every page has about the job at work; an empty one where none is."""
    job = running_job(board.folder) or (find_job(board.folder, ended) if ended else None)
    view = view_of(board.folder, job) if job is not None else None
    return page(request, "jobs/line.html", view=view)


@router.get("/live")
def live(board: TheBoard, id: str, what: Literal["page", "line"] = "page") -> Response:  # noqa: A002
    """Answer with how a job stands, again and again, until it is over."""
    if find_job(board.folder, id) is None:
        raise HTTPException(404)
    names = {"page": ("progress", "log"), "line": ("line",)}[what]
    return events_of(lambda: _pieces(board.folder, id, names), board.closing)


@router.post("/start")
def start(request: Request, board: TheBoard, sent: Sent) -> Response:
    """Start what a form says."""
    return _started(request, board.folder, _order(board.folder, sent))


@router.post("/again")
def again(request: Request, board: TheBoard, job: Annotated[str, Form()]) -> Response:
    """Give a job's command again; drawing and training go on where they stopped."""
    found = find_job(board.folder, job)
    if found is None or found.order is None:
        raise HTTPException(409, tr("what this job needs is not there any more: start it by its form"))
    return _started(request, board.folder, found.order)


@router.post("/stop")
def stop(
    request: Request, board: TheBoard, job: Annotated[str, Form()], at_once: Annotated[bool, Form()] = False
) -> Response:
    """Ask a job to stop; at once where it was asked before."""
    stop_job(board.folder, job, at_once=at_once)
    return _list(request, board.folder, job)


def _order(folder: ServedFolder, given: Mapping[str, str]) -> JobOrder:
    values = {name: value for name, value in given.items() if name not in _APART}
    return job_order(folder, given.get("command", ""), values)


def _started(request: Request, folder: ServedFolder, order: JobOrder) -> Response:
    if (busy := running_job(folder)) is not None:
        raise HTTPException(
            409, tr("`{command}` is still at work: wait for it or stop it", command=busy.command)
        )
    start_job(folder, order)
    return _list(request, folder, focus=True)


class ListedJobs(NamedTuple):
    """The jobs of a folder as the page shows them."""

    now: JobView | None
    before: list[JobView]
    seen: str
    """Changes when one of them does."""


def _listed(folder: ServedFolder) -> ListedJobs:
    found = all_jobs(folder)
    seen = " ".join([reader_language(), *(f"{job.id} {job.state}" for job in found)])
    return ListedJobs(
        now=next((view_of(folder, job) for job in found if job.runs), None),
        before=[view_of(folder, job) for job in found if not job.runs],
        seen=hashlib.sha256(seen.encode()).hexdigest()[:16],
    )


def _list(request: Request, folder: ServedFolder, ended: str = "", *, focus: bool = False) -> Response:
    """Answer with the jobs.

    Args:
        request: that asks.
        folder: the served one.
        ended: a job whose end is told, if it has ended.
        focus: whether the focus goes to the job at work.
    """
    found = _listed(
        folder
    )  # looked at once: a job might end between two looks, and its end be told to nobody
    news = next((view for view in found.before if view.job.id == ended), None)
    return page(request, "jobs/list.html", jobs=found, news=news, focus=focus)


def _pieces(folder: ServedFolder, job_id: str, names: tuple[str, ...]) -> dict[str, str] | None:
    """Return pieces of the page about a job that runs; None once it does not."""
    job: BoardJob | None = find_job(folder, job_id)
    if job is None or not job.runs:
        return None
    view = view_of(folder, job)
    return {name: environment().get_template(f"jobs/{name}_piece.html").render(view=view) for name in names}
