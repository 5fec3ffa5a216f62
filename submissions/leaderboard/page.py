"""The leaderboard as one page that needs nothing from the network; every text of an entry is escaped."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jinja2
from markupsafe import Markup

import reports
from eval.metrics.registry import METRICS
from submissions.leaderboard.leaderboard import COPY_ABOVE, Board
from submissions.leaderboard.ranking import RankedEntry
from submissions.leaderboard.scored_entry import CLOSE
from submissions.leaderboard.table import notes_of, sentences

TEMPLATES = Path(reports.__file__).parent / "templates" / "leaderboard"
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
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["short"] = lambda metric: METRICS[metric].called("short", board.language)
    environment.filters["measures"] = lambda metric: METRICS[metric].called("long", board.language)
    environment.filters["signed"] = lambda value: f"{value:+.2f}".replace("-", "−")
    return environment.get_template("leaderboard.html").render(
        board=board,
        w=words,
        notes=notes_of(board, words),
        bars=_bars(board.standings),
        parts=list(_parts(board)),
        shown=LIKENESSES,
        pairs=PAIRS,
        above=COPY_ABOVE,
        close=CLOSE,
        style=Markup((TEMPLATES / "leaderboard.css").read_text(encoding="utf-8")),
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
