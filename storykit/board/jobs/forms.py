"""The forms that start a job: what of the folder can be chosen, and what is proposed."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from eval.metrics.registry import METRICS, judgeable
from kit.errors import StorykitError
from kit.files.path_contents import kind_at
from kit.messages import mark, reader_language, tr
from storykit.board.jobs.commands import COMMANDS, JobField
from storykit.board.served_folder import ServedFolder

FORMS = ("run", "generate", "train", "score", "compare", "cast", "repair", "finish", "report", "reproduce")
"""The commands that have a form here; packing has a page of its own."""
Control = Literal["select", "text", "check"]
_HELP: Mapping[str, str] = {
    "experiment": mark("The file that says what is to be drawn."),
    "config": mark("The file that says what is to be learnt from which pictures."),
    "run": mark("The folder of pictures that were drawn."),
    "bundle": mark("An entry as it is handed in."),
    "out": mark("A new folder is made. In one that is there it goes on where it stopped."),
    "devices": mark("Left empty, the graphics card is taken if there is one; all takes every one, cpu none."),
    "ray": mark("auto: all graphics cards of the cluster that this machine belongs to draw."),
    "device": mark("auto takes the graphics card if there is one."),
    "race": mark("Whoever cannot win on this metric any more is drawn no further. That saves time."),
    "again": mark("Without it, what was drawn with other settings is told and left alone."),
    "pick": mark("The best one needs [watch] in the training's file."),
    "base": mark("By default what the bundle was drawn with."),
    "seed": mark("Left empty, it is the picture that was chosen."),
    "redraw": mark("From 0 to 1: .3 mends details, .6 changes poses, .9 leaves hardly anything."),
    "instruct": mark("Such as: make it night. The experiment must name an editor, an InstructPix2Pix."),
    "vary": mark("From 0 to 1, in place of drawing again: .1 is a little different, .5 much."),
    "mask": mark(
        "character, place, a box as X,Y,WIDTH,HEIGHT in pixels, or a picture of the folder, white where it "
        "is drawn. Outside it not a pixel changes."
    ),
    "outpaint": mark(
        "In place of drawing again: 64 for every side, or LEFT,TOP,RIGHT,BOTTOM, as many across as down."
    ),
    "upscale": mark("mini is storykit's own network. A file such as ESRGAN's is for the command line."),
    "refine": mark("From 0 to 1: .3 draws details anew, .5 much. Left empty, nothing is drawn again."),
    "size": mark(
        "A multiple of 32, at most 2048. Left empty, it is the network's, else twice what was drawn."
    ),
    "auto": mark(
        "The scores name panel and reason, the mildest step is tried first; no step is chosen here."
    ),
    "prompt": mark("What the panel shows, in full; empty: the same words."),
}
"""What a field means, by its name; the others say it by their label."""
_TOLD: Mapping[str, str] = {
    "run": mark(
        "Draws what is missing, scores it, compares the candidates and writes the report. "
        "It can be stopped at any time and goes on later."
    ),
    "generate": mark(
        "Draws what is missing and nothing else. It can be stopped at any time and goes on later."
    ),
    "train": mark(
        "Learns a style from pictures with captions. It can be stopped at any time and goes on later."
    ),
    "score": mark(
        "Measures every picture: how pleasing it is, how alike its heroes stay, how well it fits its text."
    ),
    "compare": mark("Says which candidate is better in what, and what cannot be told yet."),
    "cast": mark(
        "Looks for the seed of each panel with which the eight go best together. What was picked or banned "
        "by hand stays so."
    ),
    "repair": mark(
        "Mends one panel and keeps the others: each try is one more picture of it, beside what is there, to "
        "be picked on the sheet."
    ),
    "finish": mark(
        "Draws the drafts that were chosen as the contest draws, into a folder of their own, and makes the "
        "chosen eight larger where that is asked for. It can be stopped at any time and goes on later."
    ),
    "report": mark("Writes one page with the pictures, the scores and what came out."),
    "reproduce": mark(
        "Draws the panels again, from the bundle alone, and shows them beside what was handed in."
    ),
}
"""What a command does."""
_DEVICES = ("auto", "all", "cpu", "cuda:0", "cuda:0,cuda:1")
_OUT_BELOW: Mapping[str, str] = {"run": "runs", "generate": "runs", "train": "loras"}
"""The folder in which a command's results are proposed to lie."""


