"""The `storykit dataset` command: pictures from anywhere become a folder that `train` reads."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kit.embedded import EMBEDDED
from kit.messages import joined, tr
from storykit.cli.groups.dataset_captions import caption as caption_command
from storykit.cli.groups.dataset_copies import (
    Copies,
    Cropped,
    LettersAndFaces,
    Mirrored,
    Recoloured,
    Seed,
    TrainSize,
    Turned,
    augmentation_asked_for,
    counted,
    planned_copies,
)
from storykit.cli.terminal.console import say
from storykit.cli.terminal.help import Command
from storykit.cli.terminal.usage_errors import CommandGroup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kit.dataset.augmentation.copies import PlannedCopies
    from kit.dataset.data_juicer import Filter, ResultLayout
    from kit.dataset.filters import FilteredPictures, FilterStep, PreparationPlan

dataset_app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    help="Prepare pictures for a training, and caption them.",
    rich_markup_mode=None,
)

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A folder of pictures with captions, Data-Juicer's result.jsonl, or a ModelScope OWNER/NAME.",
    ),
]
Pixels = Annotated[int | None, typer.Option(min=1, help="In pixels; the bound counts as within.")]
Ratio = Annotated[float | None, typer.Option(min=0, help="Width / height; the bound counts as within.")]
Out = Annotated[Path, typer.Option(help="The dataset's folder; new, empty, or prepared before.")]
OneCaption = Annotated[str, typer.Option(help="Say this of every picture instead of its caption.")]
Trigger = Annotated[str, typer.Option(help="Words put in front of every caption.")]
Recipe = Annotated[
    Path | None, typer.Option(help="A Data-Juicer recipe; its size and ratio filters, keys and marks count.")
]
Quantity = Annotated[
    Literal["any", "all"],
    typer.Option(help="How many pictures of a result.jsonl's sample must be within the bounds."),
]
LeastScore = Annotated[float | None, typer.Option(help="Drop pictures that score lower; see --weights.")]
Weights = Annotated[str, typer.Option(help="The aesthetic predictor's folder, or 'mini': the embedded one.")]
Doubled = Annotated[Literal["drop", "keep"], typer.Option(help="Pictures that are nearly a larger one.")]


_NAMED = 3
"""Pictures of a kind that a line names."""


@dataset_app.callback()
def dataset() -> None:
    """Prepare pictures for a training, and caption them."""


dataset_app.command(cls=Command)(caption_command)


@dataset_app.command(cls=Command)
def prepare(
    source: Source,
    out: Out,
    caption: OneCaption = "",
    trigger: Trigger = "",
    juicer: Recipe = None,
    min_width: Pixels = None,
    max_width: Pixels = None,
    min_height: Pixels = None,
    max_height: Pixels = None,
    min_ratio: Ratio = None,
    max_ratio: Ratio = None,
    any_or_all: Quantity = "any",
    aesthetic_floor: LeastScore = None,
    weights: Weights = EMBEDDED,
    near_duplicates: Doubled = "drop",
    mirror: Mirrored = False,
    crop: Cropped = None,
    turn: Turned = None,
    colour: Recoloured = None,
    copies: Copies = 1,
    train_size: TrainSize = 1024,
    seed: Seed = 0,
    letters_and_faces: LettersAndFaces = "leave",
) -> None:
    """Make a folder that train reads: no broken, wrong-sized or doubled picture, none without a caption."""
    from kit.dataset.data_juicer import DEFAULT_LAYOUT, JuicerRecipe, read_recipe
    from kit.dataset.filters import PreparationPlan
    from kit.story.trigger import Captioning

    shape = {
        "min_width": min_width,
        "max_width": max_width,
        "min_height": min_height,
        "max_height": max_height,
    }
    ratio = {"min_ratio": min_ratio, "max_ratio": max_ratio}
    changes = {"mirror": mirror, "crop": crop, "turn": turn, "colour": colour}
    how = {"copies": copies, "train_size": train_size, "seed": seed, "letters_and_faces": letters_and_faces}
    recipe = read_recipe(juicer) if juicer else JuicerRecipe((), DEFAULT_LAYOUT)
    plan = PreparationPlan(
        source=source,
        filters=[*recipe.filters, *_filters(shape, ratio, any_or_all)],
        captioning=Captioning(caption=caption, trigger=trigger),
        aesthetic=None if aesthetic_floor is None else _aesthetic_filter(aesthetic_floor, weights),
        keep_near_duplicates=near_duplicates == "keep",
        augmentation=augmentation_asked_for({**changes, **how}),
    )
    _prepare(plan, out, recipe.layout)


def _prepare(plan: "PreparationPlan", out: Path, layout: "ResultLayout") -> None:
    """Make the dataset, show how far it is, and say what came of it."""
    from kit.dataset.filters import filter_pictures
    from kit.dataset.prepare import find_source, write_dataset
    from kit.files.folder_lock import lock_folder
    from storykit.cli.terminal.progress import progress_bar

    with lock_folder(out, "prepared"):
        found = find_source(plan.source, out, layout)
        with progress_bar(tr("reading")) as progress:
            progress.begin(len(found), 0)
            filtered = filter_pictures(found, plan, lambda: progress.advance(1))
        made = planned_copies(filtered, plan)
        with progress_bar(tr("writing")) as progress:
            progress.begin(len(filtered.kept), 0)
            warnings = write_dataset(out, filtered, plan, lambda: progress.advance(1), made)
    _report(out, filtered, made, warnings)


def _filters(
    shape: "Mapping[str, int | None]", ratio: "Mapping[str, float | None]", any_or_all: str
) -> "list[Filter]":
    """Return the filters that the options ask for; a bound that is not given is Data-Juicer's."""
    from kit.dataset.data_juicer import RatioFilter, ShapeFilter

    filters: list[Filter] = []
    for kind, bounds in ((ShapeFilter, shape), (RatioFilter, ratio)):
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        if given:
            filters.append(kind.model_validate({**given, "any_or_all": any_or_all}))
    return filters


