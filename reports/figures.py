"""Figures: similarity maps, difference strips and training curves."""

import io
import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from eval.comparison.verdict import Contrast
from eval.scoring.records import Matrix
from reports.number_format import MINUS

INK, MUTED, LINE, ACCENT = "#2b2823", "#77706a", "#d9d2c7", "#a63d2a"
THEME = {INK: "var(--ink)", MUTED: "var(--muted)", LINE: "var(--line)", ACCENT: "var(--accent)"}
"""Colours of the figure files, and the page's variables that stand for them in light and dark."""
ALIKE = LinearSegmentedColormap.from_list("alike", ["#f4efe4", "#b9cfc4", "#5f9a92", "#1f5a5c"])
DOTS_PER_INCH = 200
NOT_INLINE = (
    (r"<metadata>.*?</metadata>", ""),
    (r"<style.*?</style>", ""),
    (r'^(<svg[^>]*?) width="[^"]*"', r"\1"),
    (r'^(<svg[^>]*?) height="[^"]*"', r"\1"),
    (r'<g id="[^"]*"', "<g"),
    (r" font-family: [^;]*;", ""),
)
"""What a file needs and a page does not: metadata, rules that leak, a fixed size, group names, a font."""


class Span(NamedTuple):
    """The range of some similarities."""

    low: float
    high: float


def similarity_map(matrix: Matrix, scale: Span) -> Figure:
    """Return the map of a story's panel similarities; the diagonal and missing panels stay empty.

    Args:
        matrix: (8, 8) cosines.
        scale: The palest and the darkest value, shared by all maps of a page.
    """
    values = np.array(matrix, dtype=float)  # None becomes NaN
    np.fill_diagonal(values, math.nan)
    side = len(values)
    figure, axes = _blank((3.2, 3.2), (0.07, 0.01, 0.92, 0.92))
    axes.pcolormesh(
        np.ma.masked_invalid(values), cmap=ALIKE, vmin=scale.low, vmax=scale.high, edgecolors="none"
    )
    for row, column in np.argwhere(np.isfinite(values)):
        value = float(values[row, column])
        axes.text(
            column + 0.5,
            row + 0.5,
            _cosine(value),
            color=_readable_on(ALIKE((value - scale.low) / (scale.high - scale.low or 1.0))),
            ha="center",
            va="center",
            fontsize=7,
        )
    axes.set_xticks(np.arange(side) + 0.5, [str(panel) for panel in range(1, side + 1)])
    axes.set_yticks(np.arange(side) + 0.5, [str(panel) for panel in range(1, side + 1)])
    axes.invert_yaxis()
    axes.xaxis.tick_top()
    return figure


def span(matrices: Sequence[Matrix]) -> Span:
    """Return the lowest and highest similarity of two different panels over all maps; 0 to 1 without any."""
    pairs = [
        cell for matrix in matrices for i, row in enumerate(matrix) for cell in row[:i] if cell is not None
    ]
    return Span(min(pairs, default=0.0), max(pairs, default=1.0))


def difference_strip(comparison: Contrast) -> Figure:
    """Return one dot a replicate, and the shift with its interval below, on a line through zero."""
    figure, axes = _blank((3.4, 0.72), (0.02, 0.34, 0.96, 0.64))
    axes.axvline(0, color=LINE, linewidth=1.2, zorder=0)
    dots = sorted(comparison.differences)
    axes.plot(dots, [0.5] * len(dots), "o", color=INK, alpha=0.45, markersize=5, markeredgewidth=0)
    marks = [*dots, 0.0]
    if comparison.interval is not None:
        axes.plot(comparison.interval, [-0.5, -0.5], color=ACCENT, linewidth=2.2, solid_capstyle="round")
        marks += comparison.interval
    if comparison.shift is not None:
        axes.plot([comparison.shift], [-0.5], "D", color=ACCENT, markersize=5, markeredgewidth=0)
        marks.append(comparison.shift)
    _scale(axes, min(marks), max(marks))
    return figure


def svg_bytes(figure: Figure, name: str) -> bytes:
    """Return a figure as an SVG file; `name` keeps the ids of several figures in one page apart."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        data = io.BytesIO()
        figure.savefig(data, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return data.getvalue()


def png_bytes(figure: Figure) -> bytes:
    """Return a figure as a PNG file on white."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DOTS_PER_INCH, facecolor="white", metadata={"Software": None})
    return data.getvalue()


def inline_svg(svg: bytes) -> str:
    """Return an SVG file's element for use inside a page: scalable, in the page's colours and font."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :].rstrip()
    for pattern, plain in NOT_INLINE:
        text = re.sub(pattern, plain, text, flags=re.DOTALL)
    for colour, variable in THEME.items():
        text = text.replace(colour, variable)
    return text


def _blank(inches: tuple[float, float], box: tuple[float, float, float, float]) -> tuple[Figure, Axes]:
    """Return a figure with one frameless plot in a box: left, bottom, width, height, in 0 to 1."""
    figure = Figure(figsize=inches)
    axes = figure.add_axes(box)
    axes.set_frame_on(False)
    axes.tick_params(length=0, pad=3, labelsize=8, labelcolor=MUTED)
    return figure, axes


def _readable_on(ground: tuple[float, ...]) -> str:
    """Return black or white, whichever stands out more: at least 4.5 to 1 on any ground (WCAG 2.2, 1.4.3)."""
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in ground[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "#ffffff"


def _cosine(value: float) -> str:
    """Return a cosine without its leading zero, as .83."""
    return f"{round(value, 2) + 0.0:.2f}".replace("0.", ".", 1).replace("-", MINUS)


def _scale(axes: Axes, low: float, high: float) -> None:
    """Show low to high with some air, and write out both ends and zero."""
    air = 0.08 * max(high - low, 1e-9)
    axes.set_xlim(low - air, high + air)
    axes.set_ylim(-1, 1)
    axes.set_yticks([])
    ticks = [end for end in (low, high) if abs(end) > 0.15 * (high - low)] + [0.0]
    axes.xaxis.set_major_locator(FixedLocator(sorted(ticks)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _difference(value)))


def _difference(value: float) -> str:
    """Return a difference with its sign and three significant digits, never as a power of ten."""
    if value == 0:
        return "0"
    text = np.format_float_positional(value, precision=3, fractional=False, trim="-", sign=True)
    return text.replace("-", MINUS)


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
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
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
