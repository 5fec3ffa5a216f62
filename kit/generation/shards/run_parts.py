"""Folders that parts of one run were drawn in, and why some are not of one run."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from kit.errors import RunError
from kit.experiment.run import CHANGED, INPUTS, PanelRow, Run, Slot
from kit.files.encodings import sha256_of
from kit.generation.asked_rows import asked_rows
from kit.generation.batching import BATCHING
from kit.generation.shards.machines import RUN_JSON
from kit.messages import joined, tr, trn

_OF_A_MACHINE = frozenset(
    {"base", "editor", "batch", "memory", "controlnets", "annotators", "score", "compare", "words"}
)
"""What an experiment says that shapes no picture, or that run.json tells by its sha256."""
_SHAPING = ("base", "candidates", "settings", "controlnets", "ip_adapter")
"""Tables of run.json that are the same for all pictures of a run."""
_MAY_DIFFER = frozenset({"settings.memory", "ip_adapter.folder", "ip_adapter.face"})
"""Values inside the tables that are a machine's own."""
_SHOWN = 80
"""Letters of a value that a message shows."""
_NO_INPUTS = frozenset({"maps.json", "Thumbs.db", "desktop.ini"})
"""Files among those of an experiment that did not come with it; names that begin with a dot are others."""
_BY_HAND = ("selection.json", "votes.jsonl", "voters.json", "entry.toml", "introduction.md", CHANGED)
"""What people decided or made in a folder that is a run's."""


class RunPart(NamedTuple):
    """A folder that pictures are taken from."""

    run: Run
    identity: Mapping[str, Any]
    """What its run.json says."""
    rows: Mapping[Slot, PanelRow]
    """All that was drawn there."""
    asked: Mapping[Slot, PanelRow]
    """Those of panels that its experiment wants, drawn with the words that it has now."""
    batches: object
    """What its batching.json says; None where it has none."""


def read_part(folder: Path) -> RunPart:
    """Return what a folder holds; raises RunError where it is no run's, or damaged."""
    run = Run.open(folder)
    try:
        return _read(run)
    except RunError as error:
        told = tr("{error}; where {folder} is a copy, make the copy again", error=error, folder=folder)
        raise RunError(told) from error


def _read(run: Run) -> RunPart:
    rows = {row.slot: row for row in run.rows()}
    path, batching = run.folder / RUN_JSON, run.folder / BATCHING
    identity = run.read_json(RUN_JSON) if rows or path.exists() else {}
    if not isinstance(identity, dict):
        raise RunError(tr("{file} is no table", file=path))
    asked = asked_rows(run, rows.values())  # a damaged experiment is refused here
    return RunPart(run, identity, rows, asked, run.read_json(BATCHING) if batching.is_file() else None)


def left_behind(part: RunPart, run: Run) -> Iterator[str]:
    """Yield what of a part is not taken into a run."""
    wanted = set(run.wanted())
    if beyond := len(part.rows.keys() - wanted):
        yield trn(
            "{part}: {n} picture beside the experiment's seeds stays behind; repair after gathering",
            "{part}: {n} pictures beside the experiment's seeds stay behind; repair after gathering",
            beyond,
            part=part.run.folder,
        )
    if older := len(outdated(part)):
        yield trn(
            "{part}: {n} picture was drawn before the words of its panel were changed, and stays behind",
            "{part}: {n} pictures were drawn before the words of their panels were changed, and stay behind",
            older,
            part=part.run.folder,
        )
    listed = {part.run.folder / row.file for row in part.rows.values()}
    if unlisted := len(set((part.run.folder / "panels").rglob("*.png")) - listed):
        yield trn(
            "{part}: {n} picture of which panels.jsonl says nothing stays behind; where it is a copy, make "
            "the copy again",
            "{part}: {n} pictures of which panels.jsonl says nothing stay behind; where it is a copy, make "
            "the copy again",
            unlisted,
            part=part.run.folder,
        )
    if decided := [name for name in _BY_HAND if _is_lost(part.run.folder / name, run.folder / name)]:
        yield tr(
            "{part}: {files} stay behind; what was decided by hand in a part is decided in the run again",
            part=part.run.folder,
            files=joined(decided, tr(", ")),
        )


def outdated(part: RunPart) -> Set[Slot]:
    """Return the wanted panels whose pictures were drawn with other words than they have now."""
    return part.rows.keys() & set(part.run.wanted()) - part.asked.keys()


