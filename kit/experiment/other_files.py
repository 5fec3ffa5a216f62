"""Files and keys of other kinds where an experiment belongs: a story, a training, a text."""

import json
from pathlib import Path

from kit.errors import InputError
from kit.files.documents import read_document

_STORY_INSTEAD = "it belongs into a story file"
ELSEWHERE = {
    "negative": f'{_STORY_INSTEAD}, negative = "…" below its title; to compare two, under [[candidate]]',
    "title": _STORY_INSTEAD,
    "panel": f'{_STORY_INSTEAD}, which this file names: stories = ["story.toml"]',
    "characters": _STORY_INSTEAD,
    "places": _STORY_INSTEAD,
    "prompt": f"{_STORY_INSTEAD}, under [[panel]]",
    "learn": "it belongs into a training file, for `storykit train`",
    "data": "it belongs into a training file, for `storykit train`",
}
"""Keys of other files."""


def experiment_document(path: Path) -> dict[str, object]:
    """Return an experiment's tables and arrays; raises InputError, also for a story in its place."""
    if path.suffix.lower() == ".txt":
        story = json.dumps(path.name, ensure_ascii=False)
        raise InputError(
            str(path),
            [f"an experiment is a .toml file; name a story in it: stories = [{story}], and draw that .toml"],
        )
    return read_document(path, "experiment")
