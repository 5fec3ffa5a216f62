"""CLIP encoders from an open_clip folder: the full ones and the embedded one go through the same door."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from PIL.Image import Image
from safetensors import SafetensorError
from torch import Tensor

from eval.scorers.preprocess import stacked
from eval.scorers.protocols import Stamp
from eval.scorers.weights_file import weights_file
from kit.embedded import EMBEDDED
from kit.errors import ScoreError, WeightsError
from kit.files.encodings import canonical_json, sha256_bytes, sha256_of
from kit.messages import mark, tr
from kit.threads import batches_ahead

EMBEDDED_WEIGHTS = Path(__file__).parents[1] / "mini" / "weights" / "clip"
KIND = mark("a CLIP folder")
CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin", "model.safetensors")
"""Names a weights file may have, in the order in which open_clip looks for them."""
BATCH = 32
_LISTS = 256
"""Lists of texts whose rows are kept: each story is held against the same words."""
_BREAK = re.compile(r"(?<=[，、,;；。])\s*")

Tokenize = Callable[..., Tensor]


class Parts(NamedTuple):
    """What open_clip makes of a folder."""

    network: open_clip.CLIP
    preprocess: Callable[[Image], Tensor]
    tokenize: Tokenize


def open_folder(folder: Path, *, weights: bool = True) -> Parts:
    """Return the networks, preprocessing and tokenizer of an open_clip folder.

    Args:
        folder: holds open_clip_config.json, a weights file, and the tokenizer's files if it is no CLIP one.
        weights: False gives untrained networks of the same shape.
    """
    weights_file(folder, KIND, (CONFIG,), WEIGHTS if weights else (CONFIG,))
    place = f"local-dir:{folder}"
    try:
        network, _, preprocess = open_clip.create_model_and_transforms(
            place, load_weights=weights, pretrained_image=False, pretrained_text=False
        )
        tokenize = open_clip.get_tokenizer(place)
    except (RuntimeError, ValueError, OSError, KeyError, TypeError, SafetensorError) as error:
        raise WeightsError(
            tr("{folder}: must be a CLIP folder that open_clip can load: {error}", folder=folder, error=error)
        ) from error
    return Parts(network, preprocess, tokenize)


class ClipEncoder:
    """Puts pictures and texts into one space, on one device, in evaluation mode."""

    def __init__(self, parts: Parts, stamp: Stamp, device: str = "cpu") -> None:
        """Keep the networks; `load` is the usual way in."""
        self.stamp = stamp
        self.device = device
        self._network = parts.network.to(device).eval()
        self._preprocess = parts.preprocess
        self._tokenize = parts.tokenize
        self._context = int(getattr(parts.tokenize, "context_length", 77))
        self._rows = lru_cache(_LISTS)(self._read)

    @classmethod
    def load(cls, folder: Path | str, device: str = "cpu") -> "ClipEncoder":
        """Return the encoder of an open_clip folder, or of "mini": the one embedded in storykit."""
        place = EMBEDDED_WEIGHTS if folder == EMBEDDED else Path(folder)
        parts = open_folder(place)
        config = json.loads((place / CONFIG).read_text("utf-8"))
        preprocessing = canonical_json(parts.network.visual.preprocess_cfg)
        stamp = Stamp(
            weights=str(config.get("storykit", place.name)),
            weights_sha256=sha256_of(weights_file(place, KIND, (CONFIG,), WEIGHTS)),
            preprocessing=f"open_clip-{sha256_bytes(preprocessing)[:12]}",
            embedded="storykit" in config,
        )
        return cls(parts, stamp, device)

    @torch.inference_mode()
    def pictures(self, panels: Sequence[Image]) -> NDArray[np.float32]:
        """Return (pictures, dim) rows of unit length; other modes than RGB are converted."""
        if not panels:
            raise ScoreError(tr("an encoder needs at least 1 picture, got 0"))
        rows = []
        for pixels in batches_ahead(self._prepared, panels, BATCH):
            rows.append(self._network.encode_image(stacked(pixels).to(self.device), normalize=True))
        return torch.cat(rows).float().cpu().numpy()

    def _prepared(self, panel: Image) -> Tensor:
        return self._preprocess(panel.convert("RGB"))

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (texts, dim) rows of unit length, in which every clause counts.

        A text that fits the context is encoded whole. A longer one is cut at its commas into the fewest
        pieces that fit; its row is the normalised mean of theirs. Only a single clause longer than the whole
        context is cut short, and then the end-of-text token that CLIP reads the sentence from stays.
        """
        if not texts:
            raise ScoreError(tr("an encoder needs at least 1 text, got 0"))
        return self._rows(tuple(texts)).copy()

    def _read(self, texts: tuple[str, ...]) -> NDArray[np.float32]:
        pieces = [list(self.pieces(text)) for text in texts]
        rows = self._encode([piece for parts in pieces for piece in parts])
        ends = np.cumsum([len(parts) for parts in pieces])
        means = np.stack([part.mean(axis=0) for part in np.split(rows, ends[:-1])])
        unit: NDArray[np.float32] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return unit

    def pieces(self, text: str) -> Iterator[str]:
        """Yield the text's parts that fit the context, as few as there can be in their order."""
        if self._fits(text):
            yield text
            return
        piece = ""
        for clause in _BREAK.split(text):
            longer = piece + clause
            if piece and not self._fits(longer):
                yield piece
                longer = clause
            piece = longer
        yield piece

    def _fits(self, text: str) -> bool:
        """Return whether no token is lost: one more place in the context must change nothing."""
        n = self._context
        wide = self._tokenize([text], context_length=n + 1)
        return bool(torch.equal(wide[:, :n], self._tokenize([text], context_length=n)))

    @torch.inference_mode()
    def _encode(self, pieces: list[str]) -> NDArray[np.float32]:
        rows = []
        for start in range(0, len(pieces), BATCH):
            tokens = self._tokenize(pieces[start : start + BATCH]).to(self.device)
            rows.append(self._network.encode_text(tokens, normalize=True))
        return torch.cat(rows).float().cpu().numpy()
