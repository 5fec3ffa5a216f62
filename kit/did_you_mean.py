"""The name that was meant by one that is not there."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from kit.messages import joined, tr

_LONG = 100
"""Letters of a name that are compared."""
_SHORT = 3
"""Letters of a name in which one wrong letter is much."""


def did_you_mean(name: str, names: Iterable[str], cutoff: float = 0.7) -> str:
    """Return what may have been meant, in words to put behind a sentence; empty where nothing comes near.

    >>> did_you_mean("text_maen", ["text_mean", "mrr"]), did_you_mean("x", ["text_mean"])
    (', did you mean text_mean?', '')
    """
    near = nearest(name, names, cutoff)
    return tr(", did you mean {known}?", known=near) if near else ""


def nearest(name: str, names: Iterable[str], cutoff: float = 0.7) -> str:
    """Return which of some names comes nearest to one that is not there; empty where none comes near.

    >>> nearest("text_maen", ["text_mean", "mrr"])
    'text_mean'
    """
    known = {one[:_LONG].casefold(): one for one in names}
    least = cutoff if len(name) > _SHORT else 0.5
    near = get_close_matches(name[:_LONG].casefold(), known, n=1, cutoff=least)
    return known[near[0]] if near else ""


def none_such(owner: str, kind: str, wanted: object, known: Collection[object]) -> str:
    """Return that a name is none of those that somebody has, with the one that was meant and all of them.

    >>> none_such("the run", "candidate", "inc", ["base", "ink"])
    "the run has no candidate 'inc', it has base, ink, did you mean ink?"
    """
    names = [str(one) for one in known]
    near = did_you_mean(str(wanted), names)
    return tr(
        "{owner} has no {kind} {wanted!r}, it has {names}{near}",
        owner=owner,
        kind=kind,
        wanted=wanted,
        names=joined(names, tr(", ")),
        near=near,
    )
