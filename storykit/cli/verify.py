"""The `storykit verify` command: bundles against the rules, drawn again, or ranked against each other."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from kit.embedded import EMBEDDED
from kit.errors import StorykitError
from storykit.cli.progress import progress_bar

if TYPE_CHECKING:
    from submissions.contest.rules import Rules
    from submissions.faults import Fault
    from submissions.reproduction.reproduce import Redrawn, Reproduction


def reproduce_bundle(bundle: Path, folder: Path, base: str, device: str) -> "Reproduction":
    """Draw a sound bundle's panels again; write them and a sheet that shows them beside the bundle's.

    Args:
        bundle: the zip.
        folder: where panels and sheet go.
        base: a base's name or folder; empty for the one that the bundle was drawn with.
        device: where to draw.
    """
    from kit.files.atomic_write import write_atomic
    from kit.generation.devices import load_painter
    from submissions.bundle.mosaic import png_bytes
    from submissions.reproduction.reproduce import reproduce
    from submissions.reproduction.side_by_side import draw_sheet
    from submissions.verification.verify import read_bundle

    manifest, files = read_bundle(bundle)
    painter = load_painter(base or (EMBEDDED if manifest.notice else "kolors"), device)
    with progress_bar("drawing") as progress:
        done = reproduce(manifest, files, painter, progress)
    for panel in done.panels:
        if panel.png is not None:
            write_atomic(folder / f"{panel.panel}.png", panel.png)
    write_atomic(folder / "side-by-side.png", png_bytes(draw_sheet(manifest, files, done)))
    return done


def tell(done: "Reproduction", out: Path) -> None:
    """Print how each panel came out, and why it may not be the same."""
    from kit.files.encodings import printable
    from submissions.reproduction.reproduce import BOUND

    for panel in done.panels:
        typer.echo(f"panel {panel.panel}: {_outcome(panel)}")
    same = sum(panel.verdict == "identical" for panel in done.panels)
    if same < len(done.panels):
        typer.echo(f"same picture: up to {BOUND:g} of 255 mean difference")
        for reason in done.reasons:
            typer.echo(printable(f"differs: {reason}"))
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


OwnRules = Annotated[
    str | None,
    typer.Option(help="A shipped contest or a rules file; else the contest that the bundle names."),
]


def verify(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE", help="Bundles, or a folder of them.")],
    rules: OwnRules = None,
    reproduce: Annotated[
        bool,
        typer.Option(
            "--reproduce",
            help="Draw the panels again, from the bundle alone, and compare; writes NAME-reproduced.",
        ),
    ] = False,
    base: Annotated[
        str, typer.Option(help="For --reproduce: mini, kolors or a folder; else what the bundle names.")
    ] = "",
    device: Annotated[str, typer.Option(help="For --reproduce: auto, cpu or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print numbers as JSON, for machines.")] = False,
    leaderboard: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT", help="Score and rank the bundles; the folder for the table and the page."
        ),
    ] = None,
    aesthetic: Annotated[
        str | None, typer.Option(help="For --leaderboard: the predictor's folder, or 'mini'.")
    ] = None,
    clip: Annotated[
        str | None, typer.Option(help="For --leaderboard: CLIP weights' folder, or 'mini'.")
    ] = None,
) -> None:
    """Check bundles against their contest's rules; draw them again or rank them if asked."""
    from submissions.contest.rules import load_rules
    from submissions.leaderboard.intake import bundles_in, check
    from submissions.verification.verify import verify as check_alone

    if leaderboard is None and (aesthetic or clip):
        raise typer.BadParameter("--aesthetic and --clip score for a --leaderboard")
    if leaderboard is not None and (as_json or reproduce):
        raise typer.BadParameter("a leaderboard is a table and a page; leave out --json and --reproduce")
    if (base or device != "auto") and not reproduce:
        raise typer.BadParameter("--base and --device draw for --reproduce")
    known, found = load_rules(rules) if rules else None, bundles_in(bundles)
    if leaderboard is not None:
        _rank(found, known, leaderboard, aesthetic or EMBEDDED, clip or EMBEDDED)
        return
    alone = len(bundles) == 1 and not bundles[0].is_dir()
    looks = []
    for bundle in found:
        faults = check_alone(bundle, known) if alone else check(bundle, known).faults
        looks.append(_bundle_result(bundle, faults, (base, device) if reproduce else None, as_json))
    if as_json:
        told = looks[0].facts if alone else {str(look.bundle): look.facts for look in looks}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
    if not all(look.sound for look in looks):
        raise typer.Exit(1)


class _BundleResult(NamedTuple):
    """What came out of a bundle."""

    bundle: Path
    faults: "Sequence[Fault]"
    again: "Reproduction | None"

    @property
    def sound(self) -> bool:
        """Whether it has no fault, and came out the same if it was drawn again."""
        return not self.faults and (self.again is None or self.again.holds)

    @property
    def facts(self) -> object:
        """What the JSON says of it."""
        faults = [asdict(fault) for fault in self.faults]
        return faults if self.again is None else {"faults": faults, "reproduced": self.again.facts}


def _bundle_result(
    bundle: Path, faults: "Sequence[Fault]", draw: tuple[str, str] | None, quiet: bool
) -> _BundleResult:
    """Draw a bundle again if it is sound and that is asked for; print its faults and that unless quiet."""
    from kit.files.encodings import printable
    from submissions.faults import Fault

    if not quiet:
        for fault in faults:
            typer.echo(str(fault))
        typer.echo(printable(f"{bundle}: {len(faults)} faults" if faults else f"{bundle}: no faults"))
    if draw is None or faults:
        return _BundleResult(bundle, faults, None)
    folder = bundle.with_name(f"{bundle.stem}-reproduced")
    try:
        again = reproduce_bundle(bundle, folder, *draw)
    except StorykitError as error:
        fault = Fault(place="bundle", problem=f"cannot be drawn again: {error}")
        if not quiet:
            typer.echo(str(fault))
        return _BundleResult(bundle, [fault], None)
    if not quiet:
        tell(again, folder)
    return _BundleResult(bundle, faults, again)


def _rank(bundles: Sequence[Path], rules: "Rules | None", out: Path, aesthetic: str, clip: str) -> None:
    """Write leaderboard.csv and leaderboard.html into a folder and print a short table."""
    from eval.scorers.load import load_scorers
    from kit.files.atomic_write import write_atomic
    from storykit.cli.progress import progress_bar
    from submissions.leaderboard.leaderboard import leaderboard
    from submissions.leaderboard.page import board_html
    from submissions.leaderboard.table import board_csv, board_lines

    with progress_bar("ranking") as progress:
        board = leaderboard(bundles, rules, lambda: load_scorers(aesthetic, clip), progress)
    write_atomic(out / "leaderboard.csv", board_csv(board))
    write_atomic(out / "leaderboard.html", board_html(board).encode())
    for line in board_lines(board):
        typer.echo(line)
