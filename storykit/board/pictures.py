"""Pictures of runs as the board shows them: reduced once, kept by content in the run's cache."""

import re
from contextlib import suppress
from pathlib import Path
from threading import BoundedSemaphore, Lock

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from kit.experiment.run import PanelRow, Run
from kit.images.decode import PANEL_FORMATS, PictureError, open_picture, read_picture_file
from kit.images.thumbnails import SHEET_SIDE, keep_thumbnail, thumbnail_path
from storykit.board.open_runs import file_state
from storykit.board.pages import OpenedRun, ServedBoard, TheBoard

SIDES = (SHEET_SIDE, 768)
"""Sides of reduced pictures in pixels: on a sheet, and large."""
_AT_ONCE = 2
"""Pictures reduced at the same time; more would only fill the memory."""

_SHA256 = re.compile("[0-9a-f]{64}")

router = APIRouter()


class DrawnPanels:
    """The rows of runs, read anew when their file changes; one object for the whole board."""

    def __init__(self, board: ServedBoard) -> None:
        """Know nothing yet."""
        del board
        self._lock = Lock()
        self._known: dict[Path, tuple[str, tuple[PanelRow, ...], dict[str, PanelRow]]] = {}

    def rows(self, run: Run) -> tuple[PanelRow, ...]:
        """Return the drawn panels of a run."""
        return self._read(run)[0]

    def by_sha256(self, run: Run) -> dict[str, PanelRow]:
        """Return a drawn panel for each picture of a run, by the sha256 of its file."""
        return self._read(run)[1]

    def _read(self, run: Run) -> tuple[tuple[PanelRow, ...], dict[str, PanelRow]]:
        place, stamp = run.folder.resolve(), file_state(run.rows_path)
        with self._lock:
            known = self._known.get(place)
            if known is None or known[0] != stamp:
                rows = tuple(run.rows())
                known = (stamp, rows, {row.sha256: row for row in rows})
                self._known[place] = known
        return known[1], known[2]


_reducing = BoundedSemaphore(_AT_ONCE)


def reduced(run: Run, row: PanelRow, side: int) -> bytes | None:
    """Return a panel's picture as JPEG within a square; None where it is missing or no picture.

    It is kept in the run's cache by its sha256; where that cannot be written it is only made.

    Args:
        run: whose panel it is.
        row: the panel.
        side: in pixels.
    """
    if not _SHA256.fullmatch(row.sha256):
        return None
    kept, drawn = thumbnail_path(run.folder, row.sha256, side), run.folder / row.file
    if not (is_inside(run, kept) and is_inside(run, drawn)):
        return None
    with suppress(OSError):
        return kept.read_bytes()
    with _reducing:
        try:
            picture = open_picture(drawn, PANEL_FORMATS)
        except PictureError:
            return None
        return keep_thumbnail(kept, picture, side)


def is_inside(run: Run, path: Path) -> bool:
    """Return whether a path of a run leads nowhere else, also where links were put there since."""
    return path.resolve().is_relative_to(run.folder.resolve())


@router.get("/picture")
def picture(run: OpenedRun, board: TheBoard, sha256: str, side: int = 0) -> Response:
    """Answer with a picture of a run: as it was drawn (side 0), or reduced; what has it never changes."""
    row = board.part(DrawnPanels).by_sha256(run).get(sha256)
    if row is None or side not in (0, *SIDES):
        raise HTTPException(404)
    kept = {"cache-control": "private, max-age=31536000, immutable"}
    if side:
        data = reduced(run, row, side)
        if data is None:
            raise HTTPException(404)
        return Response(data, media_type="image/jpeg", headers=kept)
    path = run.folder / row.file
    if not is_inside(run, path):
        raise HTTPException(404)
    try:
        return Response(read_picture_file(path), media_type="image/png", headers=kept)
    except (OSError, PictureError) as error:
        raise HTTPException(404) from error
