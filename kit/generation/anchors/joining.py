"""Panels and the anchors they read, as rows of one batch."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kit.generation.anchors.shared_attention import AnchoredRow
from kit.generation.painter import Anchor, PanelRequest


class JoinedAnchors(NamedTuple):
    """The anchors of a batch: which are drawn beside the panels, and who reads which row."""

    beside: Sequence[Anchor]
    """Those that are no panel of the batch; their rows follow the panels'."""
    readers: Sequence[AnchoredRow]
    subjects: Mapping[int, str]
    """The words that each row is read for."""


def join_anchors(requests: Sequence[PanelRequest]) -> JoinedAnchors:
    """Return the anchors that a batch needs, each once; a panel that reads nobody is its own anchor's row."""
    rows: dict[tuple[object, ...], int] = {
        (request.prompt, request.negative, request.seed): row
        for row, request in enumerate(requests)
        if not request.anchors
    }
    beside: list[Anchor] = []
    readers, subjects = [], dict[int, str]()
    for row, request in enumerate(requests):
        read = []
        for anchor in request.anchors:
            known: tuple[object, ...] = (anchor.prompt, anchor.negative, anchor.seed)
            if subjects.get(rows.get(known, -1), anchor.subject) != anchor.subject:
                known = (*known, anchor.subject)  # the same picture, read for somebody else
            if known not in rows:
                rows[known] = len(requests) + len(beside)
                beside.append(anchor)
            read.append(rows[known])
            subjects[rows[known]] = anchor.subject
        if read:
            readers.append(AnchoredRow(row, tuple(read), request.consistency))
    return JoinedAnchors(beside, readers, subjects)
