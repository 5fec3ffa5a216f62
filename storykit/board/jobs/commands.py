"""What the board may start: storykit's commands, each value checked; nothing is ever read by a shell."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from kit.embedded import EMBEDDED
from kit.errors import InputError, StorykitError
from kit.files.path_contents import kind_at
from kit.files.user_paths import shell_word
from kit.messages import joined, mark, tr
from storykit.board.served_folder import ServedFolder

Kind = Literal[
    "file",
    "folder",
    "new",
    "rules",
    "word",
    "name",
    "line",
    "mask",
    "margins",
    "seed",
    "share",
    "devices",
    "flag",
]
LONGEST = 1000
"""Letters of a value."""
_DEVICE_LIST = re.compile(r"auto|all|cpu|cuda(:\d{1,3})?(,cuda:\d{1,3})*")
_SEED = re.compile(r"\d{1,19}")
_BOX = re.compile(r"\d{1,5}(,\d{1,5}){3}")
_MARGINS = re.compile(r"\d{1,4}(,\d{1,4}){3}|\d{1,4}")
_SHARE = re.compile(r"0?\.\d{1,6}|1(\.0{1,6})?")


@dataclass(frozen=True, kw_only=True, slots=True)
class JobField:
    """A value that a command takes."""

    name: str
    """As the command line calls it."""
    kind: Kind
    label: str
    """What people call it; a template of the catalogue."""
    needed: bool = False
    words: Callable[[], tuple[str, ...]] = tuple
    """What a word may be."""
    empty: str = mark("each")
    """What nothing means, of names that are chosen from a run."""


def _metrics() -> tuple[str, ...]:
    from eval.metrics.registry import judgeable

    return judgeable()


def _contests() -> tuple[str, ...]:
    from submissions.contest.rules import shipped_rules

    return shipped_rules()


def _one_of(*words: str) -> Callable[[], tuple[str, ...]]:
    return lambda: words


_CLUSTER = JobField(name="ray", kind="word", label=mark("Or on a cluster of Ray"), words=_one_of("auto"))
"""The one that this machine belongs to: another one, named in a browser, could do here what it likes."""
_OUT = mark("Folder for the results")
_EXPERIMENT = (
    JobField(name="experiment", kind="file", label=mark("Experiment"), needed=True),
    JobField(name="out", kind="new", label=_OUT, needed=True),
    JobField(name="devices", kind="devices", label=mark("Where to draw")),
    _CLUSTER,
)
_AGAIN = JobField(name="again", kind="flag", label=mark("Draw again what was drawn with other settings"))
_RUN = JobField(name="run", kind="folder", label=mark("Run"), needed=True)
_STORY = (
    JobField(name="candidate", kind="name", label=mark("Candidate")),
    JobField(name="order", kind="name", label=mark("Prompt order")),
    JobField(name="story", kind="name", label=mark("Story")),
)
_PANELS = ("1", "2", "3", "4", "5", "6", "7", "8")
_DEVICES = _one_of("auto", "cpu", "cuda")
COMMANDS: Mapping[str, tuple[JobField, ...]] = {
    "run": (
        *_EXPERIMENT,
        JobField(name="race", kind="word", label=mark("Stop early who cannot win"), words=_metrics),
        _AGAIN,
    ),
    "generate": (*_EXPERIMENT, _AGAIN),
    "score": (_RUN,),
    "compare": (_RUN,),
    "report": (_RUN,),
    "cast": (
        _RUN,
        *_STORY,
        JobField(name="forget", kind="flag", label=mark("Drop what was picked by hand before")),
    ),
    "repair": (
        _RUN,
        JobField(name="panel", kind="word", label=mark("Panel"), words=_one_of(*_PANELS)),
        JobField(name="seed", kind="seed", label=mark("Seed of the picture")),
        JobField(name="redraw", kind="share", label=mark("Draw again from the picture: how much")),
        JobField(name="instruct", kind="line", label=mark("Or edit it as a sentence says")),
        JobField(name="mask", kind="mask", label=mark("Only there")),
        JobField(name="prompt", kind="line", label=mark("Other words")),
        JobField(name="vary", kind="share", label=mark("Or vary its noise: how much")),
        JobField(name="outpaint", kind="margins", label=mark("Or draw on beyond the edges: pixels")),
        JobField(name="tries", kind="seed", label=mark("How many tries")),
        JobField(name="auto", kind="seed", label=mark("Or by itself: at most so many pictures")),
        *(replace(one, empty=mark("as it was chosen")) for one in _STORY),
    ),
    "finish": (
        _RUN,
        JobField(name="out", kind="new", label=mark("Folder for the finals, of drafts alone")),
        JobField(name="upscale", kind="word", label=mark("Enlarge by a network"), words=_one_of(EMBEDDED)),
        JobField(name="refine", kind="share", label=mark("Draw again at the larger size: how much")),
        JobField(name="size", kind="seed", label=mark("Side in pixels")),
        JobField(name="devices", kind="devices", label=mark("Where to draw")),
        _CLUSTER,
        *(replace(one, empty=mark("as it was chosen")) for one in _STORY),
    ),
    "train": (
        JobField(name="config", kind="file", label=mark("Training"), needed=True),
        JobField(name="out", kind="new", label=mark("Folder for the LoRA"), needed=True),
        JobField(name="device", kind="word", label=mark("Where to train"), words=_DEVICES),
        JobField(name="pick", kind="word", label=mark("Which saved step"), words=_one_of("last", "best")),
    ),
    "pack": (
        _RUN,
        JobField(name="team", kind="name", label=mark("Team")),
        JobField(name="title", kind="name", label=mark("Title")),
        JobField(name="introduction", kind="file", label=mark("Introduction")),
        JobField(name="out", kind="new", label=mark("Bundle"), needed=True),
        *_STORY,
        JobField(name="seed", kind="seed", label=mark("Seed")),
        JobField(name="rules", kind="rules", label=mark("Rules"), words=_contests),
        JobField(name="link", kind="name", label=mark("Where the LoRA is published")),
        JobField(name="overwrite", kind="flag", label=mark("Replace another bundle")),
    ),
    "reproduce": (
        JobField(name="bundle", kind="file", label=mark("Bundle"), needed=True),
        JobField(name="base", kind="word", label=mark("Base"), words=_one_of("mini", "kolors")),
        JobField(name="device", kind="word", label=mark("Where to draw"), words=_DEVICES),
    ),
}
"""The commands, and what may be said to each; the first field is its argument, the others are options."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobOrder:
    """A command with checked values: paths from the served folder on, no value that could be an option."""

    command: str
    values: Mapping[str, str]

    @property
    def arguments(self) -> list[str]:
        """What stands behind `storykit` on a command line that is given in the served folder."""
        first, *options = COMMANDS[self.command]
        words = [self.command, self.values[first.name]]
        for field in options:
            if value := self.values.get(field.name):
                words += _option(field, value)
        return words

    @property
    def command_line(self) -> str:
        """The same as people type it."""
        return " ".join(map(shell_word, ("storykit", *self.arguments)))


