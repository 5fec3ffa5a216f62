"""What is being written on a page: which file, as it was and as it shall be; nothing of it is kept here.

Everything stands in the page's form, so that nothing is lost when the board ends.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from starlette.datastructures import FormData

from kit.errors import BoardError
from kit.files.documents import PlacedFault
from kit.files.text.commented_toml import lost_comments, parse_or_empty, rewritten
from kit.messages import tr
from kit.writing.experiment_draft import KEYS as EXPERIMENT_KEYS
from kit.writing.experiment_draft import ExperimentDraft, experiment_document_of, experiment_draft_of
from kit.writing.own_files import MOST_BYTES, NEW, Conflict, Saved, read_own, run_around, save_new, save_over
from kit.writing.story_draft import KEYS as STORY_KEYS
from kit.writing.story_draft import StoryDraft, document_of, draft_of
from kit.writing.text_stories import lines_of, toml_of_lines
from storykit.board.served_folder import ServedFolder
from storykit.board.writing.forms import experiment_in, story_in, text_in

Kind = Literal["story", "experiment"]
Mode = Literal["form", "toml"]
Draft = StoryDraft | ExperimentDraft


@dataclass(frozen=True, kw_only=True, slots=True)
class Editing:
    """A story or an experiment on a page."""

    kind: Kind
    source: str = ""
    """The TOML that the form changes."""
    file: str = ""
    """Its name below the served folder; empty for a new one."""
    folder: str = ""
    """Where a new one goes, below the served folder; empty for the folder itself."""
    name: str = ""
    """What a new one is to be called."""
    version: str = NEW
    """Of the file that was read."""
    mode: Mode = "form"
    text: str = ""
    """In mode "toml": what was typed."""
    draft: Draft | None = None
    """In mode "form": what the form shows; None for what the source says."""
    dirty: bool = False
    """Whether it is not what the file says."""
    notes: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether the file is a story in lines of text."""
        return self.file.lower().endswith(".txt")


@dataclass(frozen=True, kw_only=True, slots=True)
class Composed:
    """What a form makes."""

    text: str
    """TOML as it will be saved; of broken TOML what was typed."""
    document: Mapping[str, object]
    faults: tuple[PlacedFault, ...] = ()
    """What no file can hold: while there is any, nothing is saved."""
    problem: str = ""
    """Why the text is no TOML."""
    lost: tuple[str, ...] = ()
    """Comments of the source that go."""

    @property
    def is_too_large(self) -> bool:
        """Whether it could not be opened again."""
        return len(self.text.encode()) > MOST_BYTES


def compose(editing: Editing) -> Composed:
    """Return what would be saved."""
    if editing.mode == "toml":
        try:
            return Composed(text=editing.text, document=parse_or_empty(editing.text))
        except ValueError as error:
            return Composed(text=editing.text, document={}, problem=str(error))
    try:
        before = parse_or_empty(editing.source)
    except ValueError as error:
        return Composed(text=editing.source, document={}, problem=str(error))
    if editing.draft is None:
        return Composed(text=editing.source, document=before)
    if isinstance(editing.draft, StoryDraft):
        document, faults = document_of(editing.draft, before)
    else:
        document, faults = experiment_document_of(editing.draft, before)
    text = rewritten(editing.source, document, STORY_KEYS if editing.kind == "story" else EXPERIMENT_KEYS)
    lost = tuple(lost_comments(editing.source, text))
    return Composed(text=text, document=document, faults=tuple(faults), lost=lost)


def shown_draft(editing: Editing, composed: Composed) -> Draft:
    """Return what the form shows."""
    if editing.draft is not None:
        return editing.draft
    return draft_of(composed.document) if editing.kind == "story" else experiment_draft_of(composed.document)


def has_new_names(editing: Editing) -> bool:
    """Return whether a character or a place is called otherwise than in the file."""
    draft = editing.draft
    return isinstance(draft, StoryDraft) and any(
        one.name != one.was for one in (*draft.characters, *draft.places)
    )


