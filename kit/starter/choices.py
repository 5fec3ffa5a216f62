"""What a new folder can begin with: the shapes of story, the styles, and what each is called."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kit.messages import Language, mark

Template = Literal[
    "lost-and-found", "journey-home", "first-concert", "rainy-night", "four-seasons", "small-kindness"
]
LoraStyle = Literal["ink", "watercolour", "cyberpunk"]

ABOUT_TEMPLATES: Mapping[Template, str] = {
    "lost-and-found": mark("a dog is gone, and a boy looks for it all night"),
    "journey-home": mark("a long way home, on foot, before it is too late"),
    "first-concert": mark("stage fright, rehearsals, and the evening itself"),
    "rainy-night": mark("a woman and a kitten share an umbrella, then more"),
    "four-seasons": mark("a boy and a dragon from one spring to the next"),
    "small-kindness": mark("half a bun is given away, and comes back in the snow"),
}
"""Each story in half a sentence."""
ABOUT_STYLES: Mapping[LoraStyle, str] = {
    "ink": mark("ink wash on paper"),
    "watercolour": mark("soft colours on white paper"),
    "cyberpunk": mark("neon by night"),
}
OWN_TRIGGERS: Mapping[Language, str] = {"zh": "蜡笔画风格", "en": "wax crayon drawing"}
"""What the style of the sample pictures is called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StarterChoice:
    """What somebody wants to begin with."""

    language: Language
    """Of the story and of all that is explained in the files."""
    template: Template = "lost-and-found"
    style: LoraStyle = "ink"
    gpu: bool = False
    """Whether there is a GPU, so that the files say how to draw with Kolors."""
