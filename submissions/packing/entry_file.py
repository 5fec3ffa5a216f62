"""RUN/entry.toml and RUN/introduction.md: what a team decided about its entry, kept between visits.

The board writes them, `storykit pack` takes them where its options say nothing. A run may be a stranger's: so
the file names no path, and the introduction is always the file beside it.
"""

import hashlib
from pathlib import Path
from typing import Annotated

import tomli_w
from pydantic import AfterValidator, BaseModel, StringConstraints

from kit.errors import InputError
from kit.experiment.run import Run
from kit.files.atomic_write import write_together
from kit.files.documents import TOML_BYTES, read_bytes, read_text, read_toml
from kit.messages import joined, tr
from submissions.contest.rules import shipped_rules

FILE, INTRODUCTION = "entry.toml", "introduction.md"
_MARK = b"# What the team decided about its entry. `storykit pack` takes it from here; its options win.\n"


def _known_rules(name: str) -> str:
    if name and name not in shipped_rules():
        known = joined(shipped_rules(), tr(", "))
        raise ValueError(
            tr("must be one of {known}, got {got!r}; other rules: --rules", known=known, got=name)
        )
    return name


Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000)]
"""A text that may be too long for the contest, which says so itself, but not for a page."""


class Decisions(BaseModel, frozen=True, extra="forbid"):
    """entry.toml: what a team decided so far; empty or None where it has not."""

    candidate: Line = ""
    order: Line = ""
    story: Line = ""
    seed: int | None = None
    rules: Annotated[Line, AfterValidator(_known_rules)] = ""
    """A contest that storykit knows; a rules file of one's own is named on the command line."""
    team: Line = ""
    title: Line = ""
    link: Line = ""

    @property
    def made(self) -> dict[str, str | int]:
        """Return the decisions that were made, by name."""
        return {name: value for name, value in self.model_dump().items() if value not in ("", None)}


def read_decisions(run: Run) -> Decisions:
    """Return what the team decided so far; raises InputError with all that is wrong with the file."""
    path = run.folder / FILE
    return read_toml(path, Decisions) if path.exists() else Decisions()


def kept_introduction(run: Run) -> Path | None:
    """Return the file that introduces the run's LoRA; None where nobody has written one."""
    path = run.folder / INTRODUCTION
    return path if path.exists() else None


def read_introduction(path: Path) -> str:
    """Return the text of an introduction; raises InputError where it is none or larger than any can be."""
    if len(read_bytes(path, TOML_BYTES + 1)) > TOML_BYTES:
        raise InputError(str(path), [tr("must be at most {most:,} bytes, as a text", most=TOML_BYTES)])
    return read_text(path, wanted="text")


def decisions_version(run: Run) -> str:
    """Return what both files hold as one short number, another one whenever either changes."""
    digest = hashlib.sha256()
    for name in (FILE, INTRODUCTION):
        path = run.folder / name
        data = read_bytes(path, TOML_BYTES + 1) if path.exists() else b""
        digest.update(len(data).to_bytes(8) + data)
    return digest.hexdigest()[:16]


def keep_decisions(run: Run, decisions: Decisions, introduction: str) -> None:
    """Write what the team decided and its introduction, both or none; what says nothing is removed."""
    text = introduction.replace("\r\n", "\n").strip()
    files: dict[Path, bytes] = {}
    if text:
        files[run.folder / INTRODUCTION] = f"{text}\n".encode()
    if decisions.made:
        files[run.folder / FILE] = _MARK + tomli_w.dumps(decisions.made).encode()
    if files:
        write_together(files)
    for name in (INTRODUCTION, FILE):
        if run.folder / name not in files:
            (run.folder / name).unlink(missing_ok=True)
