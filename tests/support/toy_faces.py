"""insightface's two networks in toy form, written as ONNX by hand: white squares on black are faces.

The detector sees one at every white cell of 32 pixels of its 640; what it says of borders and points is the
same for each, and grows with how white it is. The recogniser tells a face by 16 means of what it is shown.
"""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from kit.models.ip_adapter.adapter_files import ANALYSER, DETECTOR, RECOGNISER

WIDTH = 16
REACH = (2.0, 2.5, 3.0, 3.5)
"""How many strides a face's left, upper, right and lower border are from its cell."""
POINTS = (-1.0, -1.0, 1.2, -1.1, 0.1, 0.1, -0.8, 1.0, 0.9, 1.1)
"""Across and down, in strides, as far as its eyes, nose and corners of the mouth are from its cell."""


def write_analyser(folder: Path) -> Path:
    """Write both networks below a folder, and return where."""
    place = folder / ANALYSER
    place.mkdir(parents=True)
    (place / DETECTOR).write_bytes(_detector())
    (place / RECOGNISER).write_bytes(_recogniser())
    return place


def face_picture(*cells: tuple[int, int], blue: int = 255) -> Image.Image:
    """Return a dark picture of 160 pixels with a white or yellowish cell at each place, of twentieths."""
    pixels, cell = np.zeros((160, 160, 3), np.uint8), 8
    for across, down in cells:
        pixels[down * cell : (down + 1) * cell, across * cell : (across + 1) * cell] = (255, 255, blue)
    return Image.fromarray(pixels)


def _detector() -> bytes:
    nodes, tensors, outputs = [], [], []
    for kind, columns in (("score", 1), ("box", 4), ("points", 10)):
        for stride in (8, 16, 32):
            name, rows = f"{kind}{stride}", 2 * columns
            sees, bias = np.zeros((rows, 3, stride, stride)), np.zeros(rows)
            if kind == "score":
                bias -= 9
                if stride == 32:
                    sees += 20 / (3 * stride**2)
                    bias += (-1, -2)  # of two anchors the second is less sure
            else:
                bias += np.tile(REACH if kind == "box" else POINTS, 2)
            tensors += [
                _tensor(f"{name}.weight", sees),
                _tensor(f"{name}.bias", bias),
                _whole(f"{name}.shape", (-1, columns)),
            ]
            nodes += [
                _node(
                    "Conv", [_INPUT, f"{name}.weight", f"{name}.bias"], f"{name}.seen", strides=[stride] * 2
                ),
                _node("Transpose", [f"{name}.seen"], f"{name}.turned", perm=[0, 2, 3, 1]),
                _node("Reshape", [f"{name}.turned", f"{name}.shape"], f"{name}.rows"),
                _node("Sigmoid" if kind == "score" else "Identity", [f"{name}.rows"], name),
            ]
            outputs.append(name)
    return _model(nodes, tensors, 640, outputs)


def _recogniser() -> bytes:
    tensors = [_tensor("weight", np.full((1, 3, 28, 28), 3 / 28**2)), _whole("shape", (1, WIDTH))]
    nodes = [
        _node("Conv", [_INPUT, "weight"], "seen", strides=[28, 28]),
        _node("Reshape", ["seen", "shape"], "whose"),
    ]
    return _model(nodes, tensors, 112, ["whose"])


# ONNX is protobuf: a field's number and kind, then its content

_INPUT = "input.1"
_FLOATS, _INTEGERS = 1, 7


def _number(value: int) -> bytes:
    value &= 2**64 - 1
    told = bytearray()
    while value > 127:
        told.append(value & 127 | 128)
        value >>= 7
    return bytes([*told, value])


def _field(number: int, content: int | str | bytes) -> bytes:
    if isinstance(content, int):
        return _number(number << 3) + _number(content)
    data = content.encode() if isinstance(content, str) else content
    return _number(number << 3 | 2) + _number(len(data)) + data


def _tensor(name: str, values: np.ndarray) -> bytes:
    dims = b"".join(_field(1, side) for side in values.shape)
    return dims + _field(2, _FLOATS) + _field(8, name) + _field(9, values.astype("<f4").tobytes())


def _whole(name: str, values: Sequence[int]) -> bytes:
    packed = struct.pack(f"<{len(values)}q", *values)
    return _field(1, len(values)) + _field(2, _INTEGERS) + _field(8, name) + _field(9, packed)


def _node(kind: str, takes: Sequence[str], gives: str, **lists: Sequence[int]) -> bytes:
    told = b"".join(_field(1, name) for name in takes) + _field(2, gives) + _field(4, kind)
    for name, values in lists.items():
        items = b"".join(_field(8, value) for value in values)
        told += _field(5, _field(1, name) + items + _field(20, _INTEGERS))
    return told


def _model(nodes: Sequence[bytes], tensors: Sequence[bytes], side: int, outputs: Sequence[str]) -> bytes:
    shape = b"".join(_field(1, _field(1, size)) for size in (1, 3, side, side))
    given = _field(1, _INPUT) + _field(2, _field(1, _field(1, _FLOATS) + _field(2, shape)))
    open_ended = _field(2, _field(1, _field(1, _FLOATS)))
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, "toy")
    graph += b"".join(_field(5, tensor) for tensor in tensors) + _field(11, given)
    graph += b"".join(_field(12, _field(1, name) + open_ended) for name in outputs)
    return _field(1, 8) + _field(7, graph) + _field(8, _field(2, 17))
