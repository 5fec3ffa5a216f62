"""The leaderboard as one page that needs nothing from the network; every text of an entry is escaped."""

from pathlib import Path

from eval.metrics.registry import METRICS
from kit.errors import RunError
from kit.files.atomic_write import write_together
from kit.files.folder_lock import LOCK, was_locked
from kit.messages import asked_language, in_english, tr
from reports.number_format import MINUS
from reports.page_templates import environment, page_assets
from submissions.leaderboard.leaderboard import COPY_ABOVE, Board
from submissions.leaderboard.scored_entry import CLOSE
from submissions.leaderboard.table import board_csv, notes_of, sentences

BOARD_FILES = ("leaderboard.csv", "leaderboard.html")
"""What is written."""
LIKENESSES = 60
"""Pairs of entries that the page shows; the table names them all."""
PAIRS = 8
"""Pairs of panels that are shown for two entries."""


def board_html(board: Board) -> str:
    """Return the page, in the language that the reader asks for, else in that of most entries."""
    language = asked_language() or board.language
    words = sentences(language)
    parts = board.rules.ranking.part if board.rules else ()
    ends = [end for one in board.standings for end in (one.low, one.high) if end is not None]
    templates = environment()
    templates.filters |= {
        "short": lambda metric: METRICS[metric].called("short", language),
        "measures": lambda metric: METRICS[metric].called("long", language),
        "said": words.said,
        "reason": lambda text: words.reason(in_english(text)),
        "signed": lambda value: f"{value:+.2f}".replace("-", MINUS),
    }
    return templates.get_template("leaderboard/leaderboard.html").render(
        board=board,
        w=words,
        notes=notes_of(board, words),
        parts=parts,
        measured=sum(part.weight for part in parts if part.metric),
        lowest=min(ends, default=0.0),
        span=max(ends, default=0.0) - min(ends, default=0.0) or 1.0,
        shown=LIKENESSES,
        pairs=PAIRS,
        above=COPY_ABOVE,
        close=CLOSE,
        **page_assets("leaderboard"),
    )


def check_board_folder(folder: Path) -> None:
    """Raise RunError unless a folder is new, empty, or holds nothing but bundles and an older leaderboard."""
    if folder.exists() and not folder.is_dir():
        raise RunError(
            tr("{folder} is a file: a leaderboard needs a folder; choose another --out", folder=folder)
        )
    there = sorted(path.name for path in folder.glob("*") if path.name != LOCK)
    strange = {name for name in there if not name.lower().endswith((".zip", ".part"))}
    killed = was_locked(folder) and strange <= set(BOARD_FILES)  # between the table and the page
    if strange and not killed and not set(BOARD_FILES) <= strange:
        raise RunError(
            tr(
                "{folder} holds {first} and no leaderboard: choose a new or empty --out",
                folder=folder,
                first=min(strange),
            )
        )


def write_leaderboard(board: Board, folder: Path) -> None:
    """Write leaderboard.csv and leaderboard.html into a folder, which is made if it is not there."""
    table, page = board_csv(board), board_html(board).encode()
    write_together({folder / name: data for name, data in zip(BOARD_FILES, (table, page), strict=True)})
