"""Where a cluster of Ray is, and whether anybody answers there."""

import logging
import socket

from kit.errors import RunError
from kit.files.text.library_words import reason_of
from kit.messages import Message, tr

_REACHED_S = 5.0
"""How long an address may take to answer at all."""


def refuse_unreached(address: str) -> None:
    """Raise RunError for an address that nobody answers at, which Ray itself tries for minutes."""
    if address == "auto":
        address = _cluster_of_this_machine()
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        told = tr("the cluster's address must be auto or HOST:PORT, got {got!r}", got=address)
        raise RunError(told)
    try:
        socket.create_connection((host.strip("[]"), int(port)), _REACHED_S).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise RunError(
            tr(
                "nobody answers at {address}: {reason}; `ray start --head` begins a cluster and tells its "
                "address",
                address=address,
                reason=reason_of(error),
            )
        ) from error


def _cluster_of_this_machine() -> str:
    """Return the address of the cluster that Ray takes for ours; raises RunError where it finds none."""
    from ray._private import services

    logging.getLogger("ray").setLevel(logging.ERROR)  # it warns of what other commands began for themselves
    try:
        if found := services.canonicalize_bootstrap_address("auto"):
            return str(found)
        raise ValueError("RAY_ADDRESS=local")
    except (OSError, ValueError) as error:
        raise RunError(not_taken("auto", error)) from error


def not_taken(address: str, error: Exception) -> Message:
    """Return that no cluster takes us, why, and what to do."""
    if type(error).__name__ == "AuthenticationError":  # Ray's, which not every version of it has
        return tr(
            "the token of the cluster at {address} is not on this machine: copy ~/.ray/auth_token from the "
            "cluster's first machine",
            address=address,
        )
    return tr(
        "no cluster of Ray takes us at {address}: {reason}; begin one with `ray start --head`, type "
        "the command on one of its machines, and where it asks for a token, copy its ~/.ray/auth_token "
        "and set RAY_AUTH_MODE=token",
        address=address,
        reason=reason_of(error),
    )
