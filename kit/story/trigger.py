"""Captions and the trigger words before them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kit.messages import Language
from kit.story.prompt import COMMAS
from kit.story.story import language_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Captioning:
    """How a prepared dataset's captions are made."""

    caption: str = ""
    """Said of every picture instead of its own; empty: their own."""
    trigger: str = ""
    """Put in front of each caption that does not begin with it."""

    def of(self, own: str) -> str:
        """Return the caption of a picture in one line, empty if there is none.

        >>> Captioning(trigger="水墨风格").of("小猫"), Captioning(trigger="ink").of("ink, a cat")
        ('水墨风格，小猫', 'ink, a cat')
        """
        text = " ".join((self.caption or own).split())
        return captions_of([text], " ".join(self.trigger.split()))[0] if text else ""


def captions_of(captions: Sequence[str], trigger: str, language: Language | None = None) -> list[str]:
    """Return the captions, the trigger in front of each that does not begin with it.

    Args:
        captions: as they were written.
        trigger: empty for none. "ink" does not begin "inkwell"; 水墨画 does begin 水墨画的小猫.
        language: chooses the comma behind the trigger; by default each caption's own letters do.
    """
    if not trigger:
        return list(captions)
    begins = re.compile(rf"{re.escape(trigger)}(?!\w)", re.ASCII)
    return [
        text if begins.match(text) else f"{trigger}{COMMAS[language or language_of(text)]}{text}"
        for text in captions
    ]
