"""The stage that ranks: all bundles of a contest checked, scored by one set of scorers, and ordered."""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from eval.metrics.registry import METRICS, Needs
from eval.scorers.batches import batches_ahead
from eval.scorers.calibration import Calibration
from eval.scorers.load import Scorers
from eval.scorers.protocols import Stamp
from kit.errors import BundleError, ScoreError, printable
from kit.messages import Language, mark, tr
from kit.progress import Progress
from submissions.bundle.bundle import Bundle
from submissions.bundle.manifest import Manifest
from submissions.contest.rules import Rules, load_rules
from submissions.faults import Fault, shortened
from submissions.leaderboard.intake import CheckedBundle, beyond, check, contest_of, names_of
from submissions.leaderboard.likeness import DuplicatePanels, duplicate_panels, shared_loras
from submissions.leaderboard.ranking import Measurer, RankedEntry, Row, rank_entries, weights_of
from submissions.leaderboard.scored_entry import (
    ScoredEntry,
    is_gated,
    prompts_of,
    score_entry,
    score_faults,
)
from submissions.verification.rule_checks import MAX_LINE

_NOT_MEASURED = mark("cannot be measured, it sets off {error}")
COPY_ABOVE = 0.95
"""Cosine above which two panels are listed as copies."""
MAX_REASON = 500
"""Characters of one reason."""
CHECKED_AHEAD = 2
"""Bundles checked while so many others are looked at; each may hold half a gigabyte."""
MOST_AT_ONCE = 64
"""Bundles that are scored at the same time, however many devices there are."""
THUMB_SIDE = 512
"""Longest side of a thumbnail in pixels, where few entries leave room: it can be opened large."""
STRANGE = (ValueError, LookupError, ArithmeticError, MemoryError, RecursionError)
"""What an entry's own words and pictures could set off; a broken scorer or device raises others."""
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
class Board:
    """A contest's entries by rank, and everything an organiser should know of them."""

    rules: Rules | None
    """None where no bundle is sound and nobody named a contest."""
    language: Language
    """Of most entries' prompts; the style is seen through its words in all of them."""
    weights: Mapping[str, float]
    """Of the metrics, adding up to 1."""
    instrument: Mapping[str, Stamp]
    """Which weights gave the numbers, "aesthetic" and "encoder"; empty where nothing was scored."""
    calibration: Calibration | None
    """What may be believed of these weights; None where nobody has measured it."""
    standings: tuple[RankedEntry, ...]
    unranked: tuple[Unranked, ...]
    exhibits: tuple[ScoredEntry, ...]
    """Every entry that was looked at, ranked or not."""
    likenesses: tuple[DuplicatePanels, ...]
    shared: tuple[tuple[ScoredEntry, ...], ...]
    """Groups of entries whose LoRAs are one, in whatever files."""

    @property
    def gated(self) -> bool:
        """Whether an entry below the gate's threshold was left out."""
        return bool(self.rules and self.instrument and is_gated(self.rules, self.instrument["aesthetic"]))

    def needs(self, kind: Needs) -> bool:
        """Return whether a metric that ranks is found from this, such as the prompts."""
        return any(METRICS[metric].needs == kind for metric in self.weights)


def leaderboard(
    bundles: Sequence[Path],
    rules: Rules | None,
    load: Callable[[], Scorers],
    progress: Progress | None = None,
) -> Board:
    """Return the ranking of bundles; each is opened once, and as many are held as are scored at once.

    Args:
        bundles: zips; what is wrong with one is said of that one.
        rules: the contest's; by default those of the contest that all sound bundles name.
        load: gives what every entry is measured with; not called where no bundle is sound.
        progress: hears of every bundle twice: when it was checked and when it was looked at.

    Raises:
        InputError: the bundles are for several contests, or a part of its ranking cannot be measured.
    """
    names = names_of(bundles)
    if progress is not None:
        progress.begin(2 * len(bundles), 0)
    ordered = sorted(bundles, key=names.__getitem__)
    checks = batches_ahead(partial(check, rules=rules), ordered, CHECKED_AHEAD)
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        intake = _Intake(rules, load, len(bundles), pool)
        for path, checked in zip(ordered, chain.from_iterable(checks), strict=True):
            intake.look(names[path], checked, progress)
        if intake.tools is not None:
            intake.settle(intake.tools)
    contest = rules or contest_of(intake.sound)
    weights = weights_of(contest) if contest else {}
    language, tools = intake.language, intake.tools
    values = intake.measure(Measurer(list(weights), tools.encoder, language)) if tools else {}
    instrument = {"aesthetic": tools.aesthetic.metric.stamp, "encoder": tools.encoder.stamp} if tools else {}
    exhibits = tuple(intake.exhibits.values())
    ranked = [(one, values[one.file]) for one in exhibits if one.file not in intake.refused]
    return Board(
        rules=contest,
        language=language,
        weights=weights,
        instrument=instrument,
        calibration=tools.calibration if tools else None,
        standings=rank_entries(ranked, weights),
        unranked=tuple(intake.unranked(file) for file in sorted(intake.refused)),
        exhibits=exhibits,
        likenesses=duplicate_panels(exhibits, COPY_ABOVE),
        shared=shared_loras(exhibits),
    )


