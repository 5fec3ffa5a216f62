"""The only door to controlnet-aux, which finds depth and poses in pictures with the user's own weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from PIL import Image

from kit.errors import WeightsError
from kit.files.checksums import checked_sha256
from kit.files.safetensors_files import TORCH_LOAD_ERRORS
from kit.files.text.library_words import reason_of
from kit.messages import tr
from kit.models.bases.controlnet_files import controlnet_identity

AnnotatorKind = Literal["depth", "pose"]


class _Detector(NamedTuple):
    """A detector of controlnet-aux."""

    name: str
    """Its class."""
    files: tuple[str, ...]
    """What it reads of its folder, as lllyasviel/Annotators has it."""


_DETECTORS: Mapping[AnnotatorKind, _Detector] = {
    "depth": _Detector("MidasDetector", ("dpt_hybrid-midas-501f0c75.pt",)),
    "pose": _Detector("OpenposeDetector", ("body_pose_model.pth", "hand_pose_model.pth", "facenet.pth")),
}


def annotator_identity(kind: AnnotatorKind, folder: Path) -> str:
    """Return the sha256 of what an annotator's files hash to; WeightsError where one is not there."""
    mend = tr("put the files of lllyasviel/Annotators there")
    return controlnet_identity(checked_sha256(folder, _DETECTORS[kind].files, mend))


def annotated(kind: AnnotatorKind, picture: Image.Image, folder: Path) -> Image.Image:
    """Return what an annotator finds in a picture, RGB and of its size.

    Its files are pickles: torch reads tensors of them and nothing else.

    Args:
        kind: depth by MiDaS, the pose of bodies by OpenPose.
        picture: RGB and square.
        folder: of the annotator's files.

    Raises:
        WeightsError: controlnet-aux is not installed, or cannot read the files.
    """
    try:
        import controlnet_aux
    except ImportError as error:
        raise WeightsError(
            tr('kind = "{kind}" needs controlnet-aux: pip install controlnet-aux', kind=kind)
        ) from error
    side = picture.width
    try:
        detector: Any = getattr(controlnet_aux, _DETECTORS[kind].name).from_pretrained(str(folder))
        found: Image.Image = detector(picture, image_resolution=side)
    except (*TORCH_LOAD_ERRORS, AttributeError, AssertionError) as error:
        told = reason_of(" ".join(str(error).split())[:200])
        raise WeightsError(
            tr("{folder}: the annotator cannot be used: {error}", folder=folder, error=told)
        ) from error
    return found.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
