"""A ComfyUI workflow in its UI format 0.4, built node by node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Widget = str | int | float
_COLUMN, _ROW = 440, 460
"""Pixels between nodes."""


class Socket(NamedTuple):
    """An output of a node."""

    node: int
    slot: int
    type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A node of a graph before it has its links."""

    type: str
    widgets: Sequence[Widget] = ()
    """Its widgets' values in the order in which ComfyUI shows them."""
    inputs: Mapping[str, Socket] = field(default_factory=dict)
    """By the socket's name, in the node's order."""
    outputs: Sequence[tuple[str, str]] = ()
    """Name and type of each."""
    place: tuple[int, int] = (0, 0)
    """Column and row."""


class Graph:
    """A workflow that grows node by node."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._nodes: list[Node] = []

    def add(self, node: Node) -> Sequence[Socket]:
        """Add a node behind those that it takes from; returns its outputs."""
        self._nodes.append(node)
        return [Socket(len(self._nodes), slot, kind) for slot, (_, kind) in enumerate(node.outputs)]

    def document(self) -> dict[str, object]:
        """Return the workflow as ComfyUI loads it."""
        links: list[list[int | str]] = []
        nodes: list[dict[str, object]] = []
        for number, node in enumerate(self._nodes, 1):
            sockets: list[dict[str, object]] = []
            for slot, (name, source) in enumerate(node.inputs.items()):
                links.append([len(links) + 1, source.node, source.slot, number, slot, source.type])
                sockets.append({"name": name, "type": source.type, "link": len(links)})
            nodes.append(self._node(number, node, sockets))
        for entry in nodes:
            entry["outputs"] = self._outputs(entry, links)
        return {
            "last_node_id": len(nodes),
            "last_link_id": len(links),
            "nodes": nodes,
            "links": links,
            "groups": [],
            "config": {},
            "extra": {},
            "version": 0.4,
        }

    @staticmethod
    def _node(number: int, node: Node, sockets: list[dict[str, object]]) -> dict[str, object]:
        column, row = node.place
        return {
            "id": number,
            "type": node.type,
            "pos": [column * _COLUMN, row * _ROW],
            "size": [400, 300 if node.widgets else 60],
            "flags": {},
            "order": number - 1,
            "mode": 0,
            "inputs": sockets,
            "properties": {"Node name for S&R": node.type},
            "widgets_values": list(node.widgets),
        }

    def _outputs(self, entry: Mapping[str, object], links: list[list[int | str]]) -> list[dict[str, object]]:
        number = entry["id"]
        return [
            {
                "name": name,
                "type": kind,
                "links": [link[0] for link in links if link[1:3] == [number, slot]],
                "slot_index": slot,
            }
            for slot, (name, kind) in enumerate(self._nodes[int(str(number)) - 1].outputs)
        ]
