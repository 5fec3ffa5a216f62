import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from stripes import fill, new_run, stripe_scorers

from eval.scoring import score_cache
from eval.scoring.score import score
from eval.scoring.score_cache import ScoreCache
from kit.experiment.run import Run


def changed(path: Path, change: str, *values: object) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(change, values)
    connection.close()


@pytest.fixture
def scored(tmp_path: Path) -> Run:
    run = fill(new_run(tmp_path))
    score(run, stripe_scorers())
    return run


def cache_of(run: Run) -> Path:
    return run.folder / "cache" / "scores.sqlite"


def test_what_was_put_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with ScoreCache.open(tmp_path / "cache" / "scores.sqlite") as cache:
        cache.put("stamp", {"a": [1.5, 2.5], "b": [3.0]})
    with ScoreCache.open(tmp_path / "cache" / "scores.sqlite") as cache:
        found = cache.get("stamp", ["a", "b", "c"])
        assert cache.get("other", ["a"]) == {}
    assert {name: row.tolist() for name, row in found.items()} == {"a": [1.5, 2.5], "b": [3.0]}


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ("row = ?", [b""]),
        ("row = ?", [b"\0"]),
        ("row = ?", [np.float32(10).tobytes()]),
        ("row = ?", [np.float32("nan").tobytes()]),
        ("row = ?", [bytes(12)]),
        ("row = ?", ["text"]),
        ("row = ?", [None]),
        ("row = ?", [7]),
        ("row = ?", [bytes(10_000)]),
        ("row = substr(row, 5) || substr(row, 1, 4)", []),
        ("row = (SELECT row FROM numbers ORDER BY picture LIMIT 1)", []),
        ("stamp = substr(stamp, 1, 20)", []),
    ],
)
def test_a_row_that_is_not_as_it_was_put_is_measured_again(
    scored: Run, change: str, values: list[object]
) -> None:
    before = (scored.folder / "scores.panels.csv").read_bytes()
    where = "WHERE stamp LIKE 'aesthetic%'" if "SELECT" in change else ""
    changed(cache_of(scored), f"UPDATE OR REPLACE numbers SET {change} {where}", *values)
    again = score(scored, stripe_scorers())
    assert (again.encoded > 0, again.notes) == (True, ())
    assert (scored.folder / "scores.panels.csv").read_bytes() == before
    assert score(scored, stripe_scorers()).encoded == 0


def noise(path: Path) -> None:
    path.write_bytes(b"no database" * 200)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def another_table(path: Path) -> None:
    changed(path, "DROP TABLE numbers")
    changed(path, "CREATE TABLE numbers (a)")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def no_folder(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()
    path.parent.touch()


@pytest.mark.parametrize("harm", [noise, cut, another_table, folder, no_folder])
def test_a_cache_that_cannot_be_used_is_done_without_in_one_line(
    scored: Run, harm: Callable[[Path], None]
) -> None:
    before = (scored.folder / "scores.json").read_bytes()
    harm(cache_of(scored))
    again = score(scored, stripe_scorers())
    (note,) = again.notes
    assert note.startswith(f"{cache_of(scored)} cannot be used (")
    assert note.endswith("): every picture was measured anew; delete it to have a cache again")
    assert (scored.folder / "scores.json").read_bytes() == before


def test_a_cache_that_another_program_holds_is_done_without(
    scored: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_cache, "_PATIENCE_S", 0.1)
    connection = sqlite3.connect(cache_of(scored))
    connection.execute("BEGIN EXCLUSIVE")
    again = score(scored, stripe_scorers())
    connection.close()
    assert "database is locked" in again.notes[0]
    assert score(scored, stripe_scorers()).encoded == 0


def test_a_cache_of_an_older_storykit_is_measured_anew_and_then_used(scored: Run) -> None:
    changed(cache_of(scored), "UPDATE numbers SET row = substr(row, 1, length(row) - 8)")
    assert score(scored, stripe_scorers()).encoded == 16
    assert score(scored, stripe_scorers()).encoded == 0
