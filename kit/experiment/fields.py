"""What single values of an experiment file must hold: names, numbers, files and folders."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    FiniteFloat,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from kit.did_you_mean import did_you_mean
from kit.embedded import EMBEDDED, LORA_PREFIX, LORAS
from kit.errors import printable
from kit.files.documents import faults_of
from kit.files.user_paths import user_path, why_not_there
from kit.hub.downloaded import downloaded, hub_name
from kit.messages import joined, mark, tr
from kit.models.bases.base_parts import BaseChoice, BaseParts
from kit.models.bases.pipeline_class import EDITORS, pipeline_class
from kit.models.bases.pipeline_files import editor_fault
from kit.models.layouts.model_folder import model_folder
from kit.story.prompt import check_order
from kit.story.story import PANELS

T = TypeVar("T", bound=Hashable)
_TOLD = 20
"""Values that a message names."""

_PLAIN_NAME = re.compile(r"[^\W_](?:[^\W_]|-)*")
MOST_OF_NAME = 120
"""Bytes of a name, so that every file system takes it with what is put behind it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PathContext:
    """What turns paths in an experiment file into paths of this machine."""

    folder: Path
    must_exist: bool
    metrics: tuple[str, ...] = ()
    """Those that may be compared, where that is known."""
    inside: Path | None = None
    """The only folder that is looked into; what lies outside is taken as it is."""

    def may_look_at(self, path: Path) -> bool:
        """Return whether a path may be looked at."""
        try:
            return self.inside is None or path.resolve().is_relative_to(self.inside)
        except (OSError, ValueError):  # longer than any name, or with a NUL: it is nowhere
            return True


_NO_FILE = mark("file {path} {why}")
_SHOWN = 100
"""Characters of a path that no system can have which a message repeats."""


PathResolver: TypeAlias = Callable[[str, ValidationInfo], str]


def path_to(refusal: str, exists: Callable[[Path], bool], names: str | None = None) -> AfterValidator:
    """Return a validator of what `resolver_of` takes."""
    return AfterValidator(resolver_of(refusal, exists, names))


def resolver_of(refusal: str, exists: Callable[[Path], bool], names: str | None = None) -> PathResolver:
    """Return what makes a path absolute when we know where the experiment lies.

    Args:
        refusal: a template of what is said where it is not: of its {path} and {why}.
        exists: whether it is there.
        names: a pattern of the texts that name what we know, and so are no paths.
    """

    def resolved(text: str, info: ValidationInfo) -> str:
        named = names is not None and re.fullmatch(names, text)
        if named or not isinstance(info.context, PathContext):
            return text
        path = user_path(info.context.folder, text)
        if info.context.must_exist and not info.context.may_look_at(path):
            return str(path)
        if info.context.must_exist and not _is_there(path, exists):
            known = [one for one in (names or "").split("|") if "*" not in one]
            raise ValueError(tr(refusal, path=printable(text), why=why_not_there(text, path, known)))
        return str(path)

    return resolved


def _no_bare_style(text: str, info: ValidationInfo) -> str:
    """Return the text, or raise ValueError where it is an embedded style without its prefix."""
    where = info.context
    if not isinstance(where, PathContext) or text not in {one.stem for one in LORAS.iterdir()}:
        return text
    if where.must_exist and not user_path(where.folder, text).exists():
        raise ValueError(
            tr(
                'file {text} does not exist; the style of storykit is "{style}"',
                text=text,
                style=LORA_PREFIX + text,
            )
        )
    return text


def _is_there(path: Path, exists: Callable[[Path], bool]) -> bool:
    try:
        return exists(path)
    except (OSError, ValueError):  # longer than any name, or with a NUL
        return False


def _plain_name(name: str) -> str:
    if not _PLAIN_NAME.fullmatch(name) or name != _plain(name):
        told = tr("must be lower-case letters of any script, digits and dashes, got {name!r}", name=name)
        near = re.sub(r"[\W_]+", "-", _plain(name)).strip("-")[:MOST_OF_NAME]
        raise ValueError(joined([told, tr("write {name}", name=near)], tr("; ")) if near else told)
    if (size := len(name.encode())) > MOST_OF_NAME:
        raise ValueError(tr("must be at most {most} bytes, got {size}", most=MOST_OF_NAME, size=size))
    return name


