"""Files and keys of other kinds where an experiment belongs: a story, a training, a text."""

import json
from pathlib import Path

from kit.errors import InputError
from kit.files.documents import read_document
from kit.messages import mark, tr

_STORY = mark("it belongs into a story file")
_TRAINING = mark("it belongs into a training file, for `storykit train`")
_ELSEWHERE = {
    "negative": mark(
        'it belongs into a story file, negative = "…" below its title; to compare two, under [[candidate]]'
    ),
    "title": _STORY,
    "panel": mark('it belongs into a story file, which this file names: stories = ["story.toml"]'),
    "characters": _STORY,
    "places": _STORY,
    "prompt": mark("it belongs into a story file, under [[panel]]"),
    "learn": _TRAINING,
    "data": _TRAINING,
}
"""Keys of other files."""


def elsewhere() -> dict[str, str]:
    """Return what to say of keys at the top of an experiment that belong into other files."""
    return {key: tr(told) for key, told in _ELSEWHERE.items()}


def experiment_document(path: Path) -> dict[str, object]:
    """Return an experiment's tables and arrays; raises InputError, also for a story in its place."""
    if path.suffix.lower() == ".txt":
        story = json.dumps(path.name, ensure_ascii=False)
        raise InputError(
            str(path),
            [
                tr(
                    "an experiment is a .toml file; name a story in it: stories = [{story}], and draw"
                    " that .toml",
                    story=story,
                )
            ],
        )
    return read_document(path, "experiment")
