"""Toy taggers on disk: an ONNX network of one matrix, and DeepDanbooru's port with few channels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

FLOAT, INT64 = 1, 7


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _field(number: int, value: int | str | bytes) -> bytes:
    """Return a field of a protobuf message: a whole number, or a text or message with its length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, array: NDArray[np.generic], kind: int) -> bytes:
    sides = b"".join(_field(1, side) for side in array.shape)
    return sides + _field(2, kind) + _field(8, name) + _field(9, array.tobytes())


def _value(name: str, sides: Sequence[int]) -> bytes:
    shape = b"".join(_field(1, _field(1, side)) for side in sides)
    return _field(1, name) + _field(2, _field(1, _field(1, FLOAT) + _field(2, shape)))


def _node(kind: str, given: Sequence[str], made: str) -> bytes:
    return b"".join(_field(1, name) for name in given) + _field(2, made) + _field(4, kind)


def onnx_network(side: int, weights: NDArray[np.float32], channels: int = 3, count: int = 1) -> bytes:
    """Return an ONNX file: sigmoid of a picture's numbers, (count, side, side, channels), times a matrix."""
    numbers, tags = weights.shape
    nodes = (
        _node("Reshape", ("input", "flat"), "row"),
        _node("MatMul", ("row", "weights"), "logits"),
        _node("Sigmoid", ("logits",), "output"),
    )
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, "toy")
    graph += _field(5, _tensor("flat", np.array([1, numbers], np.int64), INT64))
    graph += _field(5, _tensor("weights", weights, FLOAT))
    graph += _field(11, _value("input", (count, side, side, channels)))
    graph += _field(12, _value("output", (1, tags)))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))


TAGS = ("general", "1girl", "long_hair", "^_^", "hatsune_miku", "solo")
CATEGORIES = (9, 0, 0, 0, 4, 0)


def wd_folder(folder: Path, logits: Sequence[float], side: int = 4) -> Path:
    """Write a WD tagger that gives every white picture these logits, one of TAGS each."""
    folder.mkdir(parents=True, exist_ok=True)
    count = side * side * 3
    weights = np.tile(np.asarray(logits, np.float32) / (255 * count), (count, 1))
    (folder / "model.onnx").write_bytes(onnx_network(side, weights))
    rows = [f"{n},{name},{kind},{9}" for n, (name, kind) in enumerate(zip(TAGS, CATEGORIES, strict=True))]
    (folder / "selected_tags.csv").write_text(
        "\n".join(["tag_id,name,category,count", *rows]) + "\n", "utf-8"
    )
    return folder


PUBLISHED = """
0:3,64,7 1:64,256,1 2:64,64,1 3:64,64,3 4:64,256,1 5:256,64,1 10:64,256,1 11:256,512,1 12:256,128,1
13:128,128,3 14:128,512,1 15:512,128,1 35:128,512,1 36:512,1024,1 37:512,256,1 38:256,256,3 39:256,1024,1
40:1024,256,1 96:256,1024,1 97:1024,256,1 98:256,256,3 99:256,1024,1 100:1024,1024,1 101:1024,256,1
157:256,1024,1 158:1024,2048,1 159:1024,512,1 160:512,512,3 161:512,2048,1 162:2048,512,1 167:512,2048,1
168:2048,4096,1 169:2048,1024,1 170:1024,1024,3 171:1024,4096,1 172:4096,1024,1 177:1024,4096,1
178:4096,9176,1
"""
"""Of the published network's convolutions: number, channels in and out, side."""


def published_shapes() -> dict[int, tuple[int, int, int, int]]:
    """Return the weight's shape of convolutions of the published network, by number."""
    told = (one.split(":") for one in PUBLISHED.split())
    return {int(n): (int(b), int(a), int(c), int(c)) for n, (a, b, c) in ((n, t.split(",")) for n, t in told)}


def deepdanbooru_state(tags: Sequence[str], divided_by: int = 16) -> dict[str, object]:
    """Return a file's content with the port's names and a part of the published channels."""
    dice = torch.Generator().manual_seed(0)
    state: dict[str, object] = {"tags": list(tags)}
    for number, (out, into, side) in port_convolutions().items():
        width = len(tags) if number == 178 else out // divided_by
        shape = (width, into if number == 0 else into // divided_by, side, side)
        scale = (2 / (shape[1] * side * side)) ** 0.5
        state[f"n_Conv_{number}.weight"] = torch.randn(shape, generator=dice) * scale * 0.7
        if number != 178:
            state[f"n_Conv_{number}.bias"] = torch.randn(width, generator=dice) * 0.1
    return state


def port_convolutions() -> dict[int, tuple[int, int, int]]:
    """Return channels out and in and side of the port's convolutions, counted out stage by stage."""
    found, number, channels = {0: (64, 3, 7)}, 1, 64
    for width, out, blocks, late in (
        (64, 256, 3, False),
        (128, 512, 8, False),
        (256, 1024, 20, False),
        (256, 1024, 20, True),
        (512, 2048, 3, False),
        (1024, 4096, 3, False),
    ):
        for block in range(blocks):
            three = [(width, channels, 1), (width, width, 3), (out, width, 1)]
            shortcut = [(out, channels, 1)] if not block else []
            for one in [*three, *shortcut] if late else [*shortcut, *three]:
                found[number] = one
                number += 1
            channels = out
    return found | {number: (9176, channels, 1)}
