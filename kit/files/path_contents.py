"""What a path holds: named, with what to type, to people who gave one thing where another belongs."""

import mimetypes
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from kit.files.regular_files import read_file
from kit.files.text.toml_text import parse_toml
from kit.files.user_paths import meant_beside, missing_file, missing_folder, shell_word
from kit.messages import mark, tr

Kind = Literal[
    "experiment", "story", "training", "rules", "text", "bundle", "lora", "picture", "page",
    "run", "emptied run", "trained", "dataset", "pictures",
]  # fmt: skip
"""What people have on their disks that some command takes or writes."""
NOUNS: dict[Kind, str] = {
    "experiment": mark("an experiment's .toml file"),
    "story": mark("a story"),
    "training": mark("a training's .toml file"),
    "rules": mark("a contest's rules"),
    "text": mark("a text file"),
    "bundle": mark("a bundle"),
    "lora": mark("a LoRA"),
    "picture": mark("a picture"),
    "page": mark("a page to look at in a browser"),
    "run": mark("a run's folder"),
    "emptied run": mark("a run's folder that lost its experiment.toml"),
    "trained": mark("a training's folder"),
    "dataset": mark("a dataset"),
    "pictures": mark("a folder of pictures"),
}
_TAKEN_BY: dict[Kind, str] = {
    "experiment": mark("`storykit generate {path} --out runs/{stem}` draws it"),
    "story": mark('write a .toml file with stories = ["{name}"] and draw that'),
    "training": mark("`storykit train {path} --out loras/{stem}` takes it"),
    "rules": mark("`storykit verify BUNDLE.zip --rules {path}` takes it"),
    "bundle": mark("`storykit verify {path}` looks into it"),
    "lora": mark('an experiment takes it, lora = "{name}" below [[candidate]]'),
    "run": mark("`storykit report {path}` shows what is in it"),
    "dataset": mark('write data = "{data}" into a training\'s .toml file'),
    "trained": mark("an experiment takes the LoRA in it, below [[candidate]]"),
}
"""What to do with a thing that was given in the wrong place."""
_MADE_BY: dict[Kind, str] = {
    "story": mark("write eight lines of plain text, one prompt a panel, into a .txt file"),
    "experiment": mark("begin with a copy of runs/demo/experiment.toml, which `storykit demo` writes"),
    "training": mark('write one that says data = "FOLDER", the folder of your pictures'),
    "text": mark("write the words into a file such as intro.txt and name that"),
    "bundle": mark("`storykit pack RUN` writes one"),
    "lora": mark("give a .safetensors file, or mini:ink, which comes with storykit"),
    "run": mark("draw one with `storykit generate EXPERIMENT.toml --out {folder}`"),
    "pictures": mark("give a folder with PNG or JPEG files in it"),
    "rules": mark("give kolors-2024, practice or a .toml file"),
}
"""How to come by what is wanted."""
_PAIRS: dict[tuple[Kind, Kind], str] = {
    ("experiment", "run"): mark("`storykit generate {inside} --out {path}` goes on drawing it"),
    ("run", "experiment"): mark("draw it with `storykit generate {path} --out {folder}`, then give {folder}"),
    ("run", "emptied run"): mark(
        "`storykit generate EXPERIMENT.toml --out {path}` with the experiment that it was drawn from "
        "writes it again and keeps the pictures"
    ),
    ("run", "bundle"): mark("give the folder of the run that it was packed from"),
    ("bundle", "run"): mark(
        "`storykit pack {path} --out entry.zip` packs one of its stories, with the options "
        "that `storykit pack --help` names"
    ),
    ("pictures", "run"): mark("its pictures lie below {panels}, in a folder for each seed"),
    ("story", "experiment"): mark("give {stories}, which it draws"),
    ("lora", "run"): mark("give the LoRA file that its experiment.toml names"),
}  # fmt: skip
"""What to do where one thing is wanted and another was given, if there is better to say."""
_FOLDERS: frozenset[Kind] = frozenset({"run", "trained", "dataset", "pictures"})
_LORA_SUFFIXES = frozenset({".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin"})
_RUN_MARKS = ("panels.jsonl", "run.json")
_RUN_OPENS = b"# The experiment of this run"
"""How a run's experiment.toml begins; the user's own does not."""
_DATASET_MARKS = ("metadata.csv", "metadata.jsonl", "dataset.json", "train/metadata.csv")
_KEYS: tuple[tuple[str, Kind], ...] = (
    ("stories", "experiment"),
    ("candidate", "experiment"),
    ("panel", "story"),
    ("learn", "training"),
    ("data", "training"),
    ("gate", "rules"),
)
"""Keys at the top of a TOML file that tell what it is, the first one counts."""
_TOML_BYTES = 2**20
_LOOKED_AT = 200
"""Entries of a folder that are looked at."""
_NAMED = 3
_DEPTH = 6
"""Folders above a path that may be what was meant."""


def kind_at(path: Path) -> Kind | None:
    """Return what a path holds; None where it is not there or nothing that any command knows.

    >>> kind_at(Path("nowhere"))
    """
    try:
        if path.is_dir():
            return _kind_of_folder(path)
        return _kind_of_file(path) if path.is_file() else None
    except (OSError, ValueError):
        return None


def _kind_of_folder(path: Path) -> Kind | None:
    experiment, marked = path / "experiment.toml", any((path / mark).is_file() for mark in _RUN_MARKS)
    if experiment.is_file() and (marked or _opens(experiment, _RUN_OPENS)):
        return "run"
    if marked:
        return "emptied run"
    if (path / "train.json").is_file():
        return "trained"
    if (path / "adapter_model.safetensors").is_file():
        return "lora"
    if any((path / mark).is_file() for mark in _DATASET_MARKS):
        return "dataset"
    return "pictures" if any(_is_picture(one) for one in islice(path.iterdir(), _LOOKED_AT)) else None


