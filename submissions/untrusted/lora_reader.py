"""A LoRA's safetensors file, read without torch: whether it is whole, its rank, the texts it carries."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kit.files.encodings import printable
from kit.files.safetensors_files import SafetensorsFile, read_safetensors
from kit.lora.key_names import Half, TensorKey, read_key, write_key
from kit.lora.pipelines.layer_names import is_pipeline_layer, read_pipeline_key
from kit.messages import mark, tr
from submissions.faults import Fault
from submissions.untrusted.secret_scan import find_leaks
from submissions.untrusted.zip_list import MAX_LORA_BYTES

if TYPE_CHECKING:
    from kit.lora.formats import Content

MAX_METADATA = 64 << 10
"""Characters of a LoRA's metadata: what trainers write of single pictures goes beyond it."""
MAX_NOTE = 2000
"""Characters of one note that goes into a bundle."""
_FIRST = ("trigger", "modelspec.trigger_phrase")
"""Notes that matter most."""

_BITS = {
    "F64": ("<u8", 0x7FF0_0000_0000_0000, 0x4090_0000_0000_0000), "F32": ("<u4", 0x7F80_0000, 0x4480_0000),
    "F16": ("<u2", 0x7C00, 0x6400), "BF16": ("<u2", 0x7F80, 0x4480),
}  # fmt: skip
"""As whole numbers without their sign: infinity, and MOST_NUMBER; they are ordered as the numbers are."""
MOST_NUMBER = 1024
"""No trained factor comes near it. Letters that are read as numbers do: `hf_` begins beyond 10,000."""
_AT_ONCE = 1 << 17
"""Numbers that are looked at together, so that they stay in the processor's cache."""


class LoraFacts(NamedTuple):
    """What a LoRA file says."""

    layers: frozenset[str]
    """DiffSynth's names of the layers that have both factors."""
    ranks: frozenset[int]
    """What the factors' inner sides are; one number in a sound file of one rank."""
    alphas: int
    """Tensors that hold a layer's alpha, as kohya writes them."""
    strangers: tuple[str, ...]
    """Names that are no part of a LoRA."""


@dataclass(frozen=True, kw_only=True)
class LoraFile:
    """A LoRA's safetensors file, its header parsed once."""

    data: bytes
    source_sha256: str = ""
    """Of the file that the panels were drawn with; empty if unknown."""
    source_hash: str = ""
    """What A1111 calls that file by."""
    left_behind: tuple[str, ...] = ()
    """Notes of that file that a bundle must not hold, each with the reason."""
    of_pipeline: bool = False
    """Whether its base is one that diffusers draws with, whose layers have names of their own."""

    def part(self, name: str) -> TensorKey | None:
        """Return what a tensor's name says; None for what is no part of a LoRA."""
        return read_pipeline_key(name) if self.of_pipeline else read_key(name)

    @cached_property
    def content(self) -> SafetensorsFile:
        """Return the file by its parts; ValueError says why it is no whole safetensors file."""
        return read_safetensors(self.data)

    @cached_property
    def facts(self) -> LoraFacts:
        """Return what the file says; ValueError unless it is whole and holds a LoRA."""
        entries = self.content.entries
        parts = {name: self.part(name) for name in entries}
        known = {(part.layer, part.half): entries[name].shape for name, part in parts.items() if part}
        if not known:
            raise ValueError(
                tr(
                    "holds no LoRA: none of its {number} tensors is one of its factors",
                    number=len(entries),
                )
            )
        return LoraFacts(
            layers=frozenset(layer for layer, half in known if half == "A" and (layer, "B") in known),
            ranks=frozenset(
                _rank(half, shape, (2, 4) if self.of_pipeline else (2,))
                for (_, half), shape in known.items()
                if half != "alpha"
            ),
            alphas=sum(half == "alpha" for _, half in known),
            strangers=tuple(name for name, part in parts.items() if part is None),
        )


def _rank(half: Half, shape: tuple[int, ...], sides: tuple[int, ...]) -> int:
    """Return the inner side of a factor, (rank, in) or (out, rank); 0 where it has not so many sides."""
    pixel = half == "A" or set(shape[2:]) <= {1}
    return shape[0 if half == "A" else 1] if len(shape) in sides and pixel else 0


def noted_trigger(notes: Mapping[str, str]) -> str:
    """Return the trigger words that a LoRA's notes name; empty where they name none."""
    return next((text for name in _FIRST if (text := notes.get(name))), "")


