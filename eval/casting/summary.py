"""What was cast, in sentences for a terminal and as a record for machines."""

from collections.abc import Mapping
from dataclasses import asdict

from eval.casting.picks import Picks
from eval.casting.selection import MetricDifference, PanelChoice, Selection, SetQuality
from kit.messages import Message, joined, tr


def set_said(one: Selection, *, swaps: bool) -> list[Message]:
    """Return what was chosen, what each choice by hand costs, and what the next best would be."""
    seeds = " ".join(map(str, one.seeds))
    told = {"place": " ".join(one.place), "seeds": seeds, "sets": one.sets}
    if one.proven:
        lines = [tr("cast    {place}: seeds {seeds}, the best of {sets:,} sets", **told)]
    else:
        lines = [
            tr(
                "cast    {place}: seeds {seeds}, the best found of {sets:,} sets; that none is better is not "
                "proven, the search was stopped",
                **told,
            )
        ]
    lines.append(tr("        {told}", told=standing_said(one.standing)))
    if one.weights:
        lines.append(tr("        by the votes' weights: {weights}", weights=weights_said(one.weights)))
    if one.single is not None:
        single = tr(
            "best single seed {seed}: {told}", seed=one.single.seed, told=standing_said(one.single.standing)
        )
        lines.append(tr("        {told}", told=single))
    if swaps:
        lines += [_panel_said(one, part) for part in one.parts]
    return lines


def _panel_said(one: Selection, part: PanelChoice) -> Message:
    kept = tr(" (by hand)") if part.kept else ""
    if part.swap:
        after = tr("next best {seed}: {told}", seed=part.swap.seed, told=standing_said(part.swap.standing))
    elif part.free:
        after = cost_said(one, part)
    else:
        after = tr("no other")
    told = {"panel": part.panel, "seed": part.seed, "kept": kept, "swap": after}
    return tr("panel {panel}  seed {seed}{kept}; {swap}", **told)


def standing_said(standing: SetQuality) -> Message:
    """Return how good a set is; deviations are from sets chosen by lot."""
    if standing.weighted is not None:
        return tr(
            "weighted mean {weighted:+.2f} sd, weakest {metric} {lowest:+.2f} sd",
            weighted=standing.weighted,
            metric=standing.weakest,
            lowest=standing.lowest,
        )
    return tr(
        "weakest {metric} {lowest:+.2f} sd, mean {mean:+.2f} sd",
        metric=standing.weakest,
        lowest=standing.lowest,
        mean=standing.mean,
    )


def cost_said(one: Selection, part: PanelChoice) -> Message:
    """Return what a choice by hand costs: the best set that leaves the panel open, against this one."""
    assert part.free is not None
    if part.free.seed == part.seed:
        return tr("costs nothing: it is the best with the others as they are")
    costs = one.costs[part.panel]
    told = [_difference_said(metric, costs[metric]) for metric in costs if costs[metric].deviations]
    return tr(
        "without it seed {seed}: {differences}", seed=part.free.seed, differences=joined(told, tr(", "))
    )


def _difference_said(metric: str, cost: MetricDifference) -> Message:
    return tr("{metric} {value:+.4f} ({sd:+.2f} sd)", metric=metric, value=cost.value, sd=cost.deviations)


def weights_said(weights: Mapping[str, float]) -> Message:
    """Return the weight of each metric."""
    return joined(
        (tr("{metric} {weight:.2f}", metric=name, weight=weight) for name, weight in weights.items()),
        tr(", "),
    )


def obeyed_said(picks: Picks) -> Message:
    """Return what a run keeps of picks by hand, and how they are dropped."""
    kept = " ".join(f"{one.panel}={one.seed}" for one in picks.keep)
    banned = " ".join(f"{one.panel}={one.seed}" for one in picks.ban)
    told = [tr("kept {picks}", picks=kept)] if kept else []
    told += [tr("banned {picks}", picks=banned)] if banned else []
    return tr(
        "picks   {place}: {told}, as decided by hand before; --forget drops them",
        place=" ".join(picks.place),
        told=joined(told, tr("; ")),
    )


def told_of(one: Selection) -> dict[str, object]:
    """Return a set as a record, with what each choice by hand costs."""
    costs = {
        str(panel): {metric: cost._asdict() for metric, cost in found.items()}
        for panel, found in one.costs.items()
    }
    return asdict(one) | {"costs": costs}
