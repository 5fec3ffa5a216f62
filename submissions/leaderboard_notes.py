"""The leaderboard's sentences in two languages, and what it notes of single entries."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kit.story import Language
from submissions.leaderboard import Board

SENTENCES = Path(__file__).parent / "templates" / "leaderboard.toml"
_NAMED = 4
"""Panels or entries that one note names."""

Sentences = Mapping[str, str]
"""By key, with fields in braces."""


def sentences(language: Language) -> Sentences:
    """Return the leaderboard's sentences in a language."""
    table: dict[str, str] = tomllib.loads(SENTENCES.read_text(encoding="utf-8"))[language]
    return table


def notes_of(board: Board, words: Sentences) -> Mapping[str, Sequence[str]]:
    """Return what an organiser should know of each entry, by file; entries without notes are left out."""
    notes: dict[str, list[str]] = {}
    for file, key, names in _noted(board):
        more = words["more"].format(n=len(names) - _NAMED) if len(names) > _NAMED else ""
        notes.setdefault(file, []).append(words[key].format(names=", ".join(names[:_NAMED]) + more))
    return notes


def _noted(board: Board) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Yield a file, the sentence to say of it, and the names in that sentence."""
    for one in board.standings:
        if one.tied_with_next:
            yield one.exhibit.file, "note_tied", ()
    for entry in board.exhibits:
        if entry.blank:
            yield entry.file, "note_blank", [str(panel) for panel in entry.blank]
    yield from _likened(board)
    for group in board.shared:
        for entry in group:
            yield entry.file, "note_lora", [one.file for one in group if one is not entry]


def _likened(board: Board) -> Iterator[tuple[str, str, Sequence[str]]]:
    like: dict[str, list[str]] = {}
    for alike in board.likenesses:
        if alike.within:
            yield alike.first.file, "note_within", [f"{pair.first} = {pair.second}" for pair in alike.pairs]
        else:
            like.setdefault(alike.first.file, []).append(alike.second.file)
            like.setdefault(alike.second.file, []).append(alike.first.file)
    for file, others in like.items():
        yield file, "note_like", others
