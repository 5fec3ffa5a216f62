"""The leaderboard as rows, for spreadsheets and terminals, and the notes of single entries."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue
from rich.cells import cell_len, set_cell_size

from eval.scorers.calibration import said_of
from kit.errors import printable
from kit.files.encodings import csv_bytes
from kit.messages import Language, in_english, joined, mark, reader_language, tr
from reports.page_templates import Words, load_words
from submissions.leaderboard.leaderboard import Board, Unranked
from submissions.leaderboard.likeness import DuplicatePanels
from submissions.leaderboard.ranking import DECIMALS, RankedEntry
from submissions.leaderboard.scored_entry import ScoredEntry

SHOWN = 20
"""Rows of the ranking that a terminal gets, and of what is not ranked."""
COLUMNS = ("rank", "team", "title", "file", "total", "low", "high", "tied_with_next")
"""The table's first columns; the metrics' values, their standard scores, notes and reasons follow."""
_WIDTHS = (4, 24, 28, 7)
"""Columns of the terminal's table: rank, team, title, score."""


def board_csv(board: Board) -> bytes:
    """Return every bundle as a row, the ranked ones first (utf-8-sig, for spreadsheets)."""
    raw = dict.fromkeys(("aesthetic_mean", *board.weights))
    columns = (*COLUMNS, *raw, *(f"{metric}_standard" for metric in board.weights), "notes", "reasons")
    notes = {file: printable("; ".join(said)) for file, said in notes_of(board, sentences("en")).items()}
    rows = [_row(one) | {"notes": notes.get(one.exhibit.file)} for one in board.standings]
    rows += [
        {
            **_names(out),
            "notes": notes.get(out.file),
            "reasons": printable("; ".join(map(in_english, out.reasons))),
        }
        for out in board.unranked
    ]
    return csv_bytes(columns, rows)


def board_lines(board: Board) -> Iterator[str]:
    """Yield a short table for a terminal, and last how many are ranked and how many named with reasons."""
    told = notes_of(board, sentences(reader_language()))
    notes = {file: joined(said, tr("; ")) for file, said in told.items()}
    yield _line(tr("rank"), tr("team"), tr("title"), tr("score"), tr("notes"))
    for one in board.standings[:SHOWN]:
        entry = one.exhibit
        score = f"{entry.aesthetic_mean:.3f}" if one.total is None else f"{one.total:+.3f}"
        yield _line(str(one.rank), entry.team, entry.title, score, notes.get(entry.file, ""))
    if len(board.standings) > SHOWN:
        yield tr("... and {more} more", more=len(board.standings) - SHOWN)
    for out in board.unranked[:SHOWN]:
        first, *others = out.reasons
        template = mark("{file}: {reason}; and {more} more") if others else mark("{file}: {reason}")
        reason = tr(template, file=out.file, reason=first, more=len(others))
        yield _line("-", out.team, out.title, "", reason)
    if len(board.unranked) > SHOWN:
        yield tr("... and {more} more that are not ranked", more=len(board.unranked) - SHOWN)
    yield tr(
        "{ranked} ranked, {named} named with reasons",
        ranked=len(board.standings),
        named=len(board.unranked),
    )
    if board.instrument:
        yield tr("note    {note}", note=said_of(board.calibration))


def _row(one: RankedEntry) -> dict[str, JsonValue]:
    """Return an entry's cells; numbers stay numbers."""
    entry = one.exhibit
    numbers = {"aesthetic_mean": entry.aesthetic_mean, **one.values}
    numbers |= {f"{metric}_standard": value for metric, value in one.standard.items()}
    return {
        "rank": one.rank,
        **_names(entry),
        "total": one.total,
        "low": one.low,
        "high": one.high,
        "tied_with_next": "yes" if one.tied_with_next else "no",
        **{name: round(value, DECIMALS) for name, value in numbers.items()},
    }


def _names(entry: ScoredEntry | Unranked) -> dict[str, JsonValue]:
    """Return the cells that say whose entry it is."""
    return {name: printable(getattr(entry, name)) for name in ("team", "title", "file")}


def _line(*cells: str) -> str:
    """Return a row of the terminal's table; Chinese letters are two columns wide."""
    *cut, last = (printable(cell) for cell in cells)
    padded = (
        set_cell_size(text if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…", width)
        for text, width in zip(cut, _WIDTHS, strict=True)
    )
    return "  ".join([*padded, last]).rstrip()


_NAMED = 4
"""Panels or entries that one note names."""

Sentences = Mapping[str, str]
"""By key, with fields in braces."""


def sentences(language: Language) -> Words:
    """Return the leaderboard's sentences in a language."""
    return load_words(language, "leaderboard")


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
    alike: defaultdict[ScoredEntry, list[DuplicatePanels]] = defaultdict(list)
    for pair in board.likenesses:
        for entry in {pair.first, pair.second}:
            alike[entry].append(pair)
    for entry in board.exhibits:
        found = alike[entry]
        like = [(one.second if entry is one.first else one.first).file for one in found if not one.within]
        within = [f"{two.first} = {two.second}" for one in found if one.within for two in one.pairs]
        lora = [one.file for group in board.shared if entry in group for one in group if one is not entry]
        blank = [str(panel) for panel in entry.blank]
        low = [str(panel) for panel in entry.below_floor]
        said = {
            "note_blank": blank,
            "note_low": low,
            "note_within": within,
            "note_like": like,
            "note_lora": lora,
        }
        yield from ((entry.file, key, names) for key, names in said.items() if names)
