"""Which pictures of a run show what its experiment asks for now: words may be changed between drawings."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from kit.experiment.references.ip_adapter_table import shown_in
from kit.experiment.run import PanelRow, Run, Slot
from kit.generation.recipe import drawn_from, request_in


def asked_rows(run: Run, rows: Iterable[PanelRow]) -> dict[Slot, PanelRow]:
    """Return the rows of panels that a run wants, drawn with the words and pictures that it has now.

    Args:
        run: its experiment and stories as they are now.
        rows: what was drawn there.
    """
    wanted = set(run.wanted())
    return {row.slot: row for row in rows if row.slot in wanted and _is_asked(run, row)}


def _is_asked(run: Run, row: PanelRow) -> bool:
    experiment = run.loaded.experiment
    [story] = [one.story for one in run.loaded.stories if one.name == row.story]
    [candidate] = [one for one in experiment.candidates if one.name == row.candidate]
    cfg, now = run.loaded.settings.cfg, request_in(experiment, story, row.slot, candidate)
    if drawn_from(row, cfg) != drawn_from(now, cfg):
        return False
    held = [(one.kind, one.weight, one.until) for one in row.control]
    asked = [(one.kind, one.weight, one.until) for one in story.panels[row.panel - 1].control]
    table, shown = experiment.ip_adapter, shown_in(story, row.panel - 1)
    read = [table.record_of(Path(one).stem, who, "") for one, who in shown] if table else []
    return held == asked and [replace(one, adapter="") for one in row.image_prompts] == read
