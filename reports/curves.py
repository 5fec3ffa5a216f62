"""A curve over the steps of a training, as a figure in the page's colours."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.figures import ACCENT, INK, LINE, MUTED

WINDOW = 0.05
"""Share of the steps over which a noisy curve is averaged."""


def curve(points: Sequence[tuple[int, float]], best: int | None, *, smooth: bool = False) -> Figure:
    """Return a curve.

    Args:
        points: step and value, in order; step 0 is drawn as a level to compare with.
        best: a step that is marked.
        smooth: draw the points faintly and their running mean over them.
    """
    figure = Figure(figsize=(3.4, 1.9))
    axes = figure.add_axes((0.15, 0.16, 0.83, 0.8))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(LINE)
    axes.tick_params(length=0, pad=4, labelsize=8, labelcolor=MUTED)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    if not points:
        return figure
    steps, values = np.array(points).T
    if steps[0] == 0:
        axes.axhline(values[0], color=LINE, linewidth=1.2, zorder=0)
    if smooth:
        axes.plot(steps, values, color=LINE, linewidth=0.8)
        width = max(1, round(WINDOW * len(values)))
        mean = np.convolve(values, np.ones(width) / width, "valid")
        axes.plot(steps[width - 1 :], mean, color=INK, linewidth=1.6)
    else:
        axes.plot(steps, values, color=INK, linewidth=1.6, marker="o", markersize=4)
    for step, value in points:
        if step == best:
            axes.plot([step], [value], "D", color=ACCENT, markersize=7)
    return figure