def _plain(name: str) -> str:
    """Return a name in the one form that every file system keeps apart from others."""
    return unicodedata.normalize("NFKC", name).casefold()


def one_of(name: str, names: Sequence[str]) -> str:
    """Return a name, or raise ValueError with all that it may be."""
    if name in names:
        return name
    *first, last = map(repr, names)
    raise ValueError(
        tr(
            "must be {first} or {last}, got {name!r}{meant}",
            first=joined(first, tr(", ")),
            last=last,
            name=name,
            meant=did_you_mean(name, names),
        )
    )


def _metric(name: str, info: ValidationInfo) -> str:
    known = info.context.metrics if isinstance(info.context, PathContext) else ()
    return one_of(name, known) if known else name


def all_different(values: tuple[T, ...]) -> tuple[T, ...]:
    """Return the values, or raise ValueError naming those given twice."""
    if twice := [str(value) for value, times in Counter(values).items() if times > 1]:
        told, more = joined(twice[:_TOLD], tr(", ")), len(twice) - _TOLD
        if more > 0:
            raise ValueError(
                tr("must differ, got {twice} and {more} others more than once", twice=told, more=more)
            )
        raise ValueError(tr("must differ, got {twice} more than once", twice=told))
    return values


PlainName = Annotated[str, AfterValidator(_plain_name)]
"""Lower-case letters of any script, digits and dashes: safe in paths, tables and archives."""

Flag = Annotated[bool, Field(strict=True)]
"""true or false, and nothing that is taken for them."""

Order = Annotated[str, AfterValidator(check_order)]
"""The name of an order of clauses."""

MOST_SEED = 2**63 - 1
"""What torch's generators take, whether the number is signed or not."""

Seed = Annotated[StrictInt, Field(ge=0, le=MOST_SEED)]
"""A number that noise is drawn from."""

MOST_SEED_OF_PANELS = (MOST_SEED - PANELS) // 10
"""With it every panel's own seed is still one that torch's generators take."""


def seed_of_panel(seed: int, panel: int) -> int:
    """Return the seed of a panel's own noise: the panel's number (1 to 8) written behind the seed.

    >>> seed_of_panel(12, 3)
    123
    """
    return 10 * seed + panel


def seed_and_panel(number: int) -> tuple[int, int]:
    """Return what `seed_of_panel` made a number of.

    >>> seed_and_panel(123)
    (12, 3)
    """
    return divmod(number, 10)


Count = Annotated[StrictInt, Field(gt=0)]
"""A whole number, at least 1."""

Number = Annotated[FiniteFloat, Field(strict=True)]
"""A number that is neither infinite nor NaN."""

MetricName = Annotated[str, AfterValidator(_metric)]
"""A metric that decides comparisons; which there are kit does not know, who loads the experiment says it."""

RoleWords = Annotated[
    tuple[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)], ...],
    Field(min_length=1),
    AfterValidator(all_different),
]
"""Texts that say something, each once."""


def downloaded_model(text: str, info: ValidationInfo) -> str:
    """Return the folder of a model that a hub's name stands for, where it was downloaded."""
    where = info.context
    if not isinstance(where, PathContext) or not where.must_exist:
        return text
    if _is_there(user_path(where.folder, text), Path.exists):
        return text
    found = downloaded(text)
    return str(found) if found else text


def _base_downloaded(text: str, info: ValidationInfo) -> str:
    """Return what `downloaded_model` does; ValueError says how to download what is named as hubs do."""
    found, where = downloaded_model(text, info), info.context
    if found != text or not isinstance(where, PathContext) or not where.must_exist:
        return found
    if (name := hub_name(text)) and not user_path(where.folder, text).parent.exists():
        raise ValueError(
            tr(
                "{text} is neither here nor downloaded: `modelscope download --model {name}` or "
                "`huggingface-cli download {name}` fetches it",
                text=text,
                name=name,
            )
        )
    return found


