"""Votes of made-up voters on a run, asked and kept as the board does it."""

import random
from collections.abc import Callable, Mapping
from math import exp

from eval.votes.ballot import Ballot, VotingPictures, ballots_of, matters_of
from eval.votes.choice import Booth, next_pair, vote_on
from eval.votes.vote_file import Answer, BlindPair, Vote, append_vote, read_votes
from kit.experiment.run import Run

Voter = Callable[[BlindPair], Answer]


def booth_of(
    run: Run, kind: str = "panel", factor: str = "candidates", picked: Mapping | None = None
) -> Booth:
    """Return the first booth of a kind that a run allows."""
    pictures = VotingPictures.of(run, picked)
    found = (one for one in ballots_of(run, pictures) if (one.kind, one.factor) == (kind, factor))
    ballot = next(one for one in found if one.picked == (picked is not None))
    return Booth(ballot, pictures, tuple(matters_of(run, ballot)))


def taste(strengths: Mapping[str, float], ballot: Ballot, seed: int = 0, ties: float = 0.0) -> Voter:
    """Return a voter who prefers by Bradley-Terry strengths, and sees no difference now and then."""
    rng = random.Random(seed)

    def answer(pair: BlindPair) -> Answer:
        if rng.random() < ties:
            return "tie"
        left, right = (strengths[ballot.name(side)] for side in (pair.left, pair.right))
        return "left" if rng.random() < 1 / (1 + exp(right - left)) else "right"

    return answer


def vote(run: Run, booth: Booth, answer: Voter, times: int, voter: str = "Li Na") -> list[Vote]:
    """Have somebody vote, and return the votes; fewer where there is nothing left to ask."""
    given = []
    for _ in range(times):
        pair = next_pair(booth, read_votes(run), voter)
        if pair is None:
            break
        key = f"{voter.encode().hex()[:20]}-{random.Random(repr(pair) + str(len(given))).getrandbits(40):x}"
        given.append(vote_on(pair, answer(pair), voter, key=key, seconds=2.5))
        append_vote(run, given[-1])
    return given
