"""Data-Juicer: the result it writes, its recipes, and its rules for size and ratio."""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, Field, StrictInt, ValidationError, model_validator

from kit.dataset.augmentation.changes import Size
from kit.dataset.listed import PLACE, Caption, FoundPicture, ListedFolder, caption_of
from kit.dataset.tables import decoded_text, json_rows
from kit.errors import InputError
from kit.experiment.fields import Number
from kit.files.documents import faults_of
from kit.files.text.yaml_documents import YamlValue, read_yaml
from kit.messages import Message, joined, tr

Quantity = Literal["any", "all"]
"""How many of a sample's pictures must be within the bounds."""


class ShapeFilter(BaseModel, frozen=True, extra="forbid"):
    """Data-Juicer's image_shape_filter: width and height within bounds that count as within.

    Defaults: Data-Juicer's.
    """

    operator: ClassVar[str] = "image_shape_filter"
    min_width: StrictInt = 1
    max_width: StrictInt = sys.maxsize
    min_height: StrictInt = 1
    max_height: StrictInt = sys.maxsize
    any_or_all: Quantity = "any"

    def holds(self, size: Size) -> bool:
        """Return whether a picture is within the bounds.

        >>> ShapeFilter(min_width=2).holds((2, 9)), ShapeFilter(min_width=2).holds((1, 9))
        (True, False)
        """
        width, height = size
        return self.min_width <= width <= self.max_width and self.min_height <= height <= self.max_height

    @property
    def requirement(self) -> str:
        """What a picture must be, in words."""
        width, height = _between(self.min_width, self.max_width), _between(self.min_height, self.max_height)
        if width and height:
            return tr("{width} wide and {height} high", width=width, height=height)
        return tr("{width} wide", width=width) if width else tr("{height} high", height=height)


class RatioFilter(BaseModel, frozen=True, extra="forbid"):
    """Data-Juicer's image_aspect_ratio_filter: width / height within bounds that count as within.

    Defaults: Data-Juicer's.
    """

    operator: ClassVar[str] = "image_aspect_ratio_filter"
    min_ratio: Number = 0.333
    max_ratio: Number = 3.0
    any_or_all: Quantity = "any"

    def holds(self, size: Size) -> bool:
        """Return whether a picture is within the bounds.

        >>> RatioFilter(max_ratio=2).holds((4, 2)), RatioFilter(max_ratio=2).holds((5, 2))
        (True, False)
        """
        return self.min_ratio <= size[0] / size[1] <= self.max_ratio

    @property
    def requirement(self) -> str:
        """What a picture must be, in words."""
        return tr("{least:g} to {most:g} times as wide as high", least=self.min_ratio, most=self.max_ratio)


Filter = ShapeFilter | RatioFilter
FILTERS: Mapping[str, type[Filter]] = {kind.operator: kind for kind in (ShapeFilter, RatioFilter)}
"""The operators that are applied here as Data-Juicer applies them."""
RUNTIME_SETTINGS = (
    *("accelerator", "batch_size", "num_proc", "turbo", "num_cpus", "num_gpus", "memory"),
    *("cpu_required", "gpu_required", "mem_required"),
)
"""Settings of an operator that do not change what it keeps."""
_MARK = re.compile(r"<__dj__\w+>")
_PICTURE_KEYS = ("images", "image")
"""Data-Juicer's own key, and the contest's; looked for where no recipe says which."""


