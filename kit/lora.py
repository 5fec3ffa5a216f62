"""A LoRA file: what is in it, how strong it was trained, and whether it fits a base.

Read are DiffSynth's names (`blocks.7...to_q.lora_A.default.weight`), with or without `.default.`, and
PEFT's (`base_model.model.` in front), in a `.safetensors` or a `.ckpt`.
"""

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from kit.errors import LoraError, RunError
from kit.files import sha256_of, write_whole
from kit.tensors import read_tensors, tensor_bytes

EMBEDDED = Path(__file__).parent / "mini" / "loras"
"""The style LoRAs of the embedded base; "mini:ink" is ink.safetensors here."""
EMBEDDED_PREFIX = "mini:"
_KEY = re.compile(
    r"(?:(?:base_model\.model|pipe|unet)\.)*(?P<layer>blocks\.\d+\..+)\.lora_(?P<half>[AB])(?:\.\w+)?\.weight"
)
_ALPHA_KEYS = ("alpha", "ss_network_alpha")
Half = Literal["A", "B"]


class Pair(NamedTuple):
    """The two factors of one layer's change: W + scale * up @ down."""

    down: Tensor
    """(rank, in), lora_A."""
    up: Tensor
    """(out, rank), lora_B."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedLora:
    """A LoRA as it was trained."""

    name: str
    """The file as the user named it."""
    sha256: str
    """Of the file."""
    rank: int
    alpha: float
    trigger: str
    """Words it was trained to answer to; empty when the file names none."""
    pairs: Mapping[str, Pair]
    """By layer of the base's UNet."""

    @property
    def scale(self) -> float:
        """The factor on up @ down at strength 1.0: as trained."""
        return self.alpha / self.rank

    def misfits(self, shapes: Mapping[str, tuple[int, int]]) -> list[str]:
        """Return one line for each layer that the base lacks or has in another size.

        Args:
            shapes: (out, in) of each linear layer of the base.
        """
        faults = []
        for layer, (down, up) in self.pairs.items():
            shape = (up.shape[0], down.shape[1])
            if layer not in shapes:
                faults.append(f"the base has no layer {layer}")
            elif shapes[layer] != shape:
                faults.append(f"{layer} is {shapes[layer]} in the base, {shape} in the LoRA")
        return faults

    def check_fit(self, shapes: Mapping[str, tuple[int, int]]) -> None:
        """Refuse with LoraError unless every layer of the LoRA has its place in the base."""
        faults = self.misfits(shapes)
        if faults:
            total = len(self.pairs)
            raise LoraError(
                f"{self.name}: {total - len(faults)} of {total} keys match the base, all must; {faults[0]}"
            )


def find_lora(name: str, alpha: float | None = None, folder: Path = Path()) -> LoadedLora:
    """Return a LoRA by name: "mini:ink" for one of the package's, else a file relative to `folder`."""
    if not name.startswith(EMBEDDED_PREFIX):
        return load_lora(folder / name, alpha)
    style = name.removeprefix(EMBEDDED_PREFIX)
    known = embedded_loras()
    if style not in known:
        raise LoraError(f"{name}: the package has {', '.join(EMBEDDED_PREFIX + k for k in known) or 'none'}")
    return load_lora(EMBEDDED / f"{style}.safetensors", alpha)


def embedded_loras() -> list[str]:
    """Return the styles of the package's LoRAs, sorted."""
    return sorted(path.stem for path in EMBEDDED.glob("*.safetensors"))


def load_lora(path: Path, alpha: float | None = None) -> LoadedLora:
    """Return the LoRA in a file.

    Args:
        path: a .safetensors or .ckpt file.
        alpha: the alpha it was trained with; needed when the file does not hold it, as with a .ckpt.
    """
    tensors, metadata = _read(path)
    pairs = _pairs(path, tensors)
    rank = _rank(path, pairs)
    promised = metadata.get("keys", str(len(pairs)))
    if promised != str(len(pairs)) or metadata.get("rank", str(rank)) != str(rank):
        raise LoraError(
            f"{path} is damaged: it promises {promised} keys of rank {metadata.get('rank', rank)}, "
            f"got {len(pairs)} of rank {rank}"
        )
    return LoadedLora(
        name=str(path),
        sha256=_sha256(path),
        rank=rank,
        alpha=_alpha(path, metadata, alpha),
        trigger=metadata.get("trigger", ""),
        pairs=pairs,
    )


