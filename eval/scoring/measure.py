"""Every picture measured once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL.Image import Image

from eval.scorers.load import Scorers
from eval.scorers.protocols import Inscription, Stamp
from eval.scoring.letters import from_row, to_row
from eval.scoring.panel_file import PanelFile, read_panel
from eval.scoring.score_cache import ScoreCache
from kit.errors import ScoreError
from kit.experiment.extras.extra_pictures import all_slots
from kit.experiment.run import Run, Slot
from kit.experiment.steps import side_after
from kit.images.copies import Look, look_at
from kit.messages import mark, tr
from kit.progress import Progress
from kit.retold import retold
from kit.threads import batches_ahead, results_in_turn

_SCORER, _ENCODER = mark("scorer"), mark("encoder")
CACHE = Path("cache") / "scores.sqlite"
"""Below a run's folder."""
BATCH = 32
"""Pictures measured and then kept at once; a stop loses no more than these. Twice as many are read ahead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What was found; pictures are named by the sha256 of their file."""

    readings: Mapping[Slot, PanelFile]
    """Of every panel that was asked for, without its picture."""
    aesthetic: dict[str, float] = field(default_factory=dict)
    embeddings: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """Rows of unit length."""
    looks: dict[str, Look] = field(default_factory=dict)
    """To know copies by; made anew each time, which costs less than to keep them."""
    letters: dict[str, tuple[Inscription, ...]] = field(default_factory=dict)
    """What is legible; empty where nobody asked for it."""
    fresh: list[str] = field(default_factory=list)
    """Pictures that were not known before."""
    notes: list[str] = field(default_factory=list)
    """What to mind that spoils no number."""


def measure(
    run: Run, tools: Scorers, progress: Progress | None = None, only: Collection[tuple[str, str, str]] = ()
) -> Measured:
    """Measure every panel the run wants; what the run's cache knows of the same weights is not done again.

    Args:
        run: whose panels.
        tools: what they are measured with.
        progress: hears of every batch.
        only: candidates, orders and stories; empty for all.
    """
    slots = [slot for slot in all_slots(run) if not only or slot[:3] in only]
    size = run.loaded.settings.size
    drawn = {row.slot: row for row in run.rows()}
    faults = {run.folder / file: retold(reason) for file, reason in run.faults().items()}
    readings: dict[Slot, PanelFile] = {}
    measured = Measured(readings=readings)
    if progress is not None:
        progress.begin(len(slots), 0)

    def read(slot: Slot) -> tuple[Slot, PanelFile, Look | None]:
        path = run.panel_path(*slot)
        row = drawn.get(slot)
        side = side_after(size, row.chain) if row else size
        reading = read_panel(path, row.sha256 if row else None, side, faults.get(path, ""))
        reading = replace(reading, finished=any(step.finishes_whole for step in row.chain) if row else False)
        return slot, reading, look_at(reading.picture) if reading.picture else None

    path = run.folder / CACHE
    with ScoreCache.open(path) as cache:
        begun: set[str] = set()
        asked = (_Batch.of(panels, begun, tools, cache) for panels in batches_ahead(read, slots, BATCH))
        for batch, found in results_in_turn(partial(_measured_now, tools), asked, tools.at_once):
            _keep_batch(batch, found, tools, cache, measured)
            readings.update({slot: replace(reading, picture=None) for slot, reading, _ in batch.panels})
            if progress is not None:
                progress.advance(len(batch.panels))
        if cache.trouble:
            measured.notes.append(
                tr(
                    "{file} cannot be used ({trouble}): every picture was measured anew; delete it to have a "
                    "cache again",
                    file=path,
                    trouble=cache.trouble,
                )
            )
    return measured


class _Batch(NamedTuple):
    """Panels that are measured together, and what is known of their pictures, which sha256s name."""

    panels: Sequence[tuple[Slot, PanelFile, Look | None]]
    pictures: Mapping[str, Image]
    scores: Mapping[str, NDArray[np.float32]]
    rows: Mapping[str, NDArray[np.float32]]
    letters: Mapping[str, NDArray[np.float32]]

    @classmethod
    def of(
        cls,
        panels: Sequence[tuple[Slot, PanelFile, Look | None]],
        begun: set[str],
        tools: Scorers,
        cache: ScoreCache,
    ) -> "_Batch":
        """Look up what is known; pictures that an earlier batch has begun with are left to it."""
        pictures = {
            reading.sha256: reading.picture
            for _, reading, _ in panels
            if reading.picture and reading.sha256 not in begun
        }
        begun.update(pictures)
        names, keys = list(pictures), _Keys.of(tools)
        letters = cache.get(keys.letters, names) if keys.letters else {}
        return cls(panels, pictures, cache.get(keys.scores, names), cache.get(keys.rows, names), letters)

    def without(self, known: Mapping[str, object]) -> dict[str, Image]:
        """Return the pictures that something is not known of."""
        return {name: picture for name, picture in self.pictures.items() if name not in known}


