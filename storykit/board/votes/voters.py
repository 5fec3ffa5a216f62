"""RUN/voters.json: as who the owner votes, and the links of others, each for one ballot of the run."""

import hashlib
import hmac
import re
import secrets
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from threading import Lock
from time import monotonic

from pydantic import TypeAdapter, ValidationError

from eval.votes.vote_file import Name, Sha256, voter_name
from kit.errors import BoardError, StorykitError
from kit.experiment.run import Run
from kit.files.folder_lock import lock_file
from kit.messages import tr
from storykit.board.open_runs import file_state
from storykit.board.pages import ServedBoard

FILE = "voters.json"
MOST_LINKS = 200
PATIENCE_S = 2.0
"""With another process that changes the file."""
SCAN_S = 1.0
"""Seconds between two looks at all runs for a token that nobody has."""
_TOKEN = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True, slots=True)
class VoterLink:
    """A link by which somebody votes."""

    name: Name
    token_sha256: Sha256
    ballot: Name
    """The key of what is voted on (`ballot_key`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Voters:
    """What the file holds."""

    owner: str = ""
    links: tuple[VoterLink, ...] = ()


_VOTERS = TypeAdapter(Voters)


def read_voters(run: Run) -> Voters:
    """Return who votes on a run; raises BoardError where the file is damaged."""
    if not (run.folder / FILE).exists():
        return Voters()
    try:
        return _VOTERS.validate_python(run.read_json(FILE))
    except ValidationError as error:
        path = run.folder / FILE
        raise BoardError(
            tr("{file} does not say who votes: delete it and make the links again", file=path)
        ) from error


def name_owner(run: Run, text: str) -> str:
    """Keep the name that the owner votes as, and return it; raises StorykitError where it is none."""
    name = voter_name(text)
    with _changing(run):
        known = read_voters(run)
        if any(link.name == name for link in known.links):
            raise BoardError(tr("{name} votes by a link: take another name", name=name))
        if name != known.owner:
            _write(run, replace(known, owner=name))
    return name


def make_link(run: Run, text: str, ballot: str) -> str:
    """Make a link for somebody and return its token, which is kept nowhere.

    Somebody who has a link already gets a new one in its place. Raises StorykitError where that cannot be.
    """
    name, token = voter_name(text), secrets.token_hex(16)
    link = VoterLink(name=name, token_sha256=_hashed(token), ballot=ballot)
    with _changing(run):
        known = read_voters(run)
        if name == known.owner:
            raise BoardError(tr("{name} is the name that you vote as yourself: take another one", name=name))
        others = tuple(link for link in known.links if link.name != name)
        if len(others) >= MOST_LINKS:
            raise BoardError(tr("there can be {most} links at most: remove one", most=MOST_LINKS))
        _write(run, replace(known, links=(*others, link)))
    return token


def remove_link(run: Run, name: str) -> None:
    """Have somebody's link open nothing any more; the votes stay."""
    with _changing(run):
        known = read_voters(run)
        left = tuple(link for link in known.links if link.name != name)
        if left != known.links:
            _write(run, replace(known, links=left))


class KnownLinks:
    """The links of all runs that a board serves, by what their tokens hash to."""

    def __init__(self, board: ServedBoard) -> None:
        """Know none yet."""
        self._board, self._lock = board, Lock()
        self._stamps: dict[str, str] = {}
        self._looked = -SCAN_S
        self._links: dict[str, dict[str, VoterLink]] = {}

    def voter_of(self, token: str) -> str:
        """Return the id of the voter who has a token; empty where nobody has."""
        if not _TOKEN.fullmatch(token):
            return ""
        hashed = _hashed(token)
        return hashed if self.find(hashed) else ""

    def find(self, voter: str) -> tuple[str, VoterLink] | None:
        """Return the run, by name, and the link of a voter's id; None where it was removed."""
        with self._lock:
            found = self._look(voter)
            if found is None and monotonic() - self._looked > SCAN_S:  # of a run not looked at yet
                self._looked = monotonic()
                for name in self._board.folder.runs():
                    self._refresh(name)
                found = self._look(voter)
            return found

    def learn(self, name: str) -> None:
        """Look at the links of a run, by name, now."""
        with self._lock:
            self._refresh(name)

    def _look(self, voter: str) -> tuple[str, VoterLink] | None:
        for name, links in self._links.items():
            for hashed in links:
                if hmac.compare_digest(hashed, voter):
                    self._refresh(name)
                    link = self._links[name].get(voter)
                    return (name, link) if link else None
        return None

    def _refresh(self, name: str) -> None:
        stamp = file_state(self._board.folder.root / name / FILE)
        if self._stamps.get(name) == stamp:
            return
        try:
            links = read_voters(self._board.runs.run(name)).links
        except StorykitError:
            links = ()
        self._links[name] = {link.token_sha256: link for link in links}
        self._stamps[name] = stamp


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _changing(run: Run) -> AbstractContextManager[None]:
    """Be the only one who changes the file: between reading and writing nobody else's link is lost."""
    return lock_file(run.folder / FILE, "written", PATIENCE_S)


def _write(run: Run, voters: Voters) -> None:
    run.write_json(FILE, asdict(voters))
