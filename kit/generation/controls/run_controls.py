"""The controls of a run's panels: maps made once of each picture, and kept in the run."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias, get_args

from kit.errors import InputError
from kit.experiment.config import LoadedExperiment
from kit.experiment.controls.control_pictures import picture_path, read_control
from kit.experiment.controls.control_record import CONTROLS, ControlRecord, map_file
from kit.experiment.controls.control_tables import controlnet_of
from kit.experiment.references.kept_pictures import kept_bytes
from kit.experiment.run import Run
from kit.files.atomic_write import write_atomic
from kit.files.encodings import canonical_json, finite_json, json_bytes, sha256_bytes
from kit.files.regular_files import read_file
from kit.generation.controls.annotators import AnnotatorKind, annotator_identity
from kit.generation.controls.control import Control
from kit.generation.controls.map_making import map_of
from kit.images.decode import PictureError, read_picture_file
from kit.images.png_metadata import QUICK, encoded
from kit.messages import mark
from kit.models.bases.controlnet_files import ControlNetFiles, need_diffusers, open_controlnet
from kit.story.control import KINDS, ControlKind, PanelControl
from kit.story.story import LoadedStory

MADE = f"{CONTROLS}/maps.json"
"""The run's file that says which map was made of which picture."""
PanelControls: TypeAlias = Mapping[tuple[str, int], tuple[Control, ...]]
"""By story and panel, 1 to 8."""
_made: dict[tuple[str, str], bytes] = {}
"""Maps by run and by what they were made of: an experiment is planned before it is drawn."""
_MOST_MADE = 64


def controlnets_of(loaded: LoadedExperiment) -> dict[ControlKind, ControlNetFiles]:
    """Return the ControlNets that the stories need, each opened.

    Raises WeightsError where one is not whole or not what its config says, or diffusers is not installed.
    """
    used = {one.kind for story in loaded.stories for panel in story.story.panels for one in panel.control}
    found = {kind: controlnet_of(loaded.experiment, kind) for kind in KINDS if kind in used}
    if used:
        need_diffusers()
    opened = {kind: open_controlnet(folder) for kind, folder in found.items() if folder is not None}
    if opened:
        from kit.generation.pipelines.part_checks import check_controlnet

        for net in opened.values():
            check_controlnet(net.network)
    return opened


class RunMaps:
    """Makes what maps a run lacks; it writes nothing."""

    def __init__(self, run: Run) -> None:
        """Read what was made before."""
        self._folder, self._loaded = run.folder, run.loaded
        self._made = _read_made(run.folder)
        self.made: dict[str, str] = {}
        """The maps of this plan: their sha256 by what each was made of."""

    def controls(self, nets: Mapping[ControlKind, ControlNetFiles]) -> PanelControls:
        """Return the controls of all panels that have any.

        Raises:
            InputError: a picture is not there, is none, or its map shows nothing.
            WeightsError: who makes a map is not there.
        """
        return {
            (story.name, panel): tuple(
                self._control(f"{story.name}: panel[{panel}].control[{at}]", story, one, nets)
                for at, one in enumerate(told.control, 1)
            )
            for story in self._loaded.stories
            for panel, told in enumerate(story.story.panels, 1)
            if told.control
        }

    def _control(
        self,
        place: str,
        story: LoadedStory,
        told: PanelControl,
        nets: Mapping[ControlKind, ControlNetFiles],
    ) -> Control:
        folder = controlnet_of(self._loaded.experiment, told.kind)
        assert folder is not None, "the experiment was checked"
        png = self._map(place, story, told)
        record = ControlRecord(
            kind=told.kind,
            map=sha256_bytes(png),
            weight=float(told.weight),
            until=float(told.until),
            controlnet=nets[told.kind].identity,
        )
        return Control(record=record, png=png, folder=folder)

    def _map(self, place: str, story: LoadedStory, told: PanelControl) -> bytes:
        """Return a map's file: the run's own where it has made it before; its place names what is wrong."""
        picture = read_control(picture_path(story, told))
        size, annotator = self._loaded.settings.size, self._loaded.experiment.annotators.of(told.kind)
        source: dict[str, object] = {
            "picture": sha256_bytes(b"%d " % picture.width + picture.tobytes()),
            "kind": told.kind,
            "size": size,
        }
        if told.kind == "canny":
            source["thresholds"] = told.thresholds
        for kind in get_args(AnnotatorKind):
            if kind == told.kind and annotator is not None:
                source["annotator"] = annotator_identity(kind, annotator)
        key = sha256_bytes(canonical_json(source))
        png = self._kept(key) or _made.get((str(self._folder), key))
        if png is None:
            try:
                made = map_of(picture, told, size, annotator)
            except InputError as error:  # that names the run's copy of the picture
                raise InputError(place, error.faults) from error
            png = encoded(made, level=QUICK)
            while len(_made) >= _MOST_MADE:
                del _made[next(iter(_made))]
            _made[str(self._folder), key] = png
        self.made[key] = sha256_bytes(png)
        return png

    def _kept(self, key: str) -> bytes | None:
        sha256 = self._made.get(key, "")
        with suppress(PictureError):
            data = read_picture_file(self._folder / map_file(sha256))
            return data if sha256_bytes(data) == sha256 else None
        return None


def _read_made(folder: Path) -> dict[str, str]:
    try:
        found = finite_json(read_file(folder / MADE))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def keep_maps(folder: Path, controls: Iterable[Control], made: Mapping[str, str]) -> None:
    """Write maps into a run, then what each was made of."""
    by_place = {map_file(one.record.map): one.png for one in controls}
    for place, png in by_place.items():
        if not (folder / place).is_file() or (folder / place).read_bytes() != png:
            write_atomic(folder / place, png)
    if made:
        write_atomic(folder / MADE, json_bytes(_read_made(folder) | dict(made)))


def map_bytes(run: Run, sha256: str) -> bytes:
    """Return the file of a map; raises RunError where it is not there or another one."""
    changed = mark("{file} is another map than a panel was held to: put that one back")
    return kept_bytes(run.folder / map_file(sha256), sha256, changed)
