"""The stage that ranks: all bundles of a contest checked, scored by one set of instruments, and ordered."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from eval.metrics.registry import METRICS, Needs
from eval.scorers.protocols import Stamp
from kit.errors import BundleError, ScoreError
from kit.experiment.tables import ScoreTable
from kit.files.encodings import printable
from kit.story.story import Language
from submissions.contest.rules import Rules
from submissions.faults import Fault
from submissions.leaderboard.intake import CheckedBundle, check, contest_of, names_of
from submissions.leaderboard.ranking import Measurer, RankedEntry, Row, rank_entries, weights_of
from submissions.leaderboard.scored_entry import (
    DuplicatePanels,
    ScoredEntry,
    duplicate_panels,
    is_gated,
    prompts_of,
    score_entry,
    score_faults,
    shared_loras,
)
from submissions.verification.rule_checks import MAX_LINE

if TYPE_CHECKING:
    from eval.scorers.load import Scorers
    from kit.progress import Progress

COPY_ABOVE: float = ScoreTable().copy_above
"""Cosine above which two panels are listed as copies."""
MAX_REASON = 500
"""Characters of one reason."""
THUMB_SIDE = 160
"""Longest side of a thumbnail in pixels: sharp at twice the size it is shown in."""
THUMB_BUDGET = 24_000_000
"""Pixels of all thumbnails together, about 5 MB of WebP: more entries get smaller ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unranked:
    """A bundle that is not ranked."""

    file: str
    team: str
    """Empty, as the title, where the bundle does not say it."""
    title: str
    reasons: tuple[str, ...]
    """All of them, each one line and fit for a terminal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Instrument:
    """Which weights gave the numbers."""

    aesthetic: Stamp
    encoder: Stamp


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """A contest's entries by rank, and everything an organiser should know of them."""

    rules: Rules | None
    """None where no bundle is sound and nobody named a contest."""
    language: Language
    """Of most entries' prompts; the style is seen through its words in all of them."""
    weights: Mapping[str, float]
    """Of the metrics, adding up to 1."""
    instrument: Instrument | None
    """None where nothing was scored."""
    standings: tuple[RankedEntry, ...]
    unranked: tuple[Unranked, ...]
    exhibits: tuple[ScoredEntry, ...]
    """Every entry that was looked at, ranked or not."""
    likenesses: tuple[DuplicatePanels, ...]
    shared: tuple[tuple[ScoredEntry, ...], ...]
    """Groups of entries with one LoRA file."""

    @property
    def gated(self) -> bool:
        """Whether an entry below the gate's threshold was left out."""
        return bool(self.rules and self.instrument and is_gated(self.rules, self.instrument.aesthetic))

    def needs(self, kind: Needs) -> bool:
        """Return whether a metric that ranks is found from this, such as the prompts."""
        return any(METRICS[metric].needs == kind for metric in self.weights)


@dataclass(frozen=True, kw_only=True, slots=True)
class _CheckedEntry:
    """A bundle as far as it could be looked at."""

    checked: CheckedBundle
    exhibit: ScoredEntry | None = None
    """None where the bundle has faults or could not be measured."""
    values: Mapping[str, Row] = field(default_factory=dict)
    reasons: Sequence[Fault] = ()
    """Why it is not ranked; none where it is."""


def leaderboard(
    bundles: Sequence[Path],
    rules: Rules | None,
    load: "Callable[[], Scorers]",
    progress: "Progress | None" = None,
) -> Board:
    """Return the ranking of bundles; one bundle's files are in memory at a time.

    Args:
        bundles: zips; what is wrong with one is said of that one.
        rules: the contest's; by default those of the contest that all sound bundles name.
        load: gives what every entry is measured with; not called where no bundle is sound.
        progress: hears of every bundle twice: when it was checked and when it was looked at.

    Raises:
        InputError: the bundles are for several contests, or a part of its ranking cannot be measured.
    """
    handed_in = _check_all(bundles, rules, progress)
    contest = rules or contest_of(handed_in)
    weights = weights_of(contest) if contest else {}
    language = _language(handed_in)
    sound = sum(not one.faults for one in handed_in)
    eye = _EntryScorer(contest, load(), language, sound) if contest and sound else None
    seen = []
    for one in handed_in:
        seen.append(
            _CheckedEntry(checked=one, reasons=one.faults) if one.faults or eye is None else eye.look(one)
        )
        if progress is not None:
            progress.advance(1)
    exhibits = tuple(one.exhibit for one in seen if one.exhibit)
    ranked = [(one.exhibit, one.values) for one in seen if one.exhibit and not one.reasons]
    return Board(
        rules=contest,
        language=language,
        weights=weights,
        instrument=eye.instrument if eye else None,
        standings=rank_entries(ranked, weights),
        unranked=tuple(_unranked(one) for one in seen if one.reasons),
        exhibits=exhibits,
        likenesses=duplicate_panels(exhibits, COPY_ABOVE),
        shared=shared_loras(exhibits),
    )


class _EntryScorer:
    """Looks at sound bundles, all with the same instruments."""

    def __init__(self, rules: Rules, tools: "Scorers", language: Language, sound: int) -> None:
        """Take the instruments, and how many bundles there are to look at."""
        self._rules, self._tools = rules, tools
        self._measurer = Measurer(list(weights_of(rules)), tools.encoder, language)
        self._side = min(THUMB_SIDE, math.isqrt(THUMB_BUDGET // (sound * rules.panels.count)))
        self.instrument = Instrument(aesthetic=tools.aesthetic.stamp, encoder=tools.encoder.stamp)

    def look(self, checked: CheckedBundle) -> _CheckedEntry:
        """Return a bundle's entry with its values, or why it has none or is not ranked."""
        try:
            exhibit = score_entry(checked, self._tools, self._side)
            values = self._measurer.values(exhibit)
        except (BundleError, ScoreError) as error:
            fault = Fault(place="bundle", problem=f"cannot be measured: {error}")
            return _CheckedEntry(checked=checked, reasons=[fault])
        assert checked.manifest is not None, "a sound bundle has a manifest"
        reasons = score_faults(exhibit, checked.manifest.gate, self._rules, self.instrument.aesthetic)
        return _CheckedEntry(checked=checked, exhibit=exhibit, values=values, reasons=reasons)


def _check_all(
    bundles: Sequence[Path], rules: Rules | None, progress: "Progress | None"
) -> list[CheckedBundle]:
    """Return every bundle with its faults, by name."""
    names = names_of(bundles)
    if progress is not None:
        progress.begin(2 * len(bundles), 0)
    checked = []
    for path in sorted(bundles, key=names.__getitem__):
        checked.append(check(path, rules, names[path]))
        if progress is not None:
            progress.advance(1)
    return checked


def _language(handed_in: Sequence[CheckedBundle]) -> Language:
    """Return the language that most bundles are prompted in; English where none can be read."""
    prompts = ["".join(prompts_of(one.manifest)) for one in handed_in if one.manifest]
    chinese = sum(any("\u3400" <= letter <= "\u9fff" for letter in text) for text in prompts)
    return "zh" if prompts and 2 * chinese >= len(prompts) else "en"


def _unranked(seen: _CheckedEntry) -> Unranked:
    """Return a bundle that is not ranked; its words are cut, for it may say anything."""
    manifest = seen.checked.manifest
    return Unranked(
        file=seen.checked.file,
        team=printable(manifest.team[:MAX_LINE]) if manifest else "",
        title=printable(manifest.title[:MAX_LINE]) if manifest else "",
        reasons=tuple(_cut(str(fault)) for fault in seen.reasons),
    )


def _cut(reason: str) -> str:
    return reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]}…"
