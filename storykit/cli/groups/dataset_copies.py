"""The options of `storykit dataset prepare` that ask for changed copies, and what they mean."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kit.errors import InputError
from kit.messages import joined, mark, tr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kit.dataset.augmentation.copies import LetterTest, PlannedCopies
    from kit.dataset.augmentation.settings import Augmentation
    from kit.dataset.filters import FilteredPictures, PreparationPlan

Mirrored = Annotated[bool, typer.Option("--mirror", help="Add a mirrored copy of each picture.")]
Cropped = Annotated[
    float | None, typer.Option(help="Add crops that keep so much of each side at least, 0.8 to 0.95.")
]
Turned = Annotated[
    float | None,
    typer.Option(help="Add copies turned by so many degrees at most, 1 to 10, without empty corners."),
]
Recoloured = Annotated[
    float | None,
    typer.Option(help="Add copies in other shades: light, contrast, saturation off by 0.02 to 0.2 at most."),
]
Copies = Annotated[int, typer.Option(help="Crops, turns and shades of each picture, 20 at most.")]
TrainSize = Annotated[int, typer.Option(help="Pixels a side that crops and turns leave at least.")]
Seed = Annotated[int, typer.Option(help="Another number makes other crops, turns and shades.")]
LettersAndFaces = Annotated[
    Literal["leave", "change"],
    typer.Option(help="Whether pictures with likely letters or faces are mirrored and turned, too."),
]
_COUNTED = {
    "mirror": mark("{n} mirrored"),
    "crop": mark("{n} cropped"),
    "turn": mark("{n} turned"),
    "colour": mark("{n} in other shades"),
}
_DRAWN = ("crop", "turn", "colour")
_NEEDS: dict[str, tuple[str, ...]] = {
    "copies": _DRAWN,
    "seed": _DRAWN,
    "train_size": ("crop", "turn"),
    "letters_and_faces": ("mirror", "turn"),
}
"""Of which changes one must be asked for, where an option is to do anything."""
_COMMAND = "dataset prepare"


def augmentation_asked_for(options: "Mapping[str, object]") -> "Augmentation | None":
    """Return which copies the options ask for, None where they ask for none; raises InputError."""
    from pydantic import ValidationError

    from kit.dataset.augmentation.settings import Augmentation
    from kit.files.documents import placed_faults

    try:
        asked = Augmentation.model_validate(options)
    except ValidationError as error:
        faults = [
            joined([_option(str(fault.place[0])), fault.problem], " ") for fault in placed_faults(error)
        ]
        raise InputError(_COMMAND, faults) from error
    for name in asked.model_dump(exclude_defaults=True):
        kinds = _NEEDS.get(name, (name,))
        if not asked.strengths.keys() & set(kinds):
            *first, last = map(_option, kinds)
            told = {"option": _option(name), "options": joined(first, tr(", ")), "last": last}
            raise InputError(_COMMAND, [tr("{option} needs {options} or {last}", **told)])
    return asked if asked.strengths else None


def planned_copies(filtered: "FilteredPictures", plan: "PreparationPlan") -> "PlannedCopies | None":
    """Return which copies are made; letters are read in the pictures where that extra is installed."""
    if plan.augmentation is None:
        return None
    from kit.dataset.augmentation.copies import plan_copies
    from storykit.cli.terminal.progress import progress_bar

    captions, kept = plan.captions(filtered.kept), filtered.kept
    shows_letters = _letter_test() if plan.augmentation.spares else None
    with progress_bar(tr("looking for letters")) as progress:
        progress.begin(len(kept), 0)
        return plan_copies(kept, captions, plan.augmentation, shows_letters, lambda: progress.advance(1))


def counted(made: "PlannedCopies") -> str:
    """Return how many copies of each kind there are, in words."""
    counts = [tr(_COUNTED[kind], n=n) for kind, n in made.counts.items()]
    return joined(counts, tr(", ")) if counts else tr("none")


def _letter_test() -> "LetterTest | None":
    """Return what reads letters, None where that extra is not installed."""
    from kit.experiment.tables import can_read_letters

    if not can_read_letters():
        return None
    from eval.scorers.letters import RapidReader

    reader = RapidReader.load()
    return lambda picture: bool(reader.read([picture])[0])


def _option(field: str) -> str:
    return f"--{field}".replace("_", "-")
