"""The stage that ranks: all bundles of a contest checked, scored by one set of instruments, and ordered."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from eval.metrics.registry import METRICS, Needs
from eval.scorers.protocols import Stamp
from kit.errors import BundleError, ScoreError
from kit.experiment.tables import ScoreTable
from kit.files.encodings import printable
from kit.story.story import Language
from submissions.bundle.bundle import Bundle
from submissions.bundle.manifest import Manifest
from submissions.contest.rules import Rules, load_rules
from submissions.faults import Fault
from submissions.leaderboard.intake import check, contest_of, names_of
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
class _SeenEntry:
    """A bundle as far as it could be looked at; its files are in memory no more."""

    file: str
    """What reports call it: its name, with the folder where the bundles lie in several."""
    manifest: Manifest | None
    """None where it cannot be read."""
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
    """Return the ranking of bundles; each is opened once, and one bundle's files are in memory at a time.

    Args:
        bundles: zips; what is wrong with one is said of that one.
        rules: the contest's; by default those of the contest that all sound bundles name.
        load: gives what every entry is measured with; not called where no bundle is sound.
        progress: hears of every bundle twice: when it was checked and when it was looked at.

    Raises:
        InputError: the bundles are for several contests, or a part of its ranking cannot be measured.
    """
    names = names_of(bundles)
    intake = _Intake(rules, load, len(bundles))
    if progress is not None:
        progress.begin(2 * len(bundles), 0)
    seen = [intake.look(path, names[path], progress) for path in sorted(bundles, key=names.__getitem__)]
    contest = rules or contest_of(intake.sound)
    weights, language = weights_of(contest) if contest else {}, _language(seen)
    if intake.tools:
        measurer = Measurer(list(weights), intake.tools.encoder, language)
        seen = [_measured(one, measurer) for one in seen]
    exhibits = tuple(one.exhibit for one in seen if one.exhibit)
    ranked = [(one.exhibit, one.values) for one in seen if one.exhibit and not one.reasons]
    return Board(
        rules=contest,
        language=language,
        weights=weights,
        instrument=intake.instrument,
        standings=rank_entries(ranked, weights),
        unranked=tuple(_unranked(one) for one in seen if one.reasons),
        exhibits=exhibits,
        likenesses=duplicate_panels(exhibits, COPY_ABOVE),
        shared=shared_loras(exhibits),
    )


class _Intake:
    """Checks bundles and looks at the sound ones, all with the same instruments."""

    def __init__(self, rules: Rules | None, load: "Callable[[], Scorers]", count: int) -> None:
        """Take the rules if they are known, and how many bundles there are."""
        self._rules, self._load, self._count = rules, load, count
        self.sound: dict[str, list[str]] = {}
        """Files of the sound bundles, by the contest that they name."""
        self.tools: Scorers | None = None
        """None until a bundle is sound."""
        if rules:
            weights_of(rules)

    @property
    def instrument(self) -> Instrument | None:
        """Return which weights give the numbers; None where nothing was scored."""
        if self.tools is None:
            return None
        return Instrument(aesthetic=self.tools.aesthetic.metric.stamp, encoder=self.tools.encoder.stamp)

    def look(self, path: Path, file: str, progress: "Progress | None") -> _SeenEntry:
        """Return a bundle's entry, or why it has none or is not ranked."""
        bundle, faults = check(path, self._rules)
        if progress is not None:
            progress.advance(1)
        manifest = bundle.manifest if bundle else None
        seen = _SeenEntry(file=file, manifest=manifest, reasons=faults)
        if bundle and manifest and not faults:
            self.sound.setdefault(manifest.rules, []).append(file)
            seen = self._scored(seen, bundle, manifest)
        if progress is not None:
            progress.advance(1)
        return seen

    def _scored(self, seen: _SeenEntry, bundle: Bundle, manifest: Manifest) -> _SeenEntry:
        """Return a sound bundle's entry; where bundles are for several contests, no more is looked at."""
        if self._rules is None and len(self.sound) > 1:
            return seen
        rules = self._rules or load_rules(manifest.rules)
        if self.tools is None:
            weights_of(rules)
            self.tools = self._load()
        side = min(THUMB_SIDE, math.isqrt(THUMB_BUDGET // (self._count * rules.panels.count)))
        try:
            exhibit = score_entry(seen.file, bundle, self.tools, side)
        except (BundleError, ScoreError) as error:
            return _unmeasured(seen, error)
        reasons = score_faults(exhibit, manifest.gate, rules, self.tools.aesthetic.metric.stamp)
        return replace(seen, exhibit=exhibit, reasons=reasons)


def _measured(seen: _SeenEntry, measurer: Measurer) -> _SeenEntry:
    """Return an entry with its values, or why it has none."""
    try:
        return replace(seen, values=measurer.values(seen.exhibit)) if seen.exhibit else seen
    except ScoreError as error:
        return _unmeasured(seen, error)


def _unmeasured(seen: _SeenEntry, error: Exception) -> _SeenEntry:
    return replace(seen, exhibit=None, reasons=[Fault("bundle", f"cannot be measured: {error}")])


def _language(seen: Sequence[_SeenEntry]) -> Language:
    """Return the language that most bundles are prompted in; English where none can be read."""
    prompts = ["".join(prompts_of(one.manifest)) for one in seen if one.manifest]
    chinese = sum(any("\u3400" <= letter <= "\u9fff" for letter in text) for text in prompts)
    return "zh" if prompts and 2 * chinese >= len(prompts) else "en"


def _unranked(seen: _SeenEntry) -> Unranked:
    """Return a bundle that is not ranked; its words are cut, for it may say anything."""
    manifest = seen.manifest
    return Unranked(
        file=seen.file,
        team=printable(manifest.team[:MAX_LINE]) if manifest else "",
        title=printable(manifest.title[:MAX_LINE]) if manifest else "",
        reasons=tuple(_cut(str(fault)) for fault in seen.reasons),
    )


def _cut(reason: str) -> str:
    return reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]}…"
