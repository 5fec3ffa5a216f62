"""Pictures read by IP-Adapters of Kolors, each once: what the UNet's attentions read of them is remembered.

Image encoder and adapter are in memory only while pictures are read, as the text encoder is; the keys and
values of a picture take 6 MB in half precision. The unwanted rows look at a picture of zeros.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kit.errors import InputError, WeightsError
from kit.experiment.drawing.draw_settings import Memory
from kit.files.encodings import sha256_bytes
from kit.generation.ip_adapter.faces import FaceAnalyser, FoundFace
from kit.generation.ip_adapter.picture_attention import PictureKeys, PromptedPanels
from kit.generation.kolors.denoiser import Denoiser
from kit.generation.painter import PanelRequest
from kit.generation.references.image_prompt import ImagePrompt
from kit.messages import tr
from kit.models.ip_adapter.adapter_files import (
    PROJECTION,
    RECOGNISER,
    IPAdapterFiles,
    attention_names,
    ip_adapter_misfit,
    open_ip_adapter,
    read_adapter,
)
from kit.models.ip_adapter.image_encoder import ImageEncoder
from kit.models.ip_adapter.resampler import build_projection
from kit.models.networks import filled, offloaded, part_of
from kit.models.sizes import UNetSizes

ReadBy: TypeAlias = tuple[str, torch.dtype, str]
"""The sha256 of an adapter, what it computed in, and for faces the sha256 of the text's projection."""