def job_order(folder: ServedFolder, command: str, given: Mapping[str, str]) -> JobOrder:
    """Return a command with its values, checked, or raise InputError with every fault.

    Args:
        folder: in which all files lie; paths are given from there on.
        command: one of COMMANDS.
        given: values by the names of their fields; an empty one is none.
    """
    if command not in COMMANDS:
        known = joined(COMMANDS, tr(", "))
        raise InputError("storykit", [tr("the board starts {known}, got {got!r}", known=known, got=command)])
    values: dict[str, str] = {}
    faults: list[str] = []
    fields = {field.name: field for field in COMMANDS[command]}
    for name in given.keys() - fields.keys():
        faults.append(tr("{name!r} is nothing that this command takes", name=name))
    for name, field in fields.items():
        try:
            if value := _checked(folder, field, given.get(name, "")):
                values[name] = value
        except (StorykitError, ValueError) as error:
            faults.append(tr("{name}: {problem}", name=tr(field.label), problem=error))
    if faults:
        raise InputError(f"storykit {command}", faults)
    return JobOrder(command=command, values=values)


def _option(field: JobField, value: str) -> list[str]:
    """Return an option as a command line has it; a value that begins with - is held by its name."""
    if field.kind == "flag":
        return [f"--{field.name}"]
    return [f"--{field.name}={value}"] if value.startswith("-") else [f"--{field.name}", value]


def _checked(folder: ServedFolder, field: JobField, value: str) -> str:
    """Return a value as the command is given it; an empty one is none. Raises ValueError or StorykitError."""
    if not value.strip():
        if field.needed:
            raise ValueError(tr("is missing"))
        return ""
    if len(value) > LONGEST:
        raise ValueError(tr("must be {most} letters at most, got {n:,}", most=LONGEST, n=len(value)))
    if field.kind in ("file", "folder", "new"):
        return _path(folder, field, value)
    if not value.isprintable():
        raise ValueError(tr("must be one line of letters that can be seen"))
    return _word(folder, field, value.strip())


def _word(folder: ServedFolder, field: JobField, value: str) -> str:
    words = ("yes",) if field.kind == "flag" else field.words()
    if value in words or field.kind in ("name", "line"):
        return value
    if field.kind == "mask" and (value in ("character", "place") or _BOX.fullmatch(value)):
        return value
    if field.kind in ("rules", "mask"):
        return _path(folder, field, value)
    if field.kind in ("word", "flag"):
        known = joined(words, tr(", "))
        raise ValueError(tr("must be one of {known}, got {got!r}", known=known, got=value))
    pattern, told = _PATTERNS[field.kind]
    if not pattern.fullmatch(value):
        raise ValueError(tr(told, got=value))
    return value


_PATTERNS: Mapping[Kind, tuple[re.Pattern[str], str]] = {
    "seed": (_SEED, mark("must be a whole number, got {got!r}")),
    "share": (_SHARE, mark("must be a number above 0 and at most 1, such as 0.5; got {got!r}")),
    "margins": (_MARGINS, mark("must be pixels, for every side alike or as 0,64,64,0; got {got!r}")),
    "devices": (_DEVICE_LIST, mark("must be auto, all, cpu or a list such as cuda:0,cuda:1; got {got!r}")),
}


def _path(folder: ServedFolder, field: JobField, value: str) -> str:
    """Return a path from the served folder on, which no command takes for an option."""
    itself = value == "." and (
        field.kind == "folder" or (field.kind == "new" and kind_at(folder.root) == "run")
    )
    path = folder.root if itself else folder.inside(value)
    if field.kind == "folder" and not path.is_dir():
        raise ValueError(tr("must be a folder, got {got!r}", got=value))
    if field.kind in ("file", "rules", "mask") and not path.is_file():
        raise ValueError(tr("must be a file, got {got!r}", got=value))
    text = path.relative_to(folder.root).as_posix()
    return f"./{text}" if text.startswith("-") else text