class ResultLayout(BaseModel, frozen=True):
    """How a result.jsonl is written; a recipe may say so. Defaults: Data-Juicer's."""

    text_keys: Annotated[str, Field(min_length=1)] = "text"
    """Under which key a sample's text stands; of several, the first."""
    image_key: Annotated[str, Field(min_length=1)] | None = None
    """Under which key its pictures stand."""
    image_special_token: Annotated[str, Field(min_length=1)] = "<__dj__image>"
    """What marks a picture in the text."""
    eoc_special_token: Annotated[str, Field(min_length=1)] = "<|__dj__eoc|>"
    """What ends a chunk of the text."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_what_says_nothing(cls, table: object) -> object:
        if not isinstance(table, dict):
            return table
        given = {key: value for key, value in table.items() if value is not None}
        keys = given.get("text_keys")
        return given | ({"text_keys": keys[0]} if isinstance(keys, list) and keys else {})


DEFAULT_LAYOUT = ResultLayout()


class JuicerRecipe(NamedTuple):
    """What a Data-Juicer recipe says that counts here."""

    filters: tuple[Filter, ...]
    layout: ResultLayout


def read_result(path: Path, layout: ResultLayout = DEFAULT_LAYOUT) -> list[FoundPicture]:
    """Return the pictures that a result.jsonl lists: `images`, or `image` as in the contest, and `text`.

    Raises InputError when the file cannot be read as a whole; a line that cannot is a fault of that line.

    Args:
        path: the file.
        layout: under which keys, and with which marks.
    """
    folder, found, decoded = ListedFolder(path.parent), list[FoundPicture](), decoded_text(path)
    for sample, (line, row) in enumerate(json_rows(decoded.text)):
        place, pictures = tr(PLACE, file=path.name, line=line), _pictures(row, layout)
        if not pictures:
            key = layout.image_key or "images"
            fault = tr("must be an object with a list of pictures in {key}", key=key)
            found.append(FoundPicture(name=place, path=path, sample=sample, fault=fault, place=place))
        captions = zip(pictures, _captions(row, len(pictures), place, layout), strict=True)
        found += [
            folder.picture(name, sample, place, caption._replace(encoding=decoded.encoding))
            for name, caption in captions
        ]
    return found


def sample_captions(text: str, pictures: int, layout: ResultLayout = DEFAULT_LAYOUT) -> list[str] | None:
    """Return the caption of each picture of a sample: its chunk of the text, else all of it, marks left out.

    None where the text marks another number of pictures.

    Args:
        text: the sample's.
        pictures: how many it has.
        layout: what the marks are.

    >>> sample_captions("<__dj__image> a cat <|__dj__eoc|> <__dj__image> a dog <|__dj__eoc|>", 2)
    ['a cat', 'a dog']
    >>> sample_captions("a cat", 2)
    ['a cat', 'a cat']
    """
    chunks, mark = text.split(layout.eoc_special_token), layout.image_special_token
    marked = [(_bare(chunk, mark), chunk.count(mark)) for chunk in chunks if mark in chunk]
    if not marked:
        return [_bare(" ".join(chunks), mark)] * pictures
    if sum(count for _, count in marked) != pictures:
        return None
    return [caption for caption, count in marked for _ in range(count)]


def read_recipe(path: Path) -> JuicerRecipe:
    """Return the filters under `process` in a Data-Juicer recipe, and its keys and marks.

    Raises InputError with every fault: an operator that is not one of FILTERS would keep other pictures.
    """
    recipe = read_yaml(path)
    steps = recipe.get("process") if isinstance(recipe, dict) else None
    if not isinstance(steps, list):
        raise InputError(str(path), [tr("must have a list of operators under process")])
    filters: list[Filter] = []
    faults: list[str] = []
    for number, step in enumerate(steps, 1):
        place = f"process[{number}]"
        try:
            name, settings = _operator(step)
            filters.append(FILTERS[name].model_validate(settings))
        except ValidationError as error:
            faults += [joined([place, name, fault], ".") for fault in faults_of(error)]
        except ValueError as error:
            faults.append(tr("{place}: {fault}", place=place, fault=error))
    try:
        layout = ResultLayout.model_validate(recipe)
    except ValidationError as error:
        faults += faults_of(error)
    if faults:
        raise InputError(str(path), faults)
    return JuicerRecipe(tuple(filters), layout)


def _operator(step: YamlValue) -> tuple[str, dict[object, YamlValue]]:
    """Return an operator that is one of FILTERS, and the settings that change what it keeps."""
    if not isinstance(step, dict) or len(step) != 1:
        raise ValueError(tr("must be one operator with its settings"))
    [(name, settings)] = step.items()
    if not isinstance(name, str) or name not in FILTERS:
        raise ValueError(
            tr(
                "{name} is not applied here, only {known} are; run Data-Juicer and give its result",
                name=name,
                known=joined(FILTERS, tr(" and ")),
            )
        )
    if not isinstance(settings, dict | None):
        raise ValueError(tr("{name} must have settings", name=name))
    return name, {key: value for key, value in (settings or {}).items() if key not in RUNTIME_SETTINGS}


def _pictures(row: Mapping[str, object], layout: ResultLayout) -> list[str]:
    keys = (layout.image_key,) if layout.image_key else _PICTURE_KEYS
    listed = next((row[key] for key in keys if row.get(key)), None)
    names = [listed] if isinstance(listed, str) else listed
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []


def _captions(
    row: Mapping[str, object], count: int, place: Message, layout: ResultLayout
) -> Sequence[Caption]:
    text = row.get(layout.text_keys)
    if not isinstance(text, str):
        fault = tr("has no {key}", key=layout.text_keys)
    elif captions := sample_captions(text, count, layout):
        return [caption_of(caption, place) for caption in captions]
    else:
        marked = text.count(layout.image_special_token)
        fault = tr("marks {marked} pictures and lists {listed}", marked=marked, listed=count)
    return [Caption("", tr("has no caption: {place} {fault}", place=place, fault=fault))] * count


def _bare(chunk: str, mark: str) -> str:
    return " ".join(_MARK.sub(" ", chunk.replace(mark, " ")).split())


def keeps(rule: Filter, sizes: Sequence[Size]) -> bool:
    """Return whether a sample is kept: any or all of its pictures hold; one without pictures always is.

    >>> rule = RatioFilter(any_or_all="all")
    >>> keeps(rule, [(1, 1), (9, 1)]), keeps(rule, [(1, 1)]), keeps(rule, [])
    (False, True, True)
    """
    held = [rule.holds(size) for size in sizes]
    return not held or (any(held) if rule.any_or_all == "any" else all(held))


def _between(least: int, most: int) -> str:
    """Return bounds in words, nothing where there are none."""
    if most == sys.maxsize:
        return tr("{least} pixels or more", least=least) if least > 1 else ""
    return tr("{least} to {most} pixels", least=least, most=most)
