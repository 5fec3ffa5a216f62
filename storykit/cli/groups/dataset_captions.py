"""`storykit dataset caption`: what each picture shows, written into a dataset's captions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit.dataset.captioning.choices import CaptionerName, Existing
from kit.messages import Language, tr
from storykit.cli.terminal.console import AsJson, say, say_json

if TYPE_CHECKING:
    from kit.dataset.captioning.caption_dataset import NewCaptions
    from kit.dataset.captioning.caption_places import CaptionPlaces

DataFolder = Annotated[
    Path, typer.Argument(metavar="DATA", help="A prepared dataset, or a folder of pictures.")
]
With = Annotated[
    CaptionerName, typer.Option("--with", help="mini knows the drawn world alone; the others need --weights.")
]
CaptionerWeights = Annotated[Path | None, typer.Option(help="The captioner's folder, or its file.")]
Kept = Annotated[Existing, typer.Option(help="What becomes of the captions that are there.")]
Threshold = Annotated[
    float | None,
    typer.Option(help="Probability from which a tag counts; else .35 (wd14), .5 (deepdanbooru)."),
]
Blacklist = Annotated[str, typer.Option(help="Tags or clauses never to write, commas between them.")]
Words = Annotated[
    Language | None, typer.Option(help="Of mini's words; else the reader's. Others write English.")
]
Trigger = Annotated[str, typer.Option(help="Words put in front of every new caption.")]


def caption(
    data: DataFolder,
    captioner: With,
    weights: CaptionerWeights = None,
    existing: Kept = "keep",
    threshold: Threshold = None,
    blacklist: Blacklist = "",
    trigger: Trigger = "",
    language: Words = None,
    as_json: AsJson = False,
) -> None:
    """Write what each picture shows into a dataset's captions, by a tagger or a captioner."""
    from kit.dataset.captioning.caption_dataset import caption_dataset, pictures_to_caption, told_of_silent
    from kit.dataset.captioning.caption_places import caption_places, folder_of_captions
    from kit.dataset.captioning.captioner import CaptionerChoice, open_captioner
    from kit.dataset.captioning.wording import CaptionWording, blacklist_of
    from kit.files.folder_lock import lock_folder
    from storykit.cli.terminal.progress import progress_bar

    banned = blacklist_of(blacklist)
    choice = CaptionerChoice(
        name=captioner, weights=weights, threshold=threshold, blacklist=banned, language=language
    )
    choice.check()
    wording = CaptionWording(existing=existing, trigger=trigger, blacklist=banned)
    with lock_folder(folder_of_captions(data), "captioned"):
        places = caption_places(data)
        wanted = len(pictures_to_caption(places, wording))
        with progress_bar(tr("captioning")) as progress:
            progress.begin(wanted, 0)
            by = open_captioner(choice)
            new = caption_dataset(
                places, by, wording, choice.notes | wording.notes, lambda: progress.advance(1)
            )
    if as_json:
        say_json(_captioned(places, new))
    else:
        if new.silent:
            say(tr("warning {warning}", warning=told_of_silent(new.silent, by.if_silent)))
        _say_captioned(places, new, captioner)


def _captioned(places: "CaptionPlaces", new: "NewCaptions") -> "dict[str, object]":
    names = {number: one.name for number, one in enumerate(places.pictures)}
    return {
        "folder": str(places.root),
        "pictures": len(names),
        "captions": {names[number]: text for number, text in new.captions.items()},
        "kept": new.kept,
        "replaced": new.replaced,
        "silent": list(new.silent),
        "unopened": dict(new.unopened),
        "backup": new.backup and str(new.backup),
    }


def _say_captioned(places: "CaptionPlaces", new: "NewCaptions", by: str) -> None:
    for name, fault in new.unopened.items():
        say(tr("warning {name} has no new caption: {fault}", name=name, fault=fault))
    if new.backup:
        say(tr("backup  {path}: the {n} captions that were there before", path=new.backup, n=new.replaced))
    say(
        tr(
            "captions of {n} of {pictures} pictures by {captioner} in {folder}, {kept} as they were",
            n=len(new.captions),
            pictures=len(places.pictures),
            captioner=by,
            folder=places.root,
            kept=new.kept,
        )
    )