def _is_lost(path: Path, taken: Path) -> bool:
    """Return whether what is there is not in the other place, too."""
    if path.is_dir() and taken.is_dir():
        return bool({one.name for one in path.rglob("*")} - {one.name for one in taken.rglob("*")})
    return path.exists() and not (taken.is_file() and taken.read_bytes() == path.read_bytes())


def input_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files that came with a run's experiment, each by its place in the run."""
    for path in sorted(chain.from_iterable((folder / name).rglob("*") for name in INPUTS)):
        if path.is_file() and path.name not in _NO_INPUTS and not path.name.startswith("."):
            yield path.relative_to(folder).as_posix(), path


def conflicts(parts: Sequence[RunPart]) -> Iterator[str]:
    """Yield why parts are not of one run, a line each; nothing where they are.

    Each is compared with the first, a panel and a file with whoever has it first; stories by what they tell.
    """
    first = parts[0]
    for part in parts[1:]:
        if difference := _experiments_differ(first.run, part.run) or _identities_differ(first, part):
            yield tr(
                "{part} is not of the run that {first} is of: {difference}; leave one of the two out, or "
                "draw it in a new folder with the other's experiment",
                part=part.run.folder,
                first=first.run.folder,
                difference=difference,
            )
            return
    yield from _rows_differ(parts)
    yield from _files_differ(parts)


def _rows_differ(parts: Sequence[RunPart]) -> Iterator[str]:
    holders: dict[Slot, tuple[Path, str]] = {}
    for part in parts:
        for slot, row in part.asked.items():
            before, key = holders.setdefault(slot, (part.run.folder, row.key))
            if key != row.key:
                yield tr(
                    "{file} was drawn otherwise in {part} than in {before}: delete one of the two, and its "
                    "line in panels.jsonl",
                    file=row.file,
                    part=part.run.folder,
                    before=before,
                )


def _files_differ(parts: Sequence[RunPart]) -> Iterator[str]:
    files: dict[str, tuple[Path, str]] = {}
    for part in parts:
        for name, path in input_files(part.run.folder):
            if name.startswith("stories/"):
                continue
            sha256 = sha256_of(path)
            before, known = files.setdefault(name, (part.run.folder, sha256))
            if sha256 != known:
                yield tr(
                    "{file} is another one than in {before}: delete the wrong one", file=path, before=before
                )


def _experiments_differ(one: Run, other: Run) -> str:
    """Return what of two experiments shapes pictures and differs; empty where nothing does.

    As the files tell it, for there what a run keeps is named by its place in the run.
    """
    stories = [{story.name: story.story for story in run.loaded.stories} for run in (one, other)]
    before, now = (tomllib.loads(run.read_text("experiment.toml")) for run in (one, other))
    before, now = ({"quality": "final", **document} for document in (before, now))
    shaping = [key for key in {**before, **now} if key not in _OF_A_MACHINE]
    if difference := _difference({key: before.get(key) for key in shaping}, {k: now.get(k) for k in shaping}):
        return difference
    changed = [name for name, story in stories[1].items() if stories[0].get(name) != story]
    return tr("story {story} is told otherwise", story=changed[0]) if changed else ""


def _identities_differ(one: RunPart, other: RunPart) -> str:
    """Return what two runs were drawn with that differs; empty where nothing does, or one drew nothing."""
    if not (one.identity and other.identity):
        return ""
    before, now = ({key: part.identity.get(key) for key in _SHAPING} for part in (one, other))
    return _difference(before, now)


def _difference(before: object, now: object, place: str = "") -> str:
    """Return the first value in which two documents differ, with its place; empty where they are alike."""
    if before == now or place in _MAY_DIFFER:
        return ""
    pairs: list[tuple[str, object, object]] = []
    if isinstance(before, dict) and isinstance(now, dict):
        pairs = [(f"{place}.{key}", before.get(key), now.get(key)) for key in {**before, **now}]
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        both = zip(before, now, strict=True)
        pairs = [(f"{place}[{at}]", old, new) for at, (old, new) in enumerate(both, 1)]
    if pairs:
        found = (_difference(old, new, at.removeprefix(".")) for at, old, new in pairs)
        return next(filter(None, found), "")
    told = {"now": now, "before": before}
    texts = {name: json.dumps(value, ensure_ascii=False, default=str) for name, value in told.items()}
    cut = {name: text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..." for name, text in texts.items()}
    return tr("{key} {now} instead of {before}", key=place, **cut)