class _BeingScored(NamedTuple):
    """A sound bundle that is being scored."""

    scored: Future[ScoredEntry]
    manifest: Manifest
    rules: Rules


class _Intake:
    """Checks bundles and looks at the sound ones with the same scorers; their files are not kept."""

    def __init__(
        self, rules: Rules | None, load: Callable[[], Scorers], count: int, pool: ThreadPoolExecutor
    ) -> None:
        """Take the rules if they are known, how many bundles there are, and threads that score them."""
        self._rules, self._load, self._count, self._pool = rules, load, count, pool
        self._manifests: dict[str, Manifest] = {}
        """Those that can be read, by what reports call the bundle, as all that follows."""
        self.sound: dict[str, list[str]] = {}
        """Files of the sound bundles, by the contest that they name."""
        self.tools: Scorers | None = None
        """None until a bundle is sound."""
        self.exhibits: dict[str, ScoredEntry] = {}
        """The bundles without faults that could be measured."""
        self.refused: dict[str, Sequence[Fault]] = {}
        """Why a bundle is not ranked."""
        self._asked: dict[str, _BeingScored] = {}
        """Who is being scored: as many as there are devices."""
        if rules:
            weights_of(rules)

    @property
    def language(self) -> Language:
        """The language that most bundles are prompted in; English where none can be read."""
        prompts = ["".join(prompts_of(manifest)) for manifest in self._manifests.values()]
        chinese = sum(any("\u3400" <= letter <= "\u9fff" for letter in text) for text in prompts)
        return "zh" if prompts and 2 * chinese >= len(prompts) else "en"

    def look(self, file: str, checked: CheckedBundle, progress: Progress | None) -> None:
        """Keep a bundle's entry, or why it has none or is not ranked."""
        bundle, faults = checked
        if progress is not None:
            progress.advance(1)
        if bundle and bundle.manifest:
            self._manifests[file] = bundle.manifest
        if faults:
            self.refused[file] = faults
        elif bundle:
            self.sound.setdefault(bundle.sound_manifest.rules, []).append(file)
            self._score(file, bundle)
        if progress is not None:
            progress.advance(1)

    def _score(self, file: str, bundle: Bundle) -> None:
        """Keep a sound bundle's entry; where bundles are for several contests, no more is looked at."""
        if self._rules is None and len(self.sound) > 1:
            return
        manifest = bundle.sound_manifest
        rules = self._rules or load_rules(manifest.rules)
        if self.tools is None:
            weights_of(rules)
            self.tools = self._load()
        side = min(THUMB_SIDE, math.isqrt(THUMB_BUDGET // (self._count * rules.panels.count)))
        ask = partial(score_entry, file, bundle, self.tools, side)
        self._asked[file] = _BeingScored(self._pool.submit(copy_context().run, ask), manifest, rules)
        self.settle(self.tools, min(self.tools.at_once, MOST_AT_ONCE) - 1)

    def settle(self, tools: Scorers, left: int = 0) -> None:
        """Keep what was found of those who are being scored, but of the last few."""
        while len(self._asked) > left:
            file = next(iter(self._asked))
            self._keep(file, self._asked.pop(file), tools.aesthetic.metric.stamp)

    def _keep(self, file: str, asked: "_BeingScored", stamp: Stamp) -> None:
        """Keep a bundle's entry as soon as it is there, or why it has none or is not ranked."""
        try:
            found = self.exhibits[file] = asked.scored.result()
        except (BundleError, ScoreError) as error:
            self.refused[file] = [_unmeasured(error)]
        except STRANGE as error:
            self.refused[file] = [beyond(_NOT_MEASURED, error)]
        else:
            if faults := score_faults(found, asked.manifest.gate, asked.rules, stamp):
                self.refused[file] = faults

    def measure(self, measurer: Measurer) -> dict[str, Mapping[str, Row]]:
        """Return each entry's values by metric; an entry that has none is an entry no more."""
        values: dict[str, Mapping[str, Row]] = {}
        for file, exhibit in list(self.exhibits.items()):
            try:
                values[file] = measurer.values(exhibit)
            except (ScoreError, *STRANGE) as error:
                del self.exhibits[file]
                self.refused[file] = [_unmeasured(error)]
        return values

    def unranked(self, file: str) -> Unranked:
        """Return a bundle that is not ranked; its words are cut, for it may say anything."""
        manifest, reasons = self._manifests.get(file), self.refused[file]
        return Unranked(
            file=file,
            team=printable(manifest.team[:MAX_LINE]) if manifest else "",
            title=printable(manifest.title[:MAX_LINE]) if manifest else "",
            reasons=tuple(shortened(one.message, MAX_REASON, "…") for one in reasons),
        )


def _unmeasured(error: Exception) -> Fault:
    return Fault("bundle", tr("cannot be measured: {error}", error=error))
