"""Six ways to draw the same scene, five ways to spoil it: functions on (side, side, 3) arrays in [0, 255].

The side is 256, or a multiple of it. All lengths below are of a picture of 256; a larger one has the same
washes, grain and lines, finer drawn.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from kit.world.canvas import SIDE
from kit.world.scene import Degradation, Style

Picture = NDArray[np.floating]


def stylise(
    picture: Picture, figures: NDArray[np.float32], style: Style, rng: np.random.Generator
) -> Picture:
    """Return the picture in a style.

    Args:
        picture: (side, side, 3) flat cartoon.
        figures: (side, side) coverage by the figures, in [0, 1]; styles treat them with more care.
        style: the style; "flat" returns the picture as it is.
        rng: chance for paper, brush and rain.
    """
    if style == "flat":
        return picture
    return _STYLES[style](picture, figures, rng)


def degrade(picture: Picture, degradations: tuple[Degradation, ...], rng: np.random.Generator) -> Picture:
    """Return the picture with the named faults, in the given order."""
    for name in degradations:
        picture = _DAMAGES[name](picture, rng)
    return picture


def _pixels(picture: NDArray[np.floating]) -> int:
    """Return the pixels to one of a picture of 256."""
    return len(picture) // SIDE


def _filtered(picture: Picture, kernel: ImageFilter.Filter) -> Picture:
    eight = np.clip(picture, 0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(eight).filter(kernel), dtype=np.float32)


def _blur(picture: Picture, radius: float) -> Picture:
    return _filtered(picture, ImageFilter.GaussianBlur(radius * _pixels(picture)))


def _flattened(picture: Picture) -> Picture:
    """Return the picture without its smallest details."""
    return _filtered(picture, ImageFilter.ModeFilter(5 if _pixels(picture) == 1 else 9))


def _grey(picture: Picture) -> NDArray[np.float32]:
    return np.asarray(picture @ np.array([0.3, 0.59, 0.11], np.float32))


def _edges(picture: Picture) -> NDArray[np.float32]:
    """Return (side, side) edge strength in [0, 1]."""
    grey, step = _grey(picture), _pixels(picture)
    beyond = np.pad(grey, (0, step), "edge")
    across, down = (
        np.abs(moved - grey) for moved in (beyond[: len(grey), step:], beyond[step:, : len(grey)])
    )
    return np.asarray(np.clip((across + down) / 80, 0, 1), np.float32)


def _cloud(rng: np.random.Generator, cells: int, side: int) -> NDArray[np.float32]:
    """Return (side, side) smooth noise with standard deviation near 1."""
    grain = rng.standard_normal((cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(grain).resize((side, side), Image.Resampling.BICUBIC), np.float32)


def _places(side: int) -> NDArray[np.float32]:
    """Return (side,) how far each pixel is from the first, in units of a picture of 256."""
    return np.arange(side, dtype=np.float32) / np.float32(side // SIDE)


def _inside(side: int) -> NDArray[np.float32]:
    """Return (side, side) how far each pixel is from the border, in units of a picture of 256."""
    axis = np.minimum(_places(side), _places(side)[::-1])
    return np.asarray(np.minimum(axis[:, None], axis[None]), np.float32)


def _vignette(rng: np.random.Generator, width: float, side: int) -> NDArray[np.float32]:
    """Return (side, side) in [0, 1]: 1 inside, falling to 0 at a ragged border."""
    return np.asarray(np.clip((_inside(side) + 5 * _cloud(rng, 20, side) - 4) / width, 0, 1), np.float32)


def _ink(picture: Picture, figures: NDArray[np.float32], rng: np.random.Generator) -> Picture:
    grey = _blur(np.repeat(_grey(picture)[..., None], 3, axis=2), 1.6)[..., 0]
    wash = np.clip(0.42 + 0.62 * (grey - grey.min()) / (np.ptp(grey) + 1), 0, 1)
    side, k = len(picture), _pixels(picture)
    wash = np.clip(wash + 0.035 * _cloud(rng, 26, side), 0, 1)
    paper = np.array([246, 240, 226], np.float32)
    soft = _blur(picture, 2.2)
    tint = (soft - soft.mean(axis=2, keepdims=True)) * (0.22 + 0.4 * figures[..., None])
    washed = paper * wash[..., None] + tint
    fade = _vignette(rng, 34, side)[..., None]
    washed = washed * fade + paper * (1 - fade)
    brush = np.clip(_blur(np.repeat(_edges(picture)[..., None] * 255, 3, axis=2), 1.0) / 120, 0, 1)
    brush = brush * np.clip(0.85 + 0.25 * _cloud(rng, 40, side)[..., None], 0.3, 1) * (0.35 + 0.65 * fade)
    inked = washed * (1 - 0.9 * brush) + np.array([34, 32, 38], np.float32) * 0.9 * brush
    inked[222 * k : 244 * k, 224 * k : 244 * k] = np.array([196, 48, 40], np.float32)
    for row in (228, 235):
        inked[row * k : (row + 3) * k, 228 * k : 240 * k] = paper
    return np.asarray(inked)


def _watercolour(picture: Picture, figures: NDArray[np.float32], rng: np.random.Generator) -> Picture:
    side = len(picture)
    shift = (_cloud(rng, 40, side) * 1.6, _cloud(rng, 40, side) * 1.6)
    flowing = _flattened(_warp(picture, *shift))
    flowing = _blur(flowing, 1.1)
    pale = 255 - (255 - flowing) * np.where(figures[..., None] > 0.5, 0.8, 0.66)
    pools = _blur(flowing, 7)
    pale = pale + (flowing - pools) * 0.28
    pale = pale + (6 * _cloud(rng, 14, side) + 5 * _cloud(rng, 70, side))[..., None]
    rim = np.clip(_blur(np.repeat(_edges(flowing)[..., None] * 255, 3, axis=2), 0.8) / 160, 0, 1)
    pale = pale * (1 - 0.22 * rim)
    fade = np.clip(_vignette(rng, 9, side), 0, 1)[..., None]
    return np.asarray(pale * fade + np.array([254, 252, 246], np.float32) * (1 - fade))


def _cyberpunk(picture: Picture, figures: NDArray[np.float32], rng: np.random.Generator) -> Picture:
    grey = _grey(picture)[..., None] / 255
    low, high = np.array([14, 8, 44], np.float32), np.array([96, 70, 170], np.float32)
    base = low + (high - low) * grey**1.2
    colour = picture - picture.mean(axis=2, keepdims=True)
    base = base + colour * (0.35 + 0.45 * figures[..., None])
    edge = _edges(picture)[..., None]
    side, k = len(picture), _pixels(picture)
    right = np.linspace(0, 1, side, dtype=np.float32)[None, :, None]
    neon = np.array([30, 240, 255], np.float32) * (1 - right) + np.array([255, 40, 190], np.float32) * right
    light = neon * np.clip(edge * 1.5, 0, 1)
    glow = _blur(light, 4.5) * 1.25 + light * 0.85
    lines = np.where(_places(side) % 4 < 1, 0.8, 1.0).astype(np.float32)[:, None, None]
    rain = np.zeros((side, side, 1), np.float32)
    for x, y in rng.integers(0, SIDE - 24, (16, 2)):
        steps = np.arange(18 * k)
        for breadth in range(k):
            rain[y * k + steps, x * k + steps // 4 + breadth] = 70
    return np.asarray((base * lines + glow) + rain)


def _pixel(picture: Picture, figures: NDArray[np.float32], rng: np.random.Generator) -> Picture:
    small = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).reduce(4 * _pixels(picture))
    few = small.quantize(24, method=Image.Quantize.MEDIANCUT).convert("RGB")
    return np.asarray(few.resize((len(picture),) * 2, Image.Resampling.NEAREST), dtype=np.float32)


def _papercut(picture: Picture, figures: NDArray[np.float32], rng: np.random.Generator) -> Picture:
    side, k = len(picture), _pixels(picture)
    sheets = np.round(_flattened(picture) / 51) * 51
    sheets = sheets * 0.86 + np.array([34, 22, 14], np.float32)
    depth = np.repeat((np.clip(figures, 0, 1) * 255)[..., None], 3, axis=2)
    shadow = np.clip(_blur(np.roll(depth, (6 * k, 5 * k), (0, 1)), 2.5) - depth, 0, 255) / 255
    sheets = sheets * (1 - 0.55 * shadow)
    lit = _edges(picture)[..., None]
    sheets = sheets * (1 - 0.45 * np.roll(lit, (2 * k, 2 * k), (0, 1))) + 60 * lit
    grain = 5 * _cloud(rng, 128, side)[..., None]
    y, x = np.meshgrid(_places(side), _places(side), indexing="ij")
    inside = _inside(side)
    wave = 12 + 3.5 * np.sin((x + y) / 5.2) * np.cos((x - y) / 5.2)
    frame = inside < wave
    cast = np.clip((wave + 7 - inside) / 7, 0, 1) * ~frame
    sheets = (sheets + grain) * (1 - 0.45 * cast[..., None])
    return np.where(frame[..., None], np.array([206, 44, 48], np.float32) + grain, sheets)


_STYLES = {
    "ink": _ink,
    "watercolour": _watercolour,
    "cyberpunk": _cyberpunk,
    "pixel": _pixel,
    "papercut": _papercut,
}


def _warp(picture: Picture, across: NDArray[np.float32], down: NDArray[np.float32]) -> Picture:
    """Return the picture with every pixel fetched from some pixels of 256 further right and down."""
    side, k = len(picture), _pixels(picture)
    y, x = np.mgrid[0:side, 0:side]
    rows = np.clip(np.rint(y + down * k), 0, side - 1).astype(int)
    columns = np.clip(np.rint(x + across * k), 0, side - 1).astype(int)
    return np.asarray(picture[rows, columns])


def _ugly(picture: Picture, rng: np.random.Generator) -> Picture:
    mud = np.array([[0.5, 0.45, 0.05], [0.25, 0.5, 0.1], [0.35, 0.15, 0.25]], np.float32)
    sick = _blur(picture, 0.8) @ mud.T + np.array([26, 30, 0], np.float32)
    stain = np.clip(_cloud(rng, 9, len(picture)) - 0.7, 0, 1)[..., None]
    return np.asarray(sick * (1 - 0.5 * stain) + np.array([70, 62, 30], np.float32) * 0.5 * stain)


def _deformed(picture: Picture, rng: np.random.Generator) -> Picture:
    size = rng.uniform(9, 15)
    return _warp(picture, *(_cloud(rng, 9, len(picture)) * size for _ in range(2)))


def _noisy(picture: Picture, rng: np.random.Generator) -> Picture:
    return np.asarray(picture + rng.standard_normal(picture.shape).astype(np.float32) * rng.uniform(26, 46))


def _blurred(picture: Picture, rng: np.random.Generator) -> Picture:
    return _blur(picture, rng.uniform(2.4, 4.6))


def _low_contrast(picture: Picture, rng: np.random.Generator) -> Picture:
    return np.asarray((picture - picture.mean()) * rng.uniform(0.2, 0.38) + rng.uniform(110, 150))


_DAMAGES = {
    "ugly": _ugly, "deformed": _deformed, "noisy": _noisy, "blurred": _blurred, "low-contrast": _low_contrast
}  # fmt: skip
