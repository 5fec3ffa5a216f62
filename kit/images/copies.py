"""Is a picture another one, mirrored, turned, cropped, recoloured, brightened or saved again?

A picture is known by its lowest frequencies, each at the root of its strength. The mean of the channels does
not mind their order, the cosine neither brightness nor a negative; mirrored pictures differ in signs alone.
Pieces of a picture are held against other pictures whole; the nearest piece is moved until it fits best.

Alikeness says how much two pictures have in common. Whether they are one picture says what they have not: two
panels of one place and noise differ by an arm or a face, a copy differs nowhere (`difference`).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dct
from scipy.ndimage import uniform_filter
from scipy.optimize import least_squares

COPY, SURE = 0.965, 0.995
"""Alikeness of two pictures that are probably one, and that are one.

The embedded base draws a plain prompt nearly alike from seed to seed, 0.99 at most; so one picture that is
probably another says little, and two of a set say much.
"""
NEAR = 0.85
"""Alikeness of a piece from the grid above which it is worth moving."""
SAME, LOCAL, FAINT = 0.55, 6.0, 0.15
"""Two pictures are one where the worst window differs by less than SAME and by less than LOCAL times what
others do: a copy that is laid or saved again not quite right differs all over, another face in one place
alone. Less than FAINT is nothing.

Of 462 copies of panels that the embedded base drew (cut by up to 8 % a side, mirrored, lighter, smaller,
saved as JPEG) all are known, of 84 pairs of copies that are cut otherwise each .99; of 1,176 pairs in 42 sets
nine are one picture, and their texts say the same. The numbers were chosen while these were looked at; what
the metrics' table of drawn stories says is of others (docs/metrics.md).
"""
_MAYBE = 0.6
"""Alikeness of a piece from the grid below which two pictures are not one."""
_FITTING = 0.9
"""Alikeness of the piece that fits best below which two pictures are not one, however they are laid."""
_LEVELS = 5.0
"""Of 255, the mean difference from which two pictures that lie alike are not one; JPEG of 40 makes 2.8."""
_BLURRED, _ROUNDED = 8, 0.01
"""Pixels a side of pictures that are compared first, and by how much rounding may part them at the most.

Means of equal squares never differ more than the pixels in them do, so whatever passes at _LAID passes here.
"""
_HELD = 8
"""How many pictures of a folder, those nearest in level, one is laid over; a copy is among them.

Each of hundreds that are nearly alike over each other would take a quarter of an hour.
"""
_MARGIN = 0.06
"""Of the side, left out around a picture that another is laid over: of two crops neither holds all."""
_LAID, _WINDOW = 48, 6
"""Pixels a side of pictures that are laid over each other, and of a window in which they differ."""
_SIDE, _PIECE, _FREQUENCIES = 96, 64, 12
_WAVES = dct(np.eye(_PIECE, dtype=np.float32), axis=0, norm="ortho")[:_FREQUENCIES]
"""(frequencies, pixels): the cosines that a piece is held against."""
_CUTS, _STEPS = (0.95, 0.9, 0.85, 0.8), (0.02, 0.01, 0.005)
"""Sides of the pieces, as parts of the picture's, and by how much a piece is moved and sized."""
_GAIN = 1e-4
"""How much better a piece must fit to be worth another step."""
_EDGE = 1e-4
"""How far inside the picture the fitting begins, for its bounds."""
_MIRRORED = (-1.0) ** np.arange(_FREQUENCIES)
_FOUND: dict[tuple[bytes, bytes], "Difference"] = {}
_MOST_FOUND = 100_000
"""Differences that are kept: about 30 MB."""

Box = tuple[float, float, float]
"""Left, top and side of a piece, as parts of the picture's side."""


class Look(NamedTuple):
    """What is kept of a picture to know its copies."""

    grey: NDArray[np.uint8]
    """(96, 96) means of the channels."""
    views: NDArray[np.float16]
    """(views, 144) rows of unit length: the picture first, then its pieces, mirrored and turned."""


def _grid() -> list[Box]:
    whole = [(0.0, 0.0, 1.0)]
    return whole + [
        (i * (1 - cut) / 2, j * (1 - cut) / 2, cut) for cut in _CUTS for i in range(3) for j in range(3)
    ]


_BOXES = _grid()


def look_at(picture: Image.Image) -> Look:
    """Return what is kept of an RGB picture; what shows nothing has rows of zeros."""
    rgb = picture if picture.mode == "RGB" else picture.convert("RGB")
    grey = np.asarray(rgb.resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float32).mean(2)
    pieces = _frequencies(_DOWN @ grey @ _ACROSS)
    first = pieces[0]
    turned = [one * signs for one in (first, first.T) for signs in (1, _MIRRORED[:, None])]
    turned += [one * _MIRRORED for one in turned]
    views = np.concatenate([pieces, pieces * _MIRRORED, np.stack(turned)])
    return Look(grey.astype(np.uint8), views.reshape(len(views), -1).astype(np.float16))


