"""A bundle opened: its zip is read once, so what was checked is what is published, drawn again or ranked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from PIL import Image

from kit.errors import BundleError
from submissions.bundle.manifest import MANIFEST, Manifest, PanelRecord, read_manifest
from submissions.bundle.mosaic import GRIDS
from submissions.faults import Fault, listed
from submissions.untrusted.lora_reader import LoraFile
from submissions.untrusted.png_reader import read_picture
from submissions.untrusted.zip_reader import read_zip

_MOSAICS = frozenset(grid.file for grid in GRIDS)


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """The files of a bundle; what they hold is decoded when it is first asked for, and once."""

    files: Mapping[str, bytes]
    """By name; a file with a fault of its form is left out."""
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
    def lora(self) -> LoraFile | None:
        """Return the LoRA that the manifest names; None where it names none or the file is not there."""
        record = self.manifest.lora if self.manifest else None
        data = self.files.get(record.file) if record else None
        return None if data is None else LoraFile(data=data)

    @cached_property
    def panels(self) -> Mapping[str, PanelRecord]:
        """Return the manifest's panels by file."""
        return {panel.file: panel for panel in self.manifest.panels} if self.manifest else {}

    def lora_file(self, name: str) -> LoraFile:
        """Return one of its safetensors files; the LoRA that the manifest names is kept, parsed once."""
        data = self.files[name]
        return self.lora if self.lora and self.lora.data is data else LoraFile(data=data)

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
    files, faults = read_zip(path)
    if not files:
        return Bundle(files=files, manifest=None, faults=faults or (Fault("bundle", "is empty"),))
    if MANIFEST not in files:
        missing = Fault(MANIFEST, "is missing, it says what the bundle is", "pack again")
        return Bundle(files=files, manifest=None, faults=(*faults, missing))
    manifest, wrong = read_manifest(files[MANIFEST])
    return Bundle(files=files, manifest=manifest, faults=(*faults, *wrong))
