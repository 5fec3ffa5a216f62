"""What a LoRA file says about itself beside its tensors, for each tool that reads it."""

import json
from collections.abc import Mapping, Sequence

from kit.lora.key_names import Tool, write_key

ADAPTER_NOTE = "lora_adapter_metadata"
"""Where diffusers keeps rank and alpha in a safetensors file's metadata, as JSON."""
_PASSING = frozenset({"rank", "alpha", "keys", "format", "ss_network_dim", "ss_network_alpha", ADAPTER_NOTE})
"""Metadata that a file gets anew when it is written."""


def metadata_of(
    tool: Tool, layers: Sequence[str], rank: int, alpha: float, notes: Mapping[str, str]
) -> dict[str, str]:
    """Return the metadata of a file with a tool's names: what lasts of the notes, and its scale anew.

    Args:
        tool: whose names the file has.
        layers: DiffSynth's names of its layers; KeyError for one that the tool cannot name.
        rank: of every layer.
        alpha: it was trained with.
        notes: the metadata it had.
    """
    facts = {"rank": str(rank), "alpha": repr(float(alpha)), "keys": str(len(layers))}
    if tool == "kohya":
        facts |= {
            "ss_network_module": "networks.lora",
            "ss_network_dim": str(rank),
            "ss_network_alpha": f"{alpha:g}",
        }
    if tool == "diffusers":
        config = {f"unet.{name}": value for name, value in adapter_config(tool, layers, rank, alpha).items()}
        facts |= {"format": "pt", ADAPTER_NOTE: json.dumps(config, sort_keys=True)}
    return {name: text for name, text in notes.items() if name not in _PASSING} | facts


def adapter_config(tool: Tool, layers: Sequence[str], rank: int, alpha: float) -> dict[str, object]:
    """Return the settings of the adapter as PEFT's LoraConfig takes them."""
    keys = [write_key(tool, layer, "A").removesuffix(".lora_A.weight") for layer in sorted(layers)]
    names = [key.removeprefix("unet.").removeprefix("base_model.model.") for key in keys]
    return {
        "r": rank,
        "lora_alpha": alpha,
        "target_modules": names,
        "rank_pattern": {},
        "alpha_pattern": {},
    }
