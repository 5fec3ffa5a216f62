"""The stories and experiments of the served folder, and what a new one can begin with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

from kit.errors import InputError
from kit.files.text.toml_text import parse_toml
from kit.messages import Language, tr
from kit.starter.choices import ABOUT_TEMPLATES, StarterChoice, Template
from kit.starter.folder import starter_files
from kit.story.story import PANELS
from kit.writing.foreign_draft import kind_of_document
from kit.writing.own_files import MOST_BYTES, read_own, run_around
from storykit.board.served_folder import ServedFolder

MOST_FILES = 300
"""Files that are listed."""
MOST_LOOKED_AT = 2_000
"""Files that are looked at."""
BLANK = "blank"
"""A story that begins with nothing."""
_BLANK_STORY = 'title = ""\nlanguage = "{language}"\n' + '\n[[panel]]\ncaption = ""\nprompt = ""\n' * PANELS


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnListed:
    """A file that can be written on."""

    name: str
    """Below the served folder."""
    kind: Literal["story", "experiment", "damaged"]
    title: str = ""
    """Of a story."""
    candidates: tuple[str, ...] = ()
    """Of an experiment."""
    changed: str = ""
    trouble: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    """What a new story can begin with."""

    key: str
    language: Language
    title: str
    about: str


def own_files(served: ServedFolder) -> list[OwnListed]:
    """Return the stories and experiments of a folder, those of runs left out, the last changed first."""
    texts = (path for path in served.paths() if path.suffix.lower() in (".toml", ".txt") and path.is_file())
    drawn: dict[Path, bool] = {}
    found: list[tuple[float, OwnListed]] = []
    for path in islice(texts, MOST_LOOKED_AT):
        if path.parent not in drawn:
            drawn[path.parent] = run_around(path.parent) is not None
        if not drawn[path.parent] and len(found) < MOST_FILES:
            found += [(path.stat().st_mtime, one) for one in _listed(served, path)]
    return [one for _, one in sorted(found, key=lambda pair: -pair[0])]


def _listed(served: ServedFolder, path: Path) -> Iterator[OwnListed]:
    """Yield a file, if it is one of ours."""
    name, stat = served.name_of(path), path.stat()
    changed = datetime.fromtimestamp(stat.st_mtime).strftime("%Y-%m-%d %H:%M")
    is_text = path.suffix.lower() == ".txt"
    if stat.st_size > MOST_BYTES:
        return
    try:
        text = read_own(path).text
        if is_text:
            if sum(bool(line.strip()) for line in text.split("\n")) == PANELS:
                yield OwnListed(name=name, kind="story", title=path.stem, changed=changed)
            return
        document = parse_toml(text)
    except (InputError, ValueError) as error:
        if not is_text:
            told = error.faults[0] if isinstance(error, InputError) else str(error)
            yield OwnListed(name=name, kind="damaged", changed=changed, trouble=told)
        return
    match kind_of_document(document):
        case "story":
            title = document.get("title")
            shown = title if isinstance(title, str) else ""
            yield OwnListed(name=name, kind="story", title=shown, changed=changed)
        case "experiment":
            yield OwnListed(name=name, kind="experiment", candidates=tuple(_names(document)), changed=changed)


def _names(document: dict[str, object]) -> Iterator[str]:
    listed = document.get("candidate")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            yield one["name"]


def stories_beside(served: ServedFolder, folder: Path, listed: Sequence[OwnListed]) -> list[str]:
    """Return the stories of the served folder as an experiment in a folder of it names them."""
    names = (served.root / one.name for one in listed if one.kind == "story")
    return [_seen_from(folder, path) for path in names]


def loras_beside(served: ServedFolder, folder: Path) -> list[str]:
    """Return the LoRA files of the served folder as an experiment in a folder of it names them."""
    return [_seen_from(folder, served.root / name) for name in served.of_kind("lora")]


def _seen_from(folder: Path, path: Path) -> str:
    up, base = 0, folder
    while not path.is_relative_to(base):
        up, base = up + 1, base.parent
    return "/".join([".."] * up + list(path.relative_to(base).parts))


def beginnings() -> list[Beginning]:
    """Return the stories that a new one can begin with, in both languages."""
    return [
        Beginning(
            key=f"{language}/{template}",
            language=language,
            title=str(parse_toml(_starter(language, template))["title"]),
            about=tr(ABOUT_TEMPLATES[template]),
        )
        for language in get_args(Language)
        for template in get_args(Template)
    ]


def beginning_story(key: str, language: Language) -> str:
    """Return the TOML of a new story; a key that is none begins with nothing."""
    spoken, _, template = key.partition("/")
    for known in get_args(Language):
        for one in get_args(Template):
            if (spoken, template) == (known, one):
                return _starter(known, one)
    return _BLANK_STORY.format(language=language)


def beginning_experiment(language: Language) -> str:
    """Return the TOML of a new experiment."""
    return starter_files(StarterChoice(language=language))["experiment.toml"].decode()


@lru_cache
def _starter(language: Language, template: Template) -> str:
    return starter_files(StarterChoice(language=language, template=template))["story.toml"].decode()
