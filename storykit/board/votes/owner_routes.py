"""The owner's pages about votes: what is voted on, who votes, and what came out."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from eval.metrics.registry import METRICS
from eval.votes.ballot import Ballot, key_of
from eval.votes.summary import asked_said, pair_said
from eval.votes.tally import tally_of
from eval.votes.vote_file import read_votes
from kit.messages import reader_language
from reports.strength_bars import percent, strength_bar
from storykit.board.pages import OpenedRun, ServedBoard, TheBoard, board_of, page
from storykit.board.votes.booths import VotingPlaces, ballot_key
from storykit.board.votes.voters import KnownLinks, make_link, name_owner, read_voters, remove_link

router = APIRouter()
Reach = Literal["here", "by name", "anywhere"]
"""Where a link opens: on this machine alone, with its address put in, or as it is."""
RunName = Annotated[str, Query(max_length=1000)]
"""An argument of a route: the run's name in addresses."""


@router.get("/votes")
def votes(request: Request, board: TheBoard, opened: OpenedRun, run: RunName) -> Response:
    """Show what can be voted on, who votes, and how many votes there are."""
    log = read_votes(opened)
    counts: dict[object, int] = {}
    for vote in log.votes:
        counts[key_of(vote)] = counts.get(key_of(vote), 0) + 1
    rows = [
        (ballot_key(one), asked_said(one), one.contenders, counts.get(one.key, 0))
        for one in board.part(VotingPlaces).place(run).ballots
    ]
    return _links_page(request, "votes/votes.html", run, area="votes", rows=rows, total=len(log.votes))


@router.post("/votes/begin")
def begin(
    board: TheBoard,
    opened: OpenedRun,
    run: RunName,
    name: Annotated[str, Form(max_length=200)],
    ballot: Annotated[str, Form(max_length=64)],
) -> Response:
    """Keep as who the owner votes, and go to the booth."""
    from urllib.parse import urlencode

    board.part(VotingPlaces).place(run).booth(ballot)
    name_owner(opened, name)
    address = f"/voting?{urlencode({'run': run, 'ballot': ballot})}"
    return Response(status_code=204, headers={"HX-Redirect": address})


@router.post("/votes/link")
def link(
    request: Request,
    board: TheBoard,
    opened: OpenedRun,
    run: RunName,
    name: Annotated[str, Form(max_length=200)],
    ballot: Annotated[str, Form(max_length=64)],
) -> Response:
    """Make a link for another voter and show it, once."""
    board.part(VotingPlaces).place(run).booth(ballot)
    token = make_link(opened, name, ballot)
    board.part(KnownLinks).learn(run)
    address = f"http://{request.headers['host']}/voting?token={token}"
    return _links_page(request, "votes/links.html", run, made=address)


@router.post("/votes/unlink")
def unlink(
    request: Request,
    board: TheBoard,
    opened: OpenedRun,
    run: RunName,
    name: Annotated[str, Form(max_length=500)],
) -> Response:
    """Take a link back."""
    remove_link(opened, name)
    return _links_page(request, "votes/links.html", run)


@router.get("/votes/results")
def results(request: Request, opened: OpenedRun, run: RunName) -> Response:
    """Show what the votes say, and with it who is who."""
    tally = tally_of(opened)
    language = reader_language()
    return page(
        request,
        "votes/results.html",
        area="votes",
        run_name=run,
        tally=tally,
        asked_said=asked_said,
        pair_said=pair_said,
        bar=strength_bar,
        percent=percent,
        metric=lambda name: METRICS[name].names.get(language, name) if name in METRICS else name,
    )


def _links_page(request: Request, template: str, run: str, *, made: str = "", **more: Any) -> Response:
    """Return a page, or a piece of one, that shows who votes by a link."""
    board = board_of(request)
    opened = board.runs.run(run)
    voters, log = read_voters(opened), read_votes(opened)
    ballots = {ballot_key(one): one for one in board.part(VotingPlaces).place(run).ballots}
    return page(
        request,
        template,
        run_name=run,
        owner=voters.owner,
        made=made,
        links=[(one.name, _said(ballots.get(one.ballot)), len(log.of(one.name))) for one in voters.links],
        reach=_reach(request, board),
        ballots=[(key, asked_said(one)) for key, one in ballots.items()],
        **more,
    )


def _reach(request: Request, board: ServedBoard) -> Reach:
    """Return where a link that is made now opens."""
    if not board.access.any_address:
        return "here"
    own = request.headers["host"].rpartition(":")[0] in ("127.0.0.1", "localhost", "[::1]")
    return "by name" if own else "anywhere"


def _said(ballot: Ballot | None) -> str:
    return "—" if ballot is None else asked_said(ballot)
