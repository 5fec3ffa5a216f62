"""What a LoRA file says about itself beside its tensors, for each tool that reads it."""

import hashlib
import json
import math
import mmap
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from kit.errors import LoraError
from kit.files.regular_files import open_file, read_file
from kit.files.safetensors_files import LENGTH_BYTES
from kit.files.text.library_words import reason_of
from kit.lora.key_names import Names, Tool, config_beside, write_key
from kit.messages import tr

ADAPTER_NOTE = "lora_adapter_metadata"
"""Where diffusers keeps rank and alpha in a safetensors file's metadata, as JSON."""
_ALPHA_NOTES = ("alpha", "ss_network_alpha")
_UNSAID = frozenset({"", "none", "null", "dynamic", "auto"})
"""What trainers write in place of a number, in small letters."""
_SILENT: tuple[Names, ...] = ("diffsynth", "peft", "peft of diffusers")
"""Tools whose file of tensors does not tell; others take the rank where nothing is said."""
_CONFIG_BYTES = 1 << 20
"""PEFT's settings have a few kB."""
WRITTEN_ANEW = frozenset(
    {"rank", "alpha", "keys", "format", "ss_network_dim", "ss_network_alpha", ADAPTER_NOTE}
)
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
        config = _adapters_by_part(layers, rank, alpha)
        facts |= {"format": "pt", ADAPTER_NOTE: json.dumps(config, sort_keys=True)}
    return {name: text for name, text in notes.items() if name not in WRITTEN_ANEW} | facts


def _adapters_by_part(layers: Sequence[str], rank: int, alpha: float) -> dict[str, object]:
    """Return the settings of each part's adapter; layers of a pipeline by the ends of their names."""
    parts: dict[str, list[str]] = {}
    for layer in layers:
        parts.setdefault(write_key("diffusers", layer, "A").partition(".")[0], []).append(layer)
    config: dict[str, object] = {}
    for part, own in parts.items():
        settings = adapter_config("diffusers", own, rank, alpha)
        if not own[0].startswith("blocks."):  # hundreds of layers, which a note has no room for
            settings["target_modules"] = sorted({_end_of(layer) for layer in own})
        config |= {f"{part}.{name}": value for name, value in settings.items()}
    return config


def _end_of(layer: str) -> str:
    """Return the end of a module's name by which trainers choose layers, back to where it is no list.

    >>> _end_of("unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0")
    'to_out.0'
    >>> _end_of("unet.down_blocks.0.downsamplers.0.conv")
    'down_blocks.0.downsamplers.0.conv'
    """
    end, *before = reversed(layer.split("."))
    taken = [end]
    while before and (before[0].isdecimal() or taken[-1].isdecimal()):
        taken.append(before.pop(0))
    return ".".join(reversed(taken))


def short_hash(data: bytes | memoryview) -> str:
    """Return what A1111 and galleries call a LoRA's file by: 12 digits of the sha256 of its numbers.

    Of a safetensors file they leave the header out, so that notes do not change it; of others they take all.
    """
    first = 0
    if bytes(data[LENGTH_BYTES : LENGTH_BYTES + 1]) in (b"{", b" "):
        first = LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "little")
    return hashlib.sha256(memoryview(data)[first:]).hexdigest()[:12]


def short_hash_of(path: Path) -> str:
    """Return the short hash of a file; it is not read into memory as a whole."""
    with (
        open_file(path) as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        memoryview(data) as whole,
    ):
        return short_hash(whole)


def promises(notes: Mapping[str, str]) -> tuple[int, int] | None:
    """Return how many layers of which rank storykit wrote into a file; None where others wrote its notes.

    Others' `rank` and `keys` mean other things; ours stand together, spelled as `metadata_of` spells them.
    """
    rank, alpha, keys = (notes.get(name, "") for name in ("rank", "alpha", "keys"))
    if not (rank.isdecimal() and keys.isdecimal() and len(rank + keys) < 20):
        return None
    try:
        ours = repr(float(alpha[:40])) == alpha
    except ValueError:
        return None
    return (int(keys), int(rank)) if ours else None


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


def said_alpha(path: Path, tool: Names, notes: Mapping[str, str], rank: int) -> float | None:
    """Return the alpha in PEFT's file beside a LoRA's or in the metadata; else the rank where tools take it.

    None where only its owner knows. ValueError or LoraError where what is said is no number.
    """
    if config := config_beside(path):
        try:
            return _adapter_alpha(read_file(config, _CONFIG_BYTES).decode("utf-8-sig"), rank)
        except (ValueError, OSError) as error:
            raise LoraError(tr("{file}: {why}", file=config, why=reason_of(str(error)))) from error
    if ADAPTER_NOTE in notes:
        return _adapter_alpha(notes[ADAPTER_NOTE], rank)
    for name in _ALPHA_NOTES:
        if notes.get(name, "").strip().lower() not in _UNSAID:
            return _number(notes[name])
    return None if tool in _SILENT else float(rank)


