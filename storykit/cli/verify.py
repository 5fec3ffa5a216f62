"""The `storykit verify`, `reproduce` and `leaderboard` commands: bundles checked, drawn again, ranked."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit.embedded import EMBEDDED
from kit.errors import BundleError, StorykitError
from kit.files.encodings import shown_path
from kit.hub.downloaded import downloaded
from kit.messages import joined, tr
from kit.story.control import KINDS, ControlKind
from storykit.cli.terminal.console import (
    AsJson,
    ScoringCluster,
    ScoringDevices,
    faults_counted,
    say,
    say_json,
    say_worker,
)
from storykit.cli.terminal.progress import progress_bar
from storykit.cli.terminal.usage_errors import refuse_both

if TYPE_CHECKING:
    from submissions.faults import Fault
    from submissions.leaderboard.intake import CheckedBundle
    from submissions.reproduction.reproduce import Redrawn, Reproduction
    from submissions.reproduction.side_by_side import DrawAgain

Bundles = Annotated[list[Path], typer.Argument(metavar="BUNDLE", help="Bundles, or a folder of them.")]
OwnRules = Annotated[
    str | None,
    typer.Option(help="A shipped contest or a rules file; else the contest that the bundle names."),
]
Aesthetic = Annotated[str, typer.Option(help="The aesthetic predictor's folder, or 'mini'.")]
Clip = Annotated[str, typer.Option(help="CLIP weights' folder, or 'mini'.")]
Moved = Annotated[str, typer.Option(hidden=True)]
"""An option of the release before, whose command is another now."""


def verify(
    bundles: Bundles,
    rules: OwnRules = None,
    as_json: AsJson = False,
    reproduce: Annotated[bool, typer.Option("--reproduce", hidden=True)] = False,
    base: Moved = "",
    device: Moved = "",
    leaderboard: Moved = "",
    aesthetic: Moved = "",
    clip: Moved = "",
) -> None:
    """Check bundles against their contest's rules."""
    shared = {"rules": rules or ""}
    if leaderboard or aesthetic or clip:
        options = {"out": leaderboard or "OUT", **shared, "aesthetic": aesthetic, "clip": clip}
        raise _moved("leaderboard", bundles, options)
    if reproduce or base or device:
        raise _moved("reproduce", bundles, {**shared, "base": base, "device": device})
    told: dict[str, object] = {}
    for path, checked in _checked(bundles, rules):
        told[shown_path(path)] = [fault.facts for fault in checked.faults]
        if not as_json:
            _say_faults(path, checked.faults)
    _finish(bundles, told if as_json else None, not any(told.values()))


