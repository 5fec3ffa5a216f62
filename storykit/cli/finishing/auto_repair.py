"""What `storykit repair --auto` says: why each try was made, what it did, and how the result is taken."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

from kit.files.user_paths import shell_word
from kit.messages import Message, joined, tr, trn
from storykit.cli.terminal.console import say, say_fault, say_json
from storykit.cli.terminal.painters import ready_painters
from storykit.cli.terminal.progress import progress_bar

if TYPE_CHECKING:
    from eval.casting.exchanged import Exchanged
    from eval.casting.misfits import Gauge
    from kit.experiment.run import Run
    from storykit.auto_repair import AutoRepair, AutoTry
    from submissions.packing.entry_plan import EntryPlan


class AutoWish(NamedTuple):
    """What is asked for with --auto."""

    most: int
    """Pictures."""
    panel: int | None
    first_seed: int
    devices: str


def repair_by_itself(run: "Run", plan: "EntryPlan", wish: AutoWish, *, as_json: bool) -> None:
    """Repair what the scores name in a set, and say so try by try."""
    from eval.casting.more.draw_more import Workshop
    from storykit.auto_repair import auto_tries, looked_at
    from storykit.repairing import finished_said, set_meant

    with progress_bar(tr("measuring")):
        mending = looked_at(run, set_meant(run, plan, wish.panel), wish.panel, wish.first_seed)
    if mending.left:
        with ready_painters(run.loaded.experiment.base, wish.devices) as painters:
            shop = Workshop(painters=painters, showing=progress_bar, tools=mending.tools)
            for number, one in enumerate(auto_tries(mending, shop, wish.most), 1):
                if not as_json:
                    _say_try(run, number, one)
    if as_json:
        say_json(_told(mending))
        return
    for line in (*end_said(mending), *finished_said(run, mending.place)):
        say(line)


def _say_try(run: "Run", number: int, one: "AutoTry") -> None:
    from eval.casting.misfits import reason_said

    before, step = one.misfit, one.made.repair.step.said()
    why = reason_said(before.reason, before.told)
    say(
        tr(
            "try {number}   panel {panel}, {why}: {step}",
            number=number,
            panel=before.panel,
            why=why,
            step=step,
        )
    )
    say(tr("        {file}", file=run.panel_path(*one.made.repair.slot)))
    if one.after is None:
        say_fault(str(one.made.repair.number), one.made.reason)
        return
    told = {"before": _value(before), "after": _value(one.after), "number": one.made.repair.number}
    kept = tr("better, kept") if one.better else tr("not better, not kept")
    say(tr("        number {number}: {before} -> {after}; {kept}", **told, kept=kept))
    if one.was and one.now:
        say(tr("        the set: {was} -> {now}", was=_standing(one.was), now=_standing(one.now)))


def _value(gauge: "Gauge") -> Message:
    """Return a reading in words."""
    if gauge.reason == "letters":
        return trn("{n} letter", "{n} letters", round(-gauge.value))
    return tr("{value:+.3f} (at least {least:+.3f})", value=gauge.value, least=gauge.least)


def _standing(one: "Exchanged") -> Message:
    from eval.casting.summary import standing_said

    return standing_said(one.standing)


def end_said(mending: "AutoRepair") -> Iterator[Message]:
    """Yield whether all is mended, what was nearest where it is not, and how the result is taken."""
    from eval.casting.misfits import REASONS, reason_said

    named = mending.named
    if lacking := [reason_said(one) for one in REASONS if one not in named]:
        yield tr(
            "note    with these scorers nobody can tell: {reasons} (docs/repair.md)",
            reasons=joined(lacking, tr("; ")),
        )
    if not mending.tries and not mending.left:
        where = tr("this set") if mending.only is None else tr("panel {panel}", panel=mending.only)
        yield tr("nothing is named in {where}, so no picture was drawn", where=where)
        return
    for one in mending.left:
        why = reason_said(one.reason, one.told)
        told = {"panel": one.panel, "why": why}
        nearest = mending.nearest(one)
        if nearest is None or nearest.after is None:
            yield tr("left    panel {panel}, {why}: not tried", **told)
            continue
        told |= {"number": nearest.made.repair.number, "value": _value(nearest.after)}
        yield tr("left    panel {panel}, {why}: not mended; nearest was number {number}, {value}", **told)
    if not mending.left:
        yield trn("mended with {n} picture", "mended with {n} pictures", len(mending.tries))
    if mending.changed:
        yield _taken(mending)
    else:
        yield tr("none is better than what was there; look at them yourself")


def _taken(mending: "AutoRepair") -> Message:
    """Return the command that takes the set."""
    candidate, order, story = mending.place
    keeps = " ".join(f"--keep {panel}={seed}" for panel, seed in enumerate(mending.seeds, 1))
    return tr(
        "take it with `storykit cast {folder} --candidate {candidate} --order {order} --story {story} "
        "{keeps}`",
        folder=shell_word(mending.run.folder),
        candidate=shell_word(candidate),
        order=shell_word(order),
        story=shell_word(story),
        keeps=keeps,
    )


def _told(mending: "AutoRepair") -> dict[str, object]:
    """Return the same for machines."""
    from kit.experiment.steps import step_told

    def read(gauge: "Gauge | None") -> dict[str, object] | None:
        return gauge and gauge._asdict()

    return {
        "place": mending.place,
        "seeds": mending.seeds,
        "nameable": mending.named,
        "tries": [
            {
                "number": one.made.repair.number,
                "step": step_told(one.made.repair.step),
                "misfit": read(one.misfit),
                "after": read(one.after),
                "left": [read(each) for each in one.left],
                "was": one.was and asdict(one.was.standing),
                "now": one.now and asdict(one.now.standing),
                "reason": one.made.reason,
                "better": one.better,
            }
            for one in mending.tries
        ],
        "left": [read(one) for one in mending.left],
        "changed": mending.changed,
    }
