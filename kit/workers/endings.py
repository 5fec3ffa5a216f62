"""What is said of a worker that ended, and how scripts hear it."""

import warnings

from kit.messages import Message, mark, tr, trn

_KILLED = mark("its process was killed")
_SIGNS = {
    "cancelled before it started": mark("it did not begin; set RAY_AUTH_MODE alike on all machines and here"),
    "node has died": mark("its machine is gone"),
    "ModuleNotFoundError": mark("storykit is not installed there, or another version of it"),
    "AttributeError": mark("storykit is not installed there, or another version of it"),
}
"""Why a worker ended, by what Ray says of it."""


def heard_as_warning(told: Message) -> None:
    """Warn of what is told, as notebooks and scripts show it."""
    warnings.warn(told, stacklevel=2)


def told_of_end(worker: str, others: int, said: str) -> Message:
    """Return why a worker ended, and who does its work.

    Args:
        worker: its name.
        others: how many are left.
        said: what Ray says of it.
    """
    why = next((tr(why) for sign, why in _SIGNS.items() if sign in said), tr(_KILLED))
    if not others:
        return tr("{worker} has ended: {why}", worker=worker, why=why)
    return trn(
        "{worker} has ended: {why}; the other one does its work",
        "{worker} has ended: {why}; the {n} others do its work",
        others,
        worker=worker,
        why=why,
    )
