"""The contest's aesthetic score: simple-aesthetics-predictor's linear head on CLIP, full size or embedded."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from aesthetics_predictor import AestheticsPredictorV2Linear
from numpy.typing import NDArray
from PIL.Image import Image
from safetensors import SafetensorError
from transformers import CLIPImageProcessor

from eval.scorers.preprocess import Preparation, stacked
from eval.scorers.protocols import Metric, Scorer, Stamp
from eval.scorers.weights_file import weights_file
from kit.dataset.filters import FilterStep, SourcePicture
from kit.embedded import EMBEDDED
from kit.errors import ScoreError, WeightsError
from kit.files.encodings import canonical_json, sha256_bytes, sha256_of
from kit.images.decode import decode_picture
from kit.messages import mark, tr

EMBEDDED_WEIGHTS = Path(__file__).parents[1] / "mini" / "weights" / "aesthetic"
KIND = mark("an aesthetic predictor's folder")
CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Names a weights file may have, in the order in which transformers looks for them."""
BATCH = 64


class AestheticScorer:
    """Gives a picture the contest's aesthetic score, about 1 to 10.

    A picture that is not square is scored on its centre square, as the contest does it.
    """

    at_once = 1
    """Batches that are scored at the same time."""

    def __init__(
        self,
        network: AestheticsPredictorV2Linear,
        processor: CLIPImageProcessor,
        stamp: Stamp,
        device: str = "cpu",
    ) -> None:
        """Keep the network and its preprocessing; `load` is the usual way in."""
        self.metric = Metric(
            name="aesthetic",
            title="Aesthetic score",
            direction="higher",
            range=(1.0, 10.0),
            unit="points",
            source="simple-aesthetics-predictor 0.1.2, AestheticsPredictorV2Linear",
            stamp=stamp,
        )
        self.device = device
        self._network = network.to(device).eval()
        self.preparation = Preparation(processor)

    @classmethod
    def load(cls, folder: Path | str, device: str = "cpu") -> "AestheticScorer":
        """Return the scorer of a published predictor's folder, or of "mini": the one embedded in storykit."""
        place = EMBEDDED_WEIGHTS if folder == EMBEDDED else Path(folder)
        weights = weights_file(place, KIND, (CONFIG, PREPROCESSOR), WEIGHTS)
        processor = CLIPImageProcessor.from_pretrained(place)
        knows = json.loads((place / CONFIG).read_text("utf-8")).get("storykit")
        stamp = Stamp(
            weights=str(knows or place.name),
            weights_sha256=sha256_of(weights),
            preprocessing=f"clip-{sha256_bytes(canonical_json(_identity(processor)))[:12]}",
            embedded=knows is not None,
        )
        return cls(_read(place), processor, stamp, device)

    def seen(self, picture: Image) -> Image:
        """Return the small picture that the network sees of one, and that scores as it does."""
        return self.preparation.seen(picture)

    def score(self, panels: Sequence[Image]) -> list[float]:
        """Return one score per picture, in order; other modes than RGB are converted on reading."""
        return self.look(panels)[0]

    @torch.inference_mode()
    def look(self, panels: Sequence[Image]) -> tuple[list[float], NDArray[np.float32]]:
        """Return one score per picture, in order, and (pictures, dim) rows of unit length, what it scores."""
        scores: list[float] = []
        rows = [np.empty((0, self._network.config.projection_dim), np.float32)]
        for cuts in self.preparation.cuts(panels, BATCH):
            pixels = self.preparation.scaled(stacked(cuts).to(self.device))
            seen = self._network(pixel_values=pixels)
            scores += seen.logits[:, 0].float().tolist()
            rows.append(seen.hidden_states.float().cpu().numpy())
        if not np.isfinite(scores).all():
            raise ScoreError(
                tr("the aesthetic score must be a number, got a non-finite one; check the weights")
            )
        return scores, np.concatenate(rows)


def _read(folder: Path) -> AestheticsPredictorV2Linear:
    """Return the network, every weight read from the folder; transformers itself fills gaps by lot."""
    try:
        network, report = AestheticsPredictorV2Linear.from_pretrained(
            folder, output_loading_info=True, local_files_only=True
        )
    except (RuntimeError, ValueError, OSError, SafetensorError) as error:
        raise WeightsError(
            tr("{folder}: must be an aesthetic predictor that loads: {error}", folder=folder, error=error)
        ) from error
    if report["missing_keys"]:
        lost = sorted(report["missing_keys"])
        raise WeightsError(
            tr(
                "{folder}: an aesthetic predictor needs every weight; {n} missing, as {first}",
                folder=folder,
                n=len(lost),
                first=lost[0],
            )
        )
    return network


def _identity(processor: CLIPImageProcessor) -> dict[str, object]:
    """Return what shapes the tensor: the settings without class names and paths."""
    names = (
        "size",
        "crop_size",
        "image_mean",
        "image_std",
        "resample",
        "rescale_factor",
        "do_resize",
        "do_center_crop",
    )
    settings = processor.to_dict()
    return {name: settings.get(name) for name in names}


DECODED_AT_A_TIME = 8
"""Pictures held decoded at a time."""


def by_aesthetics(scorer: Scorer, floor: float) -> FilterStep:
    """Return the step that drops pictures whose score is below the floor."""
    stamp = scorer.metric.stamp

    def drop(pictures: Sequence[SourcePicture]) -> dict[int, str]:
        found: dict[int, str] = {}
        for first in range(0, len(pictures), DECODED_AT_A_TIME):
            batch = pictures[first : first + DECODED_AT_A_TIME]
            scores = scorer.score([decode_picture(one.found.path).picture for one in batch])
            for one, score in zip(batch, scores, strict=True):
                if score < floor:
                    found[one.number] = tr(
                        "scores {score:.2f}, {floor:g} is the floor ({weights})",
                        score=score,
                        floor=floor,
                        weights=stamp.weights,
                    )
        return found

    settings = {"floor": floor, "weights": stamp.weights, "sha256": stamp.weights_sha256}
    return FilterStep("aesthetics", drop, settings)
