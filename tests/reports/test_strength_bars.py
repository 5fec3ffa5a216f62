"""Strengths as bars: the mark inside its interval, the middle at one half."""

import re

import pytest

from eval.comparison.stats import Interval
from eval.votes.strengths import Strength
from reports.strength_bars import percent, strength_bar


@pytest.mark.parametrize(("low", "chance", "high"), [(0.0, 0.5, 1.0), (0.2, 0.3, 0.45), (0.9, 0.99, 0.999)])
def test_a_bar_spans_the_interval_and_marks_the_strength(low, chance, high):
    bar = strength_bar(Strength("<b>", 3, 2, chance, Interval(low, high)))
    x1, x2 = map(float, re.search(r'strength-span" x1="([\d.]+)" x2="([\d.]+)"', bar).groups())
    mark = float(re.search(r'cx="([\d.]+)"', bar)[1])
    assert 0 <= x1 <= mark <= x2 <= 200
    assert (mark == 100) == (chance == 0.5)
    assert "<b>" not in bar
    assert percent(chance, (low, high)) in bar


def test_a_bar_has_no_style_of_its_own():
    assert "style=" not in strength_bar(Strength("a", 1, 0, 0.6, Interval(0.1, 0.9)))
