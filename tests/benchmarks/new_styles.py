"""Styles that nothing in the package has seen, drawn from the world's flat pictures."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

Pixels = NDArray[np.float32]


class NewStyle(NamedTuple):
    """A way to redraw a flat picture, and the word that a LoRA learns for it."""

    draw: Callable[[Image.Image], Image.Image]
    trigger: str


def stained_glass(picture: Image.Image) -> Image.Image:
    """Return a picture as panes of strong colour between dark leads."""
    panes = ImageOps.posterize(picture.filter(ImageFilter.MedianFilter(5)), 3)
    colours = np.asarray(ImageEnhance.Color(panes).enhance(1.8), np.float32)
    across, down = np.meshgrid(np.arange(picture.width), np.arange(picture.height))
    lattice = ((across + down) % 64 < 3) | ((across - down) % 64 < 3)
    lead = np.maximum(_outlines(picture), 0.9 * lattice)[..., None]
    return _picture(colours * (1 - lead) + np.array([20, 18, 24], np.float32) * lead)


def two_inks(picture: Image.Image) -> Image.Image:
    """Return a picture as a print of two inks, teal and coral, a little out of register, on cream paper."""
    hue, strong, light = (np.asarray(part, np.float32) / 255 for part in picture.convert("HSV").split())
    warm = np.clip(4 * strong - 0.6, 0, 1) * ((hue < 0.19) | (hue > 0.8))
    coral = np.roll(0.85 * warm, (2, 3), (0, 1))[..., None]
    teal = np.clip(1.05 - _grey(picture, 0.7) - 0.35 * warm + 0.25 * (1 - light), 0, 1)[..., None]
    paper = np.array([244, 234, 208], np.float32)
    printed = paper * (1 - coral * (1 - np.array([240, 100, 80], np.float32) / 255))
    return _picture(printed * (1 - teal * (1 - np.array([0, 92, 100], np.float32) / 255)))


def crayon(picture: Image.Image) -> Image.Image:
    """Return a picture as wax crayon on cream paper: slanted strokes, violet lines, a ragged border."""
    rng = np.random.default_rng(7)
    strokes, tooth = _strokes(picture.width, rng), _cloud(picture.width, 110, rng)
    soft = picture.filter(ImageFilter.MedianFilter(3)).filter(ImageFilter.GaussianBlur(0.6))
    wax = np.asarray(ImageEnhance.Color(soft).enhance(1.5), np.float32) * 0.88 + 30
    cover = 0.6 + 0.55 * strokes + 0.14 * tooth + 0.25 * (1 - _grey(picture, 1.0)) - 0.16
    line = np.clip(_thin_lines(picture) * (1.5 + 0.38 * tooth), 0, 1)[..., None]
    axis = np.minimum(np.arange(picture.width), picture.width - 1 - np.arange(picture.width))
    inside = np.minimum(axis[:, None], axis[None])
    ragged = 5 * _cloud(picture.width, 24, rng) + 9 * (strokes - 0.5)
    fade = np.clip((inside - 10 + ragged) / 5, 0, 1)[..., None]
    paper = np.array([252, 246, 230], np.float32)
    rubbed = paper + (wax - paper) * np.clip(cover, 0.2, 1)[..., None]
    drawn = rubbed + (np.array([88, 58, 150], np.float32) - rubbed) * line
    return _picture(paper + (drawn - paper) * fade)


NEW_STYLES: Mapping[str, NewStyle] = MappingProxyType(
    {
        "two-inks": NewStyle(two_inks, "双色印刷风格"),
        "stained-glass": NewStyle(stained_glass, "彩色玻璃风格"),
        "crayon": NewStyle(crayon, "蜡笔画风格"),
    }
)


def _grey(picture: Image.Image, blur: float) -> Pixels:
    return np.asarray(picture.convert("L").filter(ImageFilter.GaussianBlur(blur)), np.float32) / 255


def _outlines(picture: Image.Image) -> Pixels:
    edges = picture.convert("L").filter(ImageFilter.GaussianBlur(1.2)).filter(ImageFilter.FIND_EDGES)
    strong = np.clip((np.asarray(edges, np.float32) - 10) / 14, 0, 1)
    wide = Image.fromarray((strong * 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(3))
    return np.asarray(wide, np.float32) / 255


def _thin_lines(picture: Image.Image) -> Pixels:
    """Return how much darker each place is than all around it: lines and eyes, in [0, 1], a little soft."""
    grey = picture.convert("L")
    filled = grey.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.MinFilter(5))
    darker = np.clip((np.asarray(filled, np.float32) - np.asarray(grey, np.float32) - 18) / 60, 0, 1)
    soft = Image.fromarray((darker * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7))
    return np.asarray(soft, np.float32) / 255


def _cloud(side: int, cells: int, rng: np.random.Generator) -> Pixels:
    """Return (side, side) smooth noise with standard deviation near 1."""
    grain = Image.fromarray(rng.standard_normal((cells, cells)).astype(np.float32))
    return np.asarray(grain.resize((side, side), Image.Resampling.BICUBIC), np.float32)


def _strokes(side: int, rng: np.random.Generator) -> Pixels:
    """Return (side, side) in [0, 1]: slanted strokes, ten pixels apart and not quite straight."""
    down, across = np.mgrid[0:side, 0:side].astype(np.float32)
    turn = np.radians(50)
    along = across * np.cos(turn) + down * np.sin(turn) + 3 * _cloud(side, 12, rng)
    return np.asarray(0.5 + 0.5 * np.sin(2 * np.pi * along / 10), np.float32)


def _picture(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
