"""Which pictures of a source stay: each is opened once, then one step after the other names those to drop."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kit.dataset.data_juicer import Filter, Size, keeps
from kit.dataset.sources import Found
from kit.errors import InputError
from kit.images.decode import is_flat, open_foreign
from kit.images.near_duplicates import Signs, signs, twins
from kit.story.trigger import Captioning


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What is kept of a picture that was opened."""

    number: int
    """Its place in the source, from 0."""
    found: Found
    size: Size
    signs: Signs
    flat: bool
    """Whether it has one colour all over."""


class Drop(NamedTuple):
    """Why a picture is not in the dataset."""

    kind: str
    reason: str


class Step(NamedTuple):
    """A reason to drop pictures, and how to find them."""

    kind: str
    drop: Callable[[Sequence[Look]], Mapping[int, str]]
    """Returns the numbers of those to drop, with the reason, of the pictures that are left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sifted:
    """What stays of a source, and what does not."""

    found: Sequence[Found]
    kept: Sequence[Look]
    drops: Mapping[int, Drop]
    """By place in the source, in its order."""


def sift(found: Sequence[Found], steps: Sequence[Step], opened: Callable[[], None]) -> Sifted:
    """Open every picture, calling `opened` behind each, and take the steps in their order."""
    looks: list[Look] = []
    drops: dict[int, Drop] = {}
    for number, one in enumerate(found):
        try:
            looks.append(_look(number, one))
        except InputError as error:
            drops[number] = Drop("unreadable", error.faults[0])
        opened()
    for step in steps:
        reasons = step.drop(looks)
        drops |= {number: Drop(step.kind, reason) for number, reason in reasons.items()}
        looks = [look for look in looks if look.number not in reasons]
    return Sifted(found=found, kept=looks, drops=dict(sorted(drops.items())))


def _look(number: int, found: Found) -> Look:
    if found.fault:
        raise InputError(found.name, [found.fault])
    picture = open_foreign(found.path).picture
    return Look(number=number, found=found, size=picture.size, signs=signs(picture), flat=is_flat(picture))


def by_shape(rule: Filter) -> Step:
    """Return the step that drops the samples a filter does not keep."""

    def drop(looks: Sequence[Look]) -> dict[int, str]:
        samples: dict[int, list[Look]] = defaultdict(list)
        for look in looks:
            samples[look.found.sample].append(look)
        dropped = [sample for sample in samples.values() if not keeps(rule, [look.size for look in sample])]
        return {look.number: _misfit(rule, look, sample) for sample in dropped for look in sample}

    return Step("shape", drop)


def _misfit(rule: Filter, look: Look, sample: Sequence[Look]) -> str:
    width, height = look.size
    whose = "" if len(sample) == 1 else f"{rule.any_or_all} of its sample's {len(sample)} pictures "
    return f"{whose}must be {rule.asks}, got {width} x {height}"


def by_colour() -> Step:
    """Return the step that drops pictures of one colour."""
    return Step("blank", lambda looks: {k.number: "has one colour all over" for k in looks if k.flat})


def by_caption(captioning: Captioning) -> Step:
    """Return the step that drops pictures of which nothing is said."""

    def drop(looks: Sequence[Look]) -> dict[int, str]:
        silent = (look for look in looks if not captioning.of(look.found.caption))
        return {look.number: look.found.silent or "has no caption" for look in silent}

    return Step("caption", drop)


def by_twins() -> Step:
    """Return the step that drops near duplicates of a larger picture."""

    def drop(looks: Sequence[Look]) -> dict[int, str]:
        areas = [look.size[0] * look.size[1] for look in looks]
        found = twins([look.signs for look in looks], areas)
        return {
            looks[one].number: f"is nearly {looks[kept].found.name}, which is as large or larger"
            for one, kept in found.items()
        }

    return Step("near duplicate", drop)
