"""What can be chosen from in a run, kept in memory between questions and renewed when pictures are drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from eval.casting.picks import Place
from eval.casting.pool import Pool, pool_of, refuse_too_many
from eval.metrics.story_facts import StoryFacts, told_by
from eval.scorers.load import Scorers
from kit.experiment.run import EXTRAS, Run, Slot
from kit.progress import Progress

MOST_POOLS = 6
"""Of places that are kept in memory."""
_FILES = ("experiment.toml", "panels.jsonl", "faults.json", "scores.json", EXTRAS)

Stamp = tuple[tuple[int, int], ...]
"""When files were written, and how long they are."""


@dataclass(frozen=True, slots=True)
class _Kept:
    stamp: Stamp
    pictures: Mapping[Slot, str]
    pool: Pool


@dataclass
class CastingSession:
    """The pools of a run; may be asked by several threads."""

    run: Run
    load: Callable[[Run], Scorers] = lambda run: _loaded(run)
    """Loads the scorers, where a picture is not measured yet."""
    _pools: dict[Place, _Kept] = field(default_factory=dict)
    _told: dict[tuple[Stamp, str], Mapping[str, StoryFacts]] = field(default_factory=dict)
    _working: Lock = field(default_factory=Lock)
    _keeping: Lock = field(default_factory=Lock)

    def ready(self, place: Place) -> Pool | None:
        """Return what can be chosen from at a place if that is known already; never slow."""
        kept = self._pools.get(place)
        if kept is None:
            return None
        stamp = self._stamp()
        if kept.stamp != stamp:
            if _words(kept.stamp) != _words(stamp) or kept.pictures != self._pictures(place):
                return None
            with self._keeping:
                if place in self._pools:
                    self._pools[place] = _Kept(stamp, kept.pictures, kept.pool)
        return kept.pool

    def pool(self, place: Place, progress: Progress | None = None) -> Pool:
        """Return what can be chosen from at a place; pictures that are not measured yet are measured first.

        Raises:
            ScoreError: a panel has no picture, or there are too many.
        """
        from eval.scoring.measure import measure
        from eval.scoring.remembered import as_scored

        with self._working:
            known = self.ready(place)
            if known is not None:
                return known
            run = Run.open(self.run.folder)
            refuse_too_many(run)
            stamp, pictures = self._stamp(), self._pictures(place)
            tools = as_scored(run, lambda: self.load(run))
            measured = measure(run, tools, progress, [place])
            pool = pool_of(place, measured, self._facts(run, stamp, tools)[place[2]], tools.calibration)
            with self._keeping:
                self._pools.pop(place, None)
                while len(self._pools) >= MOST_POOLS:
                    del self._pools[next(iter(self._pools))]
                self._pools[place] = _Kept(stamp, pictures, pool)
            return pool

    def _facts(self, run: Run, stamp: Stamp, tools: Scorers) -> Mapping[str, StoryFacts]:
        key = (_words(stamp), tools.encoder.stamp.weights_sha256)
        if key not in self._told:
            self._told = {key: told_by(run.loaded, tools.encoder)}
        return self._told[key]

    def _pictures(self, place: Place) -> dict[Slot, str]:
        return {row.slot: row.sha256 for row in self.run.rows() if row.slot[:3] == place}

    def _stamp(self) -> Stamp:
        found = []
        stories = sorted((self.run.folder / "stories").glob("*.toml"))
        for path in (*(self.run.folder / name for name in _FILES), *stories):
            try:
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size))
            except OSError:
                found.append((0, 0))
        return tuple(found)


def _loaded(run: Run) -> Scorers:
    from eval.scoring.score import scorers_of

    return scorers_of(run.loaded)


def _words(stamp: Stamp) -> Stamp:
    """Return the part of a stamp that is of the experiment and its stories."""
    return (stamp[0], *stamp[len(_FILES) :])