class Choice(NamedTuple):
    """What can be chosen in a field."""

    value: str
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OfferedField:
    """A field as a page shows it."""

    name: str
    label: str
    help: str
    control: Control
    value: str
    choices: list[Choice]
    needed: bool
    renews: bool
    """Whether another choice here changes what the other fields offer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobForm:
    """A form as a page shows it."""

    command: str
    told: str
    """What it does."""
    fields: list[OfferedField]
    proposed: str
    """The place that is proposed for the results; empty for a command that makes none."""
    lacks: str
    """Why it cannot be filled in: there is nothing of its kind in the folder."""


def job_form(folder: ServedFolder, command: str, given: Mapping[str, str]) -> JobForm:
    """Return the form of a command, filled in as far as something is given or can be proposed.

    Args:
        folder: the served one.
        command: one of FORMS.
        given: values by the names of fields; `proposed` is what the form proposed before.
    """
    first, *others = COMMANDS[command]
    offered = _OFFERED[first.name](folder)
    subject = given.get(first.name) or (offered[0].value if offered else "")
    proposed = _proposed(folder, command, subject)
    values = {**given, first.name: subject}
    if not values.get("out") or values["out"] == given.get("proposed"):
        values["out"] = proposed
    fields = [_field(first, subject, offered, renews=bool(others))]
    for field in others:
        choices = _choices(folder, field, values)
        usual = choices[0].value if field.needed and choices else ""
        fields.append(_field(field, values.get(field.name) or usual, choices))
    return JobForm(
        command=command,
        told=tr(_TOLD[command]),
        fields=fields,
        proposed=proposed,
        lacks="" if offered else tr(_LACKS[first.name]),
    )


def _field(field: JobField, value: str, choices: list[Choice], renews: bool = False) -> OfferedField:
    typed = field.kind in ("new", "devices", "line", "mask", "margins", "seed", "share")
    control: Control = "check" if field.kind == "flag" else "text" if typed else "select"
    return OfferedField(
        name=field.name,
        label=tr(field.label),
        help=tr(_HELP.get(field.name, "")),
        control=control,
        value=value,
        choices=choices,
        needed=field.needed,
        renews=renews,
    )


def _experiments(folder: ServedFolder) -> list[Choice]:
    """Return the user's own experiments, then those of runs, which go on being drawn."""
    own, of_runs = [], []
    for name in folder.of_kind("experiment"):
        path = folder.root / name
        if path.name == "experiment.toml" and kind_at(path.parent) == "run":
            run = path.parent.name if path.parent == folder.root else folder.name_of(path.parent)
            of_runs.append(Choice(name, tr("{run}, go on", run=run)))
        else:
            own.append(Choice(name, name))
    return [*own, *of_runs]


def _plain(names: list[str]) -> list[Choice]:
    return [Choice(name, name) for name in names]


_OFFERED: Mapping[str, Callable[[ServedFolder], list[Choice]]] = {
    "experiment": _experiments,
    "config": lambda folder: _plain(folder.of_kind("training")),
    "run": lambda folder: _plain(folder.runs()),
    "bundle": lambda folder: _plain(folder.of_kind("bundle")),
}
"""What can be chosen as the argument of a command, by the argument's name."""
_LACKS: Mapping[str, str] = {
    "experiment": mark(
        "There is no experiment in this folder. `storykit new` writes one; the board sees what lies in the "
        "folder that it was started with: `storykit board .` takes the one you are in."
    ),
    "config": mark(
        "There is no training file in this folder. `storykit new` writes one; the board sees what lies in "
        "the folder that it was started with: `storykit board .` takes the one you are in."
    ),
    "run": mark("There is no run in this folder yet: draw an experiment first."),
    "bundle": mark("There is no bundle in this folder yet: pack an entry first."),
}


def _choices(folder: ServedFolder, field: JobField, values: Mapping[str, str]) -> list[Choice]:
    match field.name:
        case "devices":
            return _plain(list(_DEVICES))
        case "panel":
            return [Choice("", tr("the one that the scores name")), *_plain(list(field.words()))]
        case "device" | "ray":
            empty = "auto" if field.name == "device" else tr("no, on this machine")
            return [Choice("", empty), *_plain([word for word in field.words() if word != empty])]
        case "race":
            spoken = reader_language()
            metrics = [Choice(name, METRICS[name].names.get(spoken, name)) for name in judgeable()]
            return [Choice("", tr("no, draw all")), *metrics]
        case "pick":
            return [Choice("", tr("the last one")), Choice("best", tr("the best one"))]
        case "base":
            return [Choice("", tr("as the bundle says")), *_plain(list(field.words()))]
        case "candidate" | "order" | "story":
            return [Choice("", tr(field.empty)), *_plain(_names(folder, field.name, values.get("run", "")))]
    return _plain(list(field.words()))


def _names(folder: ServedFolder, what: str, run: str) -> list[str]:
    """Return the names of a run's candidates, prompt orders or stories; none of a run that cannot be read."""
    with suppress(StorykitError):
        loaded = folder.run(run).loaded
        if what == "story":
            return [story.name for story in loaded.stories]
        if what == "order":
            return [str(order) for order in loaded.experiment.orders]
        return [candidate.name for candidate in loaded.experiment.candidates]
    return []


def _proposed(folder: ServedFolder, command: str, subject: str) -> str:
    """Return where a command's results may lie: runs/NAME, in a folder of runs NAME, or the run itself."""
    if command not in _OUT_BELOW or not subject:
        return ""
    path = PurePosixPath(subject)
    if path.name == "experiment.toml" and kind_at(folder.root / path.parent) == "run":
        return str(path.parent)
    name = path.stem if path.stem != "experiment" or path.parent.name == "" else path.parent.name
    below = _OUT_BELOW[command]
    return name if folder.root.name == below else f"{below}/{name}"
