"""The stage that prepares a dataset: a source's pictures are filtered and written in the contest's layout."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from kit.dataset.augmentation.changes import Size
from kit.dataset.augmentation.copies import PlannedCopies, left_alone_notes
from kit.dataset.captions import caption_warnings
from kit.dataset.data_juicer import DEFAULT_LAYOUT, ResultLayout, read_result
from kit.dataset.filters import FilteredPictures, PreparationPlan
from kit.dataset.listed import FoundPicture
from kit.dataset.modelscope import fetch_dataset, is_dataset_name
from kit.dataset.sources import find_pictures
from kit.dataset.tables import pictures_in_table
from kit.dataset.write import DatasetEntry, check_out_folder, write_prepared
from kit.errors import InputError
from kit.files.path_contents import kind_at, mistaken
from kit.files.user_paths import missing_folder
from kit.images.contact_sheet import find_sheet_lettering
from kit.messages import in_english, mark, tr

_FORMS = mark("a folder of pictures, a table (.csv), Data-Juicer's result.jsonl or OWNER/NAME on ModelScope")
FEW = 10
"""Fewer pictures are learned by heart; no bound of theory, but what trainers' guides agree on."""
MANY_RATIOS = 3
"""More ratios than that are worth a look at what the crop leaves."""
TRAINED_SIDES = {256: mark("every base"), 1024: "Kolors"}
"""Sides of the square that each base is trained on."""


def find_source(source: str, out: Path, layout: ResultLayout = DEFAULT_LAYOUT) -> list[FoundPicture]:
    """Return the pictures of a source, fetched first if it is a dataset of ModelScope.

    Raises InputError when there is no such source, or when writing `out` would touch it.

    Args:
        source: a folder, a table, a result.jsonl, or a dataset of ModelScope.
        out: where the dataset will be written.
        layout: how a result.jsonl is written.
    """
    path = Path(os.path.expanduser(source))
    check_out_folder(out, [path])
    if kind_at(path) == "run":
        raise InputError(source, [mistaken(path, "pictures")])
    if path.is_dir():
        found = find_pictures(path)
    elif path.is_file() and path.suffix.lower() == ".jsonl":
        found = read_result(path, layout)
    elif path.is_file() and path.suffix.lower() == ".csv":
        found = pictures_in_table(path)
    elif is_dataset_name(source) and not path.exists():
        found = find_pictures(fetch_dataset(source))
    else:
        raise InputError(source, [_not_read(path)])
    check_out_folder(out, [one.path for one in found])
    return found


def _not_read(path: Path) -> str:
    """Return why nothing can be read there, and what can."""
    if not path.exists():
        return tr("{missing}; give {forms}", missing=missing_folder(path), forms=tr(_FORMS))
    return mistaken(path, "pictures") or tr("is nothing that is read here: give {forms}", forms=tr(_FORMS))


def write_dataset(
    out: Path,
    filtered: FilteredPictures,
    plan: PreparationPlan,
    written: Callable[[], None],
    copies: PlannedCopies | None = None,
) -> Sequence[str]:
    """Write the dataset and return what to mind before training on it.

    Args:
        out: the dataset's folder.
        filtered: the pictures that stay.
        plan: what was asked for.
        written: called behind each picture with its copies.
        copies: what is made of them; None: nothing.
    """
    captions = plan.captions(filtered.kept)
    told = [] if plan.captioning.caption else [picture.found.caption for picture in filtered.kept]
    warnings = caption_warnings(told) + dataset_warnings(
        captions, [picture.size for picture in filtered.kept]
    )
    if copies and plan.augmentation:
        warnings += left_alone_notes(copies, plan.augmentation)
    changes = copies.changes if copies else [[] for _ in captions]
    entries = [DatasetEntry(*one) for one in zip(filtered.kept, captions, changes, strict=True)]
    notes = {
        "copies": copies and copies.record,
        "settings": plan.settings,
        "warnings": list(map(in_english, warnings)),
    }
    write_prepared(out, filtered, entries, notes, written)
    return [*warnings, *_sheet_notes(captions)]


def _sheet_notes(captions: Sequence[str]) -> list[str]:
    """Return that the contact sheet has no captions, where no font of this machine can write them."""
    if find_sheet_lettering(captions).captions:
        return []
    return [tr("the contact sheet has no captions: no font here has their letters, install Noto Sans CJK")]


def dataset_warnings(captions: Sequence[str], sizes: Sequence[Size]) -> list[str]:
    """Return what is known to ruin a LoRA and can be seen in its dataset; nothing if all is well.

    Mixed styles are not among it: the embedded encoder counts as many styles in a set of photographs as in
    one of two drawn styles (docs/benchmarks.md), so a warning would be a guess. Look at the contact sheet.
    """
    count = len(sizes)
    ratios = {round(width / height, 2) for width, height in sizes}
    warnings: list[str] = []
    if count < FEW:
        warnings.append(tr("{n} pictures are few: below {few} a LoRA learns them by heart", n=count, few=FEW))
    if count > 1 and len(set(captions)) == 1:
        warnings.append(
            tr(
                "all {n} captions are the same, {caption}: the LoRA cannot tell what is style and what is in "
                "the picture; say in each caption what it shows",
                n=count,
                caption=captions[0],
            )
        )
    if len(ratios) > MANY_RATIOS:
        lost = max(1 - min(size) / max(size) for size in sizes)
        warnings.append(
            tr(
                "{n} aspect ratios from {least:g} to {most:g}: training sees the centre square and loses up "
                "to {lost:.0%} of a picture; cut the pictures yourself where that hurts",
                n=len(ratios),
                least=min(ratios),
                most=max(ratios),
                lost=lost,
            )
        )
    for side, base in TRAINED_SIDES.items():
        if few := sum(min(size) < side for size in sizes):
            warnings.append(
                tr(
                    "{few} of {n} pictures have a side below {side} pixels: {base} would learn them "
                    "enlarged, blur and all",
                    few=few,
                    n=count,
                    side=side,
                    base=tr(base),
                )
            )
    return warnings
