"""What a caption says of its picture that a mirrored or turned copy would spoil.

Faces are known by these words alone: no detector of faces comes with what storykit needs (OpenCV 5 has no
cascades any more, and its network for faces is a download).
"""

import re

from kit.story.lexicon import FACES, NO_FACES, SIDES, simplified

_FACE = re.compile(f"(?P<none>{NO_FACES})|(?P<some>{FACES})")
_SIDE = re.compile(SIDES)


def tells_of_a_face(caption: str) -> bool:
    """Return whether a caption names a face, what it shows, or a portrait.

    >>> [tells_of_a_face(one) for one in ("她微笑着", "a portrait", "a clock face", "1girl, solo")]
    [True, True, False, False]
    """
    return any(found["some"] for found in _FACE.finditer(simplified(caption)))


def tells_of_a_side(caption: str) -> bool:
    """Return whether a caption says left or right, which would be wrong of a mirrored copy.

    >>> [tells_of_a_side(one) for one in ("小猫在左边", "a dog on the right", "leftovers")]
    [True, True, False]
    """
    return bool(_SIDE.search(simplified(caption)))
