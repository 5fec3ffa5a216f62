"""A coarse map takes the picture's edges, held against the least squares that the paper writes down."""

import numpy as np
from PIL import Image

from kit.generation.repair.guided_filter import SMOOTHING, guided


def test_the_edge_of_a_map_moves_to_the_edge_of_the_picture() -> None:
    shown = np.zeros((64, 64, 3), np.uint8)
    shown[:, 30:] = (200, 60, 40)
    blurred = np.clip((np.arange(64) - 14) / 24, 0, 1).astype(np.float32)
    found = guided(np.tile(blurred, (64, 1)), Image.fromarray(shown), radius=8)
    assert int((blurred > 0.5).argmax()) == 27
    assert ((found > 0.5).argmax(axis=1) == 30).all()


def test_a_pixel_is_the_mean_of_the_fits_of_all_windows_that_hold_it() -> None:
    dice = np.random.default_rng(4)
    picture, coarse = dice.integers(0, 256, (9, 9, 3), dtype=np.uint8), dice.random((9, 9), np.float32)
    found, fitted = guided(coarse, Image.fromarray(picture), radius=2), []
    here = picture[4, 4] / 255
    for row in range(2, 7):
        for column in range(2, 7):
            window = (slice(row - 2, row + 3), slice(column - 2, column + 3))
            colours, levels = picture[window].reshape(-1, 3) / 255, coarse[window].ravel().astype(float)
            apart = colours - colours.mean(axis=0)
            normal = apart.T @ apart / len(apart) + SMOOTHING * np.eye(3)
            slope = np.linalg.solve(normal, apart.T @ (levels - levels.mean()) / len(apart))
            fitted.append(slope @ (here - colours.mean(axis=0)) + levels.mean())
    np.testing.assert_allclose(found[4, 4], np.mean(fitted), rtol=1e-9)


def test_where_the_picture_has_no_edges_the_map_is_only_smoothed() -> None:
    coarse = np.random.default_rng(1).random((32, 32), np.float32)
    found = guided(coarse, Image.new("RGB", (32, 32), "teal"), radius=3)
    assert found.std() < coarse.std() / 3
    assert abs(found.mean() - coarse.mean()) < 0.02
