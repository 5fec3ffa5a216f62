"""How the words of a captioner become a picture's caption, beside what is said of it already."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kit.dataset.captioning.choices import Existing
from kit.messages import Language
from kit.story.prompt import COMMAS
from kit.story.trigger import captions_of

_COMMA = re.compile(r"[,，、]")


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionWording:
    """How captions are worded."""

    existing: Existing = "keep"
    trigger: str = ""
    """Put in front of each caption that does not begin with it."""
    blacklist: frozenset[str] = frozenset()
    """Tags or clauses that are never told, as `plain` gives them."""

    @property
    def notes(self) -> dict[str, object]:
        """What a dataset's record says of it."""
        return {"existing": self.existing, "trigger": self.trigger, "blacklist": sorted(self.blacklist)}

    def of(self, parts: Sequence[str], before: str, language: Language) -> str:
        """Return a caption in one line; empty where nothing is left to say.

        Args:
            parts: tags or clauses, in their order.
            before: the caption that is there; empty for none.
            language: of the parts.

        >>> wording = CaptionWording(existing="append", trigger="mystyle", blacklist=frozenset({"solo"}))
        >>> wording.of(["1girl", "solo", "smile"], "smile, a park", "en")
        'mystyle, smile, a park, 1girl'
        """
        kept = [before] if before and self.existing == "append" else []
        new = [" ".join(part.split()) for part in parts]
        kept += [
            part
            for part in new
            if part and plain(part) not in self.blacklist and not (kept and _says(kept[0], part))
        ]
        text = COMMAS[language].join(dict.fromkeys(kept))
        return captions_of([text], " ".join(self.trigger.split()))[0] if text else ""


def _says(caption: str, part: str) -> bool:
    """Return whether a caption holds all of a part, which may be a sentence with commas in it."""
    said, new = ([plain(piece) for piece in _COMMA.split(text)] for text in (caption, part))
    return any(said[at : at + len(new)] == new for at in range(len(said) - len(new) + 1))


def plain(tag: str) -> str:
    """Return a tag without what may be written otherwise.

    >>> plain(" Long_Hair")
    'long hair'
    """
    return " ".join(tag.replace("_", " ").casefold().split())


def blacklist_of(text: str) -> frozenset[str]:
    """Return the tags of a list with commas between them.

    >>> sorted(blacklist_of("solo, 1girl，"))
    ['1girl', 'solo']
    """
    return frozenset(tag for part in _COMMA.split(text) if (tag := plain(part)))
