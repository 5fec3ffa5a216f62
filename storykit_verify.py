"""The `storykit verify` command: bundles against the rules, drawn again, or ranked against each other."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from kit.errors import StorykitError
from storykit_reproduce import reproduce_bundle, tell

if TYPE_CHECKING:
    from submissions.fault import Fault
    from submissions.reproduce import Reproduction
    from submissions.rules import Rules

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
    from submissions.field import bundles_in, check
    from submissions.rules import load_rules
    from submissions.verify import verify as check_alone

    if leaderboard is None and (aesthetic or clip):
        raise typer.BadParameter("--aesthetic and --clip score for a --leaderboard")
    if leaderboard is not None and (as_json or reproduce):
        raise typer.BadParameter("a leaderboard is a table and a page; leave out --json and --reproduce")
    if (base or device != "auto") and not reproduce:
        raise typer.BadParameter("--base and --device draw for --reproduce")
    known, found = load_rules(rules) if rules else None, bundles_in(bundles)
    if leaderboard is not None:
        _rank(found, known, leaderboard, aesthetic or "mini", clip or "mini")
        return
    alone = len(bundles) == 1 and not bundles[0].is_dir()
    looks = []
    for bundle in found:
        faults = check_alone(bundle, known) if alone else check(bundle, known).faults
        looks.append(_look(bundle, faults, (base, device) if reproduce else None, as_json))
    if as_json:
        told = looks[0].facts if alone else {str(look.bundle): look.facts for look in looks}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
    if not all(look.sound for look in looks):
        raise typer.Exit(1)


class _Look(NamedTuple):
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


def _look(bundle: Path, faults: "Sequence[Fault]", draw: tuple[str, str] | None, quiet: bool) -> _Look:
    """Draw a bundle again if it is sound and that is asked for; print its faults and that unless quiet."""
    from submissions.fault import Fault, shown

    if not quiet:
        for fault in faults:
            typer.echo(str(fault))
        typer.echo(shown(f"{bundle}: {len(faults)} faults" if faults else f"{bundle}: no faults"))
    if draw is None or faults:
        return _Look(bundle, faults, None)
    folder = bundle.with_name(f"{bundle.stem}-reproduced")
    try:
        again = reproduce_bundle(bundle, folder, *draw)
    except StorykitError as error:
        fault = Fault(place="bundle", problem=f"cannot be drawn again: {error}")
        if not quiet:
            typer.echo(str(fault))
        return _Look(bundle, [fault], None)
    if not quiet:
        tell(again, folder)
    return _Look(bundle, faults, again)


def _rank(bundles: Sequence[Path], rules: "Rules | None", out: Path, aesthetic: str, clip: str) -> None:
    """Write leaderboard.csv and leaderboard.html into a folder and print a short table."""
    from eval.instruments import load_instruments
    from kit.files import write_whole
    from storykit_progress import progress_bar
    from submissions.leaderboard import leaderboard
    from submissions.leaderboard_page import board_html
    from submissions.leaderboard_table import board_csv, board_lines

    with progress_bar("ranking") as progress:
        board = leaderboard(bundles, rules, lambda: load_instruments(aesthetic, clip), progress)
    write_whole(out / "leaderboard.csv", board_csv(board))
    write_whole(out / "leaderboard.html", board_html(board).encode())
    for line in board_lines(board):
        typer.echo(line)
