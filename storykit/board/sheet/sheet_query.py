"""What a sheet's address asks for: whose pictures, how sorted, which page, which scores."""

from typing import Annotated, Self
from urllib.parse import urlencode

from fastapi import Depends
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, FiniteFloat, ValidationError, field_validator
from starlette.requests import Request

from eval.casting.decisions import names_of, refuse_unknown
from eval.casting.picks import Place
from eval.casting.selection import read_selection_file
from kit.experiment.run import Run
from kit.story.story import PANELS

ALL, NONE = "all", "none"
"""Which scores are shown on the pictures, beside names of single ones."""
Name = Annotated[str, Field(max_length=200)]


class SheetQuery(BaseModel, frozen=True):
    """A sheet's address, but for the run."""

    candidate: Name = ""
    """Empty: one that has picks or a cast, those with a LoRA first; so with the next two."""
    order: Name = ""
    story: Name = ""
    by: Name = ""
    """What seeds are sorted by: set.METRIC, panel.METRIC, or empty for the experiment's order."""
    of: Annotated[int, Field(ge=0, le=PANELS)] = 0
    """Of which panel, where it is a panel's score; 0 for the mean of all."""
    least: FiniteFloat | None = None
    """What a seed must reach in that to be shown."""
    show: Name = ALL
    """The score on the pictures."""
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1

    @field_validator("least", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @property
    def place(self) -> Place:
        """Candidate, order and story."""
        return (self.candidate, self.order, self.story)

    def address(self, run: str, path: str = "/sheet", **changes: object) -> str:
        """Return the address of this sheet of a run, with some of it changed; another page starts at 1."""
        told = self.model_dump() | ({"page": 1} if changes else {}) | changes
        plain = SheetQuery().model_dump()
        kept = {name: value for name, value in told.items() if name not in plain or value != plain[name]}
        return f"{path}?{urlencode({'run': run, **kept})}"

    def of_run(self, run: Run) -> Self:
        """Return it with whatever is left open filled in; ScoreError where the run has no such place."""
        refuse_unknown(run, self.place)
        file = read_selection_file(run)
        dressed = [one.name for one in run.loaded.experiment.candidates if one.lora]
        decided = [*(one.place for one in file.picks), *(one.place for one in file.selections)]
        decided.sort(key=lambda place: place[0] not in dressed)
        names = names_of(run)
        first = (next(iter([*dressed, *names["candidate"]])), names["order"][0], names["story"][0])
        fitting = [
            place
            for place in (*decided, first)
            if all(asked in ("", name) for asked, name in zip(self.place, place, strict=True))
        ]
        usual = next((place for place in fitting if _known(names, place)), first)
        candidate, order, story = (asked or name for asked, name in zip(self.place, usual, strict=True))
        return self.model_copy(update={"candidate": candidate, "order": order, "story": story})


def _known(names: dict[str, list[str]], place: Place) -> bool:
    return all(name in known for name, known in zip(place, names.values(), strict=True))


def _asked(request: Request) -> SheetQuery:
    try:
        return SheetQuery.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


AskedSheet = Annotated[SheetQuery, Depends(_asked)]
"""An argument of a route: what its address asks for."""