class KolorsPictures:
    """The pictures that were read so far."""

    def __init__(self, device: str) -> None:
        """Take the device that draws; nothing is loaded yet."""
        self._device = device
        self._files: dict[Path, IPAdapterFiles] = {}
        self._read: dict[tuple[ReadBy, str], Sequence[PictureKeys]] = {}
        """By what they were read by and their own sha256, which is empty for the picture of zeros."""
        self._analysers: dict[Path, FaceAnalyser] = {}
        self._faces: dict[str, FoundFace | None] = {}
        """By the sha256 of the picture."""

    def refuse_strangers(self, requests: Iterable[PanelRequest], base: str, sizes: UNetSizes) -> None:
        """Raise InputError where an adapter is for another base, or reads faces and a picture has none.

        Args:
            requests: that are to be drawn.
            base: what the base is called.
            sizes: of its UNet.
        """
        prompts = [one for request in requests for one in request.image_prompts]
        named = dict.fromkeys((one.folder, one.record.face) for one in prompts)
        told = (self._misfit(folder, face, base, sizes) for folder, face in named)
        if faults := [fault for fault in told if fault]:
            raise InputError(tr("base {name}", name=base), faults)
        faceless = [
            tr("there is no face in the picture of {words!r}: take one that shows it", words=one.subject)
            for one in {_name(one): one for one in prompts}.values()
            if (width := self._opened(one.folder).sizes.face) and not self._face(one, width)
        ]
        if faceless:
            raise InputError(tr("the pictures of characters"), faceless)

    def prompted(
        self, requests: Sequence[PanelRequest], drawn: int, steps: range, denoiser: Denoiser, memory: Memory
    ) -> PromptedPanels | None:
        """Return the panels of a batch as they look at their pictures, None where they have none.

        Args:
            requests: whose pictures the same adapter reads alike, as many of each.
            drawn: rows of each half of a call, those of anchors behind the panels'.
            steps: in which the panels are drawn.
            denoiser: draws them; the text's projection and the precision are its own.
            memory: "low" has the UNet wait beside the device while pictures are read.
        """
        first, *_ = (*requests[0].image_prompts, None)
        if first is None:
            return None
        files, told = self._opened(first.folder), first.record
        by = (told.adapter, denoiser.dtype, _projection_sha256(denoiser) if files.sizes.face else "")
        asked = {_name(one): one for request in requests for one in request.image_prompts}
        unread = {name: one for name, one in {"": None, **asked}.items() if (by, name) not in self._read}
        if unread:
            with offloaded(denoiser.unet) if memory == "low" else nullcontext():
                tokens = dict(zip(unread, self._tokens(unread.values(), files, denoiser.dtype), strict=True))
            found = self._keys_of(tokens, files, denoiser)
            self._read |= {(by, name): keys for name, keys in found.items()}
        wanted = [[self._read[by, _name(one)] for one in request.image_prompts] for request in requests]
        zeros = [[self._read[by, ""]] * len(row) for row in wanted]
        return PromptedPanels(
            keys=[_joined([*wanted, *zeros], place) for place in range(len(files.attentions))],
            weight=told.weight,
            panels=len(requests),
            drawn=drawn,
            steps=steps,
            start=told.start,
            until=told.until,
            parts=told.blocks,
        )

    def unload(self) -> None:
        """Free what was read."""
        self._read = {}

    def _misfit(self, folder: Path, face: bool, base: str, sizes: UNetSizes) -> str:
        """Return why an adapter is not what was named; empty where it is."""
        files = self._opened(folder)
        if face == bool(files.sizes.face):
            return ip_adapter_misfit(files, base, sizes)
        table = {"name": folder.name, "right": 'folder = "…"' if face else 'face = "…"'}
        if face:
            return tr("the IP-Adapter {name} reads whole pictures: name it as {right}", **table)
        return tr("the IP-Adapter {name} reads faces: name it as {right}", **table)

    def _opened(self, folder: Path) -> IPAdapterFiles:
        if folder not in self._files:
            self._files[folder] = open_ip_adapter(folder)
        return self._files[folder]

    def _tokens(
        self, pictures: Iterable[ImagePrompt | None], files: IPAdapterFiles, dtype: torch.dtype
    ) -> Iterator[Tensor]:
        """Yield the tokens of each picture, (1, tokens, made); the encoder is in memory meanwhile."""
        encoder = ImageEncoder(files.encoder, self._device, dtype)
        project = _projection_of(files, self._device, dtype)
        for one in pictures:
            face = self._face(one, files.sizes.face) if one and files.sizes.face else None
            shown = one.picture() if one else None
            seen = encoder.seen(face.crop(shown, encoder.side) if face and shown else shown)
            if not files.sizes.face:
                yield project(seen)
            elif face:
                yield project(seen, torch.from_numpy(face.embedding)[None].to(seen))
            else:  # the unwanted half: nothing is seen of nobody
                yield project(torch.zeros_like(seen), seen.new_zeros(1, files.sizes.face))

    def _keys_of(
        self, tokens: Mapping[str, Tensor], files: IPAdapterFiles, denoiser: Denoiser
    ) -> Mapping[str, Sequence[PictureKeys]]:
        """Return what every attention reads of pictures; the layers of the adapter are read one by one."""
        if files.sizes.face:  # a face's tokens are as wide as the text before its projection
            tokens = {name: denoiser.text_projection(own) for name, own in tokens.items()}
        found: dict[str, list[PictureKeys]] = {name: [] for name in tokens}
        file, parts = read_adapter(files.weights), [one.part for one in denoiser.lookers]
        names = attention_names(file.kinds)
        down, middle = parts.count("down"), parts.count("mid")  # the middle is last in the file
        for pair in (*names[:down], *names[-middle:], *names[down:-middle]):
            key, value = (file.load(name).to(self._device, denoiser.dtype) for name in pair)
            for name, own in tokens.items():
                found[name].append(PictureKeys(F.linear(own, key), F.linear(own, value)))
        return found

    def _face(self, prompt: ImagePrompt, width: int) -> FoundFace | None:
        """Return the largest face in a picture, None where there is none; its embedding is of this width."""
        name, folder = _name(prompt), self._opened(prompt.folder).analyser
        if name not in self._faces and folder is not None:
            if folder not in self._analysers:
                self._analysers[folder] = FaceAnalyser(folder)
            face = self._analysers[folder].largest(prompt.picture())
            if face and len(face.embedding) != width:
                told = {"file": folder / RECOGNISER, "found": len(face.embedding), "wanted": width}
                raise WeightsError(
                    tr("{file} tells {found} numbers of a face, and {wanted} are read", **told)
                )
            self._faces[name] = face
        return self._faces[name]


def _projection_of(files: IPAdapterFiles, device: str, dtype: torch.dtype) -> nn.Module:
    file = read_adapter(files.weights)
    own = {name: file.load(name).to(device, dtype) for name in file.kinds if name.startswith(PROJECTION)}
    misfit = tr("{file} is not the file that it was", file=files.weights)
    return filled(lambda: build_projection(files.sizes), part_of(own, PROJECTION), misfit)


def _name(prompt: ImagePrompt) -> str:
    """Return the sha256 of a picture's file."""
    return sha256_bytes(prompt.png)


def _joined(rows: Sequence[Sequence[Sequence[PictureKeys]]], place: int) -> PictureKeys:
    """Return what one attention reads of the pictures of each row, behind one another."""
    keys, values = (
        torch.cat([torch.cat([keys[place][part] for keys in row], dim=1) for row in rows]) for part in (0, 1)
    )
    return PictureKeys(keys, values)


def _projection_sha256(denoiser: Denoiser) -> str:
    """Return what tells the text's projection: faces go through it, and a UNet for inpainting has another."""
    weight = denoiser.text_projection.get_parameter("weight")
    return sha256_bytes(weight.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
