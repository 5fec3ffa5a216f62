"""The leaderboard as one page that needs nothing from the network; every text of an entry is escaped."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from eval.metrics.registry import METRICS
from kit.files.atomic_write import write_atomic
from reports.number_format import MINUS
from reports.page_templates import environment, template_text
from submissions.leaderboard.leaderboard import COPY_ABOVE, Board
from submissions.leaderboard.ranking import RankedEntry
from submissions.leaderboard.scored_entry import CLOSE
from submissions.leaderboard.table import board_csv, notes_of, sentences

LIKENESSES = 60
"""Pairs of entries that the page shows; the table names them all."""
PAIRS = 8
"""Pairs of panels that are shown for two entries."""


class IntervalBar(NamedTuple):
    """An interval on the scale of all totals, in per cent of its width."""

    left: float
    width: float
    dot: float


class RankedPart(NamedTuple):
    """A part of the contest's ranking as the page shows it."""

    name: str
    weight: float
    metric: str | None
    counts: float
    """Share of the total; 0 where it is not measured."""


def board_html(board: Board) -> str:
    """Return the page, in the language of most entries."""
    words = sentences(board.language)
    templates = environment()
    templates.filters |= {
        "short": lambda metric: METRICS[metric].called("short", board.language),
        "measures": lambda metric: METRICS[metric].called("long", board.language),
        "signed": lambda value: f"{value:+.2f}".replace("-", MINUS),
    }
    return templates.get_template("leaderboard/leaderboard.html").render(
        board=board,
        w=words,
        notes=notes_of(board, words),
        bars=_bars(board.standings),
        parts=list(_parts(board)),
        shown=LIKENESSES,
        pairs=PAIRS,
        above=COPY_ABOVE,
        close=CLOSE,
        style=Markup(template_text("style.css")),
    )


def _parts(board: Board) -> Iterator[RankedPart]:
    """Yield the parts of the ranking, each with its share of the total."""
    parts = board.rules.ranking.part if board.rules else ()
    whole = sum(part.weight for part in parts if part.metric is not None)
    for part in parts:
        counts = part.weight / whole if part.metric is not None else 0.0
        yield RankedPart(part.name, part.weight, part.metric, counts)


def _bars(standings: tuple[RankedEntry, ...]) -> list[IntervalBar | None]:
    """Return each entry's interval on one scale; None where there is no total."""
    ends = [end for one in standings for end in (one.low, one.high) if end is not None]
    low, span = min(ends, default=0.0), max(ends, default=0.0) - min(ends, default=0.0) or 1.0
    return [
        None
        if one.total is None or one.low is None or one.high is None
        else IntervalBar(
            100 * (one.low - low) / span,
            100 * (one.high - one.low) / span,
            100 * (one.total - low) / span,
        )
        for one in standings
    ]


def write_leaderboard(board: Board, folder: Path) -> None:
    """Write leaderboard.csv and leaderboard.html into a folder, which is made if it is not there."""
    write_atomic(folder / "leaderboard.csv", board_csv(board))
    write_atomic(folder / "leaderboard.html", board_html(board).encode())
