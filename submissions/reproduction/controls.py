"""What a bundle's panels are drawn with again beside its base: networks that it does not hold."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kit.errors import BundleError
from kit.experiment.controls.control_record import ControlRecord, map_file
from kit.experiment.references.image_prompt_record import ImagePromptRecord, reference_file
from kit.generation.controls.control import Control
from kit.generation.references.image_prompt import ImagePrompt
from kit.messages import tr
from kit.story.control import ControlKind
from submissions.bundle.bundle import Bundle


class NetworkFolders(NamedTuple):
    """Where networks lie that a bundle tells of and does not hold."""

    controlnets: Mapping[ControlKind, Path] = {}
    """By the kind of their maps."""
    editor: str = ""
    """What edited panels; empty for none, then edited ones are not drawn."""
    ip_adapter: Path | None = None
    """What read pictures beside the words."""


def controls_of(bundle: Bundle, controlnets: Mapping[ControlKind, Path]) -> dict[ControlRecord, Control]:
    """Return what a sound bundle's panels are held to, ready to be drawn with.

    Args:
        bundle: what was verified.
        controlnets: the folders of its ControlNets, by kind.

    Raises:
        BundleError: the folder of one is not named.
        WeightsError: a folder holds no ControlNet.
    """
    made: dict[ControlRecord, Control] = {}
    for held in (held for panel in bundle.sound_manifest.panels for held in panel.control):
        folder = controlnets.get(held.kind)
        if folder is None:
            raise BundleError(
                tr(
                    "its panels are held to {kind} maps by a ControlNet: name it with --controlnet "
                    "{kind}=FOLDER",
                    kind=held.kind,
                )
            )
        made[held] = Control(record=held, png=bundle.files[map_file(held.map)], folder=folder)
    return made


def image_prompts_of(bundle: Bundle, folder: Path | None) -> dict[ImagePromptRecord, ImagePrompt]:
    """Return the pictures that a sound bundle's panels were drawn after, ready to be read.

    Raises BundleError where there are any and no folder of an IP-Adapter is named.
    """
    records = [one for panel in bundle.sound_manifest.panels for one in panel.image_prompts]
    if not records:
        return {}
    if folder is None:
        raise BundleError(
            tr("an IP-Adapter read pictures beside its panels' words: name it with --ip-adapter FOLDER")
        )
    return {
        one: ImagePrompt(record=one, png=bundle.files[reference_file(one.picture)], folder=folder)
        for one in records
    }
