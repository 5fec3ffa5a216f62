"""How strong the contenders of a vote are, as bars inside a page, in the colours of its style sheet."""

from markupsafe import Markup

from eval.votes.strengths import Strength

_BAR = Markup(
    '<svg class="strength" viewBox="0 0 200 14" role="img" aria-label="{label}" focusable="false">'
    '<line class="strength-even" x1="100" x2="100" y1="0" y2="14"/>'
    '<line class="strength-span" x1="{low:.1f}" x2="{high:.1f}" y1="7" y2="7"/>'
    '<circle class="strength-mark" cx="{mark:.1f}" cy="7" r="4"/></svg>'
)
"""0 to 100 %, the line in the middle is "as often as the others"."""


def strength_bar(one: Strength) -> Markup:
    """Return a strength and its interval as SVG, on a line from 0 to 100 %."""
    low, mark, high = (4 + 192 * share for share in (one.interval.low, one.chance, one.interval.high))
    return _BAR.format(label=percent(one.chance, one.interval), low=low, mark=mark, high=high)


def percent(share: float, interval: tuple[float, float]) -> str:
    """Return a share with its interval.

    >>> percent(0.5, (0.25, 0.75))
    '50% [25%, 75%]'
    """
    return f"{share:.0%} [{interval[0]:.0%}, {interval[1]:.0%}]"
