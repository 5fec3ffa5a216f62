"""A bundle opened: its zip is read once, so what was checked is what is published, drawn again or ranked.

In memory are its texts, its pictures, one LoRA and what networks its panels were finished with; the LoRA's
other forms follow from it and are never kept.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from PIL import Image

from kit.errors import BundleError
from kit.lora.pipelines.layout import recorded_layout
from kit.messages import tr
from submissions.bundle.comfyui import workflows_of
from submissions.bundle.lora_files import lora_forms
from submissions.bundle.manifest import (
    COMPARISON,
    MANIFEST,
    FileRecord,
    Manifest,
    PanelRecord,
    embedding_files,
    file_record,
    lora_names,
    map_files,
    mask_files,
    network_files,
    read_manifest,
    reference_files,
)
from submissions.bundle.mosaic import GRIDS
from submissions.bundle.texts import TEXTS
from submissions.faults import Fault, listed
from submissions.untrusted.lora_reader import LoraFile
from submissions.untrusted.png_reader import read_picture
from submissions.untrusted.zip_reader import FileDigest, read_zip

_MOSAICS = frozenset(grid.file for grid in GRIDS)


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """The files of a bundle; what they hold is decoded when it is first asked for, and once."""

    files: Mapping[str, bytes]
    """By name; left out are a file with a fault of its form, and the LoRA's other forms."""
    digests: Mapping[str, FileDigest] = field(default_factory=dict)
    """Of every file in the zip, in its order; empty for a bundle that is not packed yet."""
    manifest: Manifest | None
    """None where it cannot be read."""
    faults: tuple[Fault, ...] = ()
    """What is wrong with the form of the zip and of the manifest."""
    _pictures: dict[str, Image.Image] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def sound_manifest(self) -> Manifest:
        """Return the manifest; BundleError where there is none, which a sound bundle never is without."""
        if self.manifest is None:
            raise BundleError(listed(self.faults))
        return self.manifest

    @cached_property
    def records(self) -> Mapping[str, FileRecord]:
        """Return what each file is, also of those that are not kept."""
        if not self.digests:
            return {name: file_record(data) for name, data in self.files.items()}
        return {
            name: FileRecord(sha256=digest.sha256, size_bytes=digest.size_bytes)
            for name, digest in self.digests.items()
        }

    def content(self, name: str) -> bytes:
        """Return a file of a sound bundle; a form of the LoRA is made anew, which gives its very bytes."""
        if name in self.files:
            return self.files[name]
        record = self.sound_manifest.lora
        assert record is not None
        assert self.lora is not None
        return b"".join(lora_forms(record, self.lora)[name]())

    @cached_property
    def lora(self) -> LoraFile | None:
        """Return the LoRA that the manifest names; None where it names none or the file is not there."""
        record = self.manifest.lora if self.manifest else None
        data = self.files.get(record.file) if record else None
        if data is None or self.manifest is None:
            return None
        return LoraFile(data=data, of_pipeline=recorded_layout(self.manifest.base) is not None)

    @cached_property
    def panels(self) -> Mapping[str, PanelRecord]:
        """Return the manifest's panels by file."""
        return {panel.file: panel for panel in self.manifest.panels} if self.manifest else {}

    def picture(self, name: str) -> tuple[Image.Image | None, list[Fault]]:
        """Return a picture decoded, or None and why not; panels and mosaics are kept, decoded once."""
        if name in self._pictures:
            return self._pictures[name], []
        picture, faults = read_picture(name, self.files[name])
        if picture is not None and (name in self.panels or name in _MOSAICS):
            self._pictures[name] = picture
        return picture, faults

    def panel_picture(self, panel: PanelRecord) -> Image.Image:
        """Return a panel of a sound bundle as RGB; BundleError where it cannot be decoded."""
        picture, faults = self.picture(panel.file)
        if picture is None:
            raise BundleError(listed(faults))
        return picture.convert("RGB")


def open_bundle(path: Path) -> Bundle:
    """Return a bundle with the faults of its form; the file is not looked at again.

    Raises:
        BundleError: there is no such file, or it cannot be read at all.
    """
    files, faults, digests = read_zip(path, _weights_to_keep)
    if not digests:
        return Bundle(files=files, manifest=None, faults=faults or (Fault("bundle", tr("is empty")),))
    if MANIFEST not in files:
        missing = Fault(MANIFEST, tr("is missing, it says what the bundle is"), tr("pack again"))
        return Bundle(files=files, digests=digests, manifest=None, faults=(*faults, missing))
    manifest, wrong = read_manifest(files[MANIFEST])
    return Bundle(files=files, digests=digests, manifest=manifest, faults=(*faults, *wrong))


def _weights_to_keep(files: Mapping[str, bytes]) -> Collection[str]:
    """Return the LoRA and the networks that the manifest names; none where it names none."""
    manifest, _ = read_manifest(files.get(MANIFEST, b""))
    if manifest is None:
        return []
    return [*([manifest.lora.file] if manifest.lora else []), *network_files(manifest)]


def order_of(manifest: Manifest) -> Iterator[str]:
    """Yield the names that a bundle's files can have, in the order in which they stand in its zip."""
    yield from TEXTS
    yield from (panel.file for panel in manifest.panels)
    yield from (grid.file for grid in GRIDS)
    yield from mask_files(manifest)
    yield from map_files(manifest)
    yield from reference_files(manifest)
    yield from network_files(manifest)
    yield from embedding_files(manifest)
    yield from ("prompts.csv", "prompts.json", "settings.json", "scores.csv")
    yield from workflows_of(manifest)
    yield COMPARISON
    yield from lora_names(manifest.candidate).values() if manifest.lora else ()
    yield MANIFEST
