"""Panels and the anchors they read, as rows of one batch."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kit.files.encodings import sha256_bytes
from kit.generation.anchors.shared_attention import AnchoredRow, Sharing
from kit.generation.painter import PanelRequest
from kit.models.prompt_states import PromptStates

_PICTURE = 3
"""Where among what a row is known by the sha256 of its picture stands."""


class JoinedAnchors(NamedTuple):
    """The anchors of a batch: which are drawn beside the panels, and who reads which row."""

    beside: Sequence[PanelRequest]
    """Those that are no panel of the batch; their rows follow the panels'."""
    readers: Sequence[AnchoredRow]
    watched: Mapping[int, Sequence[str]]
    """The words for whom it is watched where a row shows them: of an anchor its subject; of a reader that
    shows bystanders its heroes and them."""
    pictures: Mapping[int, bytes]
    """The files of those beside that are pictures, by their rows."""


def join_anchors(requests: Sequence[PanelRequest]) -> JoinedAnchors:
    """Return the anchors that a batch needs, each once; a panel that reads nobody is its own anchor's row.

    Not where it is held to maps or looks at pictures: anchors are drawn from their words alone, whatever else
    the batch has.
    """
    rows: dict[tuple[str | int, ...], int] = {
        (request.prompt, request.negative, request.seed, ""): row
        for row, request in enumerate(requests)
        if not (request.anchors or request.control or request.image_prompts or request.variation)
    }
    beside: list[PanelRequest] = []
    readers, subjects = [], dict[int, str]()
    for row, request in enumerate(requests):
        read = []
        for anchor in request.anchors:
            known: tuple[str | int, ...] = (anchor.prompt, request.negative, anchor.seed, anchor.picture)
            if subjects.get(rows.get(known, -1), anchor.subject) != anchor.subject:
                known = (*known, anchor.subject)  # the same picture, read for somebody else
            if known not in rows:
                rows[known] = len(requests) + len(beside)
                beside.append(
                    PanelRequest(
                        prompt=anchor.prompt,
                        negative=request.negative,
                        seed=anchor.seed,
                        embeddings=request.embeddings,
                    )
                )
            read.append(rows[known])
            subjects[rows[known]] = anchor.subject
        if read:
            readers.append(AnchoredRow(row, tuple(read), request.consistency))
    watched: dict[int, Sequence[str]] = {row: (subject,) for row, subject in subjects.items() if subject}
    for reader in readers:
        request = requests[reader.row]
        if request.bystanders:
            heroes = (anchor.subject for anchor in request.anchors)
            watched[reader.row] = (*heroes, *request.bystanders)
    files = {sha256_bytes(png): png for request in requests for png in request.anchor_pictures}
    pictures = {row: files[str(known[_PICTURE])] for known, row in rows.items() if known[_PICTURE]}
    return JoinedAnchors(beside, readers, watched, pictures)


def sharing_of(joined: JoinedAnchors, drawn: Sequence[PanelRequest], states: PromptStates) -> Sharing | None:
    """Return who reads whom in a batch, None where nobody reads.

    Args:
        joined: the batch's anchors.
        drawn: its panels and the anchors beside them, a row each.
        states: tell where words stand.
    """
    if not joined.readers:
        return None
    watched = {
        row: [states.places(drawn[row].prompt, words, drawn[row].embeddings) for words in figures]
        for row, figures in joined.watched.items()
    }
    return Sharing(rows=len(drawn), readers=joined.readers, watched=watched)
