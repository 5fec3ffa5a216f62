"""What a budget was spent on, in sentences for a terminal and as a record for machines."""

from dataclasses import asdict

from eval.casting.more.draw_more import DrawnMore, RoundDrawn
from eval.casting.more.next_round import WORTH
from eval.casting.selection import SetQuality
from eval.casting.summary import standing_said
from kit.messages import Message, tr


def round_said(done: RoundDrawn) -> Message:
    """Return which panels got pictures, and what that did to the set."""
    panels = " ".join(str(panel) for panel in sorted(one.panel for one in done.pictures))
    told = {"spent": done.spent, "budget": done.budget, "panels": panels, "failed": _failed_said(done.failed)}
    if done.after is None:
        return tr("draw    {spent} of {budget}: panels {panels}{failed}, to see how they differ", **told)
    return tr(
        "draw    {spent} of {budget}: panels {panels}{failed}; {gained}: {standing}",
        gained=gained_said(done.before, done.after),
        standing=standing_said(done.after),
        **told,
    )


def _failed_said(failed: int) -> Message | str:
    return tr(" ({n} could not be drawn)", n=failed) if failed else ""


def gained_said(before: SetQuality | None, after: SetQuality) -> Message:
    """Return how much better a set is than another by the same scale."""
    if before is None:
        return tr("there is a set now")
    mean = after.mean - before.mean
    if after.rank <= before.rank:
        return tr("the set stays")
    if after.weighted is not None and before.weighted is not None:
        return tr("the set gains {sd:+.2f} sd", sd=after.weighted - before.weighted)
    return tr(
        "the set gains {sd:+.2f} sd in its weakest metric, {mean:+.2f} sd in the mean",
        sd=after.lowest - before.lowest,
        mean=mean,
    )


def end_said(done: DrawnMore) -> list[Message]:
    """Return why the drawing ended, and what it gave in all."""
    told = {"spent": len(done.spending.slots), "budget": done.spending.budget, "promised": done.promised}
    if done.spending.ended == "spent":
        why = tr("spent   {spent} of {budget} pictures; one more promises {promised:.4f} sd", **told)
    else:
        why = tr(
            "spent   {spent} of {budget} pictures; stopped, as one more promises {promised:.4f} sd, less "
            "than {worth}",
            worth=WORTH,
            **told,
        )
    if not told["spent"]:
        return [why]
    standing = done.selection.standing
    return [why, tr("        by these pictures {gained}", gained=gained_said(done.without, standing))]


def spending_told(done: DrawnMore) -> dict[str, object]:
    """Return what was drawn and what it gave as a record."""
    return {
        "budget": done.spending.budget,
        "spent": len(done.spending.slots),
        "ended": done.spending.ended,
        "promised": done.promised,
        "rounds": [[one._asdict() for one in each] for each in done.spending.rounds],
        "without": None if done.without is None else asdict(done.without),
    }
