"""The booths of a board's runs: ballots with their pictures, shown under names that tell nothing."""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock

from eval.casting.selection import is_stale, read_selections
from eval.votes.ballot import Ballot, VotingPictures, ballots_of, matters_of
from eval.votes.choice import Booth
from eval.votes.vote_file import BlindPair, ShownSide
from kit.errors import BoardError, RunError
from kit.experiment.run import PanelRow, Run
from kit.files.encodings import sha256_of
from kit.messages import tr
from storykit.board.open_runs import file_state
from storykit.board.pages import ServedBoard
from storykit.board.pictures import DrawnPanels, reduced

LOOK, CLOSE = 768, 2048
"""Sides of the pictures in pixels, side by side and close by; none is ever enlarged. Both are made anew, so
that nothing that a PNG says of its recipe goes along."""
MOST_QUESTIONS = 1000
"""That are remembered while they are open."""
_FILES = ("experiment.toml", "panels.jsonl", "scores.json", "selection.json")


def ballot_key(ballot: Ballot) -> str:
    """Return what names a ballot in addresses and in voters.json."""
    return hashlib.sha256(repr(ballot.key).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class VotingPlace:
    """A run with all that can be voted on in it."""

    run: Run
    ballots: tuple[Ballot, ...]
    pictures: VotingPictures
    _booths: dict[str, Booth] = field(default_factory=dict)

    def booth(self, key: str) -> Booth:
        """Return the booth of a ballot; raises BoardError where there is none of that key."""
        if key in self._booths:
            return self._booths[key]
        for ballot in self.ballots:
            if ballot_key(ballot) == key:
                booth = Booth(ballot, self.pictures, tuple(matters_of(self.run, ballot)))
                return self._booths.setdefault(key, booth)
        raise BoardError(tr("there is no such vote in this run any more: choose again"))


class VotingPlaces:
    """The voting places of a board, made anew when their runs change."""

    def __init__(self, board: ServedBoard) -> None:
        """Have none yet."""
        self._board, self._lock = board, Lock()
        self._secret = secrets.token_bytes(32)
        self._known: dict[str, tuple[list[str], VotingPlace]] = {}
        self._shown: dict[str, tuple[str, str]] = {}
        self._questions: OrderedDict[str, BlindPair] = OrderedDict()
        self._sound: dict[tuple[str, str], bool] = {}
        self._taking: dict[str, Lock] = {}

    def place(self, name: str) -> VotingPlace:
        """Return what can be voted on in a run, by name; raises StorykitError where that cannot be read."""
        run = self._board.runs.run(name)
        stamp = [file_state(run.folder / file) for file in _FILES]
        with self._lock:
            known = self._known.get(name)
            if known is None or known[0] != stamp:
                pictures = VotingPictures.of(run, _picked(run))
                place = VotingPlace(run, tuple(ballots_of(run, pictures)), pictures)
                known = self._known[name] = (stamp, place)
        return known[1]

    def remember(self, key: str, pair: BlindPair) -> None:
        """Keep what was asked under a key: others may answer before this one does, and it still holds."""
        with self._lock:
            self._questions[key] = pair
            while len(self._questions) > MOST_QUESTIONS:
                self._questions.popitem(last=False)

    def remembered(self, key: str) -> BlindPair | None:
        """Return what was asked under a key; None where that was long ago, or before the board was opened."""
        with self._lock:
            return self._questions.get(key)

    @contextmanager
    def voting(self, name: str) -> Iterator[None]:
        """Have one answer at a time be taken for a run."""
        with self._lock:
            taking = self._taking.setdefault(name, Lock())
        with taking:
            yield

    def leave_out(self, name: str, pair: BlindPair) -> bool:
        """Take the pictures of a pair that cannot be shown out of a run's; return whether there was any."""
        place = self.place(name)
        bad = {
            sha256
            for side in (pair.left, pair.right)
            for sha256 in side.sha256
            if not self._is_sound(place.run, sha256)
        }
        if not bad:
            return False
        drawn = {slot: sha256 for slot, sha256 in place.pictures.drawn.items() if sha256 not in bad}
        with self._lock:
            stamp, old = self._known[name]
            pictures = replace(old.pictures, drawn=drawn)
            self._known[name] = (stamp, replace(old, pictures=pictures, _booths={}))
        return True

    def addresses(self, name: str, side: ShownSide) -> list[tuple[str, str]]:
        """Return the address of each picture of a side, to look at and close by; they name nothing."""
        found = []
        for sha256 in side.sha256:
            key = hmac.new(self._secret, f"{name}\n{sha256}".encode(), "sha256").hexdigest()[:32]
            self._shown[key] = (name, sha256)
            found.append((f"/voting/picture/{key}", f"/voting/picture/{key}?close=1"))
        return found

    def picture(self, key: str, side: int) -> bytes | None:
        """Return a picture that was shown, reduced to a side; None where none was shown by that name."""
        if key not in self._shown:
            return None
        name, sha256 = self._shown[key]
        run = self._board.runs.run(name)
        row = self._row(run, sha256)
        return reduced(run, row, side) if row else None

    def run_of(self, key: str) -> str:
        """Return the run whose picture was shown by a name; empty where none was."""
        return self._shown.get(key, ("", ""))[0]

    def _row(self, run: Run, sha256: str) -> PanelRow | None:
        return self._board.part(DrawnPanels).by_sha256(run).get(sha256)

    def _is_sound(self, run: Run, sha256: str) -> bool:
        row = self._row(run, sha256)
        if row is None:
            return False
        path = run.folder / row.file
        key = (str(path), file_state(path) + sha256)
        if key not in self._sound:
            try:
                inside = path.resolve().is_relative_to(run.folder.resolve())
                same = inside and sha256_of(path) == sha256
            except (OSError, RunError):
                same = False
            self._sound[key] = same and reduced(run, row, LOOK) is not None
        return self._sound[key]


def _picked(run: Run) -> dict[tuple[str, str, str], tuple[int, ...]]:
    return {one.place: one.seeds for one in read_selections(run) if not is_stale(run, one)}
