"""Kolors opened wherever its parts lie: in one folder, in several, or in single files as ComfyUI has them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from kit.errors import WeightsError
from kit.files.checksums import RECORD, checked_sha256, noted_sha256
from kit.messages import Message, tr
from kit.models.bases.base_parts import BaseParts
from kit.models.bases.pipeline_class import is_diffusers_kolors
from kit.models.kolors_layout import PublishedFolder
from kit.models.layouts.model_folder import in_hub_cache, model_folder, record_by_us, record_of
from kit.models.layouts.naming import TEXT_PREFIX, renamed
from kit.models.layouts.published_configs import TextConfig, UNetConfig, VaeConfig
from kit.models.layouts.read_weights import kinds_in
from kit.models.layouts.sizes_by_shape import LATENT_SCALE, text_sizes, unet_sizes, vae_sizes
from kit.models.layouts.weight_files import (
    NAMES,
    PARTS,
    TEXT_FOLDER,
    UNET_FOLDER,
    VAE_FOLDER,
    WeightFiles,
    find_weights,
    lacks,
    missing_files,
    wanted_file,
    weights_at,
    weights_in,
)
from kit.models.networks import TOKENIZER, read_config
from kit.models.sizes import LATENT_CHANNELS, BaseSizes, TextSizes, UNetSizes, VaeSizes


class LocatedPart(NamedTuple):
    """A network's weights and what tells its sizes."""

    weights: WeightFiles
    config: Path | None
    """None where shapes tell them."""


def open_published(folder: Path) -> PublishedFolder:
    """Return Kolors in a folder after checking that every file is there and is the one that was recorded.

    Raises WeightsError with every file that is missing, or with the first that is damaged.
    """
    return _opened(folder, {})


def open_parts(parts: BaseParts) -> PublishedFolder:
    """Return Kolors whose parts are named by themselves; what is not named is taken from its folder.

    A file may be changed between two calls, the folder's own may not. Where a file has no config.json its
    shapes tell its sizes.

    Raises:
        WeightsError: in one line, the part that is missing, damaged, or no part of Kolors.
    """
    if parts.prior is not None:
        raise WeightsError(
            tr("prior is the first stage of Stable Cascade, Kolors has none: delete it in base")
        )
    named = {part: Path(place) for part in PARTS if (place := getattr(parts, part)) is not None}
    return _opened(None if parts.folder is None else model_folder(parts.folder), named)


def _opened(folder: Path | None, named: Mapping[str, Path]) -> PublishedFolder:
    own = [part for part in PARTS if part not in named] if folder else []
    if folder and (lost := missing_files(folder, own)):
        raise lacks(folder, lost, _mend(folder))
    mend = _mend(folder) if folder and not named else tr("copy or download it again")
    parts = {part: _located(place, part, folder) for part, place in named.items()}
    parts |= {part: _own(folder, part) for part in own if folder}
    unet, (vae, latent_scale) = _unet(parts[UNET_FOLDER], mend), _vae(parts[VAE_FOLDER], mend)
    if unet.in_channels != LATENT_CHANNELS:
        raise WeightsError(
            tr(
                "{folder} holds a UNet for inpainting, which draws no picture by itself: name the folder of "
                "Kolors as the base, and leave this one beside it",
                folder=parts[UNET_FOLDER].weights.path if named else folder,
            )
        )
    sha256 = _checked(folder, {part: parts[part] for part in own}, mend) if folder else {}
    return PublishedFolder(
        folder=folder or parts[UNET_FOLDER].weights.folder,
        name="kolors",
        sizes=BaseSizes(unet=unet, text=_text(parts[TEXT_FOLDER], mend), vae=vae),
        latent_scale=latent_scale,
        sha256=sha256 | {key: value for part in named for key, value in _noted(parts[part]).items()},
        mend=mend,
        part_files={part: found.weights for part, found in parts.items()},
    )


def _own(folder: Path, part: str) -> LocatedPart:
    weights = find_weights(folder, part)
    assert weights is not None, "it was looked for"
    return LocatedPart(weights, folder / part / "config.json")