def save_lora(path: Path, pairs: Mapping[str, Pair], alpha: float, notes: Mapping[str, str]) -> None:
    """Write a LoRA in fp16 under DiffSynth's names, with its rank and alpha in the metadata.

    Args:
        path: the .safetensors file.
        pairs: the factors by layer.
        alpha: the alpha it was trained with.
        notes: further metadata, such as `trigger`.
    """
    tensors: dict[str, Tensor] = {}
    for layer, (down, up) in sorted(pairs.items()):
        halved = {"A": down.to(torch.float16), "B": up.to(torch.float16)}
        _pair(path, layer, halved)
        tensors |= {f"{layer}.lora_{half}.default.weight": tensor for half, tensor in halved.items()}
    facts = {"rank": str(_rank(path, pairs)), "alpha": repr(float(alpha)), "keys": str(len(pairs))}
    write_whole(path, tensor_bytes(tensors, {**notes, **facts}))


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    if path.suffix == ".safetensors":
        try:
            return read_tensors(path)
        except ValueError as error:
            raise LoraError(f"{path}: {error}") from error
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, LookupError, TypeError, ValueError, RuntimeError, pickle.PickleError) as error:
        reason = str(error).split("\n")[0]
        raise LoraError(f"{path}: must be .safetensors or a .ckpt of tensors alone: {reason}") from error
    tensors = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise LoraError(f"{path}: must hold tensors by name")
    return tensors, {}


def _pairs(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Pair]:
    halves: dict[str, dict[str, Tensor]] = {}
    strangers = []
    for key, tensor in tensors.items():
        found = _KEY.fullmatch(key)
        if found is None or tensor.dim() != 2:
            strangers.append(key)
            continue
        halves.setdefault(found["layer"], {})[found["half"]] = tensor.float()
    if strangers or not tensors:
        first = f"; the first that is not: {strangers[0]}" if strangers else ""
        known = len(tensors) - len(strangers)
        raise LoraError(
            f"{path}: {known} of {len(tensors)} keys match DiffSynth's or PEFT's LoRA names, all must{first}"
        )
    return {layer: _pair(path, layer, half) for layer, half in halves.items()}


def _pair(path: Path, layer: str, half: Mapping[str, Tensor]) -> Pair:
    if set(half) != {"A", "B"}:
        raise LoraError(f"{path}: {layer} must have lora_A and lora_B, got lora_{''.join(half)} alone")
    if not all(bool(tensor.isfinite().all()) for tensor in half.values()):
        raise LoraError(f"{path}: {layer} holds numbers that are not finite")
    return Pair(down=half["A"], up=half["B"])


def _rank(path: Path, pairs: Mapping[str, Pair]) -> int:
    ranks = {size for down, up in pairs.values() for size in (down.shape[0], up.shape[1])}
    if len(ranks) != 1:
        raise LoraError(f"{path}: all layers must have one rank, got {sorted(ranks)}")
    return ranks.pop()


def _alpha(path: Path, metadata: Mapping[str, str], given: float | None) -> float:
    """Return the alpha of training; what the file says and what the user gives must agree."""
    said = next((metadata[key] for key in _ALPHA_KEYS if key in metadata), None)
    if said is None and given is None:
        raise LoraError(f"{path} does not say which alpha it was trained with: give it as `alpha`")
    try:
        written = None if said is None else float(said)
    except ValueError as error:
        raise LoraError(f"{path}: alpha must be a number, got {said!r}") from error
    alpha = given if written is None else written
    if given not in (None, alpha):
        raise LoraError(f"{path} was trained with alpha {written:g}, got alpha {given:g}: leave it out")
    if alpha is None or not 0 < alpha < float("inf"):
        raise LoraError(f"{path}: alpha must be above 0, got {alpha}")
    return alpha


def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except RunError as error:
        raise LoraError(str(error)) from error
