import pytest

from eval.casting.picks import Picks

PLACE = ("ink", "authored", "cat")
NONE = Picks.none(PLACE)


def shown(picks: Picks) -> tuple[dict[int, int], set[tuple[int, int]]]:
    return dict(picks.kept), set(picks.banned)


@pytest.mark.parametrize(
    ("picks", "kept", "banned"),
    [
        (NONE, {}, set()),
        (NONE.keeping(3, 5, "a"), {3: 5}, set()),
        (NONE.keeping(3, 5, "a").keeping(3, 6, "b"), {3: 6}, set()),
        (NONE.keeping(3, 5, "a").keeping(1, 6, "b"), {1: 6, 3: 5}, set()),
        (NONE.keeping(3, 5, "a").freeing(3), {}, set()),
        (NONE.freeing(3), {}, set()),
        (NONE.banning(3, 5), {}, {(3, 5)}),
        (NONE.banning(3, 5).banning(3, 5), {}, {(3, 5)}),
        (NONE.banning(3, 5).allowing(3, 5), {}, set()),
        (NONE.keeping(3, 5, "a").banning(3, 5), {}, {(3, 5)}),
        (NONE.keeping(3, 5, "a").banning(3, 6), {3: 5}, {(3, 6)}),
        (NONE.banning(3, 5).keeping(3, 5, "a"), {3: 5}, set()),
        (NONE.banning(3, 5).keeping(3, 6, "a"), {3: 6}, {(3, 5)}),
    ],
)
def test_a_panel_keeps_one_picture_and_none_that_is_banned(picks, kept, banned):
    assert shown(picks) == (kept, banned)
    assert bool(picks) == bool(kept or banned)


def test_eight_kept_panels_are_a_set():
    picks = NONE
    for panel in (8, 1, 2, 3, 4, 5, 6):
        picks = picks.keeping(panel, panel * 10, "a")
    assert (picks.complete, picks.seeds) == (False, ())
    picks = picks.keeping(7, 7, "a")
    assert (picks.complete, picks.seeds) == (True, (10, 20, 30, 40, 50, 60, 7, 80))
