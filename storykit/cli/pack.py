"""The `storykit pack` and `storykit publish` commands: the entry that is handed in."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

import storykit
from kit.messages import tr
from storykit.cli.terminal.console import say, say_note
from storykit.cli.verify import OwnRules


def pack(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.")],
    team: Annotated[str, typer.Option(help="The team's name as registered.")],
    title: Annotated[str, typer.Option(help="The entry's own name.")],
    introduction: Annotated[
        Path, typer.Option(help="A text file that introduces the LoRA, such as intro.txt.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The zip to write.")],
    candidate: Annotated[str, typer.Option(help="Whose pictures.")],
    order: Annotated[str, typer.Option(help="Which prompt order.")] = "authored",
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
) -> None:
    """Pack a story of a run as the contest wants it; refuses what the contest would refuse."""
    from kit.files.documents import read_text

    done = storykit.pack(
        storykit.open_run(run_folder),
        out,
        candidate=candidate,
        team=team,
        title=title,
        introduction=read_text(introduction, wanted="text"),
        order=order,
        story=story,
        seed=seed,
        rules=rules,
        link=link,
        overwrite=overwrite,
    )
    for note in done.notes:
        say_note(note)
    say(tr("bundle  {path}  {sha256}", path=done.path, sha256=done.sha256))


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
