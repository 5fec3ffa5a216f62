"""Which pictures of a source stay: each is opened once, then one step after the other names those to drop."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kit.dataset.data_juicer import Filter, Size, keeps
from kit.dataset.sources import FoundPicture
from kit.errors import InputError
from kit.images.decode import decode_picture, is_flat
from kit.images.near_duplicates import Hash, near_duplicates, perceptual_hash
from kit.story.trigger import Captioning


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


def apply_filters(
    found: Sequence[FoundPicture], steps: Sequence[FilterStep], opened: Callable[[], None]
) -> FilteredPictures:
    """Open every picture, calling `opened` behind each, and take the steps in their order."""
    kept: list[SourcePicture] = []
    drops: dict[int, DroppedPicture] = {}
    for number, one in enumerate(found):
        try:
            kept.append(_open_picture(number, one))
        except InputError as error:
            drops[number] = DroppedPicture("unreadable", error.faults[0])
        opened()
    for step in steps:
        reasons = step.drop(kept)
        drops |= {number: DroppedPicture(step.kind, reason) for number, reason in reasons.items()}
        kept = [picture for picture in kept if picture.number not in reasons]
    return FilteredPictures(found=found, kept=kept, drops=dict(sorted(drops.items())))


def _open_picture(number: int, found: FoundPicture) -> SourcePicture:
    if found.fault:
        raise InputError(found.name, [found.fault])
    picture = decode_picture(found.path).picture
    return SourcePicture(
        number=number,
        found=found,
        size=picture.size,
        hash=perceptual_hash(picture),
        flat=is_flat(picture),
    )


def by_shape(rule: Filter) -> FilterStep:
    """Return the step that drops the samples a filter does not keep."""

    def drop(pictures: Sequence[SourcePicture]) -> dict[int, str]:
        samples: dict[int, list[SourcePicture]] = defaultdict(list)
        for picture in pictures:
            samples[picture.found.sample].append(picture)
        dropped = [sample for sample in samples.values() if not keeps(rule, [one.size for one in sample])]
        return {one.number: _misfit(rule, one, len(sample)) for sample in dropped for one in sample}

    return FilterStep("shape", drop)


def _misfit(rule: Filter, picture: SourcePicture, sample: int) -> str:
    width, height = picture.size
    whose = "" if sample == 1 else f"{rule.any_or_all} of its sample's {sample} pictures "
    return f"{whose}must be {rule.requirement}, got {width} x {height}"


def by_colour() -> FilterStep:
    """Return the step that drops pictures of one colour."""
    return FilterStep(
        "blank", lambda pictures: {one.number: "has one colour all over" for one in pictures if one.flat}
    )


def by_caption(captioning: Captioning) -> FilterStep:
    """Return the step that drops pictures of which nothing is said."""

    def drop(pictures: Sequence[SourcePicture]) -> dict[int, str]:
        bare = (one for one in pictures if not captioning.of(one.found.caption.text))
        return {one.number: one.found.caption.fault or "has no caption" for one in bare}

    return FilterStep("caption", drop)


def by_near_duplicates() -> FilterStep:
    """Return the step that drops near duplicates of a larger picture."""

    def drop(pictures: Sequence[SourcePicture]) -> dict[int, str]:
        areas = [one.size[0] * one.size[1] for one in pictures]
        found = near_duplicates([one.hash for one in pictures], areas)
        return {
            pictures[one].number: f"is nearly {pictures[kept].found.name}, which is as large or larger"
            for one, kept in found.items()
        }

    return FilterStep("near duplicate", drop)
