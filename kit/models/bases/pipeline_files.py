"""The files of a pipeline's parts: which are read, whether all are there, and what they hash to.

Nothing of them is run: parts are built by the classes that we name, whatever model_index.json says, and what
is no safetensors is read as tensors only.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kit.errors import WeightsError
from kit.files.checksums import checked_sha256
from kit.files.encodings import canonical_json, sha256_bytes
from kit.files.tensors.tensor_files import open_tensor_file
from kit.messages import Message, joined, mark, tr
from kit.models.bases.base_parts import BaseChoice, BaseParts
from kit.models.bases.pipeline_class import (
    EDITORS,
    FAMILIES,
    INDEX,
    Family,
    family_of,
    json_in,
    pipeline_class,
    refuse_endless,
)
from kit.models.layouts.model_folder import model_folder, record_of
from kit.models.layouts.weight_files import weights_at

PRIOR_CLASS = "StableCascadePriorPipeline"
_NETWORKS: Mapping[Family, tuple[str, ...]] = {
    "sdxl": ("unet", "vae", "text_encoder", "text_encoder_2"),
    "sd": ("unet", "vae", "text_encoder"),
    "cascade": ("decoder", "vqgan", "text_encoder"),
}
_TOKENIZERS: Mapping[Family, tuple[str, ...]] = {
    "sdxl": ("tokenizer", "tokenizer_2"),
    "sd": ("tokenizer",),
    "cascade": ("tokenizer",),
}
PRIOR = "prior"
"""The part of Stable Cascade that lies in a folder of its own, and what our names of its files begin with."""
_SCHEDULER = "scheduler/scheduler_config.json"
_VOCABULARY = ("vocab.json", "merges.txt", "tokenizer_config.json")
_MARKS = ("special_tokens_map.json", "added_tokens.json")
"""What a tokenizer may have beside: it shapes pictures where it is there."""
_STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
_REPLACEABLE = ("unet", "vae", "text_encoder")
"""Parts that a base may name by themselves."""
_EDITING = 8
"""Channels of an editor's UNet: the noisy latents and those of the picture."""
_MEND = mark("download it again")


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkFiles:
    """Where a network's weights are."""

    config: Path
    """Its config.json."""
    files: tuple[Path, ...]
    """One, or the index first and its shards behind."""
    variant: str = ""
    """Such as "fp16", where its files have it in their names."""
    alone: bool = False
    """Whether it is a file of its own, beside which no config.json need be."""

    @property
    def is_safetensors(self) -> bool:
        """Whether nothing of it can be pickled."""
        return ".safetensors" in self.files[0].name


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineFiles:
    """A base or an editor for a pipeline of diffusers, whose files are all there."""

    folder: Path
    family: Family
    networks: Mapping[str, NetworkFiles]
    """By part; Stable Cascade's first stage has "prior/" before its own."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Of every file that is read, by its place in the folder or by its part and name."""

    def config(self, part: str) -> dict[str, object]:
        """Return the config of a network."""
        return json_in(self.networks[part].config)

    def place(self, name: str) -> Path:
        """Return the folder of a tokenizer or scheduler, "prior/" before those of the first stage."""
        first = name.startswith("prior/")
        root = self.networks["prior/prior"].config.parents[1] if first else self.folder
        return root / name.removeprefix("prior/")

    @property
    def index(self) -> dict[str, object]:
        """What model_index.json says."""
        return json_in(self.folder / INDEX)

    @property
    def pipeline(self) -> str:
        """The class that draws with it."""
        return pipeline_class(self.folder)

    @property
    def digest(self) -> str:
        """One sha256 over all its files, by their places and their own."""
        return sha256_bytes(canonical_json(dict(self.sha256)))


def open_pipeline(base: BaseChoice) -> PipelineFiles:
    """Return a base for a pipeline of diffusers after checking that every file is there and is unchanged.

    Raises:
        WeightsError: in one line, what is missing, damaged, or of a class that we do not draw with.
    """
    parts = base if isinstance(base, BaseParts) else BaseParts(folder=base)
    assert parts.folder is not None, "else it is no pipeline"
    folder = model_folder(parts.folder)
    family = family_of(folder)
    if family is None:
        raise _unknown(folder)
    return _opened(parts, folder, family)


