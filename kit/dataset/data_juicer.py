"""Data-Juicer: the result it writes, its recipes, and its rules for size and ratio."""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import yaml
from pydantic import BaseModel, StrictInt, ValidationError

from kit.dataset.sources import Caption, FoundPicture, caption_of, json_rows, listed_picture
from kit.errors import InputError
from kit.experiment.fields import Number
from kit.files.documents import faults_of, read_text

Size = tuple[int, int]
"""Width and height in pixels, as the picture stands upright."""
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
        return " and ".join([f"{width} wide"] * bool(width) + [f"{height} high"] * bool(height))


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
        return f"{self.min_ratio:g} to {self.max_ratio:g} times as wide as high"


Filter = ShapeFilter | RatioFilter
FILTERS: Mapping[str, type[Filter]] = {kind.operator: kind for kind in (ShapeFilter, RatioFilter)}
"""The operators that are applied here as Data-Juicer applies them."""
RUNTIME_SETTINGS = (
    *("accelerator", "batch_size", "num_proc", "turbo", "num_cpus", "num_gpus", "memory"),
    *("cpu_required", "gpu_required", "mem_required"),
)
"""Settings of an operator that do not change what it keeps."""
_END_OF_CHUNK = "<|__dj__eoc|>"
_PICTURE = "<__dj__image>"
_MARK = re.compile(r"<__dj__\w+>")


def read_result(path: Path) -> list[FoundPicture]:
    """Return the pictures that a result.jsonl lists: `images`, or `image` as in the contest, and `text`.

    Raises InputError when the file cannot be read as a whole; a line that cannot is a fault of that line.
    """
    found = []
    for sample, (line, row) in enumerate(json_rows(path)):
        place, pictures = f"{path.name} line {line}", _pictures(row)
        if not pictures:
            fault = "must be an object with a list of pictures in images"
            found.append(FoundPicture(name=place, path=path, sample=sample, fault=fault))
        captions = zip(pictures, _captions(row, len(pictures), place), strict=True)
        found += [listed_picture(path.parent, name, sample, place, caption) for name, caption in captions]
    return found


def sample_captions(text: str, pictures: int) -> list[str] | None:
    """Return the caption of each picture of a sample: its chunk of the text, else all of it, marks left out.

    None where the text marks another number of pictures.

    >>> sample_captions("<__dj__image> a cat <|__dj__eoc|> <__dj__image> a dog <|__dj__eoc|>", 2)
    ['a cat', 'a dog']
    >>> sample_captions("a cat", 2)
    ['a cat', 'a cat']
    """
    chunks = text.split(_END_OF_CHUNK)
    marked = [_bare(chunk) for chunk in chunks for _ in range(chunk.count(_PICTURE))]
    if not marked:
        return [_bare(" ".join(chunks))] * pictures
    return marked if len(marked) == pictures else None


def read_recipe(path: Path) -> tuple[Filter, ...]:
    """Return the filters under `process` in a Data-Juicer recipe.

    Raises InputError with every fault: an operator that is not one of FILTERS would keep other pictures.
    """
    try:
        recipe = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(str(path), [f"is not YAML: {' '.join(str(error).split())}"]) from error
    steps = recipe.get("process") if isinstance(recipe, dict) else None
    if not isinstance(steps, list):
        raise InputError(str(path), ["must have a list of operators under process"])
    filters: list[Filter] = []
    faults: list[str] = []
    for number, step in enumerate(steps, 1):
        try:
            filters.append(_filter(step))
        except ValidationError as error:
            faults += [f"process[{number}].{next(iter(step))}.{fault}" for fault in faults_of(error)]
        except ValueError as error:
            faults.append(f"process[{number}]: {error}")
    if faults:
        raise InputError(str(path), faults)
    return tuple(filters)


def _filter(step: object) -> Filter:
    if not isinstance(step, dict) or len(step) != 1:
        raise ValueError("must be one operator with its settings")
    [(name, settings)] = step.items()
    if name not in FILTERS:
        raise ValueError(
            f"{name} is not applied here, only {' and '.join(FILTERS)} are; "
            "run Data-Juicer and give its result"
        )
    if not isinstance(settings, dict | None):
        raise ValueError(f"{name} must have settings")
    given = {key: value for key, value in (settings or {}).items() if key not in RUNTIME_SETTINGS}
    return FILTERS[name].model_validate(given)


def _pictures(row: Mapping[str, object]) -> list[str]:
    listed = row.get("images") or row.get("image")
    names = [listed] if isinstance(listed, str) else listed
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []


def _captions(row: Mapping[str, object], count: int, place: str) -> Sequence[Caption]:
    text = row.get("text")
    if not isinstance(text, str):
        fault = "has no text"
    elif captions := sample_captions(text, count):
        return [caption_of(caption, place) for caption in captions]
    else:
        fault = f"marks {text.count(_PICTURE)} pictures and lists {count}"
    return [Caption("", f"has no caption: {place} {fault}")] * count


def _bare(chunk: str) -> str:
    return " ".join(_MARK.sub(" ", chunk).split())


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
        return f"{least} pixels or more" if least > 1 else ""
    return f"{least} to {most} pixels"
