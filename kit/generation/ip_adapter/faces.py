"""Faces in pictures, found and told apart by insightface's antelopev2 on the CPU.

insightface itself is not used: it asks for a second OpenCV, onnx and scikit-image. Of its networks SCRFD (Guo
et al., arXiv 2105.04714) finds faces with five points each, and ArcFace (arXiv 1801.07698) tells whose they
are, turned upright by the points. The other door to onnxruntime is the WD tagger's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kit.errors import WeightsError
from kit.files.text.library_words import reason_of
from kit.messages import tr
from kit.models.ip_adapter.adapter_files import DETECTOR, RECOGNISER

SIDE = 640
"""Of the square, in pixels, that faces are looked for in."""
_STRIDES, _ANCHORS = (8, 16, 32), 2
_SURE, _OVERLAP = 0.5, 0.4
"""How sure a face must be, and from which overlap on two are one."""
_UPRIGHT = 112
_POINTS = np.array([38.2946 + 51.6963j, 73.5318 + 51.5014j, 56.0252 + 71.7366j, 41.5493 + 92.3655j,
                    70.7299 + 92.2041j])  # fmt: skip
"""Where ArcFace has eyes, nose and corners of the mouth, of 112 pixels, down as imaginary numbers."""
_Floats = NDArray[np.float32]


class FoundFace(NamedTuple):
    """A face in a picture."""

    box: tuple[float, float, float, float]
    """Left, top, right and bottom, in pixels."""
    embedding: _Floats
    """(width,): whose face it is, not of unit length."""

    def crop(self, picture: Image.Image, side: int) -> Image.Image:
        """Return the square around the face, so many pixels a side; beyond the picture it is black."""
        left, top, right, bottom = self.box
        half = max(right - left, bottom - top) / 2
        across, down = (left + right) / 2, (top + bottom) / 2
        square = (round(across - half), round(down - half), round(across + half), round(down + half))
        return picture.crop(square).resize((side, side))


class FaceAnalyser:
    """Finds faces and tells whose they are."""

    def __init__(self, folder: Path) -> None:
        """Read both networks; raises WeightsError where they, or what runs them, cannot be read."""
        self._detector = _FaceNetwork(folder / DETECTOR, answers=3 * len(_STRIDES))
        self._recogniser = _FaceNetwork(folder / RECOGNISER, answers=1)

    def largest(self, picture: Image.Image) -> FoundFace | None:
        """Return the largest face of an RGB picture, None where there is none."""
        boxes, points = self._found(picture)
        if not len(boxes):
            return None
        chosen = int(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).argmax())
        left, top, right, bottom = (float(one) for one in boxes[chosen])
        seen = self._recogniser.answers(upright(picture, points[chosen]), 127.5)
        return FoundFace((left, top, right, bottom), seen[0].reshape(-1))

    def _found(self, picture: Image.Image) -> tuple[_Floats, _Floats]:
        """Return all faces, the surest first: boxes, (faces, 4), and five points of each, (faces, 5, 2)."""
        scale = SIDE / max(picture.size)
        width, height = (max(1, int(side * scale)) for side in picture.size)
        canvas = Image.new("RGB", (SIDE, SIDE))
        canvas.paste(picture.resize((width, height), Image.Resampling.BILINEAR))
        told = self._detector.answers(canvas, 128.0)
        levels = [
            _level(stride, *told[at :: len(_STRIDES)]) for at, stride in enumerate(_STRIDES)
        ]  # scores of all levels, then boxes, then points
        scores, boxes, points = (np.concatenate(part) for part in zip(*levels, strict=True))
        kept = _apart(boxes, scores)
        return (boxes[kept] / scale).astype(np.float32), (points[kept] / scale).astype(np.float32)


def upright(picture: Image.Image, points: _Floats) -> Image.Image:
    """Return a face as ArcFace sees it, 112 pixels a side.

    Args:
        picture: RGB.
        points: (5, 2): eyes, nose and corners of the mouth, across and down, in pixels.
    """
    seen = points[:, 0] + 1j * points[:, 1]
    off, wanted = seen - seen.mean(), _POINTS - _POINTS.mean()
    back = (off * off.conj()).sum() / (off.conj() * wanted).sum()  # turned and scaled, never mirrored
    start = seen.mean() - back * _POINTS.mean()
    a, b = back.real, back.imag
    across, down = (0.5 - 0.5 * (a - b), 0.5 - 0.5 * (a + b))  # Pillow counts from a pixel's corner
    matrix = (a, -b, start.real + across, b, a, start.imag + down)
    return picture.transform((_UPRIGHT, _UPRIGHT), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def _level(stride: int, scores: _Floats, boxes: _Floats, points: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    """Return the faces that the network sees at one stride: scores, boxes and points, in pixels.

    It tells of two anchors a cell how far the face's borders and points are from the cell, in strides.
    """
    cells = SIDE // stride
    place = np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), axis=-1).reshape(-1, 2) * stride
    place = place.repeat(_ANCHORS, axis=0).astype(np.float32)
    sure = scores.reshape(-1) >= _SURE
    near, far = (stride * part[sure] for part in np.split(boxes.reshape(-1, 4), 2, axis=1))
    found = np.concatenate([place[sure] - near, place[sure] + far], axis=1)
    return scores.reshape(-1)[sure], found, place[sure, None] + stride * points.reshape(-1, 5, 2)[sure]


def _apart(boxes: _Floats, scores: _Floats) -> list[int]:
    """Return which boxes are left, the surest first, where of boxes that overlap the surest stays."""
    kept: list[int] = []
    for one in np.argsort(-scores, kind="stable"):
        if all(_overlap(boxes[one], boxes[other]) <= _OVERLAP for other in kept):
            kept.append(int(one))
    return kept


def _overlap(one: _Floats, other: _Floats) -> float:
    """Return the share of two boxes' common area, of what both cover."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    common = np.prod(np.clip(high - low, 0, None))
    covered = np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - common
    return float(common / covered) if covered else 0.0


class _FaceNetwork:
    """A network of a file, run on one thread, so that a picture has one embedding."""

    def __init__(self, path: Path, answers: int) -> None:
        """Open the file; raises WeightsError where it is no network that answers so often."""
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as told_by
        except ImportError as error:
            raise WeightsError(
                tr("faces are found with onnxruntime, which is not installed: pip install storykit[face-ids]")
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._path = path
        self._trouble = (
            *(told_by.Fail, told_by.InvalidArgument, told_by.InvalidGraph, told_by.InvalidProtobuf),
            *(told_by.NoSuchFile, told_by.NotImplemented, told_by.RuntimeException, told_by.EPFail),
            *(told_by.NoModel, RuntimeError, ValueError),
        )
        with self._told():
            self._network = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            there = len(self._network.get_inputs()), len(self._network.get_outputs())
            if there != (1, answers):
                raise ValueError(tr("it is another network than antelopev2's"))

    def answers(self, picture: Image.Image, spread: float) -> list[_Floats]:
        """Return what the network says of an RGB picture."""
        pixels = (np.asarray(picture, np.float32).transpose(2, 0, 1)[None] - 127.5) / spread
        with self._told():
            told: list[_Floats] = self._network.run(None, {self._network.get_inputs()[0].name: pixels})
            return told

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._trouble as error:
            told = reason_of(" ".join(str(error).split())[:200])
            raise WeightsError(
                tr("{file} cannot be read: {error}; download it again", file=self._path, error=told)
            ) from error
