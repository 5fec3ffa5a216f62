"""Captions and the trigger words before them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kit.dataset.read import Captioned
from kit.story.prompt import COMMAS
from kit.training.config import TrainConfig

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_MARK_OR_END = r"\s*(?:[，、,;；。.]|$)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Captioning:
    """How captions are made."""

    caption: str = ""
    """Said of every picture instead of its own; empty: their own."""
    trigger: str = ""
    """Put in front of each caption that does not begin with it."""

    def of(self, own: str) -> str:
        """Return the caption of a picture, empty if there is none.

        >>> Captioning(trigger="水墨风格").of("小猫"), Captioning(trigger="ink").of("ink, a cat")
        ('水墨风格，小猫', 'ink, a cat')
        """
        text = " ".join((self.caption or own).split())
        trigger = " ".join(self.trigger.split())
        if not text or not trigger or re.match(re.escape(trigger) + _MARK_OR_END, text):
            return text
        return f"{trigger}{COMMAS['zh' if _CHINESE.search(text) else 'en']}{text}"


def captions_of(dataset: Sequence[Captioned], config: TrainConfig) -> list[str]:
    """Return each picture's caption, the trigger in front unless it is there already."""
    if not config.trigger:
        return [entry.text for entry in dataset]
    comma = COMMAS[config.language]
    begun = re.compile(rf"{re.escape(config.trigger)}(?!\w)", re.ASCII)  # "ink" does not begin "inkwell"
    return [
        entry.text if begun.match(entry.text) else f"{config.trigger}{comma}{entry.text}" for entry in dataset
    ]
