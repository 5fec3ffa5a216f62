"""Calls that draw a picture, as contests and courses write them: `pipe(prompt="…", negative_prompt="…")`."""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kit.messages import joined, mark, tr
from kit.story.importing.code.constant_code import UNKNOWN
from kit.story.importing.foreign_story import DrawingCall, ForeignPanel, NoStory, one_line
from kit.story.story import PANELS

_PIPELINE = re.compile(r"pipe(?:line)?\d*$|^(?:text2img|txt2img|t2i)$", re.IGNORECASE)
_DRAWN_ANEW = mark("left out: {place}, {file} is drawn anew further below")
_NOT_NUMBERED = mark("left out: {place}, {file} is none of 1 to 8")
_STEPS = ("num_inference_steps", "steps")
_CFG = ("cfg_scale", "guidance_scale", "cfg")


@dataclass(slots=True, eq=False)
class DrawnPicture:
    """One picture that code draws."""

    at: str
    prompt: object
    negative: object = ""
    call: DrawingCall = field(default_factory=DrawingCall)
    file: str = ""
    """Where it is saved, if that is known."""


def name_of(func: ast.expr) -> str:
    """Return what a call calls: the last name of `a.b.c`."""
    if isinstance(func, ast.Attribute):
        return func.attr if func.attr != "__call__" else name_of(func.value)
    return func.id if isinstance(func, ast.Name) else ""


def prompt_in(call: ast.Call, named: Mapping[str, object], value: Callable[[ast.expr], object]) -> object:
    """Return what a call draws, UNKNOWN where only running it would tell; None where it draws nothing."""
    pipeline = _PIPELINE.search(name_of(call.func))
    settings = named.keys() & {"negative_prompt", *_STEPS, *_CFG}
    if len(named) < len([one for one in call.keywords if one.arg]) or (
        pipeline and settings and not call.args and "prompt" not in named
    ):
        return UNKNOWN
    if "prompt" in named:
        return named["prompt"] if pipeline or settings else None
    if not pipeline or not call.args:
        return None
    first = value(call.args[0])
    builds = name_of(call.func).casefold().endswith("pipeline")  # pipeline("text-to-image", model=…)
    return first if settings or (isinstance(first, str | list) and not builds) else None


def settings_in(named: Mapping[str, object], seed: object) -> DrawingCall:
    """Return how a picture is drawn."""
    height = named.get("height")
    return DrawingCall(
        seed=_whole(named.get("seed", seed)),
        steps=_whole(next((named[key] for key in _STEPS if key in named), None)),
        cfg=_number(next((named[key] for key in _CFG if key in named), None)),
        size=_whole(height) if height == named.get("width") else None,
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def rows_of_pictures(drawn: Sequence[DrawnPicture]) -> tuple[list[ForeignPanel], list[str]]:
    """Return a row for each picture, and what was left out.

    Where more than eight are drawn, the last one of those that are saved under one name counts, as on the
    disk, and those that are saved as 1 to 8 where others have other names. Raises NoStory for a prompt that
    only running the code would tell.
    """
    kept = _kept(drawn)
    if hidden := [one.at for one in kept if not isinstance(one.prompt, str)]:
        raise NoStory(
            tr(
                "{places}: the prompt is made by code, which is not run here; write its words there",
                places=joined(list(dict.fromkeys(hidden))[:PANELS], tr(", ")),
            )
        )
    rows = [
        ForeignPanel(
            at=one.at,
            prompt=one_line(str(one.prompt)),
            negative=one_line(one.negative) if isinstance(one.negative, str) else "",
            drawn=one.call,
        )
        for one in kept
    ]
    again = {one.file for one in kept}
    notes = [
        tr(_DRAWN_ANEW if one.file in again else _NOT_NUMBERED, place=one.at, file=one.file)
        for one in drawn
        if one not in kept
    ]
    if unread := [one.at for one in kept if one.negative is UNKNOWN]:
        places = joined(unread, tr(", "))
        notes.append(tr("left out: the negative prompt of {places}, which code makes", places=places))
    return rows, list(notes)


def _kept(drawn: Sequence[DrawnPicture]) -> list[DrawnPicture]:
    """Return the eight pictures that stay of more, all where that leaves other than eight."""
    last = {one.file: one for one in drawn if one.file}
    kept = [one for one in drawn if not one.file or last[one.file] is one]
    if len(kept) == PANELS:
        return kept
    numbers = [re.search(r"(\d+)\.\w+$", one.file) for one in kept]
    counted = [one for one, number in zip(kept, numbers, strict=True) if number]
    said = sorted(int(number[1]) for number in numbers if number)
    return counted if said in (list(range(1, PANELS + 1)), list(range(PANELS))) else list(drawn)
