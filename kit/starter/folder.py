"""A new folder, ready to run: story, experiment, training file, introduction and pictures."""

import os
import textwrap
import tomllib
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kit.errors import RunError
from kit.files.atomic_write import write_together
from kit.messages import Language, tr
from kit.starter.choices import OWN_TRIGGERS, StarterChoice
from kit.world import words

TEMPLATES = Path(__file__).parent / "templates"
_WIDTH: Mapping[Language, int] = {"zh": 60, "en": 110}
"""Letters of a comment's line; a Chinese one is twice as wide."""
_COLUMN = 40
"""Where a remark behind a line begins."""
_KNOWN: Mapping[Language, tuple[str, ...]] = {
    "zh": ("角色", "颜色", "动作", "拿着", "表情", "地点", "时间"),
    "en": ("figures", "colours", "actions", "holding", "faces", "places", "times"),
}


def check_new_folder(folder: Path) -> None:
    """Raise RunError unless nothing is at the folder's place, or an empty folder."""
    if folder.is_dir():
        if names := sorted(one.name for one in folder.iterdir()):
            raise RunError(
                tr(
                    "{folder} holds {name} already: give a new or an empty folder, nothing is written over",
                    folder=folder,
                    name=names[0],
                )
            )
        return
    taken = next((one for one in (folder, *folder.parents) if os.path.lexists(one)), None)
    if taken is not None and not taken.is_dir():
        raise RunError(tr("{taken} is no folder: give the name of a new one", taken=taken))


def write_starter(folder: Path, choice: StarterChoice) -> tuple[str, ...]:
    """Write a new folder and return the names of its files; where that fails, nothing stays.

    Raises RunError when something is there already, or the system refuses.
    """
    check_new_folder(folder)
    files = starter_files(choice)
    pictures = {folder / name: data for name, data in files.items() if name.startswith("pictures/")}
    texts = {folder / name: data for name, data in files.items() if not name.startswith("pictures/")}
    made = [one for one in (folder / "pictures", folder, *folder.parents) if not one.exists()]
    try:
        write_together(pictures)
        write_together(texts)
    except BaseException:
        for path in (*pictures, *texts):
            with suppress(OSError):
                path.unlink()
        for one in made:
            with suppress(OSError):
                one.rmdir()
        raise
    return tuple(files)


def starter_files(choice: StarterChoice) -> dict[str, bytes]:
    """Return the files of a new folder by their names in it; pictures lie below `pictures`."""
    own = TEMPLATES / choice.language
    story = (own / "stories" / f"{choice.template}.toml").read_text(encoding="utf-8")
    told = {
        "known": known_words(choice.language),
        "style": choice.style,
        "trigger": words.STYLES["zh"][choice.style][1],  # what the shipped LoRAs were trained with
        "own_trigger": OWN_TRIGGERS[choice.language],
        "title": tomllib.loads(story)["title"],
        "gpu": choice.gpu,
    }
    texts = {
        "story.toml": _filled(choice.language, "story-head.toml", told) + story,
        **{
            name: _filled(choice.language, name, told)
            for name in ("experiment.toml", "train.toml", "intro.txt")
        },
    }
    files = {name: text.encode("utf-8") for name, text in texts.items()}
    files["pictures/metadata.csv"] = (own / "metadata.csv").read_bytes()
    for picture in sorted((TEMPLATES / "pictures").glob("*.png")):
        files[f"pictures/{picture.name}"] = picture.read_bytes()
    return files


def known_words(language: Language) -> dict[str, str]:
    """Return the words that the embedded base knows, by what they tell of, the usual one of each thing.

    >>> known_words("en")["faces"]
    'smiling · laughing · sad · surprised'
    """
    tables: tuple[Mapping[Language, Mapping[Any, words.Words]], ...] = (
        words.KINDS, words.COLOURS, words.POSES, words.PROPS, words.EXPRESSIONS, words.PLACES, words.TIMES
    )  # fmt: skip
    told = [" · ".join(said[0] for said in table[language].values()) for table in tables]
    return dict(zip(_KNOWN[language], told, strict=True))


def _filled(language: Language, name: str, told: Mapping[str, object]) -> str:
    """Return a template of a language with everything put in."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES / language),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"padded": _padded, "comment": lambda text: _comment(text, _WIDTH[language])}
    return environment.get_template(f"{name}.j2").render(told)


def _padded(line: str) -> str:
    """Return a line with room up to the column of remarks; Chinese letters take two places."""
    taken = sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)
    return line + " " * (_COLUMN - taken)


def _comment(text: str, width: int) -> str:
    """Return a long text as lines of a TOML comment, no word of the drawn world torn apart."""
    kept = " ".join(word.replace(" ", "\xa0") + "\xa0·" for word in text.split(" · ")).removesuffix("\xa0·")
    return textwrap.fill(kept, width, initial_indent="#   ", subsequent_indent="#     ").replace("\xa0", " ")
