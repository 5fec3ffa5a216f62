"""The `storykit model` commands: look into a whole model, merge two, write one for another program."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kit.errors import WeightsError
from kit.messages import joined, mark, tr, trn
from storykit.cli.terminal.console import AsJson, Overwrite, padded, refuse_what_is_there, say, say_json
from storykit.cli.terminal.help import Command
from storykit.cli.terminal.progress import progress_bar
from storykit.cli.terminal.usage_errors import CommandGroup, WrongUsage

if TYPE_CHECKING:
    from kit.models.merging.recipe import MergedPart, MergeRecipe
    from kit.models.merging.shares import Shares

model_app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    help="Inspect, merge and export whole models.",
    rich_markup_mode=None,
)
_MODEL = mark("A .safetensors or .ckpt file, the folder of a UNet or of a base, mini or kolors.")
_FACTS = {
    "file": mark("file"),
    "names": mark("names"),
    "blocks": mark("blocks"),
    "numbers": mark("numbers"),
    "merged": mark("merged"),
}
"""What facts of a model are called."""


@model_app.command(cls=Command)
def inspect(
    file: Annotated[str, typer.Argument(metavar="MODEL", help=_MODEL)], as_json: AsJson = False
) -> None:
    """Show whose names a model's UNet has, which blocks there are, and what it was merged from."""
    from kit.models.merging.pairing import unet_names
    from kit.models.merging.recipe import read_recipe
    from kit.models.merging.unet_blocks import BLOCKS, in_ranges, naming_of
    from kit.models.unet_files import open_model

    model = open_model(file)
    unet = unet_names(model)
    blocks = {tensor.block for tensor in unet.values()}
    numbers = sorted({model.kinds[tensor.name].dtype for tensor in unet.values()})
    try:
        recipe = read_recipe(model.metadata)
    except ValueError as error:
        raise WeightsError(tr("{file}: {why}", file=file, why=error)) from error
    facts = {"file": file, "names": naming_of(unet), "blocks": [one for one in BLOCKS if one in blocks]}
    if as_json:
        say_json(facts | {"numbers": numbers, "merged": asdict(recipe) if recipe else None})
        return
    facts |= {"blocks": in_ranges(blocks), "numbers": joined(numbers, ", ")}
    for name, value in (facts | ({"merged": _told(recipe)} if recipe else {})).items():
        say(f"{padded(tr(_FACTS[name]), 8)}{value}")


@model_app.command(cls=Command)
def merge(
    first: Annotated[str, typer.Argument(metavar="A", help=_MODEL)],
    second: Annotated[str, typer.Argument(metavar="B", help="The other one, with the same UNet.")],
    share: Annotated[
        str,
        typer.Option(
            metavar="SHARE",
            help="Of B in all without a share of its own, label_emb too: 0 is all A, 1 all B.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
    blocks: Annotated[
        str,
        typer.Option(
            help="Shares of single blocks, as input4=0.7,middle1=0.2,output0-5=1,out=0,time_embed=0."
        ),
    ] = "",
    overwrite: Overwrite = False,
) -> None:
    """Merge the UNets of two models, with a share of the second for each block."""
    shares = _shares(share, blocks)
    if out.suffix != ".safetensors":
        raise WeightsError(tr("{file}: must end in .safetensors", file=out))
    refuse_what_is_there(out, overwrite=overwrite)
    from kit.models.merging.merge import merge_models
    from kit.models.unet_files import open_model

    with progress_bar(tr("Merge")) as progress:
        made = merge_models(open_model(first), open_model(second), shares, out, progress)
    own = trn(", {n} block with its own", ", {n} blocks with their own", len(shares.blocks)) if blocks else ""
    rest = trn(
        "; {n:,} other tensor, as those of text encoder and VAE, stays that of {first}",
        "; {n:,} other tensors, as those of text encoder and VAE, stay those of {first}",
        made.rest,
        first=first,
    )
    say(
        tr(
            "UNet    {path}  ({tensors:,} tensors, share {share:g} of {second}{own}{rest})",
            path=out,
            tensors=made.tensors,
            share=shares.base,
            second=second,
            own=own,
            rest=rest if made.rest else "",
        )
    )


@model_app.command(cls=Command)
def export(
    base: Annotated[
        str,
        typer.Argument(metavar="BASE", help="mini, kolors, a folder, a hub's name, or an experiment's base."),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    to: Annotated[
        Literal["diffusers"], typer.Option(help="Whose layout: KolorsPipeline of diffusers loads it.")
    ],
    variant: Annotated[
        Literal["fp16"] | None, typer.Option(help="Write half numbers, in files that say so.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write Kolors, or a base like it, as a folder that another program loads."""
    refuse_what_is_there(out, overwrite=overwrite)
    from kit.experiment.drawing.base_named import base_named
    from kit.models.base import load_base
    from kit.models.layouts.diffusers_export import export_to_diffusers

    named = base_named(base)
    export_to_diffusers(load_base(named), out, variant)
    loads = 'KolorsPipeline.from_pretrained("{folder}"{variant})'
    told = loads.format(folder=out, variant=f', variant="{variant}"' if variant else "")
    say(
        tr(
            "{base}  {folder}  ({loads} loads it, README.md says how it draws)",
            base=named,
            folder=out,
            loads=told,
        )
    )


def _shares(share: str, blocks: str) -> "Shares":
    from kit.models.merging.shares import Shares, checked_share, parse_blocks

    option = "--share"
    try:
        base = checked_share(share)
        option = "--blocks"
        return Shares(base=base, blocks=parse_blocks(blocks))
    except ValueError as error:
        raise WrongUsage(tr("{option} {problem}", option=option, problem=error)) from error


def _told(recipe: "MergeRecipe") -> str:
    own = joined([f", {block} {share:g}" for block, share in recipe.blocks.items()], "")
    return tr(
        "share {share:g} of {second}{own}, the rest {first}, by storykit {version}",
        share=recipe.share,
        second=_part(recipe.second),
        own=own,
        first=_part(recipe.first),
        version=recipe.storykit,
    )


def _part(part: "MergedPart") -> str:
    return tr("{name} (sha256 {hashes})", name=part.name, hashes=joined(part.sha256.values(), ", "))
