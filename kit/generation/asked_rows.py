"""Which pictures of a run show what its experiment asks for now: words may be changed between drawings."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

from kit.experiment.references.ip_adapter_table import IpAdapterTable, shown_in
from kit.experiment.run import PanelRow, Run, Slot
from kit.generation.painter import PanelRequest
from kit.generation.recipe import drawn_from, request_in
from kit.story.story import Story

Change: TypeAlias = Literal["words", "control", "image prompts"]


def asked_rows(run: Run, rows: Iterable[PanelRow]) -> dict[Slot, PanelRow]:
    """Return the rows of panels that a run wants, drawn with the words and pictures that it has now.

    Args:
        run: its experiment and stories as they are now.
        rows: what was drawn there.
    """
    wanted = set(run.wanted())
    return {row.slot: row for row in rows if row.slot in wanted and _is_asked(run, row)}


def _is_asked(run: Run, row: PanelRow) -> bool:
    experiment, cfg = run.loaded.experiment, run.loaded.settings.cfg
    [story] = [one.story for one in run.loaded.stories if one.name == row.story]
    [candidate] = [one for one in experiment.candidates if one.name == row.candidate]
    now = request_in(experiment, story, row.slot, candidate)
    return not list(changes_since(row, now, story, experiment.ip_adapter, cfg))


def changes_since(
    row: PanelRow, now: PanelRequest, story: Story, table: IpAdapterTable | None, cfg: float
) -> Iterator[Change]:
    """Yield what is asked for otherwise than it was drawn.

    Args:
        row: as it was drawn.
        now: what its story and candidate ask for.
        story: of the panel, with its maps and pictures.
        table: of the experiment's IP-Adapter.
        cfg: as it was drawn.
    """
    if drawn_from(row, cfg) != drawn_from(now, cfg):
        yield "words"
    held = [(one.kind, one.weight, one.until) for one in row.control]
    if held != [(one.kind, one.weight, one.until) for one in story.panels[row.panel - 1].control]:
        yield "control"
    shown = shown_in(story, row.panel - 1)
    read = [table.record_of(Path(one).stem, who, "") for one, who in shown] if table else []
    if [replace(one, adapter="") for one in row.image_prompts] != read:
        yield "image prompts"
