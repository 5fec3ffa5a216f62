"""What the votes of a run say, in lines for a terminal."""

from collections.abc import Iterator

from eval.comparison.stats import Interval, pairs_needed
from eval.metrics.registry import METRICS
from eval.votes.agreement import Agreement, Habits, Share
from eval.votes.ballot import Ballot
from eval.votes.strengths import MOST_VOTES, PairOutcome
from eval.votes.tally import BallotTally, Tally
from kit.messages import Message, joined, reader_language, tr, trn

MOST_PAIRS, MOST_METRICS = 12, 8
"""Lines of pairs and of metrics that are told; JSON has all."""


def summary_lines(tally: Tally) -> list[Message]:
    """Return what the votes say, ballot by ballot, then of the voters, the metrics and the file."""
    lines = [line for one in tally.ballots for line in _of_ballot(one)]
    lines += [_of_voter(one) for one in tally.voters]
    told = [one for one in tally.agreements if one.metric in METRICS]
    for kind in ("panel", "story"):
        lines += [_of_metric(one) for one in told if one.kind == kind][:MOST_METRICS]
    return [*lines, *_notes(tally)]


def _of_ballot(one: BallotTally) -> Iterator[Message]:
    yield tr(
        "votes   {asked}: {votes}, {decided} for one side, {ties}, {bad} both bad",
        asked=asked_said(one),
        votes=trn("{n} vote", "{n} votes", one.votes),
        decided=one.decided,
        ties=trn("{n} tie", "{n} ties", one.ties),
        bad=one.both_bad.part,
    )
    for strength in one.strengths:
        yield tr(
            "        {name}: preferred to the others in {share}, {won} won, {lost} lost",
            name=strength.contender,
            share=_percent(strength.chance, strength.interval),
            won=strength.won,
            lost=strength.lost,
        )
    for pair in one.pairs[:MOST_PAIRS]:
        yield _of_pair(pair, len(one.pairs))
    if (left := len(one.pairs) - MOST_PAIRS) > 0:
        yield tr("        and {n} more; `--json` shows all", n=left)
    if any(len(group) > 1 for group in one.tied_sets) and len(one.strengths) > 2:
        groups = joined([joined(group, " = ") for group in one.tied_sets], tr("; "))
        yield tr("        sets that are not told apart: {groups}", groups=groups)


def asked_said(one: BallotTally | Ballot) -> Message:
    """Return what a ballot asks."""
    if one.kind == "panel":
        shown = tr("panels")
    else:
        shown = tr("stories as they were cast") if one.picked else tr("whole stories")
    if one.factor == "candidates":
        return tr("{shown} of the candidates in order {order}", shown=shown, order=one.held)
    return tr("{shown} of {candidate} in its orders", shown=shown, candidate=one.held)


def pair_said(pair: PairOutcome, family: int) -> Message:
    """Return what the votes say of two contenders, one of so many pairs."""
    told = {"a": pair.better, "b": pair.other, "chance": f"{pair.chance:.0%}", "p": _p(pair.p_holm)}
    if pair.verdict == "better":
        return tr("{a} is preferred to {b} in {chance}, Holm {p}", **told)
    if pair.verdict == "none":
        votes = trn("{n} vote", "{n} votes", round(pair.votes))
        return tr(
            "{a} and {b}: {votes}, at least {needed} are needed",
            votes=votes,
            needed=pairs_needed(family),
            **told,
        )
    if pair.more is None:
        return tr(
            "{a} and {b}: {chance}, Holm {p}, not told apart, which is not equal; a difference of this size "
            "takes more than {most} votes",
            most=f"{MOST_VOTES}",
            **told,
        )
    return tr(
        "{a} and {b}: {chance}, Holm {p}, not told apart, which is not equal; a difference of this size "
        "takes about {needed} votes, {more} more",
        needed=pair.needed,
        more=pair.more,
        **told,
    )


def _of_pair(pair: PairOutcome, family: int) -> Message:
    said = pair_said(pair, family)
    if pair.verdict == "better":
        return tr("better  {reason}", reason=said)
    return (
        tr("tied    {reason}", reason=said) if pair.verdict == "tied" else tr("open    {reason}", reason=said)
    )


def _of_voter(one: Habits) -> Message:
    same = tr("no pair came twice")
    if one.same.total:
        same = tr(
            "{same} of {pairs} answered the same, {share}",
            same=one.same.part,
            pairs=trn("{n} pair that came twice", "{n} pairs that came twice", one.same.total),
            share=_share(one.same),
        )
    return tr(
        "voter   {name}: {votes}; {same}; left in {left} of those for one side",
        name=one.voter,
        votes=trn("{n} vote", "{n} votes", one.votes),
        same=same,
        left=_share(one.left),
    )


def _of_metric(one: Agreement) -> Message:
    told = {"metric": METRICS[one.metric].names[reader_language()], "share": _share(one.right)}
    told |= {"right": f"{one.right.part}", "total": f"{one.right.total}"}
    if one.kind == "panel":
        return tr("agrees  {metric}: {right} of {total} votes on panels, {share}", **told)
    return tr("agrees  {metric}: {right} of {total} votes on stories, {share}", **told)


def _notes(tally: Tally) -> Iterator[Message]:
    if tally.votes and not tally.agreements:
        yield tr("note    the run is not scored, so no metric can be held against the votes")
    if tally.outdated:
        votes = trn("{n} vote", "{n} votes", tally.outdated)
        yield tr("note    {votes} left out: on pictures that have been drawn anew or are gone", votes=votes)
    if tally.undone:
        yield trn("note    {n} vote was taken back", "note    {n} votes were taken back", tally.undone)
    for fault in tally.faults:
        yield tr("fault   {told}", told=fault)


def _share(one: Share) -> str:
    return "—" if one.share is None or one.interval is None else _percent(one.share, one.interval)


def _percent(value: float, interval: Interval) -> str:
    return f"{value:.0%} [{interval.low:.0%}, {interval.high:.0%}]"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
