"""The pictures that stories hold panels to: found, checked, and kept in a run."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from kit.errors import InputError, printable
from kit.experiment.controls.control_record import CONTROLS, map_file
from kit.experiment.references.kept_pictures import kept_png, size_or_fault
from kit.files.encodings import sha256_bytes
from kit.files.user_paths import user_path
from kit.images.decode import decode_picture
from kit.messages import tr
from kit.story.control import PanelControl
from kit.story.story import LoadedStory, Panel


def picture_path(story: LoadedStory, control: PanelControl) -> Path:
    """Return where a control's picture lies."""
    return user_path(story.path.parent, control.picture)


def picture_faults(stories: Sequence[LoadedStory]) -> Iterator[str]:
    """Yield the pictures that are not there, or are none that a square panel can be held to."""
    for number, story in enumerate(stories, 1):
        for panel, told in enumerate(story.story.panels, 1):
            for at, one in enumerate(told.control, 1):
                if fault := _fault(one.picture, picture_path(story, one)):
                    yield tr(
                        "{place}: {fault}",
                        place=f"stories[{number}] {story.name}: panel[{panel}].control[{at}].picture",
                        fault=fault,
                    )


def _fault(text: str, path: Path) -> str:
    """Return what is wrong with a picture by its head; empty where nothing is."""
    size = size_or_fault(text, path)
    if isinstance(size, str):
        return size
    width, height = size
    if width != height:
        return tr(
            "{file} has {width} x {height} pixels and panels are square: cut it to {side} x {side}",
            file=printable(text),
            width=width,
            height=height,
            side=min(width, height),
        )
    return ""


def read_control(path: Path) -> Image.Image:
    """Return a control's picture, RGB and square; InputError where it is none.

    What is transparent in it is white.
    """
    if fault := _fault(str(path), path):
        raise InputError(str(path), [fault])
    return decode_picture(path).picture


def kept_stories(stories: Sequence[LoadedStory]) -> tuple[tuple[LoadedStory, ...], dict[str, bytes]]:
    """Return stories as a run keeps them, their pictures named as it has them, and those by file."""
    files: dict[str, bytes] = {}

    def kept(story: LoadedStory, panel: Panel) -> Panel:
        if not panel.control:
            return panel
        controls = []
        for one in panel.control:
            data = kept_png(picture_path(story, one), CONTROLS, read_control)
            place = map_file(sha256_bytes(data))
            files[place] = data
            controls.append(one.model_copy(update={"picture": f"../{place}"}))
        return panel.model_copy(update={"control": tuple(controls)})

    told = tuple(
        replace(
            story,
            story=story.story.model_copy(
                update={"panels": tuple(kept(story, panel) for panel in story.story.panels)}
            ),
        )
        for story in stories
    )
    return told, files