def agreed_alpha(path: Path, said: float | None, given: float | None) -> float:
    """Return the alpha of training; what the file says and what the user gives must agree.

    A file keeps its alpha in fp16 or bf16, where 0.3 is another number.
    """
    if said is None and given is None:
        raise LoraError(
            tr(
                "{file} does not say which alpha it was trained with: give it, `alpha = N` beside"
                " `lora` in an experiment, `--alpha N` in a command; look into your training "
                "settings",
                file=path,
            )
        )
    alpha = given if said is None else said
    if given is not None and alpha not in (given, *_rounded(given)):
        raise LoraError(
            tr(
                "{file} was trained with alpha {alpha:g}, got alpha {given:g}: leave it out",
                file=path,
                alpha=alpha,
                given=given,
            )
        )
    if alpha is None or not 0 < alpha < float("inf"):
        raise LoraError(tr("{file}: alpha must be above 0, got {alpha}", file=path, alpha=alpha))
    return alpha


def _rounded(number: float) -> list[float]:
    """Return a number as fp32, fp16 and bf16 have it; a form in which it is too large is left out."""
    found = []
    for form in ("<f", "<e"):
        try:
            found.append(float(struct.unpack(form, struct.pack(form, number))[0]))
        except OverflowError:
            continue
    if found:
        (bits,) = struct.unpack("<I", struct.pack("<f", found[0]))
        half = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000  # to the nearest bf16, ties to even
        found.append(float(struct.unpack("<f", struct.pack("<I", half))[0]))
    return found


def _adapter_alpha(text: str, rank: int) -> float:
    """Return the alpha of PEFT's settings; with rank-stabilised scaling, the one that scales alike.

    diffusers puts `unet.` before each name when a pipeline saves, and nothing when the UNet itself does.
    """
    settings = {name.removeprefix("unet."): value for name, value in _settings_in(text).items()}
    if "lora_alpha" not in settings:
        raise ValueError(tr("must hold PEFT's settings with lora_alpha as JSON"))
    _refuse_more(settings)
    if uneven := settings.get("rank_pattern") or settings.get("alpha_pattern"):
        raise ValueError(
            tr(
                "all layers must have one rank and alpha, got the pattern {pattern}",
                pattern=str(uneven)[:100],
            )
        )
    alpha = _number(settings["lora_alpha"])
    return alpha * math.sqrt(rank) if settings.get("use_rslora") else alpha


def noted_alphas(notes: Mapping[str, str], ranks: Mapping[str, int]) -> dict[str, float]:
    """Return the alpha of each layer as diffusers notes it, part by part; nothing where it notes none.

    Args:
        notes: the file's metadata.
        ranks: of each layer, by part and module.

    Raises:
        ValueError: what is noted is no settings of PEFT, or those of more than a LoRA.
    """
    if ADAPTER_NOTE not in notes:
        return {}
    told = _settings_in(notes[ADAPTER_NOTE])
    return {layer: _layer_alpha(told, layer, rank) for layer, rank in ranks.items()}


def _layer_alpha(told: Mapping[str, object], layer: str, rank: int) -> float:
    part, _, module = layer.partition(".")
    own = {
        name.removeprefix(f"{part}."): value for name, value in told.items() if name.startswith(f"{part}.")
    }
    settings = own or told
    if "lora_alpha" not in settings:
        raise ValueError(tr("must hold PEFT's settings with lora_alpha as JSON"))
    _refuse_more(settings)
    patterns = settings.get("alpha_pattern")
    alphas = patterns if isinstance(patterns, dict) else {}
    named = next((value for name, value in alphas.items() if _names(str(name), module)), None)
    alpha = _number(settings["lora_alpha"] if named is None else named)
    return alpha * math.sqrt(rank) if settings.get("use_rslora") else alpha


def _names(pattern: str, module: str) -> bool:
    """Return whether a key of a pattern of PEFT is a module's name or the end of it."""
    bare = pattern.removeprefix("^")
    return module == bare or (bare == pattern and module.endswith(f".{bare}"))


def _settings_in(text: str) -> dict[str, object]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(tr("must hold PEFT's settings with lora_alpha as JSON")) from error
    if not isinstance(told, dict):
        raise ValueError(tr("must hold PEFT's settings with lora_alpha as JSON"))
    return {str(name): value for name, value in told.items()}


def _refuse_more(settings: Mapping[str, object]) -> None:
    if settings.get("use_dora"):
        raise ValueError(tr("belongs to a DoRA, which is more than a LoRA: train again without use_dora"))


def _number(said: object) -> float:
    try:
        number = float(str(said)[:100])
    except ValueError as error:
        raise ValueError(tr("alpha must be a number, got {got!r}", got=str(said)[:100])) from error
    if not 0 < number < math.inf:
        raise ValueError(tr("alpha must be above 0, got {alpha:g}", alpha=number))
    return number
