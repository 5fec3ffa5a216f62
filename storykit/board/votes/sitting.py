"""Somebody who votes on one ballot: what they are asked, what they answer, what they take back."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.votes.ballot import Ballot, key_of
from eval.votes.choice import Booth, independent, next_pair, pair_after, tallied, vote_on
from eval.votes.strengths import outcomes_of, votes_left
from eval.votes.vote_file import Answer, BlindPair, Vote, VoteLog, append_undo, append_vote, read_votes
from kit.errors import BoardError
from kit.experiment.run import Run
from kit.messages import tr
from storykit.board.votes.booths import VotingPlaces

LONGEST_S = 3600
"""Seconds that a vote may have taken; who went away in between says nothing by it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a voter is asked now."""

    pair: BlindPair | None
    """None where everything was asked."""
    key: str
    """Names this question; the answer carries it, so that none is given to another question."""
    then: BlindPair | None
    """What comes next, whatever the answer is."""
    given: int
    """The voter's votes on this ballot so far."""
    last: str
    """The id of the voter's last vote on it, empty where there is none: what an undo takes back."""
    more: int | None
    """About how many votes tell the next pair apart, as `votes_left` says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sitting:
    """A voter at a ballot."""

    places: VotingPlaces
    name: str
    """Of the run."""
    ballot: str
    """Its key."""
    voter: str

    @property
    def run(self) -> Run:
        """The run."""
        return self.places.place(self.name).run

    def asked(self, log: VoteLog | None = None) -> Asked:
        """Return what is asked now; pictures that cannot be shown are left out on the way."""
        log = log or read_votes(self.run)
        booth = self.places.place(self.name).booth(self.ballot)
        pair = next_pair(booth, log, self.voter)
        while pair is not None and self.places.leave_out(self.name, pair):
            booth = self.places.place(self.name).booth(self.ballot)
            pair = next_pair(booth, log, self.voter)
        then = pair_after(booth, log, self.voter, pair) if pair else None
        votes = [vote for vote in log.votes if key_of(vote) == booth.ballot.key]
        counted = [vote for vote in votes if booth.pictures.holds(vote)]
        last, key = self.last(log), _key(booth.ballot, log, self.voter, pair)
        if pair is not None:
            self.places.remember(key, pair)
        return Asked(
            pair=pair,
            key=key,
            then=then,
            given=sum(vote.voter == self.voter for vote in votes),
            last=last.id if last else "",
            more=_more(booth.ballot, counted),
        )

    def answer(self, key: str, answer: Answer, shown: float) -> None:
        """Keep an answer; it is on disk when this returns. One that was kept before stays as it is.

        Args:
            key: of the question that was seen.
            answer: to it.
            shown: when, seconds since 1970.

        Raises:
            BoardError: something else is asked by now.
        """
        with self.places.voting(self.name):
            log = read_votes(self.run)
            if any(vote.id == key for vote in (*log.votes, *log.undone)):
                return
            pair = self.places.remembered(key) or self.asked(log).pair
            booth = self.places.place(self.name).booth(self.ballot)
            if pair is None or key != _key(booth.ballot, log, self.voter, pair) or not _may(booth, pair):
                raise BoardError(tr("this pair was answered elsewhere meanwhile: here is the next one"))
            seconds = round(min(max(0.0, time.time() - shown), LONGEST_S), 1)
            append_vote(self.run, vote_on(pair, answer, self.voter, key=key, seconds=seconds))

    def undo(self, seen: str) -> bool:
        """Take the voter's last vote on this ballot back; return whether there was one.

        Args:
            seen: the id of the vote that was last when the page was made.

        Raises:
            BoardError: another one is the last by now.
        """
        with self.places.voting(self.name):
            last = self.last(read_votes(self.run))
            if last is not None:
                if last.id != seen:
                    raise BoardError(tr("you voted elsewhere meanwhile: here is what is asked now"))
                append_undo(self.run, last)
            return last is not None

    def last(self, log: VoteLog) -> Vote | None:
        """Return the voter's last vote on this ballot."""
        ballot = self.places.place(self.name).booth(self.ballot).ballot
        own = [vote for vote in log.of(self.voter) if key_of(vote) == ballot.key]
        return own[-1] if own else None


def _more(ballot: Ballot, votes: Sequence[Vote]) -> int | None:
    """Return about how many votes are still missing; None where nothing can be said."""
    won, _ = tallied(ballot, votes)
    decided = np.flatnonzero(won.sum(axis=0) + won.sum(axis=1))
    if not len(decided):
        return None
    names = [ballot.contenders[k] for k in decided]
    return votes_left(outcomes_of(names, won[np.ix_(decided, decided)]), len(independent(votes)))


def _may(booth: Booth, pair: BlindPair) -> bool:
    """Return whether a pair is of this ballot, and its pictures are still the run's."""
    return key_of(pair) == booth.ballot.key and booth.pictures.holds(pair)


def _key(ballot: Ballot, log: VoteLog, voter: str, pair: BlindPair | None) -> str:
    """Return what names a question: another one after an undo, though the pair is the same.

    What others answer, or the voter on another ballot, changes nothing about it.
    """
    own = (vote for vote in (*log.votes, *log.undone) if vote.voter == voter)
    rows = sum(key_of(vote) == ballot.key for vote in own)
    return hashlib.sha256(f"{voter}\n{rows}\n{pair!r}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
