"""The tables [controlnets] and [annotators] of an experiment file."""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel

from kit.experiment.fields import downloaded_model, path_to
from kit.messages import mark, tr
from kit.models.bases.base_parts import BaseChoice
from kit.models.bases.controlnet_files import brought_controlnets, control_refused, misfit_of
from kit.models.bases.pipeline_class import family_of, pipeline_folder
from kit.story.control import ControlKind

if TYPE_CHECKING:
    from kit.experiment.config import Experiment
    from kit.story.story import LoadedStory

CONTROLLED = ("sdxl", "sd")
"""The families of diffusers' pipelines that ControlNets are for; they are for Kolors too."""

ModelFolder = Annotated[
    str,
    AfterValidator(downloaded_model),
    path_to(mark("must be a folder or a model that was downloaded, and {path} {why}"), Path.is_dir),
]
"""A folder, or the name that a hub has for a model that is on this machine."""


class ControlNetTable(BaseModel, frozen=True, extra="forbid"):
    """The ControlNet of each kind of map, as diffusers writes its folder."""

    canny: ModelFolder | None = None
    depth: ModelFolder | None = None
    pose: ModelFolder | None = None
    map: ModelFolder | None = None
    """Of maps that are ready."""

    def of(self, kind: ControlKind) -> Path | None:
        """Return the folder of a kind's; None where none is named."""
        named = getattr(self, kind)
        return Path(named) if named else None


class AnnotatorTable(BaseModel, frozen=True, extra="forbid"):
    """The networks that find depth and poses in pictures: folders of controlnet-aux's annotators."""

    depth: ModelFolder | None = None
    pose: ModelFolder | None = None

    def of(self, kind: ControlKind) -> Path | None:
        """Return the folder of a kind's; None where none is named, or the kind needs none."""
        named = getattr(self, kind, None)
        return Path(named) if named else None


def table_faults(experiment: "Experiment", stories: "Sequence[LoadedStory]") -> Iterator[str]:
    """Yield what the tables lack that stories need, and ControlNets that are for another base."""
    kinds: dict[ControlKind, str] = {}
    for number, story in enumerate(stories, 1):
        for panel, told in enumerate(story.story.panels, 1):
            for at, one in enumerate(told.control, 1):
                kinds.setdefault(one.kind, f"stories[{number}] {story.name}: panel[{panel}].control[{at}]")
    if kinds and (fault := base_fault(experiment.base)):
        yield tr("{place}: {fault}", place=next(iter(kinds.values())), fault=fault)
        return
    for kind, place in kinds.items():
        yield from (
            tr("{place}: {fault}", place=place, fault=lacking) for lacking in _lacking(experiment, kind)
        )
        folder = experiment.controlnets.of(kind)
        if folder is not None and (fault := misfit_of(folder, experiment.base)):
            yield tr("{place}: {fault}", place=f"controlnets.{kind}", fault=fault)


def unheard_faults(stories: "Sequence[LoadedStory]", steps: Iterable[int]) -> Iterator[str]:
    """Yield which panels are held to a map in no step, as `until` ends before the first.

    Args:
        stories: say until when.
        steps: that finals have, and drafts.
    """
    fewest = min(steps)
    for number, story in enumerate(stories, 1):
        for panel, told in enumerate(story.story.panels, 1):
            for at, one in enumerate(told.control, 1):
                if one.until < 1 / fewest:
                    yield tr(
                        "{place}: {until:g} ends before the first of {steps} steps, so that the map would be "
                        "heard in none: write {least:g} or more",
                        place=f"stories[{number}] {story.name}: panel[{panel}].control[{at}].until",
                        until=one.until,
                        steps=fewest,
                        least=ceil(100 / fewest) / 100,
                    )


def controlnet_of(experiment: "Experiment", kind: ControlKind) -> Path | None:
    """Return the folder of a kind's ControlNet: the named one, else the one that the base brings along."""
    return experiment.controlnets.of(kind) or brought_controlnets(experiment.base).get(kind)


def _lacking(experiment: "Experiment", kind: ControlKind) -> Iterator[str]:
    """Yield which folders a kind of map needs that the experiment does not name."""
    needs = {"controlnets": controlnet_of(experiment, kind)}
    if kind in AnnotatorTable.model_fields:
        needs["annotators"] = experiment.annotators.of(kind)
    for table, folder in needs.items():
        if folder is None:
            yield tr(
                'kind = "{kind}" needs a folder in the experiment: [{table}] {kind} = "FOLDER"',
                kind=kind,
                table=table,
            )


def base_fault(base: BaseChoice) -> str:
    """Return why a base takes no control; empty where it does."""
    folder = pipeline_folder(base)
    return "" if folder is None or family_of(folder) in CONTROLLED else control_refused(folder.name)