def open_editor(folder: str) -> PipelineFiles:
    """Return an InstructPix2Pix after checking that every file is there and is unchanged.

    Raises:
        WeightsError: in one line, what is missing, damaged, or none.
    """
    place = model_folder(folder)
    family = EDITORS.get(found := pipeline_class(place))
    if family is None:
        raise WeightsError(editor_fault(folder, found))
    files = _opened(BaseParts(folder=folder), place, family)
    if (channels := files.config("unet").get("in_channels")) != _EDITING:
        told = {"file": files.networks["unet"].config, "channels": channels, "wanted": _EDITING}
        raise WeightsError(
            tr("{file} says in_channels {channels}, and an InstructPix2Pix has {wanted}", **told)
        )
    return files


def editor_fault(folder: str, found: str) -> Message:
    """Return why a folder is no editor, by the class that its model_index.json names."""
    told = {"folder": folder, "classes": joined(EDITORS, tr(", ")), "index": INDEX}
    return tr(
        "{folder} edits no picture: its {index} must say one of {classes}, got {found}",
        found=found[:80] or tr("nothing"),
        **told,
    )


def _opened(parts: BaseParts, folder: Path, family: Family) -> PipelineFiles:
    networks = {part: files_of_network(folder / part, part) for part in _NETWORKS[family]}
    networks |= {part: _replacement(Path(named), part, networks) for part, named in _named(parts, family)}
    roots = {folder: [*_TOKENIZERS[family]]}
    if family == "cascade":
        prior = _prior_folder(parts, folder)
        networks |= {
            f"{PRIOR}/{part}": files_of_network(prior / part, part) for part in (PRIOR, "text_encoder")
        }
        roots[prior] = ["tokenizer"]
    found = PipelineFiles(folder=folder, family=family, networks=networks)
    refuse_damaged(networks, [root / _SCHEDULER for root in roots])
    sha256: dict[str, str] = {}
    for root, tokenizers in roots.items():
        small = [f"{name}/{file}" for name in tokenizers for file in _VOCABULARY]
        beside = (f"{name}/{file}" for name in tokenizers for file in _MARKS)
        small += [file for file in beside if (root / file).is_file()]
        told = checked_sha256(root, [INDEX, _SCHEDULER, *small], tr(_MEND), record=record_of(root))
        sha256 |= told if root == folder else {f"{PRIOR}/{name}": value for name, value in told.items()}
    for part, network in networks.items():
        sha256 |= hashes_of_network(part, network)
    return PipelineFiles(folder=folder, family=family, networks=found.networks, sha256=sha256)


def refuse_damaged(networks: Mapping[str, NetworkFiles], others: Sequence[Path] = ()) -> None:
    """Raise WeightsError for a file that is torn, or that holds more than tensors; only its head is read.

    Args:
        networks: by part.
        others: JSON files beside their configs.
    """
    configs = [network.config for network in networks.values()]
    if torn := [path for path in (*others, *configs) if path.is_file() and not json_in(path)]:
        raise WeightsError(tr("{file} is no whole JSON; {mend}", file=torn[0], mend=tr(_MEND)))
    for config in configs:
        refuse_endless(config, json_in(config))
    for network in networks.values():
        for path in network.files:
            if path.suffix == ".json" or not path.is_file():
                continue
            try:
                open_tensor_file(path)
            except ValueError as error:
                raise WeightsError(tr("{file}: {why}", file=path, why=error)) from error


def hashes_of_network(part: str, network: NetworkFiles) -> dict[str, str]:
    """Return the sha256 of a network's config and files, by its part and their names."""
    sha256: dict[str, str] = {}
    for where in dict.fromkeys((network.config.parent, network.files[0].parent)):
        files = [file.name for file in (network.config, *network.files) if file.parent == where]
        sha256 |= checked_sha256(where, files, tr(_MEND), record=record_of(where))
    return {f"{part}/{name}": value for name, value in sha256.items()}


