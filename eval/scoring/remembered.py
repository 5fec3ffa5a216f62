"""Scorers that answer from a run's cache and load their networks only where it lacks something."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eval.scorers.load import Scorers
from eval.scorers.protocols import Encoder, Metric, Stamp
from eval.scoring.measure import CACHE, key_of
from eval.scoring.records import FILE, read_summary
from eval.scoring.score_cache import ScoreCache
from kit.errors import ScoreError
from kit.experiment.run import Run
from kit.files.encodings import canonical_json, sha256_bytes
from kit.messages import tr

if TYPE_CHECKING:
    from PIL.Image import Image


class RememberedTexts:
    """An encoder whose rows of texts are kept: texts that were asked for together once are known."""

    def __init__(self, stamp: Stamp, path: Path, encoder: Callable[[], Encoder]) -> None:
        """Keep where the cache is, and how the encoder is had.

        Args:
            stamp: the encoder's.
            path: the cache.
            encoder: called only where something is not known.
        """
        self.stamp, self._path, self._encoder = stamp, path, encoder

    def pictures(self, panels: "Sequence[Image]") -> NDArray[np.float32]:
        """Return (pictures, dim) rows of unit length."""
        return self._encoder().pictures(panels)

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (texts, dim) rows of unit length, the same bytes as the encoder's for the same texts."""
        name, key = sha256_bytes(canonical_json(list(texts))), key_of("texts", self.stamp)
        with ScoreCache.open(self._path) as cache:
            known = cache.get(key, [name]).get(name)
            if known is not None and len(texts) and known.size % len(texts) == 0:
                return known.reshape(len(texts), -1)
        rows = np.asarray(self._encoder().texts(texts), dtype=np.float32)
        with ScoreCache.open(self._path) as cache:
            cache.put(key, {name: rows})
        return rows


def remembering(tools: Scorers, run: Run) -> Scorers:
    """Return the scorers with texts that the run's cache keeps."""
    encoder = tools.encoder
    return replace(tools, encoder=RememberedTexts(encoder.stamp, run.folder / CACHE, lambda: encoder))


def as_scored(run: Run, load: Callable[[], Scorers]) -> Scorers:
    """Return the scorers that a run was scored with, loaded only if something is not in its cache.

    Args:
        run: where it has not been scored, the scorers are loaded at once.
        load: loads them.

    Raises:
        ScoreError: when asked for something new, where the weights are other ones by now.
    """
    if not (run.folder / FILE).exists():
        return remembering(load(), run)
    scores = read_summary(run)
    described = {one.name: one for one in scores.metrics}
    late = _LateScorers(described["aesthetic"], scores.stamp("text"), load)
    return Scorers(
        aesthetic=late,
        encoder=RememberedTexts(late.encoder_stamp, run.folder / CACHE, late.encoder),
        calibration=scores.calibration,
    )


class _LateScorers:
    """The scorer and the encoder of a scored run, loaded when a number is asked for."""

    def __init__(self, metric: Metric, encoder_stamp: Stamp, load: Callable[[], Scorers]) -> None:
        self.metric, self.encoder_stamp, self._load = metric, encoder_stamp, load

    def score(self, panels: "Sequence[Image]") -> list[float]:
        """Return one number per picture, in order."""
        return self._tools.aesthetic.score(panels)

    def encoder(self) -> Encoder:
        """Return the encoder."""
        return self._tools.encoder

    @cached_property
    def _tools(self) -> Scorers:
        tools = self._load()
        asked = (self.metric.stamp, self.encoder_stamp)
        for before, now in zip(asked, (tools.aesthetic.metric.stamp, tools.encoder.stamp), strict=True):
            if (before.weights_sha256, before.preprocessing) != (now.weights_sha256, now.preprocessing):
                raise ScoreError(
                    tr(
                        "the run was scored with other weights than {weights}: score again",
                        weights=now.weights,
                    )
                )
        return tools
