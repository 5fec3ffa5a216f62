"""The stage that ranks: all bundles of a contest checked, scored by one set of scorers, and ordered."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from eval.metrics.registry import METRICS, Needs
from eval.scorers.calibration import Calibration
from eval.scorers.load import Scorers
from eval.scorers.protocols import Stamp
from kit.errors import BundleError, ScoreError, printable
from kit.messages import Language, mark, tr
from kit.progress import Progress
from kit.threads import batches_ahead, results_in_turn
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
CHECKED_TOGETHER = 1
"""Bundles; twice as many are checked while these are looked at, and each may hold half a gigabyte."""
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
    checks = chain.from_iterable(batches_ahead(partial(check, rules=rules), ordered, CHECKED_TOGETHER))
    intake = _Intake(rules, load, len(bundles))
    intake.take(zip(map(names.__getitem__, ordered), checks, strict=True), progress)
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


class _Intake:
    """Checks bundles and looks at the sound ones with the same scorers; their files are not kept."""

    def __init__(self, rules: Rules | None, load: Callable[[], Scorers], count: int) -> None:
        """Take the rules if they are known, and how many bundles there are."""
        self._rules, self._load, self._count = rules, load, count
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
        if rules:
            weights_of(rules)

    @property
    def language(self) -> Language:
        """The language that most bundles are prompted in; English where none can be read."""
        prompts = ["".join(prompts_of(manifest)) for manifest in self._manifests.values()]
        chinese = sum(any("\u3400" <= letter <= "\u9fff" for letter in text) for text in prompts)
        return "zh" if prompts and 2 * chinese >= len(prompts) else "en"

    def take(self, bundles: Iterable[tuple[str, CheckedBundle]], progress: Progress | None) -> None:
        """Keep each bundle's entry, or why it has none or is not ranked.

        As many are scored at the same time as there are devices.
        """
        sound = self._sound(bundles, progress)
        first = next(sound, None)
        if first is None:
            return
        weights_of(self._rules_of(first[1]))
        tools = self.tools = self._load()
        at_once = min(tools.at_once, MOST_AT_ONCE)
        for (file, bundle), found in results_in_turn(
            partial(self._scored, tools), chain([first], sound), at_once
        ):
            if isinstance(found, Fault):
                self.refused[file] = [found]
                continue
            self.exhibits[file] = found
            gate, rules = bundle.sound_manifest.gate, self._rules_of(bundle)
            if faults := score_faults(found, gate, rules, tools.aesthetic.metric.stamp):
                self.refused[file] = faults

    def _sound(
        self, bundles: Iterable[tuple[str, CheckedBundle]], progress: Progress | None
    ) -> Iterator[tuple[str, Bundle]]:
        """Yield the bundles without faults; where they are for several contests, no more."""
        for file, (bundle, faults) in bundles:
            if progress is not None:
                progress.advance(1)
            if bundle and bundle.manifest:
                self._manifests[file] = bundle.manifest
            if faults:
                self.refused[file] = faults
            elif bundle:
                self.sound.setdefault(bundle.sound_manifest.rules, []).append(file)
                if self._rules is not None or len(self.sound) == 1:
                    yield file, bundle
            if progress is not None:
                progress.advance(1)

    def _rules_of(self, bundle: Bundle) -> Rules:
        return self._rules or load_rules(bundle.sound_manifest.rules)

    def _scored(self, tools: Scorers, sound: tuple[str, Bundle]) -> ScoredEntry | Fault:
        """Return a bundle's entry, or why it has none."""
        file, bundle = sound
        side = min(
            THUMB_SIDE, math.isqrt(THUMB_BUDGET // (self._count * self._rules_of(bundle).panels.count))
        )
        try:
            return score_entry(file, bundle, tools, side)
        except (BundleError, ScoreError) as error:
            return _unmeasured(error)
        except STRANGE as error:
            return beyond(_NOT_MEASURED, error)

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