def reproduce(
    bundles: Bundles,
    rules: OwnRules = None,
    base: Annotated[
        str,
        typer.Option(
            help="mini, kolors, a folder, a hub's name, or an experiment for its base; else the bundle's."
        ),
    ] = "",
    device: Annotated[str, typer.Option(help="Where to draw: auto, cpu or cuda.")] = "auto",
    aesthetic: Annotated[
        str, typer.Option(help="The aesthetic predictor's folder, to score again; else the embedded one.")
    ] = "",
    controlnet: Annotated[
        list[str], typer.Option(help="KIND=FOLDER of a ControlNet; once for each kind of map.")
    ] = [],  # noqa: B006
    editor: Annotated[
        str, typer.Option(help="The InstructPix2Pix's folder, where panels were edited: no bundle holds it.")
    ] = "",
    ip_adapter: Annotated[
        str, typer.Option(help="The IP-Adapter's folder, where it read pictures: no bundle holds it.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Draw a bundle's panels again, from the bundle alone, and compare; writes NAME-reproduced."""
    from submissions.reproduction.controls import NetworkFolders
    from submissions.reproduction.side_by_side import DrawAgain

    networks = NetworkFolders(_controlnets(controlnet), editor, _adapter(ip_adapter))
    where = DrawAgain(base, device, aesthetic, networks)
    told: dict[str, object] = {}
    sound = True
    for path, checked in _checked(bundles, rules):
        if not as_json:
            _say_faults(path, checked.faults)
        faults, again = _drawn_again(path, checked, where)
        if not as_json:
            _say_outcome(path, again, () if checked.faults else faults)
        sound = sound and again is not None and again.holds
        found: object = [fault.facts for fault in faults]
        told[shown_path(path)] = {"faults": found, "reproduced": again.facts} if again else found
    _finish(bundles, told if as_json else None, sound)


def leaderboard(
    bundles: Bundles,
    out: Annotated[Path, typer.Option("--out", help="The folder for the table and the page.")],
    rules: OwnRules = None,
    aesthetic: Aesthetic = EMBEDDED,
    clip: Clip = EMBEDDED,
    calibration: Annotated[
        Path | None, typer.Option(help="What `metrics validate --drawn` found of these weights.")
    ] = None,
    devices: ScoringDevices = "auto",
    ray: ScoringCluster = "",
) -> None:
    """Check, score and rank bundles; writes a table and a page."""
    from eval.scorers.load import load_scorers
    from eval.scoring.shared_scorers import scorers_on
    from kit.files.folder_lock import lock_folder
    from submissions.contest.rules import load_rules
    from submissions.leaderboard.intake import bundles_in, refuse_empty_places
    from submissions.leaderboard.leaderboard import leaderboard as rank
    from submissions.leaderboard.page import check_board_folder, write_leaderboard
    from submissions.leaderboard.table import board_lines

    refuse_both(devices, ray)
    check_board_folder(out)
    refuse_empty_places(bundles)
    known, found = load_rules(rules) if rules else None, bundles_in(bundles)
    load = partial(load_scorers, aesthetic, clip, calibration)
    with lock_folder(out, "written"), ExitStack() as stack:
        tools = partial(scorers_on, load, devices, ray, say_worker)
        with progress_bar(tr("ranking")) as progress:
            board = rank(found, known, lambda: stack.enter_context(tools()), progress)
        write_leaderboard(board, out)
    for line in board_lines(board):
        say(line)


def _moved(command: str, bundles: Sequence[Path], options: Mapping[str, str]) -> typer.BadParameter:
    """Return what answers an option of the release before: the command to type now."""
    words = ["storykit", command, *map(str, bundles)]
    for name, value in options.items():
        words += [f"--{name}", value] if value else []
    return typer.BadParameter(tr("this is a command of its own now: {command}", command=shlex.join(words)))


def _checked(bundles: Sequence[Path], rules: str | None) -> "Iterator[tuple[Path, CheckedBundle]]":
    """Yield each bundle checked; one that is named alone and cannot be read at all is an error."""
    from submissions.contest.rules import load_rules
    from submissions.leaderboard.intake import bundles_in, check, refuse_empty_places

    refuse_empty_places(bundles)
    known = load_rules(rules) if rules else None
    for path in bundles_in(bundles):
        checked = check(path, known)
        if checked.bundle is None and _is_alone(bundles):
            raise BundleError(joined([fault.reason for fault in checked.faults], tr("; ")))
        yield path, checked


def _is_alone(bundles: Sequence[Path]) -> bool:
    return len(bundles) == 1 and not bundles[0].is_dir()


def _drawn_again(
    path: Path, checked: "CheckedBundle", where: "DrawAgain"
) -> "tuple[Sequence[Fault], Reproduction | None]":
    """Draw a bundle again if it is sound; return what is wrong with it and what came out."""
    from submissions.faults import Fault
    from submissions.reproduction.side_by_side import reproduce_into

    if checked.bundle is None or checked.faults:
        return checked.faults, None
    try:
        with progress_bar(tr("drawing")) as progress:
            return (), reproduce_into(_folder(path), checked.bundle, where, progress)
    except StorykitError as error:
        return [Fault("bundle", tr("cannot be drawn again: {error}", error=error))], None


def _controlnets(named: Sequence[str]) -> dict[ControlKind, Path]:
    """Return folders by kind; a hub's name stands for a model that was downloaded."""
    found: dict[ControlKind, Path] = {}
    for text in named:
        name, _, place = text.partition("=")
        kind = next((kind for kind in KINDS if kind == name), None)
        folder = Path(place) if place and Path(place).is_dir() else downloaded(place)
        if kind is None or folder is None:
            raise typer.BadParameter(
                tr(
                    "--controlnet takes KIND=FOLDER, KIND one of {kinds}, got {text!r}",
                    kinds=joined(KINDS, tr(", ")),
                    text=text,
                )
            )
        found[kind] = folder
    return found


def _adapter(named: str) -> Path | None:
    """Return the folder of an IP-Adapter; a hub's name stands for a model that was downloaded."""
    if not named:
        return None
    folder = Path(named) if Path(named).is_dir() else downloaded(named)
    if folder is None:
        raise typer.BadParameter(
            tr("--ip-adapter takes a folder or a model that was downloaded, got {text!r}", text=named)
        )
    return folder


def _folder(bundle: Path) -> Path:
    return bundle.with_name(f"{bundle.stem}-reproduced")


def _say_faults(bundle: Path, faults: "Sequence[Fault]") -> None:
    for fault in faults:
        say(str(fault))
    told = faults_counted(len(faults)) if faults else tr("no faults")
    say(tr("{place}: {told}", place=shown_path(bundle), told=told))


def _say_outcome(bundle: Path, again: "Reproduction | None", faults: "Sequence[Fault]") -> None:
    """Print how each panel came out, and why it may not be the same; or why nothing was drawn."""
    from submissions.reproduction.likeness import bound_told
    from submissions.reproduction.side_by_side import SHEET

    for fault in faults:
        say(str(fault))
    if again is None:
        return
    for panel in again.panels:
        say(tr("panel {panel}: {verdict}", panel=panel.panel, verdict=_verdict(panel)))
    same = sum(panel.verdict == "identical" for panel in again.panels)
    if same < len(again.panels):
        say(tr("same picture: up to {bound}", bound=bound_told(again.place)))
        for reason in again.reasons:
            say(tr("differs: {reason}", reason=reason))
    for problem in again.problems:
        say(tr("refused: {problem}", problem=problem))
    if again.score is None:
        say(tr("not scored again: give --aesthetic the contest's predictor"))
    sheet = shown_path(_folder(bundle) / SHEET)
    say(
        tr(
            "{sheet}: {same} of {panels} panels drawn again to the last byte",
            sheet=sheet,
            same=same,
            panels=len(again.panels),
        )
    )


def _verdict(panel: "Redrawn") -> str:
    """Return a panel's verdict with its number or its reason."""
    if panel.difference is None:
        return tr("{verdict}, {reason}", verdict=tr(panel.verdict), reason=panel.reason)
    if not panel.difference:
        return tr(panel.verdict)
    return tr(
        "{verdict}, mean difference {difference:.2f} of 255",
        verdict=tr(panel.verdict),
        difference=panel.difference,
    )


def _finish(bundles: Sequence[Path], told: Mapping[str, object] | None, sound: bool) -> None:
    """Print what machines are told, if they are, and exit with 1 unless all is sound."""
    if told is not None:
        whole = next(iter(told.values())) if _is_alone(bundles) else told
        say_json(whole)
    if not sound:
        raise typer.Exit(1)
