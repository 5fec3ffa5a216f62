"""RUN/votes.jsonl: a row a vote, added once it is given; nothing is removed, an undo is a row of its own."""

from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, Field, FiniteFloat, StringConstraints, TypeAdapter, ValidationError

from kit.errors import RunError
from kit.experiment.run import Run
from kit.files.atomic_write import append_line
from kit.files.documents import faults_of
from kit.files.encodings import canonical_json
from kit.files.regular_files import read_file
from kit.files.text.library_words import reason_of
from kit.messages import Message, joined, tr
from kit.story.story import PANELS

FILE = "votes.jsonl"
MOST_BYTES, LONGEST_LINE, LONGEST_NAME = 64 * 2**20, 16 * 2**10, 60
Kind = Literal["panel", "story"]
Factor = Literal["candidates", "orders"]
"""What the two sides differ in: two candidates in one order, or two orders of one candidate."""
Answer = Literal["left", "right", "tie", "both-bad"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[0-9a-z-]+$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownSide:
    """What one side of a pair showed."""

    candidate: Name
    order: Name
    seeds: tuple[int, ...]
    """Of each picture: one of a panel, eight of a story."""
    sha256: tuple[Sha256, ...]
    """Of each picture file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BlindPair:
    """Two sides that somebody is asked to choose between without knowing which is which."""

    kind: Kind
    factor: Factor
    story: Name
    panel: Annotated[int, Field(ge=1, le=PANELS)] | None
    """1 to 8; None for the whole story."""
    picked: bool = False
    """Whether the stories are those of selection.json, not of one seed."""
    left: ShownSide
    right: ShownSide
    repeats: Id | None = None
    """The vote that this asks for again, with the sides changed."""

    @property
    def pictures(self) -> frozenset[tuple[str, ...]]:
        """What is shown, whichever side it is on."""
        return frozenset((self.left.sha256, self.right.sha256))

    def fault(self) -> Message | None:
        """Return why nobody can have been asked this; None where it is sound."""
        want = PANELS if self.panel is None else 1
        if (self.kind == "story") != (self.panel is None):
            return tr("panel must be there for kind panel, and for it alone")
        if any(len(row) != want for side in (self.left, self.right) for row in (side.seeds, side.sha256)):
            return tr("each side must have {n} seeds and sha256", n=want)
        other = (self.left.candidate == self.right.candidate, self.left.order == self.right.order)
        if other != ((False, True) if self.factor == "candidates" else (True, False)):
            return tr("the sides must differ in {factor} alone", factor=self.factor)
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote(BlindPair):
    """One answer."""

    id: Id
    answer: Answer
    voter: Name
    seconds: Annotated[FiniteFloat, Field(ge=0)]
    """From seeing the pair to the answer."""
    time: str
    """When, ISO 8601 with its zone."""

    @property
    def winner(self) -> ShownSide | None:
        """The side that was chosen; None of a tie and where both were bad."""
        return {"left": self.left, "right": self.right}.get(self.answer)


class _Undo(BaseModel):
    undo: Id


_VOTE, _UNDO = TypeAdapter(Vote), TypeAdapter(_Undo)


@dataclass(frozen=True, kw_only=True, slots=True)
class VoteLog:
    """What a vote file holds."""

    votes: tuple[Vote, ...] = ()
    """Those that were not taken back, in their order."""
    undone: tuple[Vote, ...] = ()
    faults: tuple[Message, ...] = ()
    """Lines that are left out, and why."""

    def of(self, voter: str) -> list[Vote]:
        """Return a voter's own votes."""
        return [vote for vote in self.votes if vote.voter == voter]


def voter_name(text: str) -> str:
    """Return a voter's name as it is kept; raises RunError where it is none.

    >>> voter_name("  Li  Na ")
    'Li Na'
    """
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise RunError(tr("a voter's name must have 1 to {most} plain letters", most=LONGEST_NAME))
    return name


def append_vote(run: Run, vote: Vote) -> None:
    """Add a vote; it is on disk when this returns. Raises RunError where it cannot be written."""
    append_line(run.folder / FILE, canonical_json(asdict(vote)))


def append_undo(run: Run, vote: Vote) -> None:
    """Take a vote back; it stays in the file. Raises RunError where it cannot be written."""
    append_line(run.folder / FILE, canonical_json({"undo": vote.id}))


def read_votes(run: Run) -> VoteLog:
    """Return the votes of a run; lines that are none are told, a last line torn by a crash is left out.

    Raises RunError where the file cannot be read at all.
    """
    lines = _data(run).split(b"\n")
    if lines[-1] and _is_torn(lines[-1]):
        lines.pop()
    votes: dict[str, Vote] = {}
    undone: dict[str, Vote] = {}
    faults = []
    for number, line in enumerate(lines, 1):
        if fault := _take(line.removeprefix(b"\xef\xbb\xbf").strip(), votes, undone):
            place = {"file": FILE, "line": number}
            faults.append(tr("{file} line {line}: {fault}; it is left out", fault=fault, **place))
    live = tuple(vote for key, vote in votes.items() if key not in undone)
    return VoteLog(votes=live, undone=tuple(undone.values()), faults=tuple(faults))


def _data(run: Run) -> bytes:
    path = run.folder / FILE
    try:
        data = read_file(path, MOST_BYTES + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise RunError(tr("{file} cannot be read: {error}", file=path, error=reason_of(error))) from error
    if len(data) > MOST_BYTES:
        raise RunError(tr("{file} must have {most} MiB at most", file=path, most=MOST_BYTES // 2**20))
    return data


def _is_torn(line: bytes) -> bool:
    """Return whether a line without an end is no whole record either."""
    try:
        TypeAdapter(dict[str, object]).validate_json(line)
    except ValidationError:
        return True
    return False


def _take(line: bytes, votes: dict[str, Vote], undone: dict[str, Vote]) -> Message | None:
    """Put what a line says to the others; return what is wrong with it, if anything."""
    if not line:
        return None
    if len(line) > LONGEST_LINE:
        return tr("it must have {most:,} bytes at most", most=LONGEST_LINE)
    try:
        known = _UNDO.validate_json(line).undo
    except ValidationError:
        return _take_vote(line, votes)
    if known in undone:
        return tr("vote {id} was undone before", id=known)
    if known not in votes:
        return tr("there is no vote {id} to undo", id=known)
    undone[known] = votes[known]
    return None


def _take_vote(line: bytes, votes: dict[str, Vote]) -> Message | None:
    try:
        vote = _VOTE.validate_json(line)
    except ValidationError as error:
        return joined(faults_of(error)[:3], tr("; "))
    if vote.id in votes:
        return tr("vote {id} is there twice", id=vote.id)
    fault = vote.fault()
    if fault is None:
        votes[vote.id] = vote
    return fault
