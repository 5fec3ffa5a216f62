"""BLIP and Florence-2, which say in a sentence what a picture shows: by transformers' own classes alone."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image
from safetensors import SafetensorError

from kit.dataset.captioning.network_errors import network_errors
from kit.errors import WeightsError
from kit.files.regular_files import read_file
from kit.files.text.library_words import reason_of
from kit.messages import Language, mark, tr
from kit.models.bases.pipeline_class import refuse_endless

CONFIG, WEIGHTS = "config.json", ("model.safetensors", "model.safetensors.index.json")
TASK = "<DETAILED_CAPTION>"
"""What Florence-2 is asked for: two or three sentences."""
BEAMS = 3
"""As both papers' captions are made."""
MOST_TOKENS = {"blip": 60, "florence2": 256}
"""Of an answer, by the model's type."""
MOST_CONFIG_BYTES = 2**20
_NATIVE = "florence-community/Florence-2-base"
_MISFITS = (
    OSError,
    ValueError,
    RuntimeError,
    LookupError,
    TypeError,
    AttributeError,
    SafetensorError,
    ImportError,
)
"""What transformers raises of files that are not what their names say."""


class SentenceCaptioner:
    """Says in a sentence what is in a picture."""

    language: Language = "en"
    if_silent = mark("caption what it is silent about by hand or with another captioner")

    def __init__(self, network: Any, processor: Any, kind: str, device: str, weights: Path) -> None:
        """Take a network of transformers and what prepares its input.

        Args:
            network: on the CPU.
            processor: of the same folder.
            kind: "blip" or "florence2".
            device: "cpu" or "cuda".
            weights: the folder of both.
        """
        self._weights = weights
        self._network, self._processor = network.to(device).eval(), processor
        self._kind, self._device = kind, device

    def __call__(self, picture: Image.Image) -> list[str]:
        """Return one sentence of an RGB picture, or several in one text."""
        asked = {"text": TASK} if self._kind == "florence2" else {}
        with network_errors(self._weights), torch.inference_mode():
            given = self._processor(images=picture, return_tensors="pt", **asked).to(self._device)
            tokens = self._network.generate(
                **given, max_new_tokens=MOST_TOKENS[self._kind], num_beams=BEAMS, do_sample=False
            )
            return [" ".join(self._processor.batch_decode(tokens, skip_special_tokens=True)[0].split())]


def open_sentence_captioner(folder: Path, kind: str, device: str) -> SentenceCaptioner:
    """Return a captioner.

    Args:
        folder: as the model is published, with model.safetensors.
        kind: "blip" or "florence2", the model's type.
        device: "cpu" or "cuda".

    Raises:
        WeightsError: a file is missing or damaged, is of another model, or would run code.
    """
    _check_folder(folder, kind)
    made: Any = getattr(
        transformers, {"blip": "Blip", "florence2": "Florence2"}[kind] + "ForConditionalGeneration"
    )
    reads: Any = getattr(transformers, {"blip": "BlipProcessor", "florence2": "Florence2Processor"}[kind])
    with _told(folder):
        processor = reads.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_fast=False
        )
        network, report = made.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
        if lost := sorted(report["missing_keys"]):  # else they would be left at random numbers
            raise ValueError(tr("it lacks {tensor}", tensor=lost[0]))
    return SentenceCaptioner(network, processor, kind, device, folder)


def _check_folder(folder: Path, kind: str) -> None:
    """Raise WeightsError unless a folder holds a model of a type, in safetensors, without code of its own."""
    try:
        if (folder / CONFIG).stat().st_size > MOST_CONFIG_BYTES:
            raise ValueError(tr("has more than {most} bytes", most=MOST_CONFIG_BYTES))
        config = json.loads(read_file(folder / CONFIG, MOST_CONFIG_BYTES))
        found = config.get("model_type") if isinstance(config, dict) else None
    except (OSError, ValueError, RecursionError) as error:
        told = {"folder": folder, "reason": reason_of(error)}
        raise WeightsError(
            tr("{folder} must hold config.json and the other files of the model: {reason}", **told)
        ) from error
    if found != kind:
        told = {"folder": folder, "got": str(found)[:40], "wanted": kind}
        raise WeightsError(tr("{folder} holds a model of type {got}: it must be {wanted}", **told))
    if "auto_map" in config:
        told = {"folder": folder, "native": _NATIVE}
        raise WeightsError(
            tr(
                "{folder} needs code that comes with it, which storykit never runs: take {native}, which "
                "transformers reads itself",
                **told,
            )
        )
    refuse_endless(folder / CONFIG, config)
    if not any((folder / name).is_file() for name in WEIGHTS):
        told = {"folder": folder, "name": WEIGHTS[0]}
        raise WeightsError(
            tr(
                "{folder} lacks {name}: download it from the model's page (pytorch_model.bin could run code "
                "when it is opened and is not read)",
                **told,
            )
        )


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Say in a line why a model cannot be read, and keep transformers quiet meanwhile."""
    speaker = logging.getLogger("transformers")
    level = speaker.level
    speaker.setLevel(logging.CRITICAL)
    try:
        yield
    except _MISFITS as error:
        told = {"folder": folder, "reason": reason_of(str(error)[:200])}
        raise WeightsError(
            tr("{folder} cannot be read as a captioner: {reason}; download it again", **told)
        ) from error
    finally:
        speaker.setLevel(level)
