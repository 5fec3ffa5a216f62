"""What goes home: the bundle, pictures for a post, the slides and the page, each as a file of a safe name."""

import re
import unicodedata
from collections import OrderedDict
from threading import Lock
from typing import Annotated, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from kit.experiment.run import Run
from kit.messages import reader_language
from reports.page_templates import page_assets
from reports.run.slides import slides_page
from reports.run.story_page import ChosenStory, story_page
from storykit.board.pages import OpenedRun, ServedBoard, TheBoard
from storykit.board.taking_home.entry_desk import bundle_of
from storykit.sharing import USUAL_LAYOUT, Layout, PostPicture, Wanted, chosen_story, post_picture
from submissions.packing.entry_file import read_decisions

LONGEST = 60
"""Letters of a file's name before its ending."""
_KEPT_PICTURES = 12
"""Pictures that are held, of at most 3 MB each."""
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)")
"""Names that Windows gives to machines."""

router = APIRouter(prefix="/home")


class ShownStory(NamedTuple):
    """Which story of which run is asked for."""

    board: ServedBoard
    run: Run
    chosen: ChosenStory


def _shown(
    board: TheBoard, run: OpenedRun, candidate: str = "", order: str = "", story: str = ""
) -> ShownStory:
    return ShownStory(board, run, chosen_story(run, candidate, order, story))


Shown = Annotated[ShownStory, Depends(_shown)]


def safe_name(text: str, other: str) -> str:
    r"""Return a stranger's text as the beginning of a file's name on any system; else `other`.

    >>> safe_name("../a: \"c\"\u202e\n", "story"), safe_name("...", "story"), safe_name("小猫", "story")
    ('a c', 'story', '小猫')
    """
    kinds = ("L", "M", "N", "So")
    seen = (one if unicodedata.category(one).startswith(kinds) or one in "-_" else " " for one in text)
    name = " ".join("".join(seen).split())[:LONGEST].strip()
    return other if not name or _RESERVED.fullmatch(name) else name


def attachment(name: str) -> dict[str, str]:
    """Return the header that has a file saved under a name, for browsers old and new."""
    plain = re.sub(r"[^\w.-]", "_", name.encode("ascii", "replace").decode().replace("?", "_"))
    return {"content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"}


class PostPictures:
    """Pictures for a post that were drawn, the last ones; one object for the whole board."""

    def __init__(self, board: ServedBoard) -> None:
        """Hold none."""
        del board
        self._lock = Lock()
        self._held: OrderedDict[str, PostPicture] = OrderedDict()

    def picture(self, run: Run, chosen: ChosenStory, wanted: Wanted, version: str) -> PostPicture:
        """Return a picture, drawn where it is not held."""
        key = f"{run.folder} {chosen} {wanted} {version}"
        with self._lock:  # one at a time: three of them are asked for together, and each takes much memory
            if key not in self._held:
                drawn = post_picture(run, chosen, wanted)
                self._held[key] = drawn
                if len(self._held) > _KEPT_PICTURES:
                    self._held.popitem(last=False)
            self._held.move_to_end(key)
            return self._held[key]


def _wanted(layout: Layout = USUAL_LAYOUT, captions: bool = True) -> Wanted:
    return Wanted(layout=layout, captions=captions)


@router.get("/picture")
def picture(
    here: Shown, wanted: Annotated[Wanted, Depends(_wanted)], v: str = "", save: bool = False
) -> Response:
    """Answer with the whole story as one picture; `v` changes when what is in it does."""
    drawn = here.board.part(PostPictures).picture(here.run, here.chosen, wanted, v)
    kept = {"cache-control": "private, max-age=3600"} if v else {}
    named = attachment(_named(here.run, here.chosen, wanted.picture_file)) if save else {}
    return Response(drawn.jpeg, media_type="image/jpeg", headers={**kept, **named})


@router.get("/slides")
def slides(here: Shown, text: bool = False, save: bool = False) -> Response:
    """Answer with the slide show, to look at or to save."""
    show = slides_page(here.run, here.chosen, team=read_decisions(here.run).team, text=text)
    assets = page_assets("slides", script="slides.js")
    policy = (
        "sandbox allow-scripts; default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src 'sha256-{assets['style_sha256']}'; script-src 'sha256-{assets['script_sha256']}'"
    )
    return _page(show, policy, _named(here.run, here.chosen, "-slides.html") if save else "")


@router.get("/page")
def shared_page(here: Shown, save: bool = False) -> Response:
    """Answer with the page of the story, to look at or to save."""
    policy = (
        "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'"
    )
    return _page(
        story_page(here.run, here.chosen), policy, _named(here.run, here.chosen, "story.html") if save else ""
    )


@router.get("/bundle")
def bundle(run: OpenedRun) -> Response:
    """Answer with the bundle that lies in the run's folder."""
    path = bundle_of(run)
    if not path.is_file():
        raise HTTPException(404)
    name = f"{safe_name(read_decisions(run).title, 'entry')}.zip"
    return FileResponse(path, media_type="application/zip", headers=attachment(name))


def _named(run: Run, chosen: ChosenStory, file: str) -> str:
    """Return a file's name with the story's title in front."""
    told = next(one.story for one in run.loaded.stories if one.name == chosen.story)
    return f"{safe_name(told.title, 'story')}{file.removeprefix('story')}"


def _page(text: str, policy: str, name: str) -> Response:
    headers = {"content-security-policy": policy, "content-language": reader_language()}
    return Response(text, media_type="text/html", headers={**headers, **(attachment(name) if name else {})})
