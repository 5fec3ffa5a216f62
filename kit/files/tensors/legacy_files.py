"""torch.save's form from before 1.6, in which many upscalers are passed on: five pickles, then the numbers.

Its pickles are walked and never run, as those of newer files.
"""

import io
import struct
from collections.abc import Mapping
from pathlib import Path

from kit.files.regular_files import open_file
from kit.files.tensors.checkpoint_files import (
    MAX_PICKLE_BYTES,
    WIDTHS,
    ArrayPlace,
    Checkpoint,
    load_spot,
    spot_of,
)
from kit.files.tensors.pickle_walk import named_tensors, walk_pickle
from kit.messages import tr

MARK = b"l\xfc\x9cF\xf9 j\xa8P\x19."
"""How the file begins, behind the pickle's mark."""
_COUNT = struct.Struct("<q")
"""Before each array: how many numbers it has."""


def open_legacy(path: Path) -> Checkpoint:
    """Return the tensors of a file that an old torch wrote; ValueError says why it is not sound."""
    with open_file(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        stream = io.BytesIO(file.read(MAX_PICKLE_BYTES))
    for _ in range(3):  # a mark, a version, and the machine that wrote it
        facts = walk_pickle(stream).made
    if not isinstance(facts, dict) or facts.get("little_endian") is not True:
        raise ValueError(tr("was written on a big-endian machine: give it as .safetensors"))
    whole, storages = walk_pickle(stream)
    tensors = named_tensors(whole)
    keys = walk_pickle(stream).made
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or {*storages} != {*keys}:
        raise ValueError(tr("is damaged, its list of tensors makes no sense: get it again"))
    if not all(storage.dtype for storage in storages.values()):
        raise ValueError(tr("holds numbers of a kind that is not read here: give it in fp16"))
    widths = {key: WIDTHS[storages[key].dtype] for key in keys}
    places = _places(path, stream.tell(), size, widths)
    spots = {name: spot_of(name, tensor, places[tensor.storage.key]) for name, tensor in tensors.items()}
    if sum(spot.size_bytes for spot in spots.values()) > size:
        raise ValueError(tr("names more numbers than it holds: torch.save never writes that"))
    return Checkpoint(spots, lambda name: load_spot(path, spots[name]), {})


def _places(path: Path, first: int, size: int, widths: Mapping[str, int]) -> dict[str, ArrayPlace]:
    """Return where each array lies, one behind the other from `first` on, in the order of the keys."""
    found = {}
    with open_file(path) as file:
        for key, width in widths.items():
            file.seek(first)
            told = file.read(_COUNT.size)
            count = _COUNT.unpack(told)[0] if len(told) == _COUNT.size else -1
            first += _COUNT.size
            if count < 0 or first + count * width > size:
                raise ValueError(tr("is damaged, or half a download: download or copy it again"))
            found[key] = ArrayPlace(first, count * width)
            first += count * width
    return found
