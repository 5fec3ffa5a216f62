"""Where models are downloaded from and kept."""

import os
from pathlib import Path
from typing import Literal

Hub = Literal["modelscope", "huggingface"]


def models_folder() -> Path:
    """Return where downloads are kept: in the folder that STORYKIT_MODELS names, else in the user's cache."""
    named = os.environ.get("STORYKIT_MODELS")
    return Path(named) if named else Path.home() / ".cache" / "storykit"


def kolors_folder() -> Path:
    """Return where base "kolors" is."""
    return models_folder() / "Kolors"
