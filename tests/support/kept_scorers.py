"""The embedded scorers, with the texts that they have read, are kept for all that a process of tests does."""

from functools import cache, wraps
from typing import Any

from eval.scorers import load
from eval.scorers.load import Scorers
from kit.embedded import EMBEDDED

_loaded = load.load_scorers
_kept = cache(_loaded)


@wraps(_loaded)
def _scorers(*named: Any, **more: Any) -> Scorers:
    embedded = [name for name in named if name is not None] == [EMBEDDED, EMBEDDED]
    return (_kept if embedded and not more.get("calibration") else _loaded)(*named, **more)


if not hasattr(_loaded, "__wrapped__"):  # who looks for doctests imports this file by another name, too
    load.load_scorers = _scorers
