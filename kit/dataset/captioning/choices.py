"""What may be chosen of a captioning, without a library behind it."""

from typing import Literal

CaptionerName = Literal["mini", "wd14", "deepdanbooru", "blip", "florence"]
"""Who writes: storykit's own for the drawn world, or one whose weights the user has."""
Existing = Literal["keep", "append", "replace"]
"""What becomes of captions that are there: they stay, get more words, or give way."""
