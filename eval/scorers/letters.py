"""Letters in pictures, read by RapidOCR's PP-OCR networks for Chinese and English; the only door to it.

It is an extra, `pip install storykit[letters]`, and nothing here is imported before letters are asked for.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eval.scorers.protocols import Inscription, Stamp
from kit.errors import WeightsError
from kit.experiment.tables import LETTERS_EXTRA, can_read_letters
from kit.files.encodings import sha256_bytes, sha256_of
from kit.messages import tr
from kit.versions import installed_version

if TYPE_CHECKING:
    from PIL.Image import Image
    from rapidocr import RapidOCR

NETWORKS = {
    "Det": "PP-OCRv6_det_small.onnx",
    "Cls": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
    "Rec": "PP-OCRv6_rec_small.onnx",
}
"""What finds letters, what turns them upright, what reads them: files inside rapidocr's wheel."""
SIDES = (256, 736)
"""Smallest and largest side in pixels at which letters are looked for; between them a picture's own."""
CONFIDENCE = 0.9
"""A reading that is less sure is none."""
DIFFERENT = 2
"""A reading of fewer different letters is none: a seal is read as 日, wheels as 00, windows as 0000."""
BOX = 0.3
"""How sure the network must be that letters are somewhere; the reading decides, and .5 misses many."""
AT_ONCE = min(4, os.cpu_count() or 1)
"""Pictures read at once; one of 1024 pixels takes some hundred MB."""
_MARKS = f"sides {SIDES} sure {CONFIDENCE} different {DIFFERENT} box {BOX}"


class RapidReader:
    """Reads letters on the CPU, a picture in one thread, so that it always has one reading."""

    def __init__(self, engine: "RapidOCR", stamp: Stamp) -> None:
        """Keep what reads; `load` is the usual way in."""
        self._engine, self.stamp = engine, stamp

    @classmethod
    def load(cls) -> "RapidReader":
        """Return what reads; raises WeightsError where the extra is missing."""
        if not can_read_letters():
            raise WeightsError(tr("letters = true under [score] needs {extra}", extra=tr(LETTERS_EXTRA)))
        from rapidocr import RapidOCR

        files = _network_files()
        threads = {f"EngineConfig.onnxruntime.{name}_op_num_threads": 1 for name in ("intra", "inter")}
        paths = {f"{part}.model_path": str(path) for part, path in files.items()}
        settings = {
            "Global.log_level": "critical",
            "Global.text_score": CONFIDENCE,
            "Global.max_side_len": SIDES[1],
            "Det.limit_side_len": SIDES[0],
            "Det.box_thresh": BOX,
        }
        version = installed_version("rapidocr") or "?"
        stamp = Stamp(
            weights=f"rapidocr {version}, PP-OCRv6 small",
            weights_sha256=sha256_bytes("".join(map(sha256_of, files.values())).encode()),
            preprocessing=f"rapidocr-{version} {_MARKS}",
            embedded=False,
        )
        return cls(RapidOCR(params=settings | threads | paths), stamp)

    def read(self, panels: Sequence["Image"]) -> list[tuple[Inscription, ...]]:
        """Return what is legible in each picture, in order; other modes than RGB are converted."""
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return list(threads.map(self._read, panels))

    def _read(self, panel: "Image") -> tuple[Inscription, ...]:
        pixels = np.asarray(panel.convert("RGB"))[:, :, ::-1]
        found = self._engine(np.ascontiguousarray(pixels))
        if found.boxes is None or found.txts is None:
            return ()
        area = panel.width * panel.height
        return tuple(
            Inscription(text.strip(), min(1.0, _area(box) / area))
            for text, box in zip(found.txts, found.boxes, strict=True)
            if len({letter for letter in text.casefold() if letter.isalnum()}) >= DIFFERENT
        )


def _network_files() -> dict[str, Path]:
    """Return the networks inside the wheel, none is ever fetched; WeightsError where one is missing."""
    spec = find_spec("rapidocr")
    folder = Path(spec.origin).parent / "models" if spec and spec.origin else Path()
    for name in NETWORKS.values():
        if not (folder / name).is_file():
            raise WeightsError(
                tr(
                    "{folder}: must hold {name}, as the wheel of rapidocr does; install {extra}",
                    folder=folder,
                    name=name,
                    extra=tr(LETTERS_EXTRA),
                )
            )
    return {part: folder / name for part, name in NETWORKS.items()}


def _area(box: NDArray[np.float32]) -> float:
    """Return the area of a (4, 2) quadrangle in pixels."""
    x, y = np.asarray(box, np.float64).T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))
