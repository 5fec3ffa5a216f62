"""Captions in text files beside their pictures, and what is to be minded of captions."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kit.dataset.listed import MOST_CAPTION_BYTES, Caption, caption_of, resolve_listed
from kit.files.encodings import printable, without_surrogates
from kit.files.regular_files import read_file
from kit.files.text.library_words import reason_of
from kit.files.text.text_encodings import decode_text, is_gbk_for_sure
from kit.messages import joined, tr

CAPTION_SUFFIXES = (".txt", ".caption")
"""How a caption's file ends, in small or large letters; the second is kohya's."""
_MARKS = re.compile(r"<(?:image|video|audio|img|lora:[^<>]{1,80}|__\w{1,40}|\|[^|<>]{1,40}\|)>")
"""Signs of other programs, which a LoRA would learn as words."""
_SHOWN = 40


class CaptionFiles:
    """The captions beside the pictures of a folder; their encoding is decided over all of them."""

    def __init__(self, folder: Path, files: Sequence[Path], pictures: Sequence[Path]) -> None:
        """Find each picture's captions: a.txt, or a.png.txt, for a.png.

        Args:
            folder: the folder.
            files: all that lies in it.
            pictures: those of them that are pictures.
        """
        self._folder = folder
        texts: dict[tuple[Path, str], list[Path]] = {}
        for path in files:
            if path.suffix.lower() in CAPTION_SUFFIXES:
                texts.setdefault((path.parent, path.stem.casefold()), []).append(path)
        self._beside = {
            path: [
                text
                for stem in (path.stem, path.name)
                for text in texts.get((path.parent, stem.casefold()), ())
            ]
            for path in pictures
        }
        self.used = frozenset(text for found in self._beside.values() for text in found)
        self._gbk = any(is_gbk_for_sure(data) for data in self._readable())

    def of(self, picture: Path) -> Caption:
        """Return the caption of a picture, or why there is none."""
        found = [self._read(path) for path in self._beside[picture]]
        if not found:
            name = f"{without_surrogates(picture.stem)}.txt"
            return Caption("", tr("has no caption: {file} does not exist", file=name))
        if len({caption.text for caption in found}) > 1:
            names = [without_surrogates(path.name) for path in self._beside[picture]]
            told = tr("has captions that differ: {names}; keep one", names=joined(names, tr(" and ")))
            return Caption("", told, refused=True)
        return found[0]

    def places_of(self, picture: Path) -> Sequence[Path]:
        """Return the files with the caption of a picture; several say the same."""
        return self._beside[picture]

    def _readable(self) -> Iterator[bytes]:
        for path in self.used:
            data = self._bytes_of(path)
            if isinstance(data, bytes):
                yield data

    def _bytes_of(self, path: Path) -> bytes | str:
        """Return what a caption's file holds, or why it must not be read."""
        _, fault = resolve_listed(self._folder, str(path.relative_to(self._folder)))
        if fault:
            return fault
        try:
            if path.stat().st_size > MOST_CAPTION_BYTES:
                return tr("has more than {most} bytes", most=MOST_CAPTION_BYTES)
            return read_file(path)
        except OSError as error:
            return tr("cannot be read: {reason}", reason=reason_of(error))

    def _read(self, path: Path) -> Caption:
        place, data = without_surrogates(path.name), self._bytes_of(path)
        if isinstance(data, str):
            told = tr("has no caption: {place} {fault}", place=place, fault=data)
            return Caption("", told, refused=True)
        try:
            decoded = decode_text(data, self._gbk)
        except ValueError as error:
            told = tr("has no caption: {place} {fault}", place=place, fault=error)
            return Caption("", told, refused=True)
        return caption_of(decoded.text, place, decoded.encoding)


def caption_warnings(captions: Sequence[Caption]) -> list[str]:
    """Return what is to be minded of captions: encodings, signs of other programs."""
    warnings: list[str] = []
    foreign = [caption for caption in captions if caption.encoding]
    if foreign:
        warnings.append(
            tr(
                "{n} captions are not UTF-8 and were read as {encoding}, the first: {caption}; if that is "
                "wrong, save them as UTF-8",
                n=len(foreign),
                encoding=foreign[0].encoding,
                caption=_shown(foreign[0].text),
            )
        )
    marked = {found[0]: caption.text for caption in captions if (found := _MARKS.search(caption.text))}
    if marked:
        warnings.append(_mark_warning(marked, sum(bool(_MARKS.search(caption.text)) for caption in captions)))
    return warnings


def _mark_warning(marked: Mapping[str, str], count: int) -> str:
    mark, text = next(iter(marked.items()))
    mend = (
        tr("take them out")
        if mark.startswith("<lora:")
        else tr("if they are Data-Juicer's, give its recipe with --juicer; else take them out")
    )
    return tr(
        "{n} captions hold signs of another program, such as {sign} in {caption}: a LoRA would learn them as "
        "words; {mend}",
        n=count,
        sign=printable(mark),
        caption=_shown(text),
        mend=mend,
    )


def _shown(text: str) -> str:
    return printable(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
