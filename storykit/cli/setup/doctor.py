"""The command `storykit doctor`."""

import sys
from collections import Counter
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

import typer

import storykit
from kit.messages import mark, tr, trn
from kit.versions import installed_version
from storykit.cli.terminal.console import AsJson, say, say_json

if TYPE_CHECKING:
    from kit.doctor.diagnosis import Diagnosis

SCORERS = [
    Path(storykit.__file__).parents[1] / "eval" / "mini" / "weights" / name for name in ("aesthetic", "clip")
]
"""The folders of the embedded scorers."""
LABELS = {"ok": mark("ok      "), "note": mark("note    "), "fault": mark("fault   ")}


def doctor(as_json: AsJson = False) -> None:
    """Look at this machine: what storykit finds of what it needs, and what to do where it does not."""
    from kit.doctor.examine import Machine, examine

    if isinstance(sys.stdout, TextIOWrapper):  # a terminal without Chinese letters is a line, not an end
        sys.stdout.reconfigure(errors="backslashreplace")
    say_found(examine(Machine(scorers=SCORERS)), as_json=as_json)


def say_found(found: "Sequence[Diagnosis]", *, as_json: bool) -> None:
    """Say what was found; a fault ends the command with 1."""
    from kit.doctor.diagnosis import without_home

    count = Counter(one.status for one in found)
    if as_json:
        checks = [one.record() for one in found]
        say_json({"storykit": installed_version("storykit"), "ok": not count["fault"], "checks": checks})
    else:
        for one in found:
            told = tr("{told}; {do}", told=one.told, do=one.do) if one.do else one.told
            say(without_home(f"{tr(LABELS[one.status])}{told}"))
        faults = trn("{n} fault", "{n} faults", count["fault"])
        notes = trn("{n} note", "{n} notes", count["note"])
        say(tr("total   {faults}, {notes}", faults=faults, notes=notes))
    if count["fault"]:
        raise typer.Exit(1)
