"""Candidates that stand for several: saved steps of a training, strengths, consistencies."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TypeVar

from kit.experiment.candidates.candidate import MOST_STRENGTH, Candidate, StackedLora
from kit.experiment.candidates.naming import refuse_one_name
from kit.experiment.candidates.saved_steps import find_saved_steps
from kit.experiment.fields import PathContext, is_pattern
from kit.lora.blocks import REST, strengths_of
from kit.messages import tr
from kit.models.bases.base_parts import BaseChoice

Worn = TypeVar("Worn", Candidate, StackedLora)


def swept(
    candidates: Sequence[Candidate], base: BaseChoice, where: PathContext | None
) -> tuple[Candidate, ...]:
    """Return the candidates, of a sweep one for each of its values; no two have one name.

    Args:
        candidates: as the file has them.
        base: whose groups of blocks are meant.
        where: where saved steps are looked for; None: they are not.

    Raises:
        ValueError: a sweep or the blocks mean nothing.
    """
    every = [_sweep(one, f"candidate[{number}]", where) for number, one in enumerate(candidates, 1)]
    refuse_one_name([[one.name for one in own] for own in every])
    return tuple(_resolved(one, base, f"candidate[{n}]") for n, own in enumerate(every, 1) for one in own)


def _sweep(candidate: Candidate, place: str, where: PathContext | None) -> list[Candidate]:
    """Return a candidate's saved steps, each at its strengths, each of these at its consistencies."""
    every = _saved_steps(candidate, place, where)
    every = list(chain.from_iterable(map(_strengths, every)))
    return list(chain.from_iterable(map(_consistencies, every)))


def _saved_steps(candidate: Candidate, place: str, where: PathContext | None) -> list[Candidate]:
    path = Path(candidate.lora or "")
    if where is None or not where.must_exist or not is_pattern(path) or not where.may_look_at(path.parent):
        return [candidate]
    try:
        if candidate.step is not None:
            raise ValueError(tr("step must be left out where lora names several files: each has its own"))
        return [candidate.saved_at(one.step, one.path) for one in find_saved_steps(path)]
    except ValueError as error:
        raise ValueError(tr("{place}: {fault}", place=f"{place}.lora", fault=str(error))) from error


def _strengths(candidate: Candidate) -> list[Candidate]:
    return [candidate.at(one) for one in candidate.strengths] if candidate.strengths else [candidate]


def _consistencies(candidate: Candidate) -> list[Candidate]:
    return (
        [candidate.kept_same(one) for one in candidate.consistencies]
        if candidate.consistencies
        else [candidate]
    )


def _resolved(candidate: Candidate, base: BaseChoice, place: str) -> Candidate:
    if candidate.loras:
        stack = (_by_block(one, base, f"{place}.lora[{n}]") for n, one in enumerate(candidate.loras, 1))
        return candidate.model_copy(update={"loras": tuple(stack)})
    return _by_block(candidate, base, place)


def _by_block(worn: Worn, base: BaseChoice, place: str) -> Worn:
    """Return a LoRA whose blocks are named one by one; where all count alike, it is worn at that strength."""
    if worn.blocks is None:
        return worn
    try:
        blocks = strengths_of(worn.blocks, base)
        if not any(blocks.values()):
            raise ValueError(tr("all are at 0, so nothing of the LoRA is left: leave it out"))
        if worn.strength * max(blocks.values()) > MOST_STRENGTH:
            raise ValueError(
                tr(
                    "times the strength {strength:g} must be at most {most}, got {got:g}",
                    strength=worn.strength,
                    most=MOST_STRENGTH,
                    got=max(blocks.values()),
                )
            )
    except ValueError as error:
        raise ValueError(tr("{place}: {fault}", place=f"{place}.blocks", fault=str(error))) from error
    if len(set(blocks.values())) == 1:
        return evened(worn, blocks[REST])
    return worn.model_copy(update={"blocks": blocks})


def evened(worn: Worn, share: float) -> Worn:
    """Return a LoRA worn at a share of its strength in all of its blocks."""
    strength = float(f"{worn.strength * share:.12g}")  # .7 of .1 is .07, as one would write it
    return worn.model_copy(update={"strength": strength, "blocks": None})
