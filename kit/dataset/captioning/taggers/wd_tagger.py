"""SmilingWolf's WD taggers, which tell Danbooru's tags."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kit.dataset.captioning.network_errors import network_errors
from kit.dataset.captioning.taggers.tags import IF_SILENT, Tag, told_tags
from kit.errors import WeightsError
from kit.files.text.library_words import reason_of
from kit.messages import Language, tr

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MODEL, TAGS = "model.onnx", "selected_tags.csv"
CHARACTER_THRESHOLD = 0.85
"""From which the name of a character counts, as the maker advises; never less than of other tags."""
GENERAL, CHARACTER = 0, 4
"""Categories that are told; 9 is a rating."""
LONGEST = 4096
"""Pixels of a side from which a picture is made smaller before it is put into a square."""
MOST_SIDE = 2048
"""Of a network's square, in pixels; the published ones take 448."""
MOST_TABLE_BYTES = 2**24
"""Of selected_tags.csv; the published ones have 0.3 MB."""
_WHITE = (255, 255, 255)
_CHANNELS = 3


class WdTagger:
    """Names what is in a picture."""

    language: Language = "en"
    if_silent = IF_SILENT

    def __init__(self, session: "InferenceSession", tags: list[Tag], weights: Path) -> None:
        """Take a network of a file and the tags of its outputs, each with the probability it counts from."""
        self._session, self._tags, self._weights = session, tags, weights
        self._input = session.get_inputs()[0]

    def __call__(self, picture: Image.Image) -> list[str]:
        """Return the tags of an RGB picture, characters among them, the surest first."""
        pixels = network_pixels(picture, self._input.shape[1])
        with network_errors(self._weights, _trouble()):
            given = self._session.run(None, {self._input.name: pixels})[0]
            probabilities = np.asarray(given, np.float64).reshape(len(self._tags))
        return told_tags(self._tags, probabilities)


def network_pixels(picture: Image.Image, side: int) -> NDArray[np.float32]:
    """Return a picture as a WD tagger takes it: in a white square, (1, side, side, 3) BGR, 0 to 255."""
    if max(picture.size) > LONGEST:  # else the square of a long one would fill the memory
        scale = LONGEST / max(picture.size)
        width, height = (max(1, round(length * scale)) for length in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    longest = max(picture.size)
    square = Image.new("RGB", (longest, longest), _WHITE)
    square.paste(picture, ((longest - picture.width) // 2, (longest - picture.height) // 2))
    fitted = square.resize((side, side), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(fitted, np.float32)[None, :, :, ::-1])


def open_wd_tagger(folder: Path, threshold: float, device: str) -> WdTagger:
    """Return a tagger.

    Args:
        folder: with model.onnx and selected_tags.csv; or that model.onnx.
        threshold: probability from which a general tag counts.
        device: "cpu" or "cuda".

    Raises:
        WeightsError: a file is missing or no such thing, or onnxruntime is not installed.
    """
    if folder.name == MODEL:  # the file is named, as the other captioners' may be
        folder = folder.parent
    for name in (MODEL, TAGS):
        if not (folder / name).is_file():
            raise WeightsError(
                tr(
                    "{folder} lacks {name}: a WD tagger is {model} and {tags}, download both from its page "
                    "such as huggingface.co/SmilingWolf/wd-vit-tagger-v3",
                    folder=folder,
                    name=name,
                    model=MODEL,
                    tags=TAGS,
                )
            )
    tags = _read_tags(folder / TAGS, threshold)
    session = _open_session(folder / MODEL, device)
    _check_session(folder / MODEL, _shapes(session), len(tags))
    return WdTagger(session, tags, folder / MODEL)


def _read_tags(path: Path, threshold: float) -> list[Tag]:
    """Return the tags in the order of the network's outputs; None for what is never told, such as ratings."""
    import pandas as pd

    thresholds = {GENERAL: threshold, CHARACTER: max(threshold, CHARACTER_THRESHOLD)}
    try:
        if path.stat().st_size > MOST_TABLE_BYTES:
            raise ValueError(tr("has more than {most} bytes", most=MOST_TABLE_BYTES))
        table = pd.read_csv(path, keep_default_na=False, usecols=["name", "category"], dtype={"name": str})
        rows = zip(table["name"], table["category"].astype(int), strict=True)
        return [Tag(name, thresholds.get(category)) for name, category in rows]
    except (ValueError, OverflowError, OSError, pd.errors.ParserError) as error:
        told = {"file": path, "reason": reason_of(str(error)[:200])}
        raise WeightsError(
            tr("{file} must have the columns name and category: {reason}; download it again", **told)
        ) from error


def _open_session(path: Path, device: str) -> "InferenceSession":
    try:
        import onnxruntime
    except ImportError as error:
        raise WeightsError(
            tr("wd14 needs onnxruntime: `pip install storykit[captions]`, then run this again")
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    wanted = ["CUDAExecutionProvider"] if device != "cpu" else []
    here = onnxruntime.get_available_providers()
    providers = [name for name in (*wanted, "CPUExecutionProvider") if name in here]
    try:
        with warnings.catch_warnings(action="ignore"):
            return onnxruntime.InferenceSession(path, options, providers=providers)
    except _trouble() as error:
        told = {"file": path, "reason": reason_of(str(error)[:200])}
        raise WeightsError(tr("{file} is no ONNX network: {reason}; download it again", **told)) from error


def _trouble() -> tuple[type[Exception], ...]:
    """Return what onnxruntime raises; its exceptions have no class of their own above them."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return tuple(one for one in vars(state).values() if isinstance(one, type) and issubclass(one, Exception))


class _Shapes(NamedTuple):
    """What a network takes and gives; of free sides the names."""

    taken: list[int | str]
    kind: str
    given: list[int | str]


def _shapes(session: "InferenceSession") -> _Shapes:
    taken, given = session.get_inputs(), session.get_outputs()
    if len(taken) != 1:
        return _Shapes([], "", [])
    return _Shapes(taken[0].shape, taken[0].type, given[0].shape)


def _check_session(path: Path, shapes: _Shapes, tags: int) -> None:
    """Raise WeightsError unless a network gives a probability a tag for one square picture."""
    if not (_takes_one_square(shapes.taken) and shapes.kind == "tensor(float)"):
        told = {"file": path, "got": shapes.taken, "kind": shapes.kind, "most": MOST_SIDE}
        raise WeightsError(
            tr(
                "{file} is no WD tagger: it must take (1, side, side, 3) floats, side at most {most}, "
                "got {got} {kind}",
                **told,
            )
        )
    if len(shapes.given) != 2 or shapes.given[1] != tags:
        told = {"file": path, "got": shapes.given, "tags": tags, "table": TAGS}
        raise WeightsError(
            tr(
                "{file} gives {got} and {table} names {tags} tags: they must be of one tagger, download both "
                "again",
                **told,
            )
        )


def _takes_one_square(taken: list[int | str]) -> bool:
    """Return whether an input is (1, side, side, 3), its first side perhaps free, and no monster."""
    if len(taken) != 1 + _CHANNELS:
        return False
    count, height, width, channels = taken
    square = isinstance(height, int) and 0 < height <= MOST_SIDE and height == width
    return square and channels == _CHANNELS and (count == 1 or not isinstance(count, int))
