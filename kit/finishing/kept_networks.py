"""Networks as runs and bundles keep them: a safetensors file each, known by its sha256.

So whatever finished a picture is there when it is drawn again, and no other kind of file is opened there.
"""

from functools import cache
from math import prod
from pathlib import Path
from typing import NamedTuple

from kit.embedded import EMBEDDED, FINISHER
from kit.errors import WeightsError
from kit.files.encodings import sha256_bytes, sha256_of
from kit.files.regular_files import read_file
from kit.files.safetensors_files import read_safetensors, tensor_bytes
from kit.files.tensors.checkpoint_files import WIDTHS
from kit.files.tensors.tensor_files import TensorFile, open_tensor_file
from kit.finishing.network_files import NetworkUse, load_network, network_in
from kit.messages import tr

MOST_KEPT_BYTES = 480 << 20
"""Of a network, and of all that a bundle holds: GFPGAN has 333 MiB, HAT-L 158, Real-ESRGAN 64."""
EMBEDDED_USE = NetworkUse(scale=4, for_faces=False)
"""Of storykit's own network."""


class KeptNetwork(NamedTuple):
    """A network that a picture can be finished with."""

    sha256: str
    """Of its file as it is kept."""
    use: NetworkUse
    data: bytes
    """The file; empty for storykit's own, which is always there."""


@cache
def embedded_network() -> str:
    """Return the sha256 of storykit's own network."""
    return sha256_of(FINISHER)


def network_to_keep(name: str) -> KeptNetwork:
    """Return a network as a run keeps it.

    Args:
        name: "mini" for storykit's own, or a file: safetensors, which stays as it is, or torch's, of which
            the tensors alone are kept; the same tensors give the same bytes.

    Raises:
        WeightsError: it cannot be read, is no network from picture to picture, or is too large.
    """
    if name == EMBEDDED:
        return KeptNetwork(embedded_network(), EMBEDDED_USE, b"")
    path = Path(name)
    use = load_network(path).use
    try:
        data = _as_kept(path, open_tensor_file(path))
    except (ValueError, OSError) as error:
        raise WeightsError(tr("finisher {file} {why}", file=path, why=error)) from error
    network_in(data, path.name)
    sha256 = sha256_bytes(data)
    return KeptNetwork(sha256, use, b"" if sha256 == embedded_network() else data)


def _as_kept(path: Path, file: TensorFile) -> bytes:
    """Return the bytes of a network's file in the form that is kept; ValueError where it is too large."""
    _check_size(sum(prod(kind.shape) * WIDTHS[kind.dtype] for kind in file.kinds.values()))
    data = read_file(path) if path.stat().st_size <= MOST_KEPT_BYTES else b""
    try:
        read_safetensors(data)
    except ValueError:
        data = tensor_bytes({name: file.load(name) for name in sorted(file.kinds)}, {})
        _check_size(len(data))
        read_safetensors(data)
    return data


def _check_size(size: int) -> None:
    if size > MOST_KEPT_BYTES:
        told = {"size": size >> 20, "most": MOST_KEPT_BYTES >> 20}
        raise ValueError(
            tr(
                "has {size} MiB, and {most} are the most that a picture of a run is finished with: take a "
                "smaller network, or save it in half precision",
                **told,
            )
        )
