"""Where downloaded models are kept."""

import os
from pathlib import Path

MODELS = Path(os.environ.get("STORYKIT_MODELS", Path.home() / ".cache" / "storykit"))
"""A folder of the user's, or the one that STORYKIT_MODELS names."""
KOLORS = MODELS / "Kolors"
