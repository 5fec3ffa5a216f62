"""Which shards are named as missing or unfinished."""

from pathlib import Path

import pytest

from kit.experiment.run import Run, Slot
from kit.generation.shards.missing_parts import absent_shards, unfinished_shards
from kit.generation.shards.run_parts import RunPart

WANTED = [Slot("base", "authored", "cat", seed, panel) for seed in (0, 1) for panel in range(1, 9)]


def part(name: str, slots: list[Slot], **identity: object) -> RunPart:
    rows = dict.fromkeys(slots)
    return RunPart(Run(Path(name)), identity, rows, rows, None)


def told(*parts: RunPart, missing: int = 16) -> list[str]:
    return list(unfinished_shards(parts, WANTED, missing))


def test_a_stopped_part_is_told_with_what_it_lacks_and_what_goes_on():
    [line] = told(
        part("done", WANTED[:8], shard="1/2", shard_panels=8),
        part("my part", WANTED[8:13], shard="2/2", shard_panels=8),
    )
    assert line == (
        "my part is not finished, 3 of its 8 panels are missing: where it was drawn, "
        "`storykit generate 'my part/experiment.toml' --out 'my part' --shard 2/2` goes on"
    )


def test_what_the_same_shard_has_elsewhere_is_not_missing():
    first, second = (
        part(n, WANTED[a:b], shard="1/2", shard_panels=8) for n, a, b in [("a", 0, 3), ("b", 3, 8)]
    )
    assert told(first, second) == []
    [line] = told(first)
    assert "a is not finished, 5 of its 8 panels" in line


def test_a_run_that_lacks_fewer_has_no_part_that_lacks_more():
    [line] = told(part("a", WANTED[:3], shard="1/2", shard_panels=8), missing=2)
    assert "2 of its 8 panels" in line
    assert told(part("a", WANTED[:3], shard="1/2", shard_panels=8), missing=0) == []


@pytest.mark.parametrize(
    "identity",
    [{}, {"shard": "1/2"}, {"shard": "nonsense", "shard_panels": 8}, {"shard": "1/2", "shard_panels": "8"}],
)
def test_a_part_that_does_not_say_how_many_panels_it_has_is_not_told(identity):
    assert told(part("a", [], **identity)) == []


def test_shards_that_nobody_holds_are_named_where_all_say_of_how_many_they_are():
    assert absent_shards([{"shard": "1/3"}, {"shard": "3/3"}, {}], 8) == ["2/3"]
    assert absent_shards([{"shard": "1/3"}, {"shard": "2/2"}], 8) == []
    assert absent_shards([{"shard": "1/3"}, {"device": "cpu"}], 8) == []


def test_shards_that_have_nothing_to_draw_are_not_missed():
    assert absent_shards([{"shard": "1/8"}, {"shard": "3/8"}], 4) == ["2/8", "4/8"]
