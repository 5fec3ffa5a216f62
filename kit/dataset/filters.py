"""Which pictures of a source stay: each is opened once, then one step after the other names those to drop."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from kit.dataset.augmentation.changes import Size
from kit.dataset.augmentation.settings import Augmentation
from kit.dataset.data_juicer import Filter, keeps
from kit.dataset.listed import FoundPicture
from kit.errors import InputError
from kit.images.decode import UnopenedPictureError, decode_picture, is_flat
from kit.images.near_duplicates import Hash, near_duplicates, perceptual_hash
from kit.messages import joined, mark, tr
from kit.story.trigger import Captioning

_SHOWN = 40
"""Characters of a caption that a reason repeats."""
_MISFITS = {
    "own": mark("must be {requirement}, got {width} x {height}"),
    "any": mark("any of its sample's {n} pictures must be {requirement}, got {width} x {height}"),
    "all": mark("all of its sample's {n} pictures must be {requirement}, got {width} x {height}"),
}
"""By how many of a sample's pictures must be within the bounds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourcePicture:
    """What is kept of a picture that was opened."""

    number: int
    """Its place in the source, from 0."""
    found: FoundPicture
    size: Size
    hash: Hash
    flat: bool
    """Whether it has one colour all over."""


class DroppedPicture(NamedTuple):
    """Why a picture is not in the dataset."""

    kind: str
    reason: str
    unopened: tuple[str, str] | None = None
    """Which kind of picture it is that is not opened here, as "HEIC picture", and what to do about it."""


class FilterStep(NamedTuple):
    """A reason to drop pictures, and how to find them."""

    kind: str
    drop: Callable[[Sequence[SourcePicture]], Mapping[int, str]]
    """Returns the numbers of those to drop, with the reason, of the pictures that are left."""
    settings: Mapping[str, object] | None = None
    """What the dataset's record says of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FilteredPictures:
    """What stays of a source, and what does not."""

    found: Sequence[FoundPicture]
    kept: Sequence[SourcePicture]
    drops: Mapping[int, DroppedPicture]
    """By place in the source, in its order."""

    @property
    def pictures(self) -> int:
        """How many pictures were found; other files that lie there, such as a text, are none."""
        texts = sum(
            drop.kind == "unreadable" and not drop.unopened and not self.found[number].is_picture
            for number, drop in self.drops.items()
        )
        return len(self.found) - texts


def _misfits(rule: Filter, pictures: Sequence[SourcePicture]) -> dict[int, str]:
    samples = [list(group) for _, group in groupby(pictures, lambda one: one.found.sample)]
    dropped = [sample for sample in samples if not keeps(rule, [one.size for one in sample])]
    return {one.number: _misfit(rule, one, len(sample)) for sample in dropped for one in sample}


def _misfit(rule: Filter, picture: SourcePicture, sample: int) -> str:
    width, height = picture.size
    told = _MISFITS[rule.any_or_all if sample > 1 else "own"]
    return tr(told, n=sample, requirement=rule.requirement, width=width, height=height)


def _copies(pictures: Sequence[SourcePicture]) -> dict[int, str]:
    return {
        one.number: tr(
            "is a changed copy of {name}; copies are made anew where asked for", name=one.found.copy_of
        )
        for one in pictures
        if one.found.copy_of
    }


def _blank(pictures: Sequence[SourcePicture]) -> dict[int, str]:
    return {one.number: tr("has one colour all over") for one in pictures if one.flat}


def _uncaptioned(captioning: Captioning, pictures: Sequence[SourcePicture]) -> dict[int, str]:
    bare = (one for one in pictures if not captioning.of(one.found.caption.text))
    return {one.number: one.found.caption.fault or tr("has no caption") for one in bare}


def _near_duplicates(pictures: Sequence[SourcePicture]) -> dict[int, str]:
    areas = [one.size[0] * one.size[1] for one in pictures]
    found = near_duplicates([one.hash for one in pictures], areas)
    return {
        pictures[one].number: tr(
            "is nearly {name}, which is as large or larger", name=pictures[kept].found.name
        )
        for one, kept in found.items()
    }


def _repeated(pictures: Sequence[SourcePicture]) -> dict[int, str]:
    first: dict[Path, FoundPicture] = {}
    found: dict[int, str] = {}
    for one in pictures:
        kept = first.setdefault(one.found.path.resolve(), one.found)
        if kept is not one.found:
            found[one.number] = _same_file(one.found, kept)
    return found


def _same_file(found: FoundPicture, kept: FoundPicture) -> str:
    where = (
        tr("is listed in {place} already", place=kept.place)
        if kept.place
        else tr("is the file of {name}", name=kept.name)
    )
    if found.caption.text == kept.caption.text:
        return where
    caption = kept.caption.text[:_SHOWN]
    return tr("{where} with another caption, which is kept: {caption}", where=where, caption=caption)


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparationPlan:
    """What stays of a source, and what is said of it."""

    source: str
    """A folder, a result.jsonl, or a dataset of ModelScope."""
    captioning: Captioning
    filters: Sequence[Filter] = ()
    aesthetic: FilterStep | None = None
    """Drops pictures by their score; its settings go into the record."""
    keep_near_duplicates: bool = False
    augmentation: Augmentation | None = None
    """Which changed copies the pictures get that stay."""

    def captions(self, pictures: Sequence[SourcePicture]) -> list[str]:
        """Return what is said of each picture."""
        return [self.captioning.of(picture.found.caption.text) for picture in pictures]

    @property
    def steps(self) -> list[FilterStep]:
        """What drops pictures, in order; shape counts all of a sample's pictures, so it comes early."""
        steps = [FilterStep(mark("changed copy"), _copies)]
        steps += [FilterStep(mark("shape"), partial(_misfits, rule)) for rule in self.filters]
        steps += [
            FilterStep(mark("blank"), _blank),
            FilterStep(mark("caption"), partial(_uncaptioned, self.captioning)),
        ]
        if self.aesthetic is not None:
            steps.append(self.aesthetic)
        if not self.keep_near_duplicates:
            steps += [
                FilterStep(mark("repeated"), _repeated),
                FilterStep(mark("near duplicate"), _near_duplicates),
            ]
        return steps

    @property
    def settings(self) -> dict[str, object]:
        """What the dataset's record says of how it was made."""
        path = Path(self.source)
        return {
            "source": path.name if path.exists() else self.source,
            "filters": [{rule.operator: rule.model_dump()} for rule in self.filters],
            "caption": self.captioning.caption,
            "trigger": self.captioning.trigger,
            "near_duplicates": "keep" if self.keep_near_duplicates else "drop",
            "aesthetic": self.aesthetic and self.aesthetic.settings,
            "augmentation": self.augmentation and self.augmentation.model_dump(),
        }


