"""The stage that captions a dataset: what was found is written every minute, each file whole."""

import csv
import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
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
from kit.messages import Message, tr, trn

WRITE_EVERY_S = 60.0
"""What a captioner found in so many seconds is lost at most where it is killed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCaptions:
    """What a captioner said of a dataset."""

    captions: Mapping[int, str]
    """What was written, by the picture's place in its folder, from 0; those that stay have none."""
    replaced: int
    """How many had other words before, which gave way."""
    kept: int
    """Pictures whose caption stays as it is."""
    silent: Sequence[str]
    """Pictures of which nothing is said; they get no caption."""
    unopened: Mapping[str, str]
    """Why pictures could not be opened, by name; they get no caption."""
    backup: Path | None
    """The file that keeps the words that gave way, if there are any."""


def caption_dataset(
    places: CaptionPlaces,
    captioner: Captioner,
    wording: CaptionWording,
    notes: Mapping[str, object],
    told: Callable[[], None],
) -> NewCaptions:
    """Write new captions; who is stopped finds what was said before the stop, and every old caption.

    Args:
        places: where captions are kept.
        captioner: says what pictures show.
        wording: how that becomes a caption.
        notes: how captions are made, for the record of a prepared dataset.
        told: called behind each picture.

    Raises InputError where no picture can be opened, nothing is said of any, or a file that would be written
    was changed since it was read: it stays as it is.
    """
    wanted = pictures_to_caption(places, wording)
    unopened, silent = dict[str, str](), list[str]()
    writer = _CaptionWriter(places, wording)
    try:
        for number in wanted:
            one = places.pictures[number]
            try:
                parts = captioner(_opened(one))
            except InputError as error:
                unopened[one.name] = error.faults[0]
            else:
                text = wording.of(parts, one.caption.text, captioner.language)
                if text:
                    writer.take(number, text)
                else:
                    silent.append(one.name)
            told()
    finally:
        writer.finish(notes)
    if silent and len(silent) + len(unopened) == len(wanted):
        raise InputError(str(places.root), [told_of_silent(silent, captioner.if_silent)])
    if len(unopened) == len(places.pictures):
        faults = [tr("{name} {fault}", name=name, fault=why) for name, why in unopened.items()]
        raise InputError(str(places.root), faults)
    return NewCaptions(
        captions=writer.written,
        replaced=len(writer.replaced),
        kept=len(places.pictures) - len(writer.written) - len(unopened) - len(silent),
        silent=silent,
        unopened=unopened,
        backup=writer.backup,
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


def told_of_silent(names: Sequence[str], mend: str) -> Message:
    """Return what is told of pictures of which nothing is said.

    Args:
        names: of the pictures, one at least.
        mend: what to do, as `Captioner.if_silent` says it.
    """
    return trn(
        "{n} picture would have an empty caption ({name}): {mend}",
        "{n} pictures would have an empty caption (the first {name}): {mend}",
        len(names),
        name=names[0],
        mend=tr(mend),
    )


class _CaptionWriter:
    """Writes what was found every minute and at the end; words that give way are kept in a file first."""

    def __init__(self, places: CaptionPlaces, wording: CaptionWording) -> None:
        self.places = places
        self.written: dict[int, str] = {}
        self.replaced: dict[int, str] = {}
        self.backup: Path | None = None
        self._replaces = wording.existing == "replace"
        self._waiting: dict[int, str] = {}
        self._wrote = time.monotonic()

    def take(self, number: int, text: str) -> None:
        """Take the caption of a picture, and write those that wait when it is time to."""
        if text != self.places.pictures[number].caption.text:
            self._waiting[number] = text
        if time.monotonic() - self._wrote >= WRITE_EVERY_S:
            self._write()

    def finish(self, notes: Mapping[str, object]) -> None:
        """Write those that wait, and note how all were made."""
        try:
            self._write()
        finally:
            if self.written:
                note_captions(self.places.root, notes)

    def _write(self) -> None:
        """Write what waits; raises InputError, and writes nothing, where a file is not as it was read."""
        if self._waiting:
            if changed := self.places.changed(self._waiting):
                raise InputError(str(changed), [tr("was changed meanwhile: type the same again")])
            self._keep_old(self._waiting)
            self.places.write(self._waiting)
            self.written.update(self._waiting)
        self._waiting = {}
        self._wrote = time.monotonic()

    def _keep_old(self, numbers: Mapping[int, str]) -> None:
        before = {number: self.places.pictures[number].caption.text for number in numbers}
        giving_way = {number: text for number, text in before.items() if text and self._replaces}
        if not giving_way:
            return
        self.replaced.update(giving_way)
        table = _as_table(self.places, self.replaced)
        if self.backup:
            write_atomic(self.backup, table)
        else:
            self.backup = _new_backup(self.places.root)
            write_new(self.backup, table)


def _as_table(places: CaptionPlaces, captions: Mapping[int, str]) -> bytes:
    """Return captions in the layout of a metadata.csv."""
    written = io.StringIO(newline="")
    rows = csv.writer(written, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    rows.writerows((places.pictures[number].name, text) for number, text in captions.items())
    return written.getvalue().encode("utf-8-sig")


def _new_backup(folder: Path) -> Path:
    """Return a path of a file for old captions that is not there yet."""
    number = 1
    while os.path.lexists(path := folder / f"captions-before-{number}.csv"):
        number += 1
    return path