def alikeness(source: Look, others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how alike each other picture is to a picture or one of its pieces, 0 to 1.

    Args:
        source: the picture.
        others: (pictures, 144), the first views of the others.
    """
    return np.asarray(np.abs(source.views.astype(np.float32) @ others.T).max(axis=0))


def fitted_alikeness(source: Look, other: Look) -> float:
    """Return how alike another picture is to the piece of a picture that fits it best, 0 to 1."""
    return _fitted(source, other).alikeness


class _FittedPiece(NamedTuple):
    """A piece of a picture, and how alike another picture is to it."""

    alikeness: float
    box: Box
    mirrored: bool


def _fitted(source: Look, other: Look) -> _FittedPiece:
    """Return the piece of a picture that another one fits best."""
    wanted = other.views[0].astype(np.float32).reshape(_FREQUENCIES, _FREQUENCIES)
    views = np.abs(source.views[: 2 * len(_BOXES)].astype(np.float32) @ other.views[0].astype(np.float32))
    place = int(views.argmax())
    box, best = _BOXES[place % len(_BOXES)], float(views.max())
    mirrored = place >= len(_BOXES)
    if mirrored:
        wanted = wanted * _MIRRORED
    grey = source.grey.astype(np.float32)
    for step in _STEPS:
        found, nearest = max((_fit(grey, one, wanted), one) for one in _beside(box, step))
        while found > best + _GAIN:
            best, box = found, nearest
            found, nearest = max((_fit(grey, one, wanted), one) for one in _beside(box, step))
    return _FittedPiece(best, box, mirrored)


class Difference(NamedTuple):
    """How much two pictures differ that are laid over each other, in deviations of the picture's grey values.

    Each is the root mean square in a window: 0 for a copy, 1 and more where a figure moved.
    """

    worst: float
    usual: float
    """In nine of ten windows less."""

    @property
    def one_picture(self) -> bool:
        """Whether both are one picture."""
        return self.worst < SAME and (self.worst < FAINT or self.worst < LOCAL * self.usual)


def difference(one: Look, other: Look) -> Difference:
    """Return how much two pictures differ, in either order the same.

    A piece of the one is laid over the other as it fits best, mirrored if need be, brightness and contrast
    evened out. That takes milliseconds and the same pictures are scored and cast again and again, so what was
    found is kept.
    """
    pair = _mark(one), _mark(other)
    found = _FOUND.get(pair)
    if found is None:
        found = min(_laid_over(one, other), _laid_over(other, one))
        if len(_FOUND) >= _MOST_FOUND:
            _FOUND.clear()
        _FOUND[pair] = found
    return found


def _mark(look: Look) -> bytes:
    """Return by what a look is known from every other."""
    return blake2b(look.grey.tobytes() + look.views.tobytes(), digest_size=16).digest()


def copied_pairs(looks: Sequence[Look], panels: Sequence[int]) -> NDArray[np.bool_]:
    """Return which pictures are one picture, (pictures, pictures); those of one panel are not compared.

    Args:
        looks: what is kept of each picture.
        panels: which panel each is of; pictures of one panel are never in one set.
    """
    found = np.zeros((len(looks), len(looks)), dtype=bool)
    if len(looks) < 2:
        return found
    firsts = np.stack([look.views[0] for look in looks]).astype(np.float32)
    alike = np.stack([alikeness(look, firsts) for look in looks])
    near = np.triu(np.maximum(alike, alike.T) > _MAYBE, k=1) & np.not_equal.outer(panels, panels)
    for one, other in np.argwhere(near).tolist():
        found[one, other] = found[other, one] = difference(looks[one], looks[other]).one_picture
    return found


def same_pictures(looks: Mapping[str, Look]) -> dict[str, str]:
    """Return which of many pictures an earlier one is already, as it stands, and which one.

    >>> dark, light = Image.new("RGB", (64, 64)), Image.radial_gradient("L").convert("RGB")
    >>> same_pictures({"1.png": look_at(light), "2.png": look_at(dark), "3.png": look_at(light)})
    {'3.png': '1.png'}
    """
    kept: list[str] = []
    found: dict[str, str] = {}
    small = np.empty((len(looks), _LAID * _LAID), np.float32)
    blurs = np.empty((len(looks), _BLURRED * _BLURRED), np.float32)
    firsts = np.empty((len(looks), _FREQUENCIES**2), np.float32)
    for name, look in looks.items():
        mine = _resized(Image.fromarray(look.grey.astype(np.float32)), (0.0, 0.0, 1.0, 1.0)).ravel()
        blur = mine.reshape(_BLURRED, _LAID // _BLURRED, _BLURRED, -1).mean(axis=(1, 3)).ravel()
        near = np.flatnonzero(np.abs(blurs[: len(kept)] - blur).mean(axis=1) < _LEVELS + _ROUNDED)
        apart = np.abs(small[near] - mine).mean(axis=1)
        near, apart = near[apart < _LEVELS], apart[apart < _LEVELS]
        fits = alikeness(look, firsts[near]) > _MAYBE
        near = near[fits][apart[fits].argsort(kind="stable")][:_HELD]
        alike = (kept[place] for place in near)
        same = next((other for other in alike if difference(looks[other], look).one_picture), None)
        if same is None:
            small[len(kept)], blurs[len(kept)], firsts[len(kept)] = mine, blur, look.views[0]
            kept.append(name)
        else:
            found[name] = same
    return found


def _laid_over(source: Look, other: Look) -> Difference:
    """Return the difference of a picture's middle and the piece of another that fits it best."""
    piece = _fitted(source, other)
    if piece.alikeness < _FITTING:
        return Difference(float("inf"), float("inf"))
    grey, wanted = (Image.fromarray(look.grey.astype(np.float32)) for look in (source, other))
    goal = _standard(_resized(wanted, (_MARGIN, _MARGIN, 1 - _MARGIN, 1 - _MARGIN)))
    goal = goal[:, ::-1] if piece.mirrored else goal

    def rest(box: NDArray[np.float64]) -> NDArray[np.float64]:
        if min(box[2] - box[0], box[3] - box[1]) < 0.5:
            return np.ravel(goal)
        laid = _standard(_resized(grey, box))
        return np.ravel(goal - float((goal * laid).mean()) * laid)

    left, top, side = piece.box
    near, far = _MARGIN * side, (1 - _MARGIN) * side
    start = np.clip([left + near, top + near, left + far, top + far], _EDGE, 1 - _EDGE)
    found = least_squares(rest, start, bounds=(0, 1), diff_step=[0.004], max_nfev=20).x
    least = min((rest(start), rest(found)), key=lambda one: float((one**2).sum()))
    squares = uniform_filter(least.reshape(_LAID, _LAID) ** 2, _WINDOW, mode="nearest").clip(min=0)
    worst, usual = np.sqrt(np.quantile(squares, (1.0, 0.9))).tolist()
    return Difference(worst, usual)


def _resized(picture: Image.Image, box: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (48, 48) grey values of a piece, given by its left, top, right and lower edge."""
    left, top, right, lower = (float(part) * _SIDE for part in box)
    laid = picture.resize((_LAID, _LAID), Image.Resampling.BILINEAR, box=(left, top, right, lower))
    return np.asarray(laid, np.float64)


def _standard(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return grey values of mean 0 and deviation 1; what shows nothing stays 0."""
    return np.asarray((grey - grey.mean()) / max(1e-6, float(grey.std())))


def _beside(box: Box, step: float) -> Iterator[Box]:
    """Yield the pieces that lie a step aside, or are larger or smaller by one."""
    left, top, side = box
    for by in (step, -step):
        yield left + by, top, side
        yield left, top + by, side
        yield left, top, side + by
        yield left - by / 2, top - by / 2, side + by


def _fit(grey: NDArray[np.float32], box: Box, wanted: NDArray[np.float32]) -> float:
    left, top, side = box
    if min(left, top) < 0 or max(left, top) + side > 1 or side < 0.5:
        return 0.0
    return abs(float((_row(grey, box) * wanted).sum()))


def _row(grey: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """Return (12, 12) frequencies of a piece, as `_frequencies` does."""
    left, top, side = box
    return _frequencies(_waves_over(top, side) @ grey @ _waves_over(left, side).T)


def _frequencies(low: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return (..., 12, 12) frequencies of pieces: each at the root of its strength, a piece's of unit length.

    The mean is left out. What shows nothing has zeros. What is given is written over.
    """
    low[..., 0, 0] = 0
    low[np.abs(low) < 1] = 0
    low = np.sign(low) * np.sqrt(np.abs(low))
    return np.asarray(low / np.linalg.norm(low, axis=(-2, -1), keepdims=True).clip(min=1e-9), np.float32)


@lru_cache(maxsize=4096)
def _waves_over(start: float, side: float) -> NDArray[np.float32]:
    """Return (frequencies, 96): the cosines over a piece of a side, and nothing beside it.

    Pieces are moved by the same steps in every picture, so most are asked for again. The piece is sized by
    the triangle over a pixel's neighbours, as Pillow's BILINEAR does it.
    """
    first, last = start * _SIDE, min(_SIDE, (start + side) * _SIDE)
    scale = (last - first) / _PIECE
    width = max(scale, 1.0)
    centres = first + (np.arange(_PIECE) + 0.5) * scale
    away = np.abs(np.arange(_SIDE) + 0.5 - centres[:, None]) / width
    weights = np.clip(1 - away, 0, None)
    return np.asarray(_WAVES @ (weights / weights.sum(axis=1, keepdims=True)), np.float32)


_DOWN = np.stack([_waves_over(top, side) for _, top, side in _BOXES])
_ACROSS = np.stack([_waves_over(left, side).T for left, _, side in _BOXES])
"""(pieces, 12, 96) and (pieces, 96, 12): the cosines over the pieces of the grid."""
