"""The pictures of characters that a run's panels are drawn with, beside the story."""

from dataclasses import dataclass

from kit.files.user_paths import user_path
from kit.story.story import LoadedStory
from reports.thumbnails import THUMB_SIDE, Picture, embed


@dataclass(frozen=True, kw_only=True, slots=True)
class Portrait:
    """A character's picture as a page shows it."""

    subject: str
    """The character's words."""
    picture: Picture | None
    """None where the run has it no more."""


def portraits_of(story: LoadedStory) -> tuple[Portrait, ...]:
    """Return the pictures that a story of a run has of its characters, small."""
    return tuple(
        Portrait(subject=one.text, picture=embed(user_path(story.path.parent, one.reference), THUMB_SIDE))
        for one in story.story.characters.values()
        if one.reference
    )
