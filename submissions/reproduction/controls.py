"""The maps of a bundle's panels with the ControlNets that they are drawn with again."""

from collections.abc import Mapping
from pathlib import Path

from kit.errors import BundleError
from kit.experiment.controls.control_record import ControlRecord, map_file
from kit.generation.controls.control import Control
from kit.messages import tr
from kit.story.control import ControlKind
from submissions.bundle.bundle import Bundle

NO_CONTROLNETS: Mapping[ControlKind, Path] = {}


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
