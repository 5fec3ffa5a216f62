"""What people ask of a repair, option by option, and the step that it means."""

import re
from dataclasses import replace
from typing import NamedTuple

from kit.errors import InputError
from kit.experiment.steps import MOST_GUIDANCE, Outpaint, Redraw, Vary
from kit.finishing.network_files import FinisherKind
from kit.messages import joined, tr

GUIDANCE, PICTURE_GUIDANCE = 7.5, 1.5
"""Of an edit: what diffusers 0.35.2 takes by itself."""
OUTPAINT = 0.8
"""The share of the steps that are drawn beyond a picture's edges, where its colours go on before."""
_MARGINS = re.compile(r"\d{1,4}(,\d{1,4}){3}|\d{1,4}")


class NetworkWish(NamedTuple):
    """A network that is to finish a picture."""

    kind: FinisherKind
    name: str
    """"mini", or a file."""
    size: int | None = None
    """Side of the enlarged picture in pixels; None: as many times larger as the network makes it."""


class EditWish(NamedTuple):
    """An instruction that a picture is to be edited by."""

    instruction: str
    seed: int
    """Of the first try's noise."""
    guidance: float
    """How strongly it follows the instruction."""
    picture_guidance: float
    """How strongly it keeps to the picture."""


class RepairOptions(NamedTuple):
    """The options that say what is done to a picture; None or empty where they are not given."""

    vary: float | None = None
    redraw: float | None = None
    instruct: str = ""
    guidance: float | None = None
    picture_guidance: float | None = None
    outpaint: str = ""
    restore: str = ""
    upscale: str = ""
    size: int | None = None
    prompt: str = ""
    mask: str = ""
    tries: int | None = None

    def refuse_unclear(self, auto: int | None, panel: int | None) -> None:
        """Raise InputError where no panel is named, or a step stands beside --auto, which chooses it.

        Args:
            auto: how many pictures it may draw; None where the step is chosen by hand.
            panel: as it is named.
        """
        given = [
            f"--{name.replace('_', '-')}" for name, value in self._asdict().items() if value not in (None, "")
        ]
        if auto is not None and given:
            told = tr("--auto chooses the step itself: leave out {options}", options=joined(given, tr(", ")))
            raise InputError("repair", [told])
        if auto is None and panel is None:
            told = tr("say which panel: --panel 1 to 8, or --auto N for what the scores name")
            raise InputError("repair", [told])

    def step(self, seed: int) -> Vary | Redraw | Outpaint | EditWish | NetworkWish:
        """Return the first try, or what is to make it; InputError where it is none, or two.

        Args:
            seed: of the first try's noise.
        """
        margins = _margins(self.outpaint)
        if faults := [*self._unclear(), *self._misfits(margins)]:
            raise InputError("repair", faults)
        if self.upscale or self.restore:
            kind: FinisherKind = "upscale" if self.upscale else "restore"
            return NetworkWish(kind, self.upscale or self.restore, self.size)
        if words := self.instruct.strip():
            guidance = GUIDANCE if self.guidance is None else self.guidance
            keeping = PICTURE_GUIDANCE if self.picture_guidance is None else self.picture_guidance
            return EditWish(words, seed, guidance, keeping)
        words = self.prompt.strip()
        if margins:
            left, top, right, bottom = margins
            drawn_on = Outpaint(seed=seed, strength=OUTPAINT, prompt=words)
            return replace(drawn_on, left=left, top=top, right=right, bottom=bottom)
        if self.redraw is not None:
            return Redraw(seed=seed, strength=self.redraw, prompt=words)
        return Vary(seed=seed, strength=self.vary or 0.0)

    def _unclear(self) -> list[str]:
        ways = (self.outpaint, self.instruct.strip(), self.restore, self.upscale)
        if sum(map(bool, ways)) + sum(way is not None for way in (self.vary, self.redraw)) == 1:
            return []
        return [
            tr(
                "say what is to be done, one of these: --vary STRENGTH, --redraw STRENGTH, "
                "--instruct TEXT, --outpaint PIXELS, --restore FILE, --upscale FILE"
            )
        ]

    def _misfits(self, margins: list[int]) -> list[str]:
        faults: list[str] = [
            tr("a strength must be above 0 and at most 1, got {got}", got=one)
            for one in (self.vary, self.redraw)
            if one is not None and not 0 < one <= 1
        ]
        if self.outpaint and not margins:
            faults.append(
                tr(
                    "--outpaint takes pixels, for every side alike or as LEFT,TOP,RIGHT,BOTTOM, got {got!r}",
                    got=self.outpaint,
                )
            )
        if self.prompt and self.redraw is None and not self.outpaint:
            faults.append(tr("other words are for --redraw and --outpaint"))
        told = (self.guidance, self.picture_guidance)
        if not self.instruct and told != (None, None):
            faults.append(tr("--guidance and --picture-guidance are for --instruct"))
        faults += [
            tr("guidance must be from 1 to {most}, got {got:g}", most=MOST_GUIDANCE, got=one)
            for one in told
            if one is not None and not 1 <= one <= MOST_GUIDANCE
        ]
        if self.size is not None and not self.upscale:
            faults.append(tr("--size is for --upscale"))
        return faults


def _margins(told: str) -> list[int]:
    """Return how far is drawn on to the left, above, right and below, of one number or four."""
    if (found := _MARGINS.fullmatch(told)) is None:
        return []
    pixels = [int(one) for one in found[0].split(",")]
    return pixels * (4 // len(pixels))
