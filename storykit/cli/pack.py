"""The `storykit pack` and `storykit publish` commands: the entry that is handed in."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import storykit
from kit.messages import joined, mark, tr, trn
from storykit.cli.terminal.console import say, say_note, say_unread
from storykit.cli.verify import OwnRules

if TYPE_CHECKING:
    from kit.experiment.run import Run
    from submissions.packing.entry_plan import EntryPlan


NEEDED = ("team", "title", "introduction", "out", "candidate")
"""What must be said, here or in the run's entry.toml, before anything is packed."""


def _refuse_unsaid(ctx: typer.Context, plan: "EntryPlan") -> None:
    """Ask for the first option without which nothing can be packed, if there is one."""
    needed: list[Any] = [option for option in ctx.command.params if option.name in NEEDED]
    unsaid = [option for option in needed if getattr(plan, option.name) in ("", None)]
    if unsaid:
        for option in needed:
            option.required = True  # so that the whole command is told with them
        raise typer.BadParameter("", ctx, unsaid[0])


def pack(
    ctx: typer.Context,
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.")],
    team: Annotated[str | None, typer.Option(help="The team's name as registered.")] = None,
    title: Annotated[str | None, typer.Option(help="The entry's own name.")] = None,
    introduction: Annotated[
        Path | None, typer.Option(help="A text file that introduces the LoRA, such as intro.txt.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The zip to write.")] = None,
    candidate: Annotated[str | None, typer.Option(help="Whose pictures.")] = None,
    order: Annotated[str, typer.Option(help="Which prompt order; else authored.")] = "",
    story: Annotated[str, typer.Option(help="Which story; needed when there are several.")] = "",
    seed: Annotated[int | None, typer.Option(help="Which seed; else what was cast, else the first.")] = None,
    rules: Annotated[
        str,
        typer.Option(
            help="A shipped contest or a rules file; else practice for the embedded base, or kolors-2024."
        ),
    ] = "",
    link: Annotated[str, typer.Option(help="Where the LoRA is published.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another bundle.")] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Write nothing: list what the contest asks for, what of it is there and what is missing.",
        ),
    ] = False,
) -> None:
    """Pack a story of a run as the contest wants it; refuses what the contest would refuse.

    --team, --title, --introduction, --out and --candidate must be given, unless --check is. What the board
    wrote into RUN/entry.toml and RUN/introduction.md is taken where an option says nothing.
    """
    from submissions.packing.entry_plan import EntryPlan, with_decisions
    from submissions.packing.pack import refuse_drafts

    plan = EntryPlan(
        candidate=candidate or "",
        order=order,
        story=story,
        seed=seed,
        rules=rules,
        team=team or "",
        title=title or "",
        introduction=introduction,
        out=out,
        link=link,
    )
    opened = storykit.open_run(run_folder)
    if not check:
        refuse_drafts(opened.run)
    say_unread(opened.run)
    plan, taken = with_decisions(opened.run, plan)
    if taken:
        names = joined(taken, tr(", "))
        say_note(tr("as decided in {folder}: {names}", folder=opened.folder, names=names))
    if check:
        _tick_off(opened.run, plan)
        return
    _refuse_unsaid(ctx, plan)
    _pack(opened, plan, overwrite)


def _pack(run: storykit.RunResults, plan: "EntryPlan", overwrite: bool) -> None:
    """Write the bundle and say what is in it."""
    from submissions.packing.entry import USUAL_ORDER
    from submissions.packing.entry_file import read_introduction

    assert plan.introduction is not None
    assert plan.out is not None
    done = storykit.pack(
        run,
        plan.out,
        candidate=plan.candidate,
        team=plan.team,
        title=plan.title,
        introduction=read_introduction(plan.introduction),
        order=plan.order or USUAL_ORDER,
        story=plan.story,
        seed=plan.seed,
        rules=plan.rules,
        link=plan.link,
        overwrite=overwrite,
    )
    for note in done.notes:
        say_note(note)
    say(tr("bundle  {path}  {sha256}", path=done.path, sha256=done.sha256))


def _tick_off(run: "Run", plan: "EntryPlan") -> None:
    """Print the contest's checklist, and end with 1 while packing would refuse something."""
    from submissions.packing.checklist import checklist
    from submissions.packing.entry_plan import next_command

    ticks = checklist(run, plan)
    for tick in ticks:
        say(tr(_LINES[tick.state], told=tick.told))
    missing = sum(tick.state == "missing" for tick in ticks)
    if missing:
        say(
            trn(
                "open    {n} thing is missing: nothing can be packed yet",
                "open    {n} things are missing: nothing can be packed yet",
                missing,
            )
        )
        raise typer.Exit(1)
    say(tr("next    {command}", command=next_command(run, plan)))


_LINES = {
    "ok": mark("ok      {told}"),
    "missing": mark("missing {told}"),
    "later": mark("later   {told}"),
}


def publish(
    bundle: Annotated[Path, typer.Argument(metavar="F.zip", help="The bundle.")],
    to: Annotated[str, typer.Option(metavar="OWNER/NAME", help="The model repository.")],
    private: Annotated[bool, typer.Option("--private", help="Hide the repository if it is new.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go where.")] = False,
    rules: OwnRules = None,
) -> None:
    """Verify a bundle and put it on a ModelScope model page; a stopped upload goes on.

    The access token is read from MODELSCOPE_API_TOKEN and kept nowhere. A repository that is not there is
    made public, as the contest needs it; one that is there keeps its name, visibility and other files.
    """
    from kit.hub.modelscope import check_repository_name, open_repository, token_of
    from submissions.contest.rules import load_rules
    from submissions.publish import publish as deliver
    from submissions.publish import sound_bundle

    check_repository_name(to)
    sealed = sound_bundle(bundle, load_rules(rules) if rules else None)
    with open_repository(to, "" if dry_run else token_of(os.environ)) as repository:
        manifest = sealed.sound_manifest
        files = {name: record.size_bytes for name, record in sealed.records.items()}
        if manifest.notice:
            say_note(tr(manifest.notice))
        if dry_run:
            _say_what_would_go(repository.page, manifest.name, files)
            return
        done = deliver(sealed, repository, private)
    if not done.created:
        say_note(tr("the page was there: its name must be {name}", name=manifest.name))
    say(
        tr(
            "page    {address}  ({written} of {files} files written, all are there)",
            address=repository.page,
            written=len(done.written),
            files=len(files),
        )
    )


def _say_what_would_go(page: str, name: str, sizes: Mapping[str, int]) -> None:
    say(tr("page    {address}", address=page))
    say(tr("name    {name}", name=name))
    for file, size in sizes.items():
        say(tr("file    {file}  {size:,} bytes", file=file, size=size))
    size = sum(sizes.values())
    say(tr("total   {files} files, {size:,} bytes; nothing was sent", files=len(sizes), size=size))