def open_file(served: ServedFolder, kind: Kind, file: str) -> Editing:
    """Return a file of the served folder on its page; one of a run becomes a new one.

    Raises BoardError or InputError where it cannot be read.
    """
    path = own_path(served, file)
    own = read_own(path)
    source = toml_of_lines(own.text, path.stem) if path.suffix.lower() == ".txt" else own.text
    notes: list[str] = []
    if own.encoding:
        notes.append(tr("this was {encoding} text; it is saved as UTF-8", encoding=own.encoding))
    if run_around(path) is not None:
        notes.append(tr("this is what a run was drawn from, and stays; saved is a new one beside the run"))
        return Editing(kind=kind, source=source, name=path.stem, notes=tuple(notes))
    folder = "" if path.parent == served.root else served.name_of(path.parent)
    made = Editing(
        kind=kind,
        source=source,
        file=file,
        folder=folder,
        name=path.stem,
        version=own.version,
        notes=tuple(notes),
    )
    try:
        parse_or_empty(source)
    except ValueError:
        return replace(made, mode="toml", text=source)
    return made


def own_path(served: ServedFolder, file: str) -> Path:
    """Return the path of a file that may be written on; raises BoardError where it is none."""
    path = served.inside(file)
    if path.suffix.lower() not in (".toml", ".txt") or (path.exists() and not path.is_file()):
        raise BoardError(tr("{name} is no .toml or .txt file", name=file))
    return path


def posted(form: FormData) -> Editing:
    """Return what a page sent; raises BoardError where it is too large."""
    kind: Kind = "experiment" if text_in(form, "kind") == "experiment" else "story"
    mode: Mode = "toml" if text_in(form, "mode") == "toml" else "form"
    source, text = text_in(form, "source"), text_in(form, "text")
    if max(len(source.encode()), len(text.encode())) > MOST_BYTES:
        raise BoardError(tr("a story or an experiment has at most {most:,} bytes", most=MOST_BYTES))
    draft = None
    if mode == "form":
        draft = story_in(form) if kind == "story" else experiment_in(form)
    return Editing(
        kind=kind,
        mode=mode,
        draft=draft,
        dirty=True,
        source=source,
        text=text,
        file=text_in(form, "file"),
        folder=text_in(form, "folder"),
        name=text_in(form, "name"),
        version=text_in(form, "version"),
    )


def folder_of(served: ServedFolder, editing: Editing) -> Path:
    """Return the folder in which a new file goes; raises BoardError where there is none."""
    folder = served.inside(editing.folder) if editing.folder else served.root
    if not folder.is_dir():
        raise BoardError(tr("{name} is no folder below the one that is served", name=editing.folder))
    return folder


def place_of(served: ServedFolder, editing: Editing) -> Path:
    """Return where it lies, or will lie."""
    if editing.file:
        return own_path(served, editing.file)
    folder = folder_of(served, editing)
    name = re.sub(r"[^\w .-]", "", editing.name) or editing.kind
    return folder / f"{name}.toml"


def save(served: ServedFolder, editing: Editing, composed: Composed) -> Editing | Conflict:
    """Write it and return it as it is now, or what the file became meanwhile.

    Raises StorykitError where it cannot be written.
    """
    if editing.file:
        path = own_path(served, editing.file)
        text = composed.text
        if editing.is_text:
            text = lines_of(composed.document, _lines_before(path), path)
        found = save_over(path, text, editing.version)
        if isinstance(found, Conflict):
            return found
        return _as_saved(editing, composed, found, editing.file)
    folder = folder_of(served, editing)
    path, found = save_new(folder, editing.name, composed.text)
    return _as_saved(editing, composed, found, served.name_of(path))


def _lines_before(path: Path) -> str:
    return read_own(path).text if path.is_file() else ""


def _as_saved(editing: Editing, composed: Composed, saved: Saved, file: str) -> Editing:
    return replace(
        editing,
        file=file,
        folder=file.rpartition("/")[0],
        name=Path(file).stem,
        version=saved.version,
        source=composed.text,
        draft=None,
        dirty=False,
    )
