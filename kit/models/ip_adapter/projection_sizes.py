"""Widths of what makes tokens of a picture, told by the shapes of its tensors."""

from dataclasses import dataclass

HEAD = 64
"""Width of an attention head, in all of these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResamplerSizes:
    """Widths of a projection."""

    seen: int
    """Of what the image encoder says of a patch."""
    width: int
    inner: int
    """Of its attention, a multiple of 64."""
    feed: int
    """Of its layers between two attentions."""
    made: int
    """Of its tokens."""
    tokens: int
    depth: int
    face: int = 0
    """Of a face's embedding; 0 where no face is read, but the whole picture."""
