import pytest

from kit.messages import speaking, tr
from kit.threads import batches_ahead, results_in_turn


def test_batches_come_in_order_and_whole_and_an_error_comes_through() -> None:
    assert list(batches_ahead(lambda n: n * n, range(7), 3)) == [[0, 1, 4], [9, 16, 25], [36]]
    assert list(batches_ahead(str, [], 3)) == []
    with pytest.raises(ZeroDivisionError):
        list(batches_ahead(lambda n: 1 // n, [1, 0], 1))


def test_threads_tell_things_in_the_language_of_who_asked() -> None:
    with speaking("zh"):
        assert (
            list(batches_ahead(lambda _: tr("has one colour all over"), [0, 1], 1))
            == [["整格只有一种颜色"]] * 2
        )
        in_turn = results_in_turn(lambda _: tr("has one colour all over"), range(5), 2)
        assert list(in_turn) == [(number, "整格只有一种颜色") for number in range(5)]