def _opens(path: Path, opening: bytes) -> bool:
    return read_file(path, len(opening)) == opening


def _kind_of_file(path: Path) -> Kind | None:
    suffix = path.suffix.lower()
    if suffix == ".toml":
        return _kind_of_toml(path)
    if suffix in _LORA_SUFFIXES:
        return "lora"
    kinds: dict[str, Kind] = {".zip": "bundle", ".html": "page", ".txt": "text", ".md": "text"}
    return kinds.get(suffix) or ("picture" if _is_picture(path) else None)


def _kind_of_toml(path: Path) -> Kind | None:
    document = parse_toml(read_file(path, _TOML_BYTES).decode("utf-8-sig"))
    return next((kind for key, kind in _KEYS if key in document), None)


def _is_picture(path: Path) -> bool:
    return (mimetypes.guess_type(path.name)[0] or "").startswith("image/") and path.is_file()


def mistaken(path: Path, wanted: Kind) -> str:
    """Return why a path cannot be what is wanted and what to do, in words to put behind its name.

    Empty where it may be it: whether it is sound is for its reader to say.

    Args:
        path: as the user gave it.
        wanted: what the command takes there.
    """
    found = kind_at(path)
    if found == wanted:
        return ""
    if found == "pictures":  # a picture or two lie in many a folder
        found = None
    try:
        there, is_folder = path.exists(), path.is_dir()
    except (OSError, ValueError):
        there = is_folder = False
    if not there:
        return _gone(path, wanted)
    if found is None and is_folder == (wanted in _FOLDERS) and wanted != "run":
        return ""
    if found is None and is_folder == (wanted in _FOLDERS):
        return tr("is not {wanted}: {remedy}", wanted=_noun(wanted), remedy=_remedy(path, wanted, found))
    noun = _noun(found) if found else tr("a folder") if is_folder else tr("a file")
    remedy = _remedy(path, wanted, found)
    if (wanted, found) == ("run", "emptied run"):
        return tr("is {found}: {remedy}", found=noun, remedy=remedy)
    return tr("is {found}, not {wanted}: {remedy}", found=noun, wanted=_noun(wanted), remedy=remedy)


def _noun(kind: Kind) -> str:
    return tr(NOUNS[kind])


def _gone(path: Path, wanted: Kind) -> str:
    """Return that a path is not there, with what was meant, else what is beside it, else how it is made."""
    told = missing_folder(path) if wanted in _FOLDERS else missing_file(path)
    if meant_beside(path):
        return told
    beside = _of_kind(path.parent, wanted)
    if not beside and wanted not in _MADE_BY:
        return told
    if beside:
        return tr("{problem}; there is {others}", problem=told, others=_listed(beside))
    return tr("{problem}; {remedy}", problem=told, remedy=_filled(_MADE_BY[wanted], path))


def _remedy(path: Path, wanted: Kind, found: Kind | None) -> str:
    if found and (wanted, found) in _PAIRS and (wanted, found) != ("bundle", "run"):
        return _filled(_PAIRS[wanted, found], path)
    if inside := _of_kind(path, wanted) or [
        deep for one in _folders_in(path) for deep in _of_kind(one, wanted)
    ]:
        return tr("give {others}", others=_listed(inside))
    if wanted == "run" or found == "picture":
        above = next((one for one in list(path.parents)[:_DEPTH] if kind_at(one) == wanted), None)
        if above is not None:
            return tr("give the folder that it lies in, {folder}", folder=above)
    said = _PAIRS.get((wanted, found)) if found else None
    return _filled(said or (_TAKEN_BY.get(found) if found else None) or _MADE_BY[wanted], path)


def _of_kind(folder: Path, wanted: Kind) -> list[Path]:
    return [one for one in _entries(folder) if kind_at(one) == wanted]


def _folders_in(folder: Path) -> Iterator[Path]:
    return (one for one in _entries(folder) if one.is_dir())


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(islice(folder.iterdir(), _LOOKED_AT))
    except OSError:
        return []


def _listed(paths: list[Path]) -> str:
    """Return some of several paths, in words."""
    told = str(paths[0])
    for path in paths[1:_NAMED]:
        told = tr("{one} or {other}", one=told, other=path)
    return tr("{one} or another", one=told) if len(paths) > _NAMED else told


def _filled(said: str, path: Path) -> str:
    """Return a remedy with the user's own names in it, as a shell takes them."""
    stem = shell_word(path.stem)
    folder = shell_word(path) if path.is_dir() or not path.suffix else f"runs/{stem}"
    data = path / "train" if (path / "train").is_dir() else path
    return tr(
        said,
        data=data,
        path=shell_word(path),
        panels=shell_word(path / "panels"),
        inside=shell_word(path / "experiment.toml"),
        name=path.name,
        stem=stem,
        folder=folder,
        stories=_stories_of(path) if "{stories}" in said else "",
    )


def _stories_of(experiment: Path) -> str:
    """Return the stories that an experiment names, as far as they are there."""
    named = parse_toml(read_file(experiment, _TOML_BYTES).decode("utf-8-sig")).get("stories")
    texts = [one for one in named if isinstance(one, str)] if isinstance(named, list) else []
    return _listed([experiment.parent / text for text in texts]) if texts else tr("a story")


def taken_by(path: Path) -> str:
    """Return what to do with a path, in words to put behind it; empty where nobody knows."""
    found = kind_at(path)
    if found not in _TAKEN_BY:
        return ""
    return tr(", which is {kind}: {remedy}", kind=_noun(found), remedy=_filled(_TAKEN_BY[found], path))
