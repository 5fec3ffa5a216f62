from dataclasses import replace

import pytest
from contrast import contrast
from made_run import comparisons_of

from eval.comparison.stats import Interval
from reports.figures import ALIKE, Span, difference_strip, inline_svg, similarity_map, span, svg_bytes


def test_the_scale_of_the_maps_ignores_the_diagonal_and_missing_panels() -> None:
    assert span([((1.0, 0.4), (0.4, 1.0)), ((1.0, None), (None, None))]) == Span(0.4, 0.4)
    assert span([]) == Span(0.0, 1.0)


def test_a_map_shows_every_pair_twice_and_nothing_for_a_missing_panel() -> None:
    row = tuple(None if k == 7 else 0.5 for k in range(8))
    matrix = tuple(row if k != 7 else (None,) * 8 for k in range(8))
    svg = svg_bytes(similarity_map(matrix, Span(0.5, 0.5)), "map").decode()
    assert svg.count(">.50<") == 7 * 6


@pytest.mark.parametrize("value", [0.0, 0.2, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 1.0])
def test_every_number_of_a_map_can_be_read_on_its_colour(value: float) -> None:
    (axes,) = similarity_map([[None, value], [value, None]], Span(0.0, 1.0)).axes
    assert contrast(axes.texts[0].get_color(), ALIKE(value)) >= 4.5


def test_a_strip_has_a_dot_for_each_replicate() -> None:
    told = comparisons_of(("mrr", "tied")).comparisons[0]
    told = replace(told, differences=(0.1, -0.1, 0.1), shift=0.1, interval=Interval(-0.1, 0.2))
    svg = svg_bytes(difference_strip(told), "strip").decode()
    assert svg.count("<use ") == 3 + 1  # the dots and the diamond


def test_an_inline_figure_takes_the_pages_colours_and_leaks_no_rule() -> None:
    inline = inline_svg(svg_bytes(difference_strip(comparisons_of(("mrr", "tied")).comparisons[0]), "strip"))
    assert inline.startswith("<svg")
    assert "var(--line)" in inline
    assert "<style" not in inline
    assert "<?xml" not in inline
    assert " width=" not in inline.partition(">")[0]
