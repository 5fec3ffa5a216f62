"""The embedded scorers, with the texts that they have read, are kept for all that a process of tests does."""

from functools import cache, wraps
from pathlib import Path

from eval.scorers import load
from eval.scorers.load import Scorers

_loaded = load.load_scorers


@cache
def _embedded(letters: bool, on: str) -> Scorers:
    return _loaded("mini", "mini", letters=letters, on=on)


@wraps(_loaded)
def _scorers(
    aesthetic: str | Path,
    clip: str | Path,
    calibration: Path | None = None,
    *,
    letters: bool = False,
    on: str = "auto",
) -> Scorers:
    if (aesthetic, clip, calibration) == ("mini", "mini", None):
        return _embedded(letters, on)
    return _loaded(aesthetic, clip, calibration, letters=letters, on=on)


load.load_scorers = _scorers
