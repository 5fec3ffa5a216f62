"""Where downloaded models are kept."""

import os
from pathlib import Path


def kolors_folder() -> Path:
    """Return where base "kolors" is: in the folder that STORYKIT_MODELS names, else in the user's cache."""
    named = os.environ.get("STORYKIT_MODELS")
    return (Path(named) if named else Path.home() / ".cache" / "storykit") / "Kolors"
