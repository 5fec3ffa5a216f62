"""What was found of one thing: as it should be, worth knowing, or in the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kit.library_warnings import has_home
from kit.messages import in_english

Status = Literal["ok", "note", "fault"]
"""A fault is what storykit cannot work without; a note takes something away that not everybody needs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """What was found of one thing."""

    id: str
    """What was looked at; the same in every language and version."""
    status: Status
    told: str
    do: str = ""
    """What mends it."""

    def record(self) -> Mapping[str, str]:
        """Return it in English and without the user's name, for a bug report."""
        told, do = (without_home(in_english(text)) for text in (self.told, self.do))
        return {"id": self.id, "status": self.status, "told": told, "do": do}


def ok(id_: str, told: str) -> Diagnosis:
    """Return that a thing is as it should be."""
    return Diagnosis(id=id_, status="ok", told=told)


def note(id_: str, told: str, do: str = "") -> Diagnosis:
    """Return what is worth knowing."""
    return Diagnosis(id=id_, status="note", told=told, do=do)


def fault(id_: str, told: str, do: str) -> Diagnosis:
    """Return what is in the way, and what mends it."""
    return Diagnosis(id=id_, status="fault", told=told, do=do)


def without_home(text: str) -> str:
    """Return a text in which the user's home is written `~`."""
    if not has_home():
        return text
    home = Path.home()
    for place in {str(home), str(home.resolve())} - {"/"}:
        text = text.replace(place, "~")
    return text


def shown(path: Path) -> str:
    """Return a path as a person writes it, from the home."""
    return without_home(str(path))