def sorted_notes(notes: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the notes of a LoRA that may go into a bundle, and in words why each of the others may not."""
    kept: dict[str, str] = {}
    left: list[str] = []
    room = MAX_METADATA
    for name in sorted(notes, key=lambda name: (name not in _FIRST, name)):
        text, shown = notes[name], printable(name[:60])
        room -= len(name) + len(text) + len(": \n")
        if leaks := find_leaks(shown, f"{name}: {text}"):
            left.append(tr("the note {name}, which {problem}", name=shown, problem=leaks[0].problem))
        elif len(text) > MAX_NOTE:
            left.append(
                tr(
                    "the note {name}, which has {number} characters, {most} are the most",
                    name=shown,
                    number=len(text),
                    most=MAX_NOTE,
                )
            )
        elif room < 0:
            left.append(
                tr(
                    "the note {name} and others, beyond the {most} characters of all notes",
                    name=shown,
                    most=MAX_METADATA,
                )
            )
            break
        else:
            kept[name] = text
            continue
        room += len(name) + len(text) + len(": \n")
    return kept, tuple(left)


def packing_problems(lora: "Content") -> list[str]:
    """Return why `storykit pack` would refuse a LoRA that can be drawn with; empty when it would not."""
    problems, nameless = list[str](), []
    for layer in lora.pairs:
        try:
            write_key("diffusers" if is_pipeline_layer(layer) else "kohya", layer, "A")
        except KeyError:
            nameless.append(layer)
    if nameless:
        problems.append(
            tr(
                "pack will refuse it: ComfyUI and diffusers have no name for {number}"
                " of its layers, such as {first}; train attention layers alone",
                number=len(nameless),
                first=printable(nameless[0][:60]),
            )
        )
    largest = max((float(factor.abs().max()) for pair in lora.pairs.values() for factor in pair), default=0.0)
    if largest > MOST_NUMBER:
        problems.append(
            tr(
                "pack will refuse it: it holds numbers up to {largest:.0f}, no training gives "
                "more than {most}; its training has failed, take an earlier checkpoint",
                largest=largest,
                most=MOST_NUMBER,
            )
        )
    size = sum(factor.numel() * factor.element_size() for pair in lora.pairs.values() for factor in pair)
    if size > MAX_LORA_BYTES:
        problems.append(
            tr(
                "pack will refuse it: it has {size} MiB, {most} are the most; store it in fp16"
                " or with a lower rank",
                size=size >> 20,
                most=MAX_LORA_BYTES >> 20,
            )
        )
    return problems


def lora_faults(place: str, lora: LoraFile) -> list[Fault]:
    """Return what is wrong with a LoRA file by itself, and whether its texts betray anything."""
    try:
        content = lora.content
    except ValueError as error:
        return [Fault(place, tr("is not a whole safetensors file: it {error}", error=error))]
    try:
        facts = lora.facts
    except ValueError as error:
        return [Fault(place, str(error))]
    text = "\n".join(f"{key}: {value}" for key, value in sorted(content.metadata.items()))
    if len(text) > MAX_METADATA:
        problem = tr(
            "carries {number} characters of metadata, {most} are the most",
            number=len(text),
            most=MAX_METADATA,
        )
        return [Fault(place, problem, tr("pack again, such notes stay behind"))]
    faults = find_leaks(tr("{file} metadata", file=place), text)
    faults += [Fault(place, problem) for problem in _number_problems(lora)]
    paired, tensors = 2 * len(facts.layers) + facts.alphas, len(content.entries)
    if paired < tensors:
        told = mark("has {number} of {all} tensors that load as a LoRA, all must")
        if facts.strangers:
            told = mark(
                "has {number} of {all} tensors that load as a LoRA, all must, the first that is none: {first}"
            )
        first = facts.strangers[0][:100] if facts.strangers else ""
        faults.append(Fault(place, tr(told, number=paired, all=tensors, first=first)))
    return faults


def _number_problems(lora: LoraFile) -> Iterator[str]:
    """Yield what is wrong with a LoRA's numbers, told from their bits alone."""
    moved, file = False, lora.content
    for name, entry in file.entries.items():
        if entry.dtype not in _BITS:
            continue
        kind, infinite, most = _BITS[entry.dtype]
        bits, part = np.frombuffer(file.numbers(name), kind), lora.part(name)
        for first in range(0, len(bits), _AT_ONCE):
            some = bits[first : first + _AT_ONCE]
            largest = (some << 1).max() >> 1
            if largest >= infinite:
                yield tr("holds numbers that are not finite, in {name}", name=name[:100])
                return
            if largest > most and (part is None or part.half != "alpha"):
                yield tr(
                    "holds numbers beyond {most}, which no training gives, in {name}",
                    most=MOST_NUMBER,
                    name=name[:100],
                )
                return
            moved = moved or (part is not None and part.half == "B" and bool(largest))
    if not moved:
        yield tr("changes nothing: its second factors are all zero, as before a training")
