"""The `storykit lora` commands: look into a LoRA file, write it for another tool, add several up."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit.errors import LoraError
from kit.files.user_paths import shell_word
from kit.lora.key_names import Tool, tensors_file
from kit.messages import joined, mark, tr
from storykit.cli.terminal.console import Overwrite, padded, refuse_what_is_there, say, say_json
from storykit.cli.terminal.help import Command
from storykit.cli.terminal.usage_errors import CommandGroup, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kit.lora.inspection import LoaderStrength
    from kit.lora.lora import LoadedLora
    from kit.lora.merge import MergePart

lora_app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    help="Inspect, convert and merge LoRA files.",
    rich_markup_mode=None,
)

LoraFile = Annotated[
    str, typer.Argument(metavar="FILE", help="A LoRA file, a folder of PEFT or diffusers, or mini:STYLE.")
]
Alpha = Annotated[
    float | None, typer.Option(min=1e-9, help="The alpha it was trained with, when the file does not say.")
]

_FACTS = {
    "file": mark("file"),
    "tool": mark("tool"),
    "scale": mark("scale"),
    "layers": mark("layers"),
    "trigger": mark("trigger"),
    "norm": mark("norm"),
    "blocks": mark("blocks"),
    "merged_from": mark("made of"),
    "fits": mark("fits"),
}
"""What facts of a file are called; the others have one name in every language."""


@lora_app.command(cls=Command)
def inspect(
    file: LoraFile, as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False
) -> None:
    """Show what a LoRA file holds, which base it fits, and what each loader makes of it."""
    from kit.files.encodings import printable, sha256_of
    from kit.lora.formats import read_content
    from kit.lora.inspection import bases_of, block_norms, group_norms, loaders_of, problems_of
    from kit.lora.lora import locate
    from submissions.untrusted.lora_reader import packing_problems, sorted_notes

    path = locate(file)
    content = read_content(path)
    facts = {
        "file": file,
        "sha256": sha256_of(tensors_file(path)),
        "tool": content.tool,
        "rank": content.rank,
        "alpha": content.alpha,
        "scale": None if content.alpha is None else content.alpha / content.rank,
        "layers": len(content.pairs),
        "trigger": printable(content.trigger),
        "norm": round(content.norm, 4),
        "blocks": block_norms(content) if as_json else group_norms(content),
        "fits": bases_of(content.pairs),
    }
    if made_of := content.notes.get("merged_from"):
        facts["merged_from"] = printable(made_of)
    problems = problems_of(content) + packing_problems(content)
    left, loaders = sorted_notes(content.notes)[1], loaders_of(content)
    if as_json:
        told = {
            "problems": problems,
            "left_behind": left,
            "loaders": [loader._asdict() for loader in loaders],
        }
        say_json(facts | told)
    else:
        _show(
            facts,
            [
                *(tr("problem {problem}", problem=one) for one in problems),
                *(tr("packing leaves behind {note}", note=one) for one in left),
            ],
            loaders,
        )


def _show(
    facts: "Mapping[str, object]", remarks: "Sequence[str]", loaders: "Sequence[LoaderStrength]"
) -> None:
    for name, value in facts.items():
        told = tr(_FACTS[name]) if name in _FACTS else name
        if value is None:
            value = tr(
                "not in the file: give that of the training, `alpha = N` in an experiment, else `--alpha N`"
            )
        if isinstance(value, list):
            value = joined(value, tr(", ")) or tr("no base")
        if isinstance(value, dict):
            value = joined((f"{part} {norm:.4g}" for part, norm in value.items()), tr(", "))
        say(f"{padded(told, 8)}{value}")
    for remark in remarks:
        say(remark)
    say("")
    heads = padded(tr("drawn with by"), 38), padded(tr("up x down"), -9), padded(tr("of trained"), -10)
    say("{}{}  {}".format(*heads))
    for loader, factor, strength, note in loaders:
        counts = f"{factor:>9.3g}" if factor is not None else f"{'-':>9}"
        shown = f"{strength:>10.1%}" if strength is not None else f"{'?' if factor else '-':>10}"
        say(f"{padded(tr(loader), 38)}{counts}  {shown}  {tr(note)}".rstrip())


@lora_app.command(cls=Command)
def convert(
    file: LoraFile,
    to: Annotated[
        Tool,
        typer.Option(
            "--to",
            help="Who is to read it; kohya's form is read by ComfyUI, KolorsPipeline and DiffSynth 1.x.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file to write; for peft a folder.")],
    alpha: Alpha = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a LoRA as another tool reads it, without changing a number."""
    from kit.lora.convert import convert_lora as convert_lora
    from kit.lora.lora import locate

    refuse_what_is_there(out, overwrite=overwrite)
    lora = convert_lora(locate(file), to, out, alpha)
    say(
        tr(
            "LoRA    {path}  ({layers} layers, rank {rank}, alpha {alpha:g})",
            path=out,
            layers=len(lora.pairs),
            rank=lora.rank,
            alpha=lora.alpha,
        )
    )


