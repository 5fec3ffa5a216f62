"""What a LoRA file says about itself beside its tensors, for each tool that reads it."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kit.lora.key_names import Tool, write_key

ADAPTER_NOTE = "lora_adapter_metadata"
"""Where diffusers keeps rank and alpha in a safetensors file's metadata, as JSON."""
_PASSING = frozenset({"rank", "alpha", "keys", "format", "ss_network_dim", "ss_network_alpha", ADAPTER_NOTE})
"""Metadata that a file gets anew when it is written."""


class LoraScale(NamedTuple):
    """How strong a LoRA was trained."""

    rank: int
    alpha: float


def metadata_of(
    tool: Tool, layers: Sequence[str], scale: LoraScale, notes: Mapping[str, str]
) -> dict[str, str]:
    """Return the metadata of a file with a tool's names: what lasts of the notes, and its scale anew.

    Args:
        tool: whose names the file has.
        layers: DiffSynth's names of its layers; KeyError for one that the tool cannot name.
        scale: its rank and alpha.
        notes: the metadata it had.
    """
    facts = {"rank": str(scale.rank), "alpha": repr(float(scale.alpha)), "keys": str(len(layers))}
    if tool == "kohya":
        facts |= {
            "ss_network_module": "networks.lora",
            "ss_network_dim": str(scale.rank),
            "ss_network_alpha": f"{scale.alpha:g}",
        }
    if tool == "diffusers":
        config = {f"unet.{name}": value for name, value in adapter_config(tool, layers, scale).items()}
        facts |= {"format": "pt", ADAPTER_NOTE: json.dumps(config, sort_keys=True)}
    return {name: text for name, text in notes.items() if name not in _PASSING} | facts


def adapter_config(tool: Tool, layers: Sequence[str], scale: LoraScale) -> dict[str, object]:
    """Return the settings of the adapter as PEFT's LoraConfig takes them."""
    keys = [write_key(tool, layer, "A").removesuffix(".lora_A.weight") for layer in sorted(layers)]
    names = [key.removeprefix("unet.").removeprefix("base_model.model.") for key in keys]
    return {
        "r": scale.rank,
        "lora_alpha": scale.alpha,
        "target_modules": names,
        "rank_pattern": {},
        "alpha_pattern": {},
    }
