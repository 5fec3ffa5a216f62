"""The table [ip_adapter] of an experiment file."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, BaseModel, ValidationInfo, model_validator

from kit.experiment.controls.control_tables import ModelFolder
from kit.experiment.fields import all_different
from kit.experiment.references.image_prompt_record import UNET_PARTS, Begin, ImagePromptRecord, UNetParts
from kit.messages import joined, tr
from kit.models.bases.pipeline_class import pipeline_folder
from kit.story.anchors import MOST_ANCHORS, cast_of
from kit.story.control import Share, Weight
from kit.story.story import PANELS

if TYPE_CHECKING:
    from kit.experiment.config import Experiment
    from kit.story.story import LoadedStory, Story

WEIGHT = 0.5


def _after_the_start(until: float, info: ValidationInfo) -> float:
    start = info.data.get("start", 0.0)
    if until <= start:
        raise ValueError(tr("must be above start, {start:g}, got {until:g}", start=start, until=until))
    return until


class IpAdapterTable(BaseModel, frozen=True, extra="forbid"):
    """Which IP-Adapter reads the pictures of characters beside a panel's words, and how strongly."""

    folder: ModelFolder | None = None
    """Kolors-IP-Adapter-Plus, as Kolors publishes it."""
    face: ModelFolder | None = None
    """In its place Kolors-IP-Adapter-FaceID-Plus, which reads the face alone."""
    weight: Weight = WEIGHT
    start: Begin = 0.0
    until: Annotated[Share, AfterValidator(_after_the_start)] = 1.0
    blocks: Annotated[UNetParts, AfterValidator(all_different)] = UNET_PARTS

    @model_validator(mode="after")
    def _one_adapter(self) -> Self:
        if bool(self.folder) == bool(self.face):
            raise ValueError(tr('must name one adapter: folder = "…", or face = "…" for faces alone'))
        return self

    @property
    def read_by(self) -> Path:
        """The folder of the adapter."""
        return Path(self.face or self.folder or "")

    def record_of(self, picture: str, subject: str, adapter: str) -> ImagePromptRecord:
        """Return what is said of a picture that the adapter reads.

        Args:
            picture: the sha256 of its file.
            subject: the words of the panel's prompt whom it shows.
            adapter: the sha256 of the adapter.
        """
        return ImagePromptRecord(
            picture=picture,
            subject=subject,
            weight=float(self.weight),
            start=float(self.start),
            until=float(self.until),
            blocks=self.blocks,
            adapter=adapter,
            face=self.face is not None,
        )


def adapter_faults(
    experiment: "Experiment", stories: "Sequence[LoadedStory]", steps: Iterable[int]
) -> Iterator[str]:
    """Yield why no picture can be read where an IP-Adapter is named: another base, no picture, no step.

    Args:
        experiment: names the adapter.
        stories: name the pictures.
        steps: that finals have, and drafts.
    """
    table = experiment.ip_adapter
    if table is None:
        return
    for count in dict.fromkeys(steps):
        if not any(table.start < number / count <= table.until for number in range(1, count + 1)):
            yield tr(
                "ip_adapter: none of {steps} steps lies between start = {start:g} and until = {until:g}, so "
                "no picture would be read: set them further apart",
                steps=count,
                start=table.start,
                until=table.until,
            )
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
    for number, story in enumerate(stories, 1):
        counts = [len(shown_in(story.story, panel)) for panel in range(PANELS)]
        if crowded := [str(panel) for panel, count in enumerate(counts, 1) if count > MOST_ANCHORS]:
            yield tr(
                "stories[{number}] {story}: panel {panels}: {got} characters with pictures, an IP-Adapter "
                "reads at most {most} for one panel: show fewer, or leave a picture out",
                number=number,
                story=story.name,
                panels=joined(crowded, tr(", ")),
                got=max(counts),
                most=MOST_ANCHORS,
            )


def shown_in(story: "Story", panel: int) -> list[tuple[str, str]]:
    """Return the pictures that a story has of whom a panel (0 to 7) shows, each with their words."""
    cast = (story.characters[name] for name in cast_of(story, panel))
    return [(one.reference, one.text) for one in cast if one.reference]
