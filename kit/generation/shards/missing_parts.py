"""Which shards of a run nobody holds, and which are not finished."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kit.errors import InputError
from kit.experiment.run import Slot
from kit.files.user_paths import shell_word
from kit.generation.shards.machines import SHARD, SHARD_PANELS
from kit.generation.shards.run_parts import RunPart
from kit.generation.shards.shard import RunShard, shard_named
from kit.messages import Message, tr


def absent_shards(identities: Iterable[Mapping[str, Any]], sets: int) -> list[str]:
    """Return the shards that nobody holds, where all say which of how many they are.

    Args:
        identities: what each run.json tells.
        sets: how many sets of eight the run has; a shard with a higher number draws nothing.
    """
    held = {_shard_of(identity) for identity in identities if identity}
    known = {shard for shard in held if shard is not None}
    if known != held or len(counts := {shard.count for shard in known}) != 1:
        return []  # a whole run, or one that was gathered
    [count] = counts
    numbers = range(1, min(count, sets) + 1)
    absent = [shard for number in numbers if (shard := RunShard(number, count)) not in known]
    return list(map(str, absent))


def unfinished_shards(parts: Iterable[RunPart], wanted: Iterable[Slot], missing: int) -> Iterator[Message]:
    """Yield of each shard that is not drawn to its end how much of it is missing, and what goes on.

    A part that was drawn before its run.json said how many panels it has is not told.

    Args:
        parts: that were gathered.
        wanted: the run's panels.
        missing: how many of them it lacks.
    """
    held: dict[RunShard, list[RunPart]] = {}
    for part in parts:
        if shard := _shard_of(part.identity):
            held.setdefault(shard, []).append(part)
    known = set(wanted)
    for shard, same in held.items():
        panels = same[0].identity.get(SHARD_PANELS)
        drawn = known.intersection(slot for part in same for slot in part.asked)
        if isinstance(panels, int) and (lacking := min(panels - len(drawn), missing)) > 0:
            folder = max(same, key=lambda part: len(part.asked)).run.folder
            yield tr(
                "{part} is not finished, {lacking} of its {panels} panels are missing: where it was drawn, "
                "`storykit generate {experiment} --out {folder} --shard {shard}` goes on",
                part=folder,
                lacking=lacking,
                panels=panels,
                experiment=shell_word(folder / "experiment.toml"),
                folder=shell_word(folder),
                shard=shard,
            )


def _shard_of(identity: Mapping[str, Any]) -> RunShard | None:
    """Return the shard that a run.json tells of; None of a whole run, or one that was gathered."""
    try:
        return shard_named(str(identity.get(SHARD)))
    except InputError:
        return None
