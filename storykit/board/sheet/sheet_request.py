"""A request about a sheet, and the answer to one that changes its picks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from eval.casting.decisions import PlaceState, state_of
from kit.errors import StaleError
from kit.experiment.run import PanelRow, Run
from kit.messages import Message
from storykit.board.pages import OpenedRun, ServedBoard, TheBoard, page
from storykit.board.pictures import DrawnPanels
from storykit.board.sheet.background import CastingSessions
from storykit.board.sheet.grid import PlaceFacts, changed_cells, grid_of
from storykit.board.sheet.history import ChangeHistory
from storykit.board.sheet.run_numbers import RunNumbers
from storykit.board.sheet.sheet_query import AskedSheet, SheetQuery
from storykit.board.sheet.strip import strip_of


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetRequest:
    """A request about a sheet, with all that it is about."""

    request: Request
    board: ServedBoard
    run: Run
    name: str
    """Of the run, in addresses."""
    query: SheetQuery

    @property
    def facts(self) -> PlaceFacts:
        """All that is known of the place."""
        numbers = self.board.part(RunNumbers)
        return PlaceFacts(
            run=self.run,
            drawn=numbers.drawn(self.run, self.query.place),
            numbers=numbers.numbers(self.run),
            failed=self.run.faults(),
            pool=self.board.part(CastingSessions).ready(self.run, self.query.place),
        )

    @property
    def gate(self) -> float:
        """What the mean aesthetic score of a set must reach."""
        return self.run.loaded.experiment.score.gate

    def rows(self) -> Iterator[PanelRow]:
        """Yield the drawn panels of the run, those of this place first."""
        every = self.board.part(DrawnPanels).rows(self.run)
        for near in (True, False):
            yield from (row for row in every if (row.slot[:3] == self.query.place) is near)

    def answer(self, template: str, status: int = 200, **values: object) -> Response:
        """Return a page or a piece of the sheet."""
        return page(
            self.request, template, status, run_name=self.name, query=self.query, area="sheet", **values
        )


def _asked_of(request: Request, board: TheBoard, run: OpenedRun, asked: AskedSheet) -> SheetRequest:
    return SheetRequest(
        request=request, board=board, run=run, name=request.query_params["run"], query=asked.of_run(run)
    )


Here = Annotated[SheetRequest, Depends(_asked_of)]
"""An argument of a route: the request, with the sheet that its address names."""
Change = Callable[[PlaceFacts, PlaceState], tuple[PlaceState, Message]]
"""Changes a place and says what was done."""


def changed(here: SheetRequest, change: Change, *, remembered: bool = True) -> Response:
    """Change a place and answer with what looks different by it: cells, the strip, and a sentence.

    Where another has changed it since it was shown, all of the page is sent as it is now, with status 409.
    """
    before, facts = state_of(here.run, here.query.place), here.facts
    status = 200
    try:
        after, said = change(facts, before)
        if remembered:
            here.board.part(ChangeHistory).add(here.run.folder, before, after)
    except StaleError as error:
        if not isinstance(error.present, PlaceState):
            raise
        after, said, status = error.present, error.message, 409
    now = here.facts
    if status == 200:
        cells = changed_cells(here.query, (facts, before), (now, after))
    else:
        cells = [*grid_of(now, here.query, after).cells().values()]
    return here.answer(
        "sheet/changed.html",
        status,
        cells=cells,
        strip=strip_of(now, after, here.gate),
        said=said,
        stale=status == 409,
    )
