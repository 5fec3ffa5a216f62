"""What is known of a run's pictures: which are drawn, their scores, what is wrong with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

from eval.casting.picks import Place
from eval.scorers.protocols import Metric
from eval.scoring.records import PanelScore, Scores, StoryScore, read_scores
from kit.errors import RunError
from kit.experiment.run import PanelRow, Run, Slot
from kit.messages import Language
from reports.page_templates import Words, load_words
from storykit.board.open_runs import file_state
from storykit.board.pages import ServedBoard
from storykit.board.pictures import DrawnPanels

SCORE_FILES = ("scores.json", "scores.panels.csv", "scores.stories.csv")
OF_SET, OF_PANEL = "set.", "panel."
"""How the names of what seeds are sorted by begin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureNumbers:
    """The numbers of a run as they were last scored; all empty before."""

    panels: Mapping[Slot, PanelScore]
    sets: Mapping[tuple[Place, int], StoryScore]
    reasons: Mapping[Slot, str]
    """Why a panel could not be scored, in English."""
    lacking: Mapping[Slot, tuple[tuple[str, str], ...]]
    """Attribute and what the text tells, where a picture does not show it."""
    letters: Mapping[Slot, str]
    """Letters that nobody asked for."""
    metrics: Mapping[str, Metric]
    panel_columns: tuple[str, ...]
    set_columns: tuple[str, ...]
    trouble: str = ""
    """Why the scores cannot be read."""


NO_NUMBERS = PictureNumbers(
    panels={}, sets={}, reasons={}, lacking={}, letters={}, metrics={}, panel_columns=(), set_columns=()
)


class RunNumbers:
    """Numbers and drawn panels by place, read anew when their files change; one object for the board."""

    def __init__(self, board: ServedBoard) -> None:
        """Know nothing yet."""
        self._board = board
        self._lock = Lock()
        self._numbers: dict[Path, tuple[list[str], PictureNumbers]] = {}
        self._places: dict[Path, tuple[object, dict[Place, dict[tuple[int, int], PanelRow]]]] = {}

    def numbers(self, run: Run) -> PictureNumbers:
        """Return the numbers of a run."""
        stamp = [file_state(run.folder / name) for name in SCORE_FILES]
        with self._lock:
            known = self._numbers.get(run.folder)
            if known is None or known[0] != stamp:
                known = self._numbers[run.folder] = (stamp, _read(run))
        return known[1]

    def drawn(self, run: Run, place: Place) -> Mapping[tuple[int, int], PanelRow]:
        """Return the drawn panels of a place, by panel and seed."""
        rows = self._board.part(DrawnPanels).rows(run)
        with self._lock:
            known = self._places.get(run.folder)
            if known is None or known[0] is not rows:
                found: dict[Place, dict[tuple[int, int], PanelRow]] = {}
                for row in rows:
                    found.setdefault(row.slot[:3], {})[row.panel, row.seed] = row
                known = self._places[run.folder] = (rows, found)
        return known[1].get(place, {})


def _read(run: Run) -> PictureNumbers:
    try:
        scores = read_scores(run)
    except RunError as error:
        return PictureNumbers(
            **{name: getattr(NO_NUMBERS, name) for name in PictureNumbers.__slots__ if name != "trouble"},
            trouble=str(error),
        )
    return _by_slot(scores) if scores else NO_NUMBERS


def _by_slot(scores: Scores) -> PictureNumbers:
    def slot_of(one: object) -> Slot:
        return Slot(*(getattr(one, name) for name in Slot._fields))

    lacking: dict[Slot, tuple[tuple[str, str], ...]] = {}
    for one in scores.missing:
        lacking[slot_of(one)] = (*lacking.get(slot_of(one), ()), (one.attribute, one.told))
    return PictureNumbers(
        panels={slot_of(one): one for one in scores.panels},
        sets={((one.candidate, one.order, one.story), one.seed): one for one in scores.stories},
        reasons={slot_of(one): one.reason for one in scores.faults},
        lacking=lacking,
        letters={slot_of(one): one.shown for one in scores.letters},
        metrics={metric.name: metric for metric in scores.metrics},
        panel_columns=_columns(scores.panels),
        set_columns=_columns(scores.stories),
    )


def _columns(rows: tuple[PanelScore, ...] | tuple[StoryScore, ...]) -> tuple[str, ...]:
    """Return the columns in which some row has a number, in the file's order."""
    found: dict[str, None] = {}
    for row in rows:
        found |= {name: None for name, value in row.values.items() if value is not None}
    return tuple(found)


@lru_cache(maxsize=2)
def words_in(language: Language) -> Words:
    """Return the sentences that the report has in a language."""
    return load_words(language)
