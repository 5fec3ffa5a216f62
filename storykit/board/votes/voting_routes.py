"""The voting pages: open to the owner and to whoever has a link, and they tell nothing of who is who."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from eval.votes.vote_file import Answer, BlindPair
from kit.errors import BoardError
from kit.messages import tr
from kit.story.prompt import prompt_of
from kit.story.story import PANELS, Story
from storykit.board.pages import TheBoard, board_of, page
from storykit.board.votes.booths import CLOSE, LOOK, VotingPlaces
from storykit.board.votes.sitting import Asked, Sitting
from storykit.board.votes.voters import KnownLinks, read_voters

router = APIRouter()


def _sitting(request: Request, run: str = "", ballot: str = "") -> Sitting:
    """Return where somebody votes: the owner as the address says, others as their links say."""
    board = board_of(request)
    voter = request.scope.get("state", {}).get("voter", "")
    places = board.part(VotingPlaces)
    if voter:
        found = board.part(KnownLinks).find(voter)
        if found is None:
            raise BoardError(tr("this link was taken back: ask for a new one"))
        name, link = found
        return Sitting(places=places, name=name, ballot=link.ballot, voter=link.name)
    owner = read_voters(board.runs.run(run)).owner
    if not owner:
        raise BoardError(tr("say first as who you vote, on the page “Votes”"))
    return Sitting(places=places, name=run, ballot=ballot, voter=owner)


Sat = Annotated[Sitting, Depends(_sitting)]


@router.get("/voting")
def voting(request: Request, sitting: Sat) -> Response:
    """Show the pair that is asked now."""
    return _shown(request, "votes/voting.html", sitting)


@router.post("/voting/answer")
def answer(
    request: Request,
    sitting: Sat,
    key: Annotated[str, Form(max_length=64)],
    shown: Annotated[float, Form()],
    answer: Annotated[Answer, Form()],
) -> Response:
    """Keep an answer and show the next pair."""
    try:
        sitting.answer(key, answer, shown)
    except BoardError as error:
        return _shown(request, "votes/pair.html", sitting, reason=str(error), status=409)
    return _shown(request, "votes/pair.html", sitting)


@router.post("/voting/undo")
def undo(request: Request, sitting: Sat, seen: Annotated[str, Form(max_length=64)] = "") -> Response:
    """Take the last vote back and ask the same again."""
    try:
        reason = "" if sitting.undo(seen) else tr("there is no vote of yours to take back")
    except BoardError as error:
        return _shown(request, "votes/pair.html", sitting, reason=str(error), status=409)
    return _shown(request, "votes/pair.html", sitting, reason=reason)


@router.get("/voting/picture/{key}")
def picture(request: Request, board: TheBoard, key: str, close: bool = False) -> Response:
    """Answer with a picture that is being shown: made anew, so that nothing in it tells whose it is."""
    places = board.part(VotingPlaces)
    voter = request.scope.get("state", {}).get("voter", "")
    found = board.part(KnownLinks).find(voter) if voter else None
    if voter and (found is None or found[0] != places.run_of(key)):
        raise HTTPException(404)
    data = places.picture(key, CLOSE if close else LOOK)
    if data is None:
        raise HTTPException(404)
    kept = {"cache-control": "private, max-age=31536000, immutable"}
    return Response(data, media_type="image/webp", headers=kept)


def _shown(
    request: Request, template: str, sitting: Sitting, *, reason: str = "", status: int = 200
) -> Response:
    asked = sitting.asked()
    story = next(
        (one.story for one in sitting.run.loaded.stories if asked.pair and one.name == asked.pair.story), None
    )
    return page(
        request,
        template,
        status,
        asked=asked,
        sides=_pictures(sitting, asked.pair),
        coming=[address for side in _pictures(sitting, asked.then) for address, _ in side],
        story=story,
        panels=_panels(asked, story),
        reason=reason,
        shown=time.time(),
        run_name=sitting.name,
        ballot=sitting.ballot,
        name=sitting.voter,
    )


def _pictures(sitting: Sitting, pair: BlindPair | None) -> list[list[tuple[str, str]]]:
    """Return the addresses of both sides' pictures, the left side's first."""
    sides = (pair.left, pair.right) if pair else ()
    return [sitting.places.addresses(sitting.name, side) for side in sides]


def _panels(asked: Asked, story: Story | None) -> list[tuple[int, str]]:
    """Return the panels that are shown, each with its caption, else the words that it was drawn from."""
    if asked.pair is None or story is None:
        return []
    numbers = [asked.pair.panel] if asked.pair.panel else range(1, PANELS + 1)
    return [(k, story.panels[k - 1].caption or prompt_of(story, k - 1, "authored")) for k in numbers]