class _Keys(NamedTuple):
    """What the cache keeps numbers by."""

    scores: str
    rows: str
    letters: str
    """Empty where nobody asked for them."""

    @classmethod
    def of(cls, tools: Scorers) -> "_Keys":
        """Return them for these weights."""
        read = key_of("letters", tools.reader.stamp) if tools.reader else ""
        return cls(
            key_of("aesthetic", tools.aesthetic.metric.stamp), key_of("picture", tools.encoder.stamp), read
        )


class _Found(NamedTuple):
    """What was measured of those pictures of a batch that it was not known of."""

    scored: Sequence[str] = ()
    scores: ArrayLike = ()
    seen: Sequence[str] = ()
    rows: ArrayLike = ()
    read: Sequence[str] = ()
    letters: Sequence[tuple[Inscription, ...]] = ()


def _measured_now(tools: Scorers, batch: _Batch) -> _Found:
    """Return what is not known of a batch; touches no file."""
    new, unseen = batch.without(batch.scores), batch.without(batch.rows)
    found = _Found()
    if tools.tower is not None and (either := new | unseen):
        scores, rows = tools.tower.look(list(either.values()))
        found = _Found(list(either), scores, list(either), rows)
    elif tools.tower is None:
        numbers = tools.aesthetic.score(list(new.values())) if new else ()
        seen = tools.encoder.pictures(list(unseen.values())) if unseen else ()
        found = _Found(list(new), numbers, list(unseen), seen)
    if tools.reader and (unread := batch.without(batch.letters)):
        found = found._replace(read=list(unread), letters=tools.reader.read(list(unread.values())))
    return found


def _keep_batch(batch: _Batch, found: _Found, tools: Scorers, cache: ScoreCache, measured: Measured) -> None:
    """Add what was known of a batch's pictures and what was found now, which is kept."""
    keys = _Keys.of(tools)
    scores = {**batch.scores, **_keep(cache, keys.scores, found.scored, found.scores, _SCORER)}
    rows = {**batch.rows, **_keep(cache, keys.rows, found.seen, found.rows, _ENCODER)}
    measured.looks.update({reading.sha256: look for _, reading, look in batch.panels if look})
    measured.aesthetic.update({name: float(row[0]) for name, row in scores.items()})
    measured.embeddings.update(rows)
    letters = {**batch.letters, **_keep_letters(cache, keys.letters, found)}
    measured.letters.update({name: from_row(row) for name, row in letters.items()})
    measured.fresh.extend(dict.fromkeys([*found.scored, *found.seen, *found.read]))


def _keep_letters(cache: ScoreCache, key: str, found: _Found) -> dict[str, NDArray[np.float32]]:
    """Return the letters' rows by their picture's sha256, once there is one for each, and keep them."""
    if len(found.letters) != len(found.read):
        raise ScoreError(
            tr(
                "the reader must answer for each of {n} pictures, got {got} answers",
                n=len(found.read),
                got=len(found.letters),
            )
        )
    rows = {name: to_row(one) for name, one in zip(found.read, found.letters, strict=True)}
    if rows:
        cache.put(key, rows)
    return rows


def _keep(
    cache: ScoreCache, key: str, names: Collection[str], found: ArrayLike, who: str
) -> dict[str, NDArray[np.float32]]:
    """Return the rows by their picture's sha256, once they are known to be whole and are kept."""
    if not names:
        return {}
    numbers = np.asarray(found, dtype=np.float32)
    if len(numbers) != len(names):
        raise ScoreError(
            tr(
                "the {who} must answer for each of {n} pictures, got {got} answers",
                who=tr(who),
                n=len(names),
                got=len(numbers),
            )
        )
    if not np.isfinite(numbers).all():
        wild = numbers[~np.isfinite(numbers)][0]
        raise ScoreError(
            tr("the {who} must give finite numbers, got {got}; check the weights", who=tr(who), got=wild)
        )
    rows = dict(zip(names, numbers.reshape(len(names), -1), strict=True))
    cache.put(key, rows)
    return rows


def key_of(kind: str, stamp: Stamp) -> str:
    """Return what a number depends on beside its picture."""
    return f"{kind} {stamp.weights_sha256} {stamp.preprocessing}"