def _located(place: Path, part: str, folder: Path | None) -> LocatedPart:
    """Return a part that is named by itself: a file, an index of shards, or a folder that diffusers wrote."""
    if not place.is_dir():
        config = folder / part / "config.json" if folder else None
        weights = weights_at(place, part)
        if gone := [path for path in weights.paths if not path.is_file()]:
            raise WeightsError(tr("{part}: there is no {file}", part=part, file=gone[0]))
        return LocatedPart(weights, config if config and config.is_file() else None)
    inner = place / part if (place / part).is_dir() else place
    found = weights_in(inner, NAMES[part], part)
    missing = [wanted_file(inner.parent, part)] if found is None else [*found.lacking()]
    if not (inner / "config.json").is_file():
        missing.append("config.json")
    if found is None or missing:
        raise lacks(inner, missing, tr("copy or download it again"))
    return LocatedPart(found, inner / "config.json")


def _checked(folder: Path, parts: Mapping[str, LocatedPart], mend: str) -> dict[str, str]:
    files = [
        *(f"{part}/config.json" for part in parts),
        *(key for found in parts.values() for key in found.weights.all_keys),
        *([TOKENIZER] if (folder / TOKENIZER).is_file() else []),
    ]
    return checked_sha256(folder, files, mend, record=record_of(folder))


def _noted(part: LocatedPart) -> dict[str, str]:
    weights = part.weights
    paths = [*weights.paths, *([part.config] if part.config else [])]
    record = record_by_us("files") or weights.folder / RECORD
    keys = [*weights.keys, f"{weights.part}/config.json"][: len(paths)]
    return dict(zip(keys, noted_sha256(paths, record), strict=True))


def _unet(part: LocatedPart, mend: str) -> UNetSizes:
    if part.config:
        return read_config(part.config, UNetConfig, mend).sizes()
    with _said_of(part):
        return unet_sizes(renamed("unet", _shapes(part.weights)))


def _vae(part: LocatedPart, mend: str) -> tuple[VaeSizes, float]:
    """Return an autoencoder's sizes and the factor from its latents to the UNet's."""
    if part.config:
        config = read_config(part.config, VaeConfig, mend)
        return config.sizes(), config.scaling_factor
    with _said_of(part):
        shapes = _shapes(part.weights)
        return vae_sizes(renamed("encoder", shapes), renamed("decoder", shapes)), LATENT_SCALE


def _text(part: LocatedPart, mend: str) -> TextSizes:
    if part.config:
        return TextSizes(**read_config(part.config, TextConfig, mend).model_dump())
    with _said_of(part):
        shapes = _shapes(part.weights)
        return text_sizes({name.removeprefix(TEXT_PREFIX): tensor for name, tensor in shapes.items()})


@contextmanager
def _said_of(part: LocatedPart) -> Iterator[None]:
    """Turn what is wrong with a file's shapes into one line with its name."""
    try:
        yield
    except ValueError as error:
        raise WeightsError(
            tr(
                "{place}: {fault}",
                place=part.weights.part,
                fault=tr("{file} {error}", file=part.weights.path, error=error),
            )
        ) from error


def _shapes(weights: WeightFiles) -> dict[str, Tensor]:
    """Return tensors of no content with the shapes of those in some files."""
    kinds = {name: kind for path in weights.paths for name, kind in kinds_in(path).items()}
    return {name: torch.empty(kind.shape, device="meta") for name, kind in kinds.items()}


def _mend(folder: Path) -> Message:
    """Return what brings a base's folder what it lacks."""
    if in_hub_cache(folder):
        return tr(
            "download it again with the program that filled this cache, or `storykit download kolors` and "
            'write base = "kolors"'
        )
    if is_diffusers_kolors(folder):
        return tr(
            "`storykit download kolors --layout diffusers --out {folder}` fetches what is missing or damaged",
            folder=folder,
        )
    return tr("`storykit download kolors --out {folder}` fetches what is missing or damaged", folder=folder)
