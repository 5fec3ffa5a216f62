"""The embedded models that ship inside the package: their name and their folders."""

from pathlib import Path

EMBEDDED = "mini"
"""What users write for the embedded base, predictor and encoder."""
LORA_PREFIX = "mini:"
"""What users write before the name of an embedded LoRA."""
BASE_WEIGHTS = Path(__file__).parent / "mini" / "weights"
"""The base."""
LORAS = Path(__file__).parent / "mini" / "loras"
"""Its style LoRAs; "mini:ink" is ink.safetensors here."""
CANNY_CONTROLNET = Path(__file__).parent / "mini" / "controlnets" / "canny"
"""The ControlNet that has it draw along edges."""
FINISHER = Path(__file__).parent / "mini" / "weights" / "finisher.safetensors"
"""What enlarges the base's pictures."""
