"""Parts of a run that machines draw which know nothing of each other: `generate --shard 3/8`.

Pictures of one set of eight are drawn together, so a set is never parted. Which sets a shard has follows from
the experiment alone, and a picture that several sets share belongs to the first of them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kit.errors import InputError
from kit.experiment.run import Run, Slot
from kit.generation.batching import drawn_apart, group_batches
from kit.generation.recipe import Job
from kit.messages import tr
from kit.story.story import PANELS

MOST_SHARDS = 10_000
_NAMED = re.compile(r"([1-9]\d{0,4})/([1-9]\d{0,4})")


@dataclass(frozen=True, slots=True)
class RunShard:
    """One of several parts of a run."""

    number: int
    """From 1."""
    count: int

    def __str__(self) -> str:
        """Return it as it is typed."""
        return f"{self.number}/{self.count}"


def shard_named(text: str) -> RunShard:
    """Return the shard that "3/8" names; raises InputError for anything else.

    >>> shard_named("3/8")
    RunShard(number=3, count=8)
    """
    found = _NAMED.fullmatch(text)
    shard = RunShard(int(found[1]), int(found[2])) if found else RunShard(1, 0)
    if not shard.number <= shard.count <= MOST_SHARDS:
        raise InputError(
            "--shard",
            [
                tr(
                    "must be a number and how many there are, such as 1/3, 2/3 and 3/3, at most {most}; got "
                    "{got!r}",
                    most=MOST_SHARDS,
                    got=text,
                )
            ],
        )
    return shard


def shard_slots(run: Run, jobs: Iterable[Job], shard: RunShard) -> set[Slot]:
    """Return the panels that a shard draws; what was asked for beside the seeds is in none.

    Args:
        run: planned.
        jobs: all that it wants.
        shard: the part.
    """
    wanted = set(run.wanted())
    sets = group_batches((job for job in jobs if job.slot in wanted), PANELS, drawn_apart(run))
    mine = sets[shard.number - 1 :: shard.count]
    return {job.slot for pictures in mine for same in pictures for job in same}


def most_sets(run: Run) -> int:
    """Return of how many sets a run's panels are; fewer are drawn where sets share all their pictures."""
    apart = drawn_apart(run)
    return len({(slot[:-1], apart.get(slot)) for slot in run.wanted()})
