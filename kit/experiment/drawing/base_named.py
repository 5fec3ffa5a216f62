"""A base as a command's option names it: all that an experiment can, or the experiment that does."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from kit.embedded import EMBEDDED
from kit.errors import InputError
from kit.experiment.fields import OneBase, PathContext
from kit.experiment.other_files import experiment_document
from kit.files.documents import faults_of
from kit.models.bases.base_parts import BaseChoice

_BASE: TypeAdapter[BaseChoice] = TypeAdapter(OneBase)


def base_named(text: str) -> BaseChoice:
    """Return the base that a text names: "mini", "kolors", a folder, a downloaded model, or an experiment's.

    Args:
        text: as it was typed, paths seen from here; the name of a TOML file stands for the base in it.

    Raises:
        InputError: where there is no such base or experiment.
    """
    path = Path(text)
    named: object = text
    folder, place = Path.cwd(), "base"
    if path.suffix.lower() == ".toml":
        folder, place = path.absolute().parent, str(path)
        named = experiment_document(path).get("base", EMBEDDED)
    try:
        return _BASE.validate_python(named, context=PathContext(folder=folder, must_exist=True))
    except ValidationError as error:
        raise InputError(place, faults_of(error)) from error
