"""The stage that captions a dataset: all words are found first, then the files are written, each whole."""

import csv
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image

from kit.dataset.captioning.caption_places import CaptionPlaces, HeldPicture
from kit.dataset.captioning.captioner import Captioner
from kit.dataset.captioning.wording import CaptionWording
from kit.dataset.tables import COLUMNS
from kit.dataset.write import note_captions
from kit.errors import InputError
from kit.files.atomic_write import write_atomic, write_new
from kit.images.decode import decode_picture
from kit.messages import tr, trn


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCaptions:
    """What a captioner says of a dataset; nothing is written yet."""

    captions: Mapping[int, str]
    """By the picture's place in its folder, from 0; those that stay as they are have none."""
    replaced: Mapping[int, str]
    """What was said before of those whose words give way."""
    kept: int
    """Pictures whose caption stays as it is."""
    unopened: Mapping[str, str]
    """Why pictures could not be opened, by name; they get no caption."""


def find_captions(
    places: CaptionPlaces, captioner: Captioner, wording: CaptionWording, told: Callable[[], None]
) -> NewCaptions:
    """Return new captions of the pictures that are to get one; `told` is called behind each picture.

    Raises InputError where captions would be empty, or no picture can be opened.
    """
    wanted = pictures_to_caption(places, wording)
    captions, unopened = dict[int, str](), dict[str, str]()
    for number in wanted:
        one = places.pictures[number]
        try:
            parts = captioner(_opened(one))
        except InputError as error:
            unopened[one.name] = error.faults[0]
        else:
            captions[number] = wording.of(parts, one.caption.text, captioner.language)
        told()
    _check(places, captions, unopened, captioner.if_silent)
    changed = {n: text for n, text in captions.items() if text != places.pictures[n].caption.text}
    before = {n: places.pictures[n].caption.text for n in changed}
    return NewCaptions(
        captions=changed,
        replaced={n: text for n, text in before.items() if text and wording.existing == "replace"},
        kept=len(places.pictures) - len(changed) - len(unopened),
        unopened=unopened,
    )


def pictures_to_caption(places: CaptionPlaces, wording: CaptionWording) -> list[int]:
    """Return which pictures get a caption, by their place from 0.

    Raises InputError where words cannot be read, or two pictures would share theirs.
    """
    refused = [
        tr("{name} {fault}", name=one.name, fault=one.caption.fault)
        for one in places.pictures
        if one.caption.refused
    ]
    if refused:
        raise InputError(str(places.root), refused)
    keep = wording.existing == "keep"
    wanted = [number for number, one in enumerate(places.pictures) if not (keep and one.caption.text)]
    if clashes := dict.fromkeys(clash for number in wanted if (clash := places.pictures[number].clash)):
        raise InputError(str(places.root), list(clashes))
    return wanted


def _opened(one: HeldPicture) -> Image:
    if one.fault:
        raise InputError(one.name, [one.fault])
    return decode_picture(one.path).picture


def _check(
    places: CaptionPlaces, captions: Mapping[int, str], unopened: Mapping[str, str], mend: str
) -> None:
    """Raise InputError where a caption would be empty, or none of the pictures can be opened."""
    empty = [places.pictures[number].name for number, text in captions.items() if not text]
    if empty:
        told = trn(
            "{n} picture would have an empty caption ({name}): {mend}",
            "{n} pictures would have an empty caption (the first {name}): {mend}",
            len(empty),
            name=empty[0],
            mend=tr(mend),
        )
        raise InputError(str(places.root), [told])
    if len(unopened) == len(places.pictures):
        faults = [tr("{name} {fault}", name=name, fault=why) for name, why in unopened.items()]
        raise InputError(str(places.root), faults)


def write_captions(places: CaptionPlaces, new: NewCaptions, notes: Mapping[str, object]) -> Path | None:
    """Write new captions, the words that give way first; returns the file that keeps those, if there is one.

    Each file is whole at any time; who is stopped in between finds every old caption in one of the two.

    Args:
        places: where captions are kept.
        new: what to write.
        notes: how they were made, for the record of a prepared dataset.

    Raises InputError where a file that would be written was changed since it was read; nothing is written.
    """
    if not new.captions:
        return None
    files = places.files(new.captions)
    if changed := places.changed(new.captions):
        raise InputError(str(changed), [tr("was changed meanwhile: type the same again")])
    backup = _write_backup(places, new.replaced) if new.replaced else None
    for path, data in files.items():
        write_atomic(path, data)
    note_captions(places.root, notes)
    return backup


def _write_backup(places: CaptionPlaces, replaced: Mapping[int, str]) -> Path:
    """Write captions in the layout of a metadata.csv into a file that is not there yet."""
    written = io.StringIO(newline="")
    rows = csv.writer(written, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    rows.writerows((places.pictures[number].name, text) for number, text in replaced.items())
    number = 1
    while os.path.lexists(path := places.root / f"captions-before-{number}.csv"):
        number += 1
    write_new(path, written.getvalue().encode("utf-8-sig"))
    return path
