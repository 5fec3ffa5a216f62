"""Named tensors in a safetensors file, the same bytes for the same content."""

import json
import pickle
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

TORCH_LOAD_ERRORS = (
    OSError, EOFError, LookupError, TypeError, ValueError, RuntimeError, pickle.PickleError
)  # fmt: skip
"""What `torch.load` raises of a file that is not whole, or not torch's."""
LENGTH_BYTES = 8
"""A safetensors file opens with the length of its header, little-endian."""


def tensor_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Return a safetensors file; metadata in sorted order, which the library leaves to chance."""
    data: bytes = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, dict(metadata)
    )
    end = LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "little")
    header = json.loads(data[LENGTH_BYTES:end])
    header["__metadata__"] = dict(sorted(metadata.items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % LENGTH_BYTES)
    return len(text).to_bytes(LENGTH_BYTES, "little") + text + data[end:]


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return a safetensors file's tensors and metadata; raises ValueError saying what is wrong with it."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except FileNotFoundError as error:
        raise ValueError("file does not exist") from error
    except (OSError, SafetensorError) as error:
        raise ValueError(f"is not a whole safetensors file: {error}") from error
