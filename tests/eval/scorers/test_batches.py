import pytest

from eval.scorers.batches import batches_ahead


def test_batches_come_in_order_and_whole_and_an_error_comes_through() -> None:
    assert list(batches_ahead(lambda n: n * n, range(7), 3)) == [[0, 1, 4], [9, 16, 25], [36]]
    assert list(batches_ahead(str, [], 3)) == []
    with pytest.raises(ZeroDivisionError):
        list(batches_ahead(lambda n: 1 // n, [1, 0], 1))
