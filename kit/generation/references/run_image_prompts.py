"""The pictures that panels of a run are drawn after, with the IP-Adapter that reads them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from kit.experiment.config import LoadedExperiment
from kit.experiment.references.ip_adapter_table import IpAdapterTable, shown_in
from kit.generation.references.image_prompt import ImagePrompt
from kit.models.ip_adapter.adapter_files import IPAdapterFiles, open_ip_adapter
from kit.story.story import PANELS, LoadedStory

PanelPrompts: TypeAlias = Mapping[tuple[str, int], tuple[ImagePrompt, ...]]
"""By story and panel, 1 to 8."""


def adapter_of(loaded: LoadedExperiment) -> IPAdapterFiles | None:
    """Return the files of an experiment's IP-Adapter; None where it names none.

    Raises WeightsError where it is none, or not whole.
    """
    table = loaded.experiment.ip_adapter
    return open_ip_adapter(table.read_by) if table else None


def image_prompts(
    table: IpAdapterTable,
    adapter: IPAdapterFiles,
    stories: Sequence[LoadedStory],
    pictures: Mapping[str, bytes],
) -> PanelPrompts:
    """Return the pictures of every panel that shows a character who has one.

    Args:
        table: how they are read.
        adapter: by what.
        stories: their pictures are named as a run has them.
        pictures: their files, by their sha256.
    """

    def prompt(reference: str, subject: str) -> ImagePrompt:
        record = table.record_of(Path(reference).stem, subject, adapter.identity)
        return ImagePrompt(record=record, png=pictures[record.picture], folder=table.read_by)

    return {
        (story.name, panel + 1): tuple(prompt(*one) for one in shown)
        for story in stories
        for panel in range(PANELS)
        if (shown := shown_in(story.story, panel))
    }
