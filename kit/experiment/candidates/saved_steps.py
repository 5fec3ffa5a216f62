"""The saved steps of one training that a pattern of file names stands for."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kit.errors import LoraError, printable
from kit.files.tensors.tensor_files import TensorKind, open_tensor_file
from kit.files.user_paths import missing_folder
from kit.lora.key_names import tensors_file
from kit.messages import tr

MOST_STEPS = 64
"""Candidates that one pattern makes: each is drawn with every seed, and held in memory."""
TRAINING_NOTE = "training"
"""Where our saved steps say which training they are of: the sha256 of its settings, pictures and base."""
_ONE_TRAINING = (
    *(TRAINING_NOTE, "base_sha256", "dataset_sha256", "trigger", "rank", "alpha"),
    *("ss_output_name", "ss_base_model_version", "ss_sd_model_hash", "ss_network_module", "ss_network_dim"),
    *("ss_network_alpha", "ss_network_args", "ss_dataset_dirs", "ss_num_train_images", "ss_learning_rate"),
    *("ss_seed", "ss_resolution", "modelspec.architecture"),
)
"""Notes that all saved steps of a training share."""
_OF_PICTURES = (TRAINING_NOTE, "dataset_sha256", "ss_output_name", "ss_dataset_dirs")
"""Those that two trainings hardly share."""
_STEP_NOTES = ("steps", "ss_steps")
_LAST_NUMBER = re.compile(r"[-_. ]*(?:steps?|epochs?)?[-_. ]*(\d{1,9})(?!.*\d)", re.IGNORECASE)
_SHOWN = 80


class SavedStep(NamedTuple):
    """A LoRA as it was after so many steps."""

    step: int
    path: Path


class _Head(NamedTuple):
    """What a file says before a number of it is read."""

    path: Path
    kinds: Mapping[str, TensorKind]
    notes: Mapping[str, str]

    @property
    def step(self) -> int:
        """The step that its notes name, else the last number of its name."""
        for note in _STEP_NOTES:
            if self.notes.get(note, "").isdecimal():
                return int(self.notes[note][:9])
        if (told := _step_of_ai_toolkit(self.notes)) is not None:
            return told
        if number := _LAST_NUMBER.search(self.path.stem):
            return int(number[1])
        raise ValueError(
            tr(
                "{file} says neither in its notes nor by its name which step it is: name it {example}, or "
                "make the pattern narrower",
                file=_shown(self.path),
                example=printable(f"{self.path.stem}-300{self.path.suffix}"),
            )
        )

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The sides of each tensor, whatever its precision."""
        return {name: kind.shape for name, kind in self.kinds.items()}


def find_saved_steps(pattern: Path) -> list[SavedStep]:
    """Return the saved steps that a pattern stands for, in their order.

    Args:
        pattern: a path whose last part has * for any letters, ? for one.

    Raises:
        ValueError: no file matches, there are too many, one cannot be read or names no step, two are of one
            step, or they are not of one training.
    """
    heads = [_head(path) for path in _matching(pattern)]
    for head in heads[1:]:
        if why := _unlike(heads[0], head):
            raise ValueError(
                tr(
                    "{one} and {other} are not saved steps of one training: {why}; make the pattern narrower",
                    one=_shown(heads[0].path),
                    other=_shown(head.path),
                    why=why,
                )
            )
    found: dict[int, Path] = {}
    for head in heads:
        if (before := found.setdefault(head.step, head.path)) != head.path:
            raise ValueError(
                tr(
                    "{one} and {other} are both of step {step}: make the pattern narrower",
                    one=_shown(before),
                    other=_shown(head.path),
                    step=head.step,
                )
            )
    return [SavedStep(step, path) for step, path in sorted(found.items())]


def _matching(pattern: Path) -> list[Path]:
    """Return the files whose names match, sorted by name."""
    folder = pattern.parent
    if re.search("[*?]", str(folder)):
        raise ValueError(tr("a * or ? stands in the file's name alone, got {path}", path=_shown(pattern)))
    if not folder.is_dir():
        raise ValueError(tr("the folder {folder} {why}", folder=_shown(folder), why=missing_folder(folder)))
    parts = ({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern.name)
    name = re.compile("".join(parts), re.DOTALL)
    found = sorted(
        path for path in folder.iterdir() if not path.name.startswith(".") and name.fullmatch(path.name)
    )
    if not found:
        raise ValueError(
            tr("no file in {folder} matches {name}", folder=_shown(folder), name=printable(pattern.name))
        )
    if len(found) > MOST_STEPS:
        raise ValueError(
            tr(
                "{name} stands for {number} files, {most} are the most: make the pattern narrower",
                name=printable(pattern.name),
                number=len(found),
                most=MOST_STEPS,
            )
        )
    return found


def _head(path: Path) -> _Head:
    try:
        file = open_tensor_file(tensors_file(path))
    except LoraError as error:
        raise ValueError(str(error)) from error
    except ValueError as error:
        raise ValueError(tr("{file}: {why}", file=_shown(path), why=str(error))) from error
    return _Head(path, file.kinds, file.metadata)


def _unlike(one: _Head, other: _Head) -> str:
    """Return why two files are not of one training; empty where nothing says so."""
    for note in _ONE_TRAINING:
        mine, theirs = one.notes.get(note), other.notes.get(note)
        if mine is not None and theirs is not None and mine != theirs:
            if note == TRAINING_NOTE:
                return tr("their settings, pictures or base differ")
            return tr(
                "{note} is {mine} and {theirs}",
                note=note,
                mine=printable(mine[:_SHOWN]),
                theirs=printable(theirs[:_SHOWN]),
            )
    if one.shapes != other.shapes:
        return tr("their layers or ranks differ")
    said = any(note in one.notes and note in other.notes for note in _OF_PICTURES)
    if not said and _bare_name(one.path) != _bare_name(other.path):
        return tr("they say nothing of it, and their names differ by more than a number")
    return ""


def _bare_name(path: Path) -> str:
    """Return a file's name without the number of its step.

    >>> _bare_name(Path("ink-step00000300.safetensors")), _bare_name(Path("ink.safetensors"))
    ('ink', 'ink')
    """
    return _LAST_NUMBER.sub("", path.stem)


def _step_of_ai_toolkit(notes: Mapping[str, str]) -> int | None:
    """Return the step that ai-toolkit writes, which is JSON; None where it does not."""
    try:
        told = json.loads(notes.get("training_info", "null"))
    except (ValueError, RecursionError):
        return None
    step = told.get("step") if isinstance(told, dict) else None
    return step if type(step) is int and step >= 0 else None


def _shown(path: Path) -> str:
    return printable(str(path))
