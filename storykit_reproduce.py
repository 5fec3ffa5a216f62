"""What `storykit verify --reproduce` does: draw a bundle again, compare, and show both side by side."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from storykit_progress import progress_bar

if TYPE_CHECKING:
    from submissions.reproduce import Redrawn, Reproduction


def reproduce_bundle(bundle: Path, folder: Path, base: str, device: str) -> "Reproduction":
    """Draw a sound bundle's panels again; write them and a sheet that shows them beside the bundle's.

    Args:
        bundle: the zip.
        folder: where panels and sheet go.
        base: a base's name or folder; empty for the one that the bundle was drawn with.
        device: where to draw.
    """
    from kit.files import write_whole
    from kit.painter import load_painter
    from submissions.mosaic import png_bytes
    from submissions.reproduce import reproduce
    from submissions.side_by_side import draw_sheet
    from submissions.verify import read_bundle

    manifest, files = read_bundle(bundle)
    painter = load_painter(base or ("mini" if manifest.notice else "kolors"), device)
    with progress_bar("drawing") as progress:
        done = reproduce(manifest, files, painter, progress)
    for panel in done.panels:
        if panel.png is not None:
            write_whole(folder / f"{panel.panel}.png", panel.png)
    write_whole(folder / "side-by-side.png", png_bytes(draw_sheet(manifest, files, done)))
    return done


def tell(done: "Reproduction", out: Path) -> None:
    """Print how each panel came out, and why it may not be the same."""
    from submissions.fault import shown
    from submissions.reproduce import BOUND

    for panel in done.panels:
        typer.echo(f"panel {panel.panel}: {_outcome(panel)}")
    same = sum(panel.verdict == "identical" for panel in done.panels)
    if same < len(done.panels):
        typer.echo(f"same picture: up to {BOUND:g} of 255 mean difference")
        for reason in done.reasons:
            typer.echo(shown(f"differs: {reason}"))
    typer.echo(
        f"{out / 'side-by-side.png'}: {same} of {len(done.panels)} panels drawn again to the last byte"
    )


def _outcome(panel: "Redrawn") -> str:
    """Return a panel's verdict with its number or its reason."""
    if panel.difference is None:
        return f"{panel.verdict}, {panel.reason}"
    return (
        f"{panel.verdict}, mean difference {panel.difference:.2f} of 255"
        if panel.difference
        else panel.verdict
    )
