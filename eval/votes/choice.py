"""Which pair somebody is asked about next: decided by the file, the run and the voter alone.

Contenders: the pair with the fewest votes, those of a pair that looks told apart counted twice; of
equals the pair whose difference is known least, then by lot. Not the pair that promises most by the votes so
far, p (1 - p) times the variance of the difference: simulated with 5 contenders and 30 to 100 votes that
leaves whoever was unlucky at first behind, its intervals cover 86 to 92 %, and it tells no more pairs apart.
Nor are pairs that look told apart left alone: with 3 contenders and 200 votes that covers 92 %, this 95 %.

Pictures: those that nobody has seen side by side, of these the least used, first by this voter, so that
panels, seeds and stories come evenly and none twice before all were there. Of every ten votes one asks again
what was asked five votes ago or more, with the sides changed.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import combinations

import numpy as np

from eval.votes.ballot import Ballot, Matter, VotingPictures, key_of
from eval.votes.strengths import Matrix, with_given
from eval.votes.vote_file import Answer, BlindPair, ShownSide, Vote, VoteLog

EVERY, APART = 10, 5
"""Of so many votes one is a repetition; of something at least so many votes ago."""
SETTLED, TIMES = 2.8, 2
"""Standard deviations from which a pair looks told apart; its votes are then counted so many times."""


@dataclass(frozen=True)
class Booth:
    """A ballot with its pictures, of which voters are shown pairs."""

    ballot: Ballot
    pictures: VotingPictures
    matters: tuple[Matter, ...]
    """All that contenders could be compared on."""

    @cached_property
    def shown(self) -> dict[tuple[int, int], list[BlindPair]]:
        """Return all that can be shown of each pair of contenders, the first on the left.

        Equal pictures are never shown; pairs without anything to show are not there.
        """
        pairs = combinations(range(len(self.ballot.contenders)), 2)
        return {pair: found for pair in pairs if (found := list(self._of(*pair)))}

    def _of(self, i: int, j: int) -> Iterator[BlindPair]:
        ballot = self.ballot
        places = [ballot.place(ballot.contenders[k]) for k in (i, j)]
        for matter in self.matters:
            left, right = (self.pictures.shown(place, matter) for place in places)
            if left is None or right is None or left.sha256 == right.sha256:
                continue
            sides = [
                ShownSide(candidate=place[0], order=place[1], seeds=one.seeds, sha256=one.sha256)
                for place, one in zip(places, (left, right), strict=True)
            ]
            yield BlindPair(
                kind=ballot.kind,
                factor=ballot.factor,
                story=matter.story,
                panel=matter.panel,
                picked=ballot.picked,
                left=sides[0],
                right=sides[1],
            )


def next_pair(booth: Booth, log: VoteLog, voter: str) -> BlindPair | None:
    """Return what a voter is asked next; None where they have seen everything there is.

    The answer to the voter's last vote is not used yet, so that what comes next is known, and can be loaded,
    while the voter still looks (`pair_after`).
    """
    votes = [vote for vote in log.votes if key_of(vote) == booth.ballot.key and booth.pictures.holds(vote)]
    own = [vote for vote in votes if vote.voter == voter]
    lot = _Lot(voter, len(own))
    if again := _repetition(own, lot):
        return again
    last = own[-1].id if own else ""
    won, asked = tallied(booth.ballot, votes, but=last)
    seen = {vote.pictures for vote in own}
    urgent = urgency(won, asked)
    for pair in sorted(booth.shown, key=lambda pair: (*urgent(pair), lot.of(str(pair)))):
        new = [one for one in booth.shown[pair] if one.pictures not in seen]
        if new:
            best = _least_used(new, _Uses(own, votes), lot)
            return swapped(best) if lot.of("sides") % 2 else best
    return None


def pair_after(booth: Booth, log: VoteLog, voter: str, asked: BlindPair) -> BlindPair | None:
    """Return what comes after a pair that the voter is being shown, whatever they answer."""
    pending = vote_on(asked, "tie", voter, key="pending")
    return next_pair(booth, replace(log, votes=(*log.votes, pending)), voter)


def vote_on(pair: BlindPair, answer: Answer, voter: str, *, key: str, seconds: float = 0.0) -> Vote:
    """Return what somebody answers now who was asked a pair."""
    told = {name: getattr(pair, name) for name in BlindPair.__dataclass_fields__}
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    return Vote(**told, id=key, answer=answer, voter=voter, seconds=seconds, time=now)


def swapped(pair: BlindPair) -> BlindPair:
    """Return a pair with its sides changed."""
    return replace(pair, left=pair.right, right=pair.left)


def tallied(ballot: Ballot, votes: Sequence[Vote], *, but: str = "") -> tuple[Matrix, Matrix]:
    """Return how often the row was preferred to the column, and how often both were asked about at all.

    A voter's first answer to two pictures counts, repetitions do not: they are no new evidence.

    Args:
        ballot: whose contenders the rows are.
        votes: of this ballot.
        but: a vote whose answer is left out.
    """
    place = {name: k for k, name in enumerate(ballot.contenders)}
    won, asked = np.zeros((2, len(place), len(place)))
    for vote in independent(votes):
        left, right = (place.get(ballot.name(side)) for side in (vote.left, vote.right))
        if left is None or right is None:
            continue
        asked[left, right] += 1
        asked[right, left] += 1
        if vote.id != but and vote.answer in ("left", "right"):
            winner, loser = (left, right) if vote.answer == "left" else (right, left)
            won[winner, loser] += 1
    return won, asked


def independent(votes: Iterable[Vote]) -> list[Vote]:
    """Return the votes that are evidence of their own: of each voter the first on two pictures."""
    first: dict[tuple[str, frozenset[tuple[str, ...]]], Vote] = {}
    for vote in votes:
        first.setdefault((vote.voter, vote.pictures), vote)
    return list(first.values())


class _Lot:
    """Numbers by lot, the same for the same voter and number of votes."""

    def __init__(self, voter: str, votes: int) -> None:
        self._of = f"{voter}\n{votes}\n"

    def of(self, thing: str) -> int:
        told = (self._of + thing).encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.sha256(told).digest()[:8])


def _repetition(own: Sequence[Vote], lot: _Lot) -> BlindPair | None:
    """Return an earlier pair with the sides changed, where it is time for one."""
    begun, place = divmod(len(own), EVERY)
    wanted = begun + (place >= _Lot(own[0].voter if own else "", begun).of("again") % EVERY)
    again = {vote.repeats for vote in own if vote.repeats}
    if len(again) >= wanted:
        return None
    old = [vote for vote in own[:-APART] if vote.repeats is None and vote.id not in again]
    if not old:
        return None
    chosen = min(old, key=lambda vote: lot.of(vote.id))
    told = {name: getattr(chosen, name) for name in BlindPair.__dataclass_fields__}
    return swapped(BlindPair(**{**told, "repeats": chosen.id}))


def urgency(won: Matrix, asked: Matrix) -> Callable[[tuple[int, int]], tuple[float, float]]:
    """Return by what pairs of contenders are sorted, the one to ask about next first.

    Strengths are those of one step of Newton's method from equal ones: for this it will do.

    Args:
        won: (contenders, contenders), how often the row was preferred to the column.
        asked: how often somebody was asked about both.
    """
    played = with_given(won)
    votes = played + played.T
    spread = np.linalg.inv(np.diag(votes.sum(axis=1)) - votes + 1 / len(won)) * 4
    ahead = spread @ (played - played.T).sum(axis=1) / 2

    def sorted_by(pair: tuple[int, int]) -> tuple[float, float]:
        i, j = pair
        unknown = float(spread[i, i] + spread[j, j] - 2 * spread[i, j])
        settled = abs(ahead[i] - ahead[j]) > SETTLED * math.sqrt(unknown)
        return float(asked[i, j]) * (TIMES if settled else 1), -round(unknown, 9)

    return sorted_by


def _least_used(pairs: Sequence[BlindPair], uses: "_Uses", lot: _Lot) -> BlindPair:
    counted = [uses.of(one) for one in pairs]
    fewest = min(counted)
    equal = [one for one, count in zip(pairs, counted, strict=True) if count == fewest]
    return min(equal, key=lambda one: lot.of(f"{one.story} {one.left.seeds} {one.panel}"))


class _Uses:
    """How often what a pair shows was shown before."""

    def __init__(self, own: Sequence[Vote], votes: Sequence[Vote]) -> None:
        self._mine, self._all = self._counted(own), self._counted(votes)
        self._pictures = Counter(vote.pictures for vote in votes)

    @staticmethod
    def _counted(votes: Sequence[BlindPair]) -> "Counter[tuple[object, ...]]":
        return Counter(part for vote in votes for part in _parts(vote))

    def of(self, pair: BlindPair) -> tuple[int, ...]:
        """Return by what pairs are sorted, the one to show next first."""
        mine, every = ([count[part] for part in _parts(pair)] for count in (self._mine, self._all))
        return (self._pictures[pair.pictures], *mine, *every)


def _parts(pair: BlindPair) -> list[tuple[object, ...]]:
    """Return what should come evenly: this very matter, its panel, its seed, its story."""
    seeds = pair.left.seeds
    return [
        ("matter", pair.story, seeds, pair.panel),
        ("panel", pair.panel),
        ("seed", pair.story, seeds),
        ("story", pair.story),
    ]
