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
    looks: list[SourcePicture] = []
    drops: dict[int, DroppedPicture] = {}
    for number, one in enumerate(found):
        try:
            looks.append(_open_picture(number, one))
        except InputError as error:
            drops[number] = DroppedPicture("unreadable", error.faults[0])
        opened()
    for step in steps:
        reasons = step.drop(looks)
        drops |= {number: DroppedPicture(step.kind, reason) for number, reason in reasons.items()}
        looks = [look for look in looks if look.number not in reasons]
    return FilteredPictures(found=found, kept=looks, drops=dict(sorted(drops.items())))


def _open_picture(number: int, found: FoundPicture) -> SourcePicture:
    if found.fault:
        raise InputError(found.name, [found.fault])
    picture = decode_picture(found.path).picture
    return SourcePicture(
        number=number, found=found, size=picture.size, hash=perceptual_hash(picture), flat=is_flat(picture)
    )


def by_shape(rule: Filter) -> FilterStep:
    """Return the step that drops the samples a filter does not keep."""

    def drop(looks: Sequence[SourcePicture]) -> dict[int, str]:
        samples: dict[int, list[SourcePicture]] = defaultdict(list)
        for look in looks:
            samples[look.found.sample].append(look)
        dropped = [sample for sample in samples.values() if not keeps(rule, [look.size for look in sample])]
        return {look.number: _misfit(rule, look, sample) for sample in dropped for look in sample}

    return FilterStep("shape", drop)


def _misfit(rule: Filter, look: SourcePicture, sample: Sequence[SourcePicture]) -> str:
    width, height = look.size
    whose = "" if len(sample) == 1 else f"{rule.any_or_all} of its sample's {len(sample)} pictures "
    return f"{whose}must be {rule.asks}, got {width} x {height}"


def by_colour() -> FilterStep:
    """Return the step that drops pictures of one colour."""
    return FilterStep("blank", lambda looks: {k.number: "has one colour all over" for k in looks if k.flat})


def by_caption(captioning: Captioning) -> FilterStep:
    """Return the step that drops pictures of which nothing is said."""

    def drop(looks: Sequence[SourcePicture]) -> dict[int, str]:
        silent = (look for look in looks if not captioning.of(look.found.caption))
        return {look.number: look.found.silent or "has no caption" for look in silent}

    return FilterStep("caption", drop)


def by_near_duplicates() -> FilterStep:
    """Return the step that drops near duplicates of a larger picture."""

    def drop(looks: Sequence[SourcePicture]) -> dict[int, str]:
        areas = [look.size[0] * look.size[1] for look in looks]
        found = near_duplicates([look.hash for look in looks], areas)
        return {
            looks[one].number: f"is nearly {looks[kept].found.name}, which is as large or larger"
            for one, kept in found.items()
        }

    return FilterStep("near duplicate", drop)
