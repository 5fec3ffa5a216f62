"""Prompts: the clauses of a panel, the orders they can stand in, and the sentence they make.

An order is a permutation of clauses, never a rewording. What moves is a *phrase*: a subject together
with its actions, or any other clause alone. An action belongs to the last subject before it (before any
subject: to the first one), so "girl, runs, dog, sleeps" never becomes "girl, dog, runs, sleeps".

authored        as written
subject-first   subjects with their actions, place, detail, unknown, style
scene-first     place, then as subject-first; so the two differ in one move only
style-last      as written, but style at the end
reversed        the phrases from last to first
shuffle-<n>     the phrases in an order drawn from n and the panel; the same in every run

Phrases of one kind keep the order they were written in. A plain prompt has clauses of role unknown
only, so just `reversed` and `shuffle-<n>` move them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kit.files.encodings import sha256_bytes
from kit.messages import joined, tr
from kit.story.story import Clause, Role, Story

COMMAS = {"zh": "，", "en": ", "}
"""What stands between clauses, by the language of the story."""

ORDERS = ("authored", "subject-first", "scene-first", "style-last", "reversed", "shuffle-<n>")
"""The names of the orders; <n> is a whole number."""

_SHUFFLE = re.compile(r"shuffle-(0|[1-9][0-9]{0,8})")

_CLAUSE = re.compile(
    r"""(?: \([^()\n]*\) | （[^（）\n]*） | "[^"\n]*" | “[^“”\n]*” | 「[^「」\n]*」 | 《[^《》\n]*》
          | (?<=[0-9]),(?=[0-9]{3}(?![0-9])) | [^，、,;；\n] )+""",
    re.VERBOSE,
)
"""A stretch without comma marks, but for those in brackets, in quotes and in 1,000."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedClause:
    """One clause as it is said: its role and its words."""

    role: Role
    text: str


_RANKS: Mapping[str, Sequence[Role]] = {
    "subject-first": ("subject", "action", "place", "detail", "unknown", "style"),
    "scene-first": ("place", "subject", "action", "detail", "unknown", "style"),
}
"""The roles from first to last."""


def clauses_of(story: Story, panel: int) -> tuple[ResolvedClause, ...]:
    """Return the clauses of a panel (0 to 7), characters and places filled in word for word."""
    written = story.panels[panel]
    if written.prompt is not None:
        return tuple(ResolvedClause(role="unknown", text=text) for text in split(written.prompt))
    return tuple(ResolvedClause(role=clause.role, text=_words(story, clause)) for clause in written.clauses)


def _words(story: Story, clause: Clause) -> str:
    if clause.character is not None:
        return story.characters[clause.character].text
    if clause.place is not None:
        return story.places[clause.place].text
    assert clause.text is not None, "a clause says exactly one thing"
    return clause.text


def split(prompt: str) -> tuple[str, ...]:
    """Return the clauses of a plain prompt: what stands between the marks ，、,;； and line ends.

    Marks in brackets or quotes and in numbers like 1,000 do not split; a full stop at the end goes.

    >>> split("小女孩，长发，在公园里。")
    ('小女孩', '长发', '在公园里')
    >>> split('a girl (red dress, long hair), 1,000 balloons; dusk')
    ('a girl (red dress, long hair)', '1,000 balloons', 'dusk')
    """
    pieces = (piece.strip() for piece in _CLAUSE.findall(prompt.strip().rstrip("。.")))
    return tuple(piece for piece in pieces if piece)


def check_order(name: str) -> str:
    """Return the name of an order; raises ValueError when there is none of this name."""
    if name not in ORDERS[:-1] and not _SHUFFLE.fullmatch(name):
        raise ValueError(tr("must be one of {names}, got {got!r}", names=joined(ORDERS, tr(", ")), got=name))
    return name


def arrange(clauses: Sequence[ResolvedClause], order: str, panel: int) -> tuple[ResolvedClause, ...]:
    """Return the same clauses in an order; `panel` (0 to 7) gives each panel a shuffle of its own."""
    check_order(order)
    if order == "authored":
        return tuple(clauses)
    if order == "style-last":
        return tuple(sorted(clauses, key=lambda clause: clause.role == "style"))
    phrases = _phrases(clauses)
    if order == "reversed":
        moved = phrases[::-1]
    elif order in _RANKS:
        rank = _RANKS[order].index
        moved = sorted(phrases, key=lambda phrase: min(rank(clause.role) for clause in phrase))
    else:  # by a hash: the same permutation on every machine and Python
        drawn = sorted(range(len(phrases)), key=lambda at: sha256_bytes(f"{order}/{panel}/{at}".encode()))
        moved = [phrases[position] for position in drawn]
    return tuple(clause for phrase in moved for clause in phrase)


def _phrases(clauses: Sequence[ResolvedClause]) -> list[list[ResolvedClause]]:
    """Return the clauses gathered into phrases, each phrase where its first clause stands."""
    owners = [position for position, clause in enumerate(clauses) if clause.role == "subject"]
    gathered: dict[int, list[ResolvedClause]] = {}
    for position, clause in enumerate(clauses):
        owner = position
        if clause.role == "action" and owners:
            owner = max((subject for subject in owners if subject < position), default=owners[0])
        gathered.setdefault(owner, []).append(clause)
    return list(gathered.values())


def prompt_of(story: Story, panel: int, order: str, trigger: str = "") -> str:
    """Return the prompt of a panel (0 to 7): the trigger, then the clauses in the order.

    A plain prompt whose clauses stay in place is left exactly as its author wrote it.
    """
    clauses = clauses_of(story, panel)
    arranged = arrange(clauses, order, panel)
    written = story.panels[panel].prompt
    comma = COMMAS[story.language]
    if written is not None and arranged == clauses:
        text = written.strip()
    else:
        text = comma.join(clause.text for clause in arranged)
    return _behind(trigger, text, story)


def portrait_prompt(story: Story, subject: str, trigger: str = "") -> str:
    """Return what is said of a picture of a character alone: the trigger, then the character's words."""
    return _behind(trigger, subject, story)


def _behind(trigger: str, text: str, story: Story) -> str:
    return f"{trigger}{COMMAS[story.language]}{text}" if trigger else text