def _aesthetic_filter(floor: float, weights: str) -> "FilterStep":
    from eval.scorers.aesthetic import AestheticScorer, by_aesthetics
    from eval.scorers.load import device

    scorer = AestheticScorer.load(weights, device())
    say(tr("weights {weights}", weights=scorer.metric.stamp.weights))
    return by_aesthetics(scorer, floor)


def _unopened(kind: str, mend: str, names: "Sequence[str]") -> str:
    """Return how many pictures of a kind are not opened here, which, and what to do."""
    more = tr(" and {n} more", n=len(names) - _NAMED) if len(names) > _NAMED else ""
    if len(names) > 1:
        kind, mend = kind.replace("picture", "pictures"), mend.replace("save it", "save them")
    return tr(
        "{n} {kind} ({names}{more}): {mend} and run this again",
        n=len(names),
        kind=kind,
        names=joined(names[:_NAMED], tr(", ")),
        more=more,
        mend=mend,
    )


def _report(
    out: Path, filtered: "FilteredPictures", made: "PlannedCopies | None", warnings: "Sequence[str]"
) -> None:
    unopened: dict[tuple[str, str], list[str]] = {}
    for number, drop in filtered.drops.items():
        if drop.unopened:
            unopened.setdefault(drop.unopened, []).append(filtered.found[number].name)
    kinds = Counter(drop.kind for drop in filtered.drops.values() if not drop.unopened)
    say(tr("kept    {kept} of {pictures} pictures", kept=len(filtered.kept), pictures=filtered.pictures))
    for (kind, mend), names in unopened.items():
        say(tr("dropped {told}", told=_unopened(kind, mend, names)))
    if kinds:
        counts = joined((tr("{n} {kind}", n=n, kind=tr(kind)) for kind, n in kinds.most_common()), tr(", "))
        say(tr("dropped {counts}; each with its reason in {file}", counts=counts, file=out / "dropped.csv"))
    if made is not None:
        say(tr("copies  {counts}", counts=counted(made)))
    for warning in warnings:
        say(tr("warning {warning}", warning=warning))
    say(tr("sheet   {path}", path=out / "contact-sheet.png"))
    say(tr("dataset {path}", path=out / "train"))
