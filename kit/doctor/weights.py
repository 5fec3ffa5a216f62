"""Weights: the embedded ones whole, Kolors there and whole, the contest's scorers in the usual places."""

import json
import struct
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from kit.doctor.diagnosis import Diagnosis, fault, note, ok, shown
from kit.doctor.room import free_disk
from kit.doctor.usual_places import is_clip, is_kolors, is_predictor
from kit.embedded import BASE_WEIGHTS, CANNY_CONTROLNET, LORAS
from kit.errors import RunError, WeightsError
from kit.files.checksums import RECORD, read_record
from kit.files.encodings import sha256_of
from kit.files.regular_files import open_file
from kit.messages import joined, tr
from kit.models.layouts.weight_files import PARTS, find_weights, missing_files

KOLORS_GB = 19.0
"""What the download takes, with what is left free."""
_LENGTH = struct.Struct("<Q")
"""How a safetensors file begins: the length of its header. Its library may be what is missing here."""
_MOST_HEADER_BYTES = 2**24
_TOLD = 3
"""Files that a line names."""


def embedded_lines(
    scorers: Sequence[Path], base: Path = BASE_WEIGHTS, loras: Path = LORAS
) -> Iterator[Diagnosis]:
    """Yield whether all models of the package are whole.

    Args:
        scorers: the folders of the embedded scorers.
        base: of the embedded base.
        loras: of its LoRAs.
    """
    folders = (*scorers, loras, CANNY_CONTROLNET)
    broken = [*_unlike_promise(base), *(one for folder in folders for one in _torn(folder))]
    if broken:
        yield fault(
            "weights.embedded",
            tr("embedded weights are missing or damaged: {files}", files=_listed(broken)),
            tr("install storykit again"),
        )
    else:
        yield ok("weights.embedded", tr("the embedded base, its LoRAs, ControlNet and scorers are whole"))


def _unlike_promise(base: Path) -> Iterator[str]:
    """Yield which files of the base differ from what its config.json promises."""
    try:
        promised = dict(json.loads((base / "config.json").read_bytes())["sha256"])
    except (OSError, ValueError, LookupError, TypeError):
        yield "config.json"
        return
    for name, sha256 in promised.items():
        try:
            if sha256_of(base / name) != sha256:
                yield name
        except RunError:  # it cannot be read
            yield name


def _torn(folder: Path) -> Iterator[str]:
    """Yield the weights of a folder that are not whole, or the folder where there are none."""
    files = sorted(folder.glob("*.safetensors"))
    yield from (file.name for file in files if not is_whole(file)) if files else (folder.name,)


def is_whole(path: Path) -> bool:
    """Return whether a file of weights ends where it says: a safetensors file, or torch's zip."""
    try:
        if path.suffix not in (".safetensors", ".bin"):
            return True
        with open_file(path) as file:
            if path.suffix == ".bin":
                return zipfile.is_zipfile(file)
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            if length > _MOST_HEADER_BYTES:
                return False
            entries = json.loads(file.read(length))
        ends = [entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"]
        whole: int = _LENGTH.size + length + max(ends, default=0)
        return path.stat().st_size == whole
    except (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error):  # no such file
        return False


def kolors_lines(folder: Path, elsewhere: Iterable[Path] = ()) -> Iterator[Diagnosis]:
    """Yield whether Kolors is there and whole.

    Args:
        folder: where base = "kolors" looks.
        elsewhere: models in other places.
    """
    place = shown(folder)
    if not any((folder / part).exists() for part in PARTS):
        yield _not_there(folder, next((one for one in elsewhere if is_kolors(one)), None))
        return
    fetch = tr("`storykit download kolors` fetches what is missing or damaged")
    try:
        lacking = missing_files(folder)
        torn = [] if lacking else _torn_parts(folder)
    except WeightsError as error:  # half an index
        lacking, torn = [], [str(error)]
    if lacking:
        told = tr("Kolors in {folder} lacks {files}", folder=place, files=_listed(lacking))
        yield fault("weights.kolors", told, fetch)
    elif torn:
        told = tr("Kolors in {folder} is damaged: {files}", folder=place, files=_listed(torn))
        yield fault("weights.kolors", told, fetch)
    else:
        yield ok("weights.kolors", tr("Kolors in {folder} is whole", folder=place))


def _not_there(folder: Path, other: Path | None) -> Diagnosis:
    if other is not None:
        told = tr('Kolors is not where base = "kolors" looks ({folder})', folder=shown(folder))
        return note("weights.kolors", told, tr('write base = "{folder}", where it is', folder=shown(other)))
    free = free_disk(folder)
    told = tr("Kolors is not on this machine; the embedded base needs nothing of it")
    if free < KOLORS_GB:
        make = tr(
            "the disk has {free:.0f} GB free and {needed:.0f} are needed: set STORYKIT_MODELS to a folder "
            "on another one, then `storykit download kolors`",
            free=free,
            needed=KOLORS_GB,
        )
        return note("weights.kolors", told, make)
    return note(
        "weights.kolors", told, tr("`storykit download kolors` fetches it (18 GB); drawing wants a GPU")
    )


def _torn_parts(folder: Path) -> list[str]:
    """Return which files end too early, or are no longer what was recorded when they were fetched."""
    weights = [found for part in PARTS if (found := find_weights(folder, part))]
    names = {key: path for one in weights for key, path in zip(one.keys, one.paths, strict=True)}
    record = read_record(folder / RECORD)
    return [
        name
        for name, path in names.items()
        if not is_whole(path) or (name in record and record[name].size != path.stat().st_size)
    ]


def scorer_lines(models: Sequence[Path]) -> Iterator[Diagnosis]:
    """Yield whether the contest's predictor and a CLIP are in the usual places."""
    found = next(filter(is_predictor, models), None)
    if found is None:
        yield note(
            "weights.predictor",
            tr("the contest's aesthetics predictor is in none of the usual places: scores are for practice"),
            tr(
                "fetch shunk031/aesthetics-predictor-v2-sac-logos-ava1-l14-linearMSE from Hugging Face, or "
                "the same of AI-ModelScope from ModelScope, and name its folder under [score]"
            ),
        )
    else:
        yield ok("weights.predictor", tr("the contest's aesthetics predictor: {folder}", folder=shown(found)))
    clip = next(filter(is_clip, models), None)
    if clip is None:
        yield note(
            "weights.clip",
            tr(
                "no CLIP of open_clip's in the usual places: the embedded encoder knows the drawn world alone"
            ),
            tr("fetch one whose folder has open_clip_config.json, and name the folder under [score]"),
        )
    else:
        yield ok("weights.clip", tr("a CLIP of open_clip's: {folder}", folder=shown(clip)))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _TOLD
    last = [tr("and {more:,} more", more=more)] if more > 0 else []
    return joined([*names[:_TOLD], *last], tr(", "))
