"""Make, score, compare and pack LoRA-styled eight-panel picture stories.

In a notebook::

    import storykit

    run = storykit.draw("rain.toml", out="runs/rain")
    storykit.score(run)
    storykit.compare(run)
    run.sheet("ink")
"""

from kit.errors import StorykitError
from storykit.notebook import (
    cast,
    compare,
    draw,
    finish,
    gather,
    open_run,
    pack,
    repair,
    report,
    score,
    share,
)
from storykit.run_results import RunResults

__all__ = (
    "RunResults",
    "StorykitError",
    "cast",
    "compare",
    "draw",
    "finish",
    "gather",
    "open_run",
    "pack",
    "repair",
    "report",
    "score",
    "share",
)
