import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.world.canvas import Canvas, Ink, sector, smooth

few = settings(max_examples=8, deadline=None)


def test_curves_pass_through_their_points_and_sectors_close() -> None:
    points = [(0.0, 0.0), (10.0, 4.0), (3.0, 9.0)]
    assert set(points) <= set(smooth(points, closed=True))
    assert smooth(points, closed=False)[0] == points[0]
    assert smooth(points, closed=False)[-1] == points[-1]
    round_ = sector((5, 6), (3, 2))
    assert round_[0] == pytest.approx(round_[-1])
    assert all(((x - 5) / 3) ** 2 + ((y - 6) / 2) ** 2 == pytest.approx(1) for x, y in round_)


@few
@given(st.floats(-180, 180), st.floats(0.5, 2), st.booleans())
def test_a_moved_turned_and_mirrored_shape_keeps_its_area(turn: float, scale: float, mirrored: bool) -> None:
    plain, moved = Canvas(), Canvas()
    square = [(-20.0, -20.0), (20.0, -20.0), (20.0, 20.0), (-20.0, 20.0)]
    plain.pen().at((128, 128)).polygon(square, (0, 0, 0))
    moved.pen().at((120, 130), scale, turn, mirrored=mirrored).polygon(square, (0, 0, 0), Ink(width=0.5))
    assert moved.coverage().sum() == pytest.approx(scale**2 * plain.coverage().sum(), rel=0.12)
