"""Weights of the metrics that cast seeds, by how often each agreed with the votes."""

from collections.abc import Mapping
from math import log

from eval.metrics.registry import castable
from eval.scoring.records import read_scores
from eval.votes.agreement import Share, agreements_of, columns_of
from eval.votes.ballot import VotingPictures
from eval.votes.choice import independent
from eval.votes.vote_file import read_votes
from kit.experiment.run import Run

USUAL = 0.57
"""How often a predictor of taste agrees with one person where nobody has looked: published ones are there."""
AS_IF = 200
"""Votes that are taken to have said so before the first one is given."""


def metric_weights(run: Run) -> Mapping[str, float]:
    """Return a weight for each castable metric, by bare name: 1 on average, never negative, equal at first.

    Witnesses who err independently are best heard with weight log(p / (1 - p)), p being how often each is
    right. Of p the votes say little at first: 6 of 10 and 9 of 10 are often the same metric. So p is taken as
    (right + AS_IF * USUAL) / (votes + AS_IF): a metric that is right in 7 of 10 weighs 1.1 times as much as
    one that is in 5; after 200 votes they count as much as what was believed before. A metric that is right
    in less than half has weight 0 in the end; it is not turned round, for votes on two LoRAs are no reason to
    want a worse text. Votes on panels and stories are added up; a metric that has no number of single
    panels hears of stories alone.

    Raises RunError where the run's votes or scores cannot be read.
    """
    counts = metric_counts(run)
    shares = {name: (one.part + AS_IF * USUAL) / (one.total + AS_IF) for name, one in counts.items()}
    raw = {name: max(0.0, log(share / (1 - share))) for name, share in shares.items()}
    mean = sum(raw.values()) / len(raw)
    return {name: value / mean if mean else 1.0 for name, value in raw.items()}


def metric_counts(run: Run) -> Mapping[str, Share]:
    """Return in how many decided votes each castable metric, by bare name, agreed."""
    scores, votes, pictures = read_scores(run), read_votes(run).votes, VotingPictures.of(run)
    known = [vote for vote in independent(votes) if pictures.holds(vote)]
    found = agreements_of(known, scores) if scores else []
    right = {(one.kind, one.metric): one.right for one in found}
    counts = {}
    for name in castable():
        shares = [share for place in columns_of(name).items() if (share := right.get(place))]
        counts[name] = Share(sum(one.part for one in shares), sum(one.total for one in shares))
    return counts
