"""What a run or a bundle records of the base that drew its pictures."""

import json
from collections.abc import Mapping

from pydantic import JsonValue

from kit.embedded import BASE_WEIGHTS, EMBEDDED


def is_embedded(base: Mapping[str, JsonValue]) -> bool:
    """Return whether a base is the one embedded in storykit, by its name or by its weights."""
    if base.get("name") == EMBEDDED:
        return True
    try:
        config = json.loads((BASE_WEIGHTS / "config.json").read_bytes())
    except OSError:
        return False
    return bool(base.get("sha256")) and base.get("sha256") == config.get("sha256")
