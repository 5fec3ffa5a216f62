"""The table [ip_adapter] of an experiment file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ValidationInfo

from kit.experiment.controls.control_tables import ModelFolder
from kit.experiment.fields import all_different
from kit.experiment.references.image_prompt_record import UNET_PARTS, Begin, UNetParts
from kit.messages import tr
from kit.models.bases.pipeline_class import pipeline_folder
from kit.story.control import Share, Weight

if TYPE_CHECKING:
    from kit.experiment.config import Experiment
    from kit.story.story import LoadedStory

WEIGHT = 0.5


def _after_the_start(until: float, info: ValidationInfo) -> float:
    start = info.data.get("start", 0.0)
    if until <= start:
        raise ValueError(tr("must be above start, {start:g}, got {until:g}", start=start, until=until))
    return until


class IpAdapterTable(BaseModel, frozen=True, extra="forbid"):
    """Which IP-Adapter reads the pictures of characters beside a panel's words, and how strongly."""

    folder: ModelFolder
    """Kolors-IP-Adapter-Plus, as Kolors publishes it."""
    face: ModelFolder | None = None
    """Kolors-IP-Adapter-FaceID-Plus; with it the face alone is read."""
    weight: Weight = WEIGHT
    start: Begin = 0.0
    until: Annotated[Share, AfterValidator(_after_the_start)] = 1.0
    blocks: Annotated[UNetParts, AfterValidator(all_different)] = UNET_PARTS

    @property
    def read_with(self) -> Path:
        """The folder of the adapter that reads."""
        return Path(self.face or self.folder)


def adapter_faults(experiment: "Experiment", stories: "Sequence[LoadedStory]") -> Iterator[str]:
    """Yield why no picture can be read where an IP-Adapter is named: another base, or no picture."""
    if experiment.ip_adapter is None:
        return
    if (folder := pipeline_folder(experiment.base)) is not None:
        yield tr(
            "ip_adapter is for Kolors, and {name} is drawn by diffusers: delete the table [ip_adapter]",
            name=folder.name,
        )
    if not any(one.reference for story in stories for one in story.story.characters.values()):
        yield tr(
            "ip_adapter: no story names a picture to read: below a story's [characters.NAME] write "
            'reference = "PICTURE.png", or delete the table [ip_adapter]'
        )
