"""What somebody has, a table, an answer, a notebook or a file of ours, as the TOML of a new draft."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Literal

from kit.errors import InputError
from kit.experiment.fields import MOST_OF_NAME
from kit.files.documents import read_text_in
from kit.files.text.toml_text import parse_toml
from kit.messages import tr
from kit.story.importing.read_story import foreign_story_in
from kit.story.structure.import_story import story_in
from kit.writing.own_files import MOST_BYTES, with_plain_ends

PASTED = "pasted.md"
"""What pasted text is called; any form of text may stand in it."""
_LONGEST_SUFFIX = 16
DraftKind = Literal["story", "experiment"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignDraft:
    """A draft that somebody brought."""

    kind: DraftKind
    source: str
    """TOML."""
    name: str
    """That it may be called, without .toml."""
    notes: tuple[str, ...] = ()


def foreign_draft(data: bytes, name: str) -> ForeignDraft:
    """Return the draft in the bytes of a file; raises InputError with what they lack and what to do.

    Args:
        data: of the file.
        name: as a stranger or a browser calls it; only its last part counts.
    """
    last = PurePath(PureWindowsPath(PurePosixPath(name).name).name)
    suffix = f".{_plain(last.suffix)[:_LONGEST_SUFFIX]}" if _plain(last.suffix) else ".md"
    called = "story" if last.name == PASTED else _plain(last.stem) or "story"
    source = Path(called + suffix)
    if source.suffix.lower() == ".toml":
        return _of_ours(data, source, called)
    made, text = story_in(foreign_story_in(data, source), source)
    return ForeignDraft(kind="story", source=text, name=called, notes=tuple(made.notes))


def _plain(name: str) -> str:
    """Return a name with what every system takes of it."""
    kept = "".join(one for one in name if one.isalnum() or one in " .-_").strip(" .-_")
    return kept.encode()[: MOST_OF_NAME // 2].decode(errors="ignore")


def _of_ours(data: bytes, source: Path, called: str) -> ForeignDraft:
    if len(data) > MOST_BYTES:
        raise InputError(str(source), [tr("must be at most {most:,} bytes", most=MOST_BYTES)])
    text = with_plain_ends(read_text_in(data, source))
    try:
        kind = kind_of_document(parse_toml(text))
    except ValueError as error:
        raise InputError(str(source), [str(error)]) from error
    if kind is None:
        raise InputError(str(source), [tr("is neither a story nor an experiment")])
    return ForeignDraft(kind=kind, source=text, name=called)


def kind_of_document(document: Mapping[str, object]) -> DraftKind | None:
    """Return what a TOML file is; None for what is written elsewhere, as a training or rules."""
    if "stories" in document or "candidate" in document:
        return "experiment"
    is_story = "panel" in document or ("title" in document and "learn" not in document)
    return "story" if is_story and "gate" not in document else None