@lora_app.command(cls=Command)
def merge(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Two LoRAs or more; with --blocks one will do.")
    ],
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
    weights: Annotated[str, typer.Option(help="The strength of each, such as 1,0.5; by default 1.")] = "",
    blocks: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=STRENGTH,...",
            help="What blocks count, as content=0.4,style=1,rest=0.7; once for all, or once for each file.",
        ),
    ] = None,
    rank: Annotated[int | None, typer.Option(min=1, help="Of the result; by default the sum, exact.")] = None,
    alphas: Annotated[
        str,
        typer.Option(
            "--alphas", "--alpha", help="Of each training, as 4,8 or one for all; - where the file says it."
        ),
    ] = "",
    overwrite: Overwrite = False,
) -> None:
    """Add LoRAs up into one."""
    from kit.files.atomic_write import write_atomic
    from kit.lora.merge import merge_loras as merge_loras
    from kit.lora.merge import merged_bytes

    if len(files) == 1 and not weights and not blocks and rank is None:
        raise LoraError(
            tr(
                "merge adds up two LoRAs or more, got {file} alone; "
                "`storykit lora convert {quoted} --to kohya --out new.safetensors` rewrites one",
                file=files[0],
                quoted=shell_word(files[0]),
            )
        )
    if out.suffix != ".safetensors":
        raise LoraError(tr("{file}: must end in .safetensors", file=out))
    refuse_what_is_there(out, overwrite=overwrite)
    parts = _parts(files, weights, alphas, blocks or [])
    merged = merge_loras(parts, rank)
    write_atomic(out, merged_bytes(merged, parts))
    lost = tr(", {error:.2%} of it lost", error=merged.error) if merged.error else ""
    say(
        tr(
            "LoRA    {path}  ({layers} layers, rank {rank}{lost})",
            path=out,
            layers=len(merged.pairs),
            rank=merged.rank,
            lost=lost,
        )
    )


def _parts(files: "Sequence[str]", weights: str, alphas: str, blocks: "Sequence[str]") -> "list[MergePart]":
    """Return the LoRAs of a sum, each with its strength and what its blocks count."""
    from kit.lora.lora import find_lora
    from kit.lora.merge import MergePart

    strengths = _numbers("--weights", weights) if weights else [1.0] * len(files)
    if len(strengths) != len(files):
        raise LoraError(
            tr(
                "each LoRA needs a weight, got {loras} LoRAs and {weights} weights",
                loras=len(files),
                weights=len(strengths),
            )
        )
    if len(blocks) not in (0, 1, len(files)):
        raise WrongUsage(
            tr(
                "--blocks must be given once for all files or once for each of {files}, got it {times} times",
                files=len(files),
                times=len(blocks),
            )
        )
    loras = [find_lora(file, alpha) for file, alpha in zip(files, _alphas(alphas, len(files)), strict=True)]
    texts = blocks if len(blocks) == len(files) else [*blocks, ""][:1] * len(files)
    return [
        MergePart(lora, strength, _blocks(text, lora) if text else None)
        for lora, strength, text in zip(loras, strengths, texts, strict=True)
    ]


def _blocks(text: str, lora: "LoadedLora") -> "Mapping[str, float]":
    """Return what each block of a LoRA counts, the groups being those of the base that it fits."""
    from kit.lora.blocks import read_blocks, strengths_of
    from kit.lora.inspection import best_base

    try:
        return strengths_of(read_blocks(text), best_base(lora.pairs))
    except ValueError as error:
        raise WrongUsage(tr("--blocks {fault}", fault=str(error))) from error


def _numbers(option: str, text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise WrongUsage(
            tr(
                "{option} must be numbers with commas between them, as 1,0.5, got {text!r}",
                option=option,
                text=text,
            )
        )
    return numbers


def _alphas(text: str, files: int) -> list[float | None]:
    """Return the alpha of each file, None where the file is to say it; one number is for all."""
    parts = text.split(",") if text else ["-"]
    if len(parts) == 1:
        parts *= files
    if len(parts) != files:
        raise WrongUsage(
            tr(
                "--alphas must be one for all or one for each of {files} files, got {text!r}",
                files=files,
                text=text,
            )
        )
    return [None if part.strip() == "-" else _numbers("--alphas", part)[0] for part in parts]
