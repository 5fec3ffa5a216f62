"""All that the votes of a run say."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace

from eval.comparison.stats import tied_sets
from eval.scoring.records import read_scores
from eval.votes.agreement import Agreement, Habits, Share, agreements_of, habits_of
from eval.votes.ballot import Ballot, VotingPictures, key_of
from eval.votes.choice import independent, tallied
from eval.votes.strengths import PairOutcome, Strength, outcomes_of, strengths_of
from eval.votes.vote_file import Factor, Kind, Vote, read_votes
from kit.experiment.run import Run


@dataclass(frozen=True, kw_only=True, slots=True)
class BallotTally:
    """What the votes of one ballot say."""

    kind: Kind
    factor: Factor
    held: str
    """The order in which candidates stood, or the candidate whose orders did."""
    picked: bool
    votes: int
    """Each evidence of its own: repetitions are not among them."""
    ties: int
    both_bad: Share
    strengths: tuple[Strength, ...]
    """The strongest first; of contenders that were preferred, or passed over, at least once."""
    pairs: tuple[PairOutcome, ...]
    tied_sets: tuple[tuple[str, ...], ...]
    """Contenders that are not told apart, each set as large as can be."""

    @property
    def decided(self) -> int:
        """Votes for one side."""
        return self.votes - self.ties - self.both_bad.part


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """What the votes of a run say."""

    ballots: tuple[BallotTally, ...]
    voters: tuple[Habits, ...]
    agreements: tuple[Agreement, ...]
    """Of metrics with the votes; empty before the run is scored."""
    undone: int
    outdated: int
    """Votes on pictures that were drawn anew or are gone; they count no more."""
    faults: tuple[str, ...]
    """Lines of the file that are left out."""

    @property
    def votes(self) -> int:
        """How many count."""
        return sum(one.votes for one in self.ballots)


def tally_of(run: Run) -> Tally:
    """Return what a run's votes say; raises RunError where its files cannot be read."""
    log, scores, pictures = read_votes(run), read_scores(run), VotingPictures.of(run)
    current = [vote for vote in log.votes if pictures.holds(vote)]
    known = independent(current)
    groups: defaultdict[tuple[Kind, Factor, str, bool], list[Vote]] = defaultdict(list)
    for vote in known:
        groups[key_of(vote)].append(vote)
    return Tally(
        ballots=tuple(ballot_tally(_ballot(*key), votes) for key, votes in sorted(groups.items())),
        voters=tuple(habits_of(current)),
        agreements=tuple(agreements_of(known, scores)) if scores else (),
        undone=len(log.undone),
        outdated=len(log.votes) - len(current),
        faults=log.faults,
    )


def ballot_tally(ballot: Ballot, votes: Sequence[Vote]) -> BallotTally:
    """Return what the votes of one ballot say.

    Args:
        ballot: it may name no contenders: those that were preferred, or passed over, count.
        votes: of this ballot, on pictures that are still the run's.
    """
    known = independent(votes)
    decided = [vote for vote in known if vote.winner is not None]
    sides = (side for vote in decided for side in (vote.left, vote.right))
    names = tuple(dict.fromkeys(map(ballot.name, sides)))
    strengths: list[Strength] = []
    pairs: list[PairOutcome] = []
    if decided:
        won, _ = tallied(replace(ballot, contenders=names), decided)
        strengths, pairs = strengths_of(names, won), outcomes_of(names, won)
    tied = [frozenset((one.better, one.other)) for one in pairs if one.verdict != "better"]
    return BallotTally(
        kind=ballot.kind,
        factor=ballot.factor,
        held=ballot.held,
        picked=ballot.picked,
        votes=len(known),
        ties=sum(vote.answer == "tie" for vote in known),
        both_bad=Share(sum(vote.answer == "both-bad" for vote in known), len(known)),
        strengths=tuple(strengths),
        pairs=tuple(pairs),
        tied_sets=tied_sets([one.contender for one in strengths], tied),
    )


def _ballot(kind: Kind, factor: Factor, held: str, picked: bool) -> Ballot:
    return Ballot(kind=kind, factor=factor, held=held, contenders=(), picked=picked)


def as_json(value: object) -> object:
    """Return a tally, or a part of one, as tables and lists."""
    if isinstance(value, Share):
        return {"part": value.part, "total": value.total, "share": value.share, "interval": value.interval}
    if is_dataclass(value):
        return {one.name: as_json(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {key: as_json(one) for key, one in value.items()}
    return [as_json(one) for one in value] if isinstance(value, tuple | list) else value
