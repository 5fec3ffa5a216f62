"""What a merged model was made of, in its own metadata."""

from collections.abc import Mapping

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from kit.files.encodings import canonical_json
from kit.messages import tr

NOTE = "storykit_merge"
"""Where the metadata keeps it, as JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MergedPart:
    """One of the two models."""

    name: str
    """Of its file or folder, without the way there."""
    sha256: dict[str, str]
    """Of each of its files by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeRecipe:
    """Two models and how much each block took of the second."""

    first: MergedPart
    second: MergedPart
    share: float
    """Of what has none of its own."""
    blocks: dict[str, float]
    storykit: str
    """The version that merged them."""

    def note(self) -> str:
        """Return it as text, the same for the same recipe."""
        return canonical_json(_Recipe.dump_python(self, mode="json")).decode()


_Recipe = TypeAdapter(MergeRecipe)


def read_recipe(metadata: Mapping[str, str]) -> MergeRecipe | None:
    """Return what metadata says a model was made of, None where it says nothing; ValueError for no sense."""
    if NOTE not in metadata:
        return None
    try:
        return _Recipe.validate_json(metadata[NOTE])
    except ValidationError as error:
        raise ValueError(tr("has a recipe of a merge that cannot be read: {note}", note=NOTE)) from error