def filter_pictures(
    found: Sequence[FoundPicture], plan: PreparationPlan, opened: Callable[[], None]
) -> FilteredPictures:
    """Open every picture, calling `opened` behind each, and take the plan's steps in their order.

    Raises InputError when nothing stays, saying why.
    """
    kept: list[SourcePicture] = []
    drops: dict[int, DroppedPicture] = {}
    for number, one in enumerate(found):
        try:
            kept.append(_open_picture(number, one))
        except InputError as error:
            why = error.__cause__
            unopened = (why.kind, why.mend) if isinstance(why, UnopenedPictureError) else None
            drops[number] = DroppedPicture(mark("unreadable"), error.faults[0], unopened)
        opened()
    for step in plan.steps:
        reasons = step.drop(kept)
        drops |= {number: DroppedPicture(step.kind, reason) for number, reason in reasons.items()}
        kept = [picture for picture in kept if picture.number not in reasons]
    if not kept:
        counted = Counter(drops[number].reason for number in sorted(drops)).most_common(3)
        first = {drops[number].reason: found[number].name for number in sorted(drops, reverse=True)}
        if not found:
            problem = tr("has no picture in it: give a folder with PNG or JPEG files and their captions")
            raise InputError(plan.source, [problem])
        if all(
            drop.kind == "caption" and not found[number].caption.refused for number, drop in drops.items()
        ):
            problem = tr(
                "none of its {n} pictures has a caption: write what {first} shows into a .txt of the same "
                "name beside it, and so for each, or say one of all with --caption",
                n=len(found),
                first=found[min(drops)].name,
            )
            raise InputError(plan.source, [problem])
        listed = joined((_many(first[reason], reason, count) for reason, count in counted), tr("; "))
        problem = tr("none of its {n} files can be used: {reasons}", n=len(found), reasons=listed)
        raise InputError(plan.source, [problem])
    return FilteredPictures(found=found, kept=kept, drops=dict(sorted(drops.items())))


def _many(name: str, reason: str, count: int) -> str:
    if count == 1:
        return tr("{name} {fault}", name=name, fault=reason)
    return tr("{name} {fault}, and so {more} more", name=name, fault=reason, more=count - 1)


def _open_picture(number: int, found: FoundPicture) -> SourcePicture:
    if found.fault:
        why = UnopenedPictureError(found.unopened) if found.unopened else None
        raise InputError(found.name, [found.fault]) from why
    picture = decode_picture(found.path).picture
    return SourcePicture(
        number=number,
        found=found,
        size=picture.size,
        hash=perceptual_hash(picture),
        flat=is_flat(picture),
    )
