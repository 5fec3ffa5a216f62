import numpy as np
import pytest
from PIL import Image

from kit.errors import BundleError
from submissions.reproduction.likeness import mean_difference


def picture(colours: np.ndarray) -> Image.Image:
    return Image.fromarray(colours.astype(np.uint8))


def test_the_difference_is_the_mean_over_all_colour_values():
    grey = np.full((4, 4, 3), 100)
    brighter = grey.copy()
    brighter[0, 0, 0] += 48
    assert mean_difference(picture(grey), picture(grey)) == 0
    assert mean_difference(picture(grey), picture(brighter)) == pytest.approx(1.0)
    assert mean_difference(picture(grey + 7), picture(grey)) == pytest.approx(7.0)


def test_pictures_of_two_sizes_are_not_compared():
    with pytest.raises(BundleError, match="must have one size"):
        mean_difference(picture(np.zeros((4, 4, 3))), picture(np.zeros((8, 8, 3))))
