"""The `storykit share` command: a story to show to friends."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import storykit
from kit.files.user_paths import shell_word
from kit.messages import tr
from storykit.cli.terminal.console import RunFolder, say, say_note, say_unread
from storykit.cli.terminal.usage_errors import WrongUsage
from storykit.sharing import USUAL_LAYOUT, Layout, PostPicture, Wanted, grid_picture

if TYPE_CHECKING:
    from storykit.grid import GridWish


def share(
    run_folder: RunFolder,
    out: Annotated[Path | None, typer.Option(help="The folder to write; else RUN/share.")] = None,
    candidate: Annotated[str, typer.Option(help="Whose pictures; else the one that was cast.")] = "",
    order: Annotated[str, typer.Option(help="Which prompt order; else authored.")] = "",
    story: Annotated[str, typer.Option(help="Which story; needed when there are several.")] = "",
    seed: Annotated[int | None, typer.Option(help="Which seed; else what was cast, else the first.")] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Show the set's scores, too.")] = False,
    layout: Annotated[
        Layout,
        typer.Option(help="The picture: rows x columns of panels, or strip, one below the other."),
    ] = USUAL_LAYOUT,
    no_captions: Annotated[
        bool, typer.Option("--no-captions", help="Only pictures in the picture, not a word.")
    ] = False,
    slides: Annotated[
        bool, typer.Option("--slides", help="Write slides.html as well, a slide show for a talk.")
    ] = False,
    text: Annotated[bool, typer.Option("--text", help="End the slides with the story's text.")] = False,
    upscale: Annotated[
        str,
        typer.Option(help="Enlarge the panels of the picture with a network: mini, or a file as of ESRGAN."),
    ] = "",
    grid: Annotated[
        str,
        typer.Option(
            metavar="ROWS,COLUMNS",
            help="Write one labelled picture instead, along any two of candidate, step, strength, "
            "consistency, order, story, seed, panel.",
        ),
    ] = "",
    panel: Annotated[int | None, typer.Option(help="Which panel the grid shows; else the first.")] = None,
) -> None:
    """Write one page of the chosen story to show to others, and a picture for a post."""
    from kit.experiment.identity import is_draft

    run = storykit.open_run(run_folder)
    say_unread(run.run)
    if grid:
        if scores or slides or text or no_captions or upscale or layout != USUAL_LAYOUT:
            raise WrongUsage(tr("--grid writes one picture alone: leave out the options of page and slides"))
        from storykit.grid import GridWish, grid_axes

        rows, columns = grid_axes(grid)
        named = GridWish(
            rows=rows,
            columns=columns,
            candidate=candidate,
            order=order,
            story=story,
            seed=seed,
            panel=panel,
        )
        _share_grid(run, out, named)
        return
    if panel is not None:
        raise WrongUsage(tr("--panel says which panel a grid shows: add --grid"))
    wanted = Wanted(layout, not no_captions, slides or text, text, upscale)
    done = storykit.share(
        run, out, wanted, candidate=candidate, order=order, story=story, seed=seed, scores=scores
    )
    if is_draft(run.run):
        command = f"`storykit finish {shell_word(run.folder)}`"
        say_note(tr("these are drafts, and the page says so; {command} draws the finals", command=command))
    drawn = done.drawn
    if wanted.captions and not drawn.lettered:
        say_note(
            tr("the picture has panel numbers only: no font here has its letters, install Noto Sans CJK")
        )
    say(tr("page    {address}", address=done.page))
    _say_picture(done.picture, drawn)
    if done.slides is not None:
        say(tr("slides  {address}", address=done.slides))


def _share_grid(run: storykit.RunResults, out: Path | None, wish: "GridWish") -> None:
    """Write a grid and say where it is."""
    from kit.files.atomic_write import write_atomic

    drawn = grid_picture(run.run, wish)
    path = (out or run.folder / "share") / f"grid-{wish.rows}-{wish.columns}.jpg"
    write_atomic(path, drawn.jpeg)
    if not drawn.lettered:
        say_note(
            tr("rows and columns have numbers only: no font here has their letters, install Noto Sans CJK")
        )
    _say_picture(path, drawn)


def _say_picture(path: Path, drawn: PostPicture) -> None:
    if drawn.left_out:
        say_note(tr("the picture's words are without {emoji}: no font here has them", emoji=drawn.left_out))
    told = {"path": path, "width": drawn.width, "height": drawn.height}
    size = f"{len(drawn.jpeg) / 1e6:.1f}"
    say(tr("picture {path}  {width} x {height} pixels, {size} MB", **told, size=size))
