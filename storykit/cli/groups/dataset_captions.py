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
    from kit.dataset.captioning.caption_dataset import find_captions, pictures_to_caption, write_captions
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
            new = find_captions(places, open_captioner(choice), wording, lambda: progress.advance(1))
        backup = write_captions(places, new, choice.notes | wording.notes)
    if as_json:
        say_json(_captioned(places, new, backup))
    else:
        _say_captioned(places, new, backup, captioner)


def _captioned(places: "CaptionPlaces", new: "NewCaptions", backup: Path | None) -> "dict[str, object]":
    names = {number: one.name for number, one in enumerate(places.pictures)}
    return {
        "folder": str(places.root),
        "pictures": len(names),
        "captions": {names[number]: text for number, text in new.captions.items()},
        "kept": new.kept,
        "replaced": len(new.replaced),
        "unopened": dict(new.unopened),
        "backup": None if backup is None else str(backup),
    }


def _say_captioned(places: "CaptionPlaces", new: "NewCaptions", backup: Path | None, by: str) -> None:
    for name, fault in new.unopened.items():
        say(tr("warning {name} has no new caption: {fault}", name=name, fault=fault))
    if backup is not None:
        say(tr("backup  {path}: the {n} captions that were there before", path=backup, n=len(new.replaced)))
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
