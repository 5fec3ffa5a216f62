"""What the pictures of a dataset are said to show: their own captions or one for all, behind a trigger."""

import re
from dataclasses import dataclass

from kit.prompt import COMMAS

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