BaseWeights = Annotated[
    str,
    AfterValidator(_base_downloaded),
    path_to(
        mark('must be "mini", "kolors", a folder or a model that was downloaded, and {path} {why}'),
        Path.is_dir,
        f"{EMBEDDED}|kolors",
    ),
]
"""The name of a known base, a folder, or the name that a hub has for a model that is on this machine."""


def _edits(text: str, info: ValidationInfo) -> str:
    """Return a folder, or raise ValueError where it is there and holds no InstructPix2Pix."""
    where, path = info.context, Path(text)
    if not isinstance(where, PathContext) or not where.must_exist or not where.may_look_at(path):
        return text
    if (found := pipeline_class(model_folder(path))) not in EDITORS:
        raise ValueError(editor_fault(printable(text), printable(found)))
    return text


EditorWeights = Annotated[
    str,
    AfterValidator(_base_downloaded),
    path_to(mark("must be a folder or a model that was downloaded, and {path} {why}"), Path.is_dir),
    AfterValidator(_edits),
]
"""A folder of an InstructPix2Pix, or the name that a hub has for one that is on this machine."""

_PART_IS = mark("{part}: must be a file, a folder or a model that was downloaded, and {path} {why}")

_FOLDER_IS = mark("{part}: must be a folder or a model that was downloaded, and {path} {why}")


def _parts_there(parts: BaseParts, info: ValidationInfo) -> BaseParts:
    """Return a base with the places of its parts made absolute, as `path_to` does it."""
    places: dict[str, str] = {}
    for part, text in parts.model_dump(exclude_none=True).items():
        whole = part in ("folder", "prior")
        refusal = tr(_FOLDER_IS if whole else _PART_IS, part=part, path="{path}", why="{why}")
        there = Path.is_dir if whole else Path.exists
        resolved = resolver_of(refusal, there, "kolors" if part == "folder" else None)
        places[part] = resolved(_base_downloaded(text, info), info)
    return parts.model_copy(update=places)


_NAMED = TypeAdapter[str](BaseWeights)


def _one_base(told: object, _usual: ValidatorFunctionWrapHandler, info: ValidationInfo) -> BaseChoice:
    """Return a base by its name or by its parts; a fault has no other place than the base."""
    try:
        if isinstance(told, dict | BaseParts):
            return _parts_there(BaseParts.model_validate(told), info)
        return _NAMED.validate_python(told, context=info.context)
    except ValidationError as error:
        raise ValueError(joined(faults_of(error, BaseParts), tr("; "))) from error


OneBase = Annotated[BaseChoice, WrapValidator(_one_base)]
"""BaseWeights, or a table of parts."""

ScorerWeights = Annotated[
    str, path_to(mark('must be "mini" or a folder, and {path} {why}'), Path.is_dir, EMBEDDED)
]
"""The name of an embedded scorer, or a folder."""

CalibrationFile = Annotated[str, path_to(_NO_FILE, Path.is_file)]
"""What `storykit metrics validate --drawn` found of the weights."""

LoraFile = Annotated[
    str,
    AfterValidator(_no_bare_style),
    AfterValidator(downloaded_model),
    path_to(_NO_FILE, Path.exists, f"{LORA_PREFIX}.*"),
]
"""A LoRA file, a folder of PEFT or diffusers, or "mini:" and an embedded one's name: kit.lora.lora checks."""


EmbeddingFile = Annotated[str, AfterValidator(downloaded_model), path_to(_NO_FILE, Path.is_file)]
"""A file of textual inversion: kit.lora.pipelines.embeddings checks."""


def is_pattern(path: Path) -> bool:
    """Return whether a path stands for several, by a * or ? in it; no file may have its name."""
    text = str(path)
    return bool(re.search("[*?]", text)) and not text.startswith(LORA_PREFIX) and not path.exists()


LoraFiles = Annotated[
    str,
    AfterValidator(_no_bare_style),
    AfterValidator(downloaded_model),
    path_to(_NO_FILE, lambda path: path.exists() or is_pattern(path), f"{LORA_PREFIX}.*"),
]
"""A LoraFile, or a pattern that stands for several."""