def _unknown(folder: Path) -> WeightsError:
    found = pipeline_class(folder)
    if found == PRIOR_CLASS:
        return WeightsError(
            tr(
                "{folder} is Stable Cascade's first stage: name the folder of its second one as the base and "
                'this one in it, base = {{ folder = "…", prior = "{folder}" }}',
                folder=folder,
            )
        )
    if found in EDITORS:
        return WeightsError(
            tr(
                "{folder} is an InstructPix2Pix: it draws no story by itself and belongs at editor, "
                'editor = "{folder}" beside another base; `storykit repair RUN --instruct` edits with it',
                folder=folder,
            )
        )
    return WeightsError(
        tr(
            "{folder}: its {index} says {found}, which we do not draw with; a base is of the class "
            "{classes}, KolorsPipeline, or laid out like Kolors",
            folder=folder,
            index=INDEX,
            found=found[:80],
            classes=joined(FAMILIES, tr(", ")),
        )
    )


def _named(parts: BaseParts, family: Family) -> list[tuple[str, str]]:
    """Return the parts that a base names by themselves; WeightsError where its pipeline has no such part."""
    named = [(part, text) for part in _REPLACEABLE if (text := getattr(parts, part)) is not None]
    wrong = [part for part, _ in named if part not in _NETWORKS[family]]
    if family == "sdxl":
        wrong += [part for part, _ in named if part == "text_encoder"]  # of two, which?
    if parts.prior is not None and family != "cascade":
        wrong.append(PRIOR)
    if wrong:
        raise WeightsError(
            tr(
                "{folder}: {parts} cannot be named by themselves with a {family} base: delete that in base",
                folder=parts.folder or "",
                parts=joined(wrong, tr(", ")),
                family=family,
            )
        )
    return named


def _prior_folder(parts: BaseParts, folder: Path) -> Path:
    if parts.prior is None:
        raise WeightsError(
            tr(
                "{folder} is Stable Cascade's second stage: name the folder of its first one too, "
                'base = {{ folder = "…", prior = "…" }}',
                folder=folder,
            )
        )
    prior = model_folder(parts.prior)
    if pipeline_class(prior) != PRIOR_CLASS:
        raise WeightsError(
            tr(
                "{folder} is no first stage of Stable Cascade: its {index} must say {wanted}, got {found}",
                folder=prior,
                index=INDEX,
                wanted=PRIOR_CLASS,
                found=pipeline_class(prior)[:80] or tr("nothing"),
            )
        )
    return prior


def _replacement(place: Path, part: str, networks: Mapping[str, NetworkFiles]) -> NetworkFiles:
    """Return a part that lies somewhere else: a file, a network's folder, or a folder that has one."""
    if place.is_dir():
        place = model_folder(place)
        inner = place / part
        return files_of_network(inner if inner.is_dir() else place, part)
    return NetworkFiles(config=networks[part].config, files=(place,), alone=True)


def files_of_network(folder: Path, part: str) -> NetworkFiles:
    """Return a network's files: safetensors before pickled ones, the plain name before a variant's."""
    config = folder / "config.json"
    lacks = [str(config)] if not config.is_file() else []
    for kind in (".safetensors", ".bin"):
        for variant in ("", *_variants(folder, kind)):
            if files := _weights(folder, kind, variant):
                if lacks:
                    break
                return NetworkFiles(config=config, files=files, variant=variant)
    lacks = lacks or [str(folder / f"{_STEMS[0]}.safetensors")]
    raise WeightsError(tr("{part}: there is no {file}; {mend}", part=part, file=lacks[0], mend=tr(_MEND)))


def _variants(folder: Path, kind: str) -> list[str]:
    """Return the variants that files of a folder have in their names, fp16 first."""
    pattern = rf"(?:{'|'.join(_STEMS)})\.(?:(\w+){re.escape(kind)}|{re.escape(kind[1:])}\.index\.(\w+)\.json)"
    names = (re.fullmatch(pattern, path.name) for path in sorted(folder.glob("*")))
    found = {variant for one in names if one for variant in one.groups() if variant}
    return sorted(found, key=lambda variant: (variant != "fp16", variant))


def _weights(folder: Path, kind: str, variant: str) -> tuple[Path, ...]:
    """Return the file of a network's weights, or their index and shards; nothing where there are none."""
    dotted = f".{variant}" if variant else ""
    for stem in _STEMS:
        if (whole := folder / f"{stem}{dotted}{kind}").is_file():
            return (whole,)
        index = folder / f"{stem}{kind}.index{dotted}.json"
        if index.is_file():
            return (index, *weights_at(index).paths)
    return ()
