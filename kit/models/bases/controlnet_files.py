"""The files of a ControlNet: all there, of the class that we draw with, and for which base."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from kit.embedded import CANNY_CONTROLNET, EMBEDDED
from kit.errors import WeightsError
from kit.files.encodings import canonical_json, sha256_bytes, sha256_of
from kit.messages import joined, tr
from kit.models.bases.base_parts import BaseChoice, BaseParts
from kit.models.bases.pipeline_class import json_in
from kit.models.bases.pipeline_files import (
    NetworkFiles,
    files_of_network,
    hashes_of_network,
    refuse_damaged,
)
from kit.models.layouts.model_folder import model_folder
from kit.story.control import ControlKind

CLASS = "ControlNetModel"
"""Of diffusers; unions and other adapters have others."""
PART = "controlnet"
_ALIKE = (
    *("in_channels", "block_out_channels", "layers_per_block", "cross_attention_dim"),
    "projection_class_embeddings_input_dim",
)
"""What a ControlNet has as the UNet does whose blocks it adds to, where both say it."""
_SAID_ALIKE = ("addition_embed_type", "encoder_hid_dim")
"""What both say, or neither; the second is of Kolors alone, whose text is read through a projection."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlNetFiles:
    """A ControlNet whose files are all there."""

    network: NetworkFiles
    sha256: Mapping[str, str]
    """Of its config and its weights, by name."""

    @property
    def identity(self) -> str:
        """What recipes and bundles know it by."""
        return controlnet_identity(self.sha256)


def controlnet_identity(sha256: Mapping[str, str]) -> str:
    """Return the sha256 of what a ControlNet's files hash to, by name."""
    return sha256_bytes(canonical_json(dict(sorted(sha256.items()))))


def open_controlnet(folder: Path) -> ControlNetFiles:
    """Return a ControlNet after checking that its files are there, unchanged, and of a class that we know.

    Raises:
        WeightsError: in one line, what is missing, damaged, or of another class.
    """
    network = files_of_network(folder, PART)
    refuse_damaged({PART: network})
    if (found := str(json_in(network.config).get("_class_name"))) != CLASS:
        raise WeightsError(
            tr(
                "{folder} is no ControlNet as diffusers writes one: its config.json must say {wanted}, got "
                "{found}",
                folder=folder,
                wanted=CLASS,
                found=found[:80],
            )
        )
    return ControlNetFiles(network=network, sha256=_hashes(network))


def _hashes(network: NetworkFiles) -> dict[str, str]:
    """Return the sha256 of each file; the package's own are noted nowhere, for an update brings others."""
    if network.config.parent == CANNY_CONTROLNET:
        return {path.name: sha256_of(path) for path in (network.config, *network.files)}
    told = hashes_of_network(PART, network)
    return {name.removeprefix(f"{PART}/"): value for name, value in told.items()}


def need_diffusers() -> None:
    """Raise WeightsError where nothing can read a ControlNet."""
    if find_spec("diffusers") is None:
        raise WeightsError(
            tr("ControlNets are read by diffusers, which is not installed: pip install storykit[bases]")
        )


def brought_controlnets(base: object) -> Mapping[ControlKind, Path]:
    """Return the folders of the ControlNets that a base brings along, by the kind of their maps."""
    return {"canny": CANNY_CONTROLNET} if base == EMBEDDED else {}


def misfit_of(folder: Path, base: BaseChoice) -> str:
    """Return why a ControlNet does not fit a base's UNet, by what both configs say; empty where it may.

    A UNet without a config is told by its shapes, when it is drawn with.
    """
    parts = base if isinstance(base, BaseParts) else BaseParts(folder=base)
    own = model_folder(parts.folder) if parts.folder else Path(parts.unet or "")
    unet = Path(parts.unet) if parts.unet else own
    places = (unet / "unet", unet, own / "unet")
    config = next((told for place in places if "in_channels" in (told := json_in(place / "config.json"))), {})
    return misfit(folder.name, json_in(folder / "config.json"), own.name, config) if config else ""


def misfit(name: str, config: Mapping[str, object], base: str, unet: Mapping[str, object]) -> str:
    """Return why a ControlNet does not fit a UNet; empty where it does.

    Args:
        name: the ControlNet's.
        config: its config.
        base: the UNet's.
        unet: its config.
    """
    unlike = [key for key in _ALIKE if None not in (config.get(key), unet.get(key))]
    unlike = [key for key in unlike if config[key] != unet[key]]
    unlike += [key for key in _SAID_ALIKE if config.get(key) != unet.get(key)]
    if not unlike:
        return ""
    return tr(
        "the ControlNet {name} is for another base than {base}: {differences}; name one that was trained "
        "for it",
        name=name,
        base=base,
        differences=joined(
            (
                tr(
                    "{key} {own}, the base's {other}",
                    key=key,
                    own=str(config.get(key)),
                    other=str(unet.get(key)),
                )
                for key in unlike[:2]
            ),
            tr(", "),
        ),
    )


def control_refused(base: str) -> str:
    """Return that no panel of a base is held to a map."""
    return tr(
        "control is for Kolors, SDXL and Stable Diffusion, and the base is {base}: delete control in the "
        "story, or name such a base",
        base=base,
    )
