"""A machine of Ray's with nothing but what work is shared through."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_NOT_USED = "start_api_server", "start_monitor", "start_log_monitor"
"""What Ray begins beside: its board, what asks a cloud for machines, what copies logs to a terminal."""
_HELPERS_PORTS = (
    "METRICS_AGENT_PORT_NAME",
    "METRICS_EXPORT_PORT_NAME",
    "DASHBOARD_AGENT_LISTEN_PORT_NAME",
    "RUNTIME_ENV_AGENT_PORT_NAME",
)
_NO_PORT = -1
"""As Ray itself says that a helper listens nowhere."""
_END_S = 30.0
"""How long a process that was killed may take to end; Ray itself waits a second."""


@contextmanager
def lean_nodes() -> Iterator[None]:
    """Have this process begin Ray's machines without what we do not use, not wait for it, and end all of it.

    Ray ends a machine whose helpers, two processes of Python, have not said within 15 s at which ports
    they listen (ray-project/ray#65983): a slow or busy one never begins. Nothing that we do asks them.
    """
    from ray._private import node

    usual = node.Node
    node.Node = _lean(usual)
    try:
        yield
    finally:
        node.Node = usual


def _lean(usual: Any) -> Any:
    """Return a class of machines that leave out what Ray has in this version of it."""
    left_out = {name: _nothing for name in _NOT_USED if hasattr(usual, name)}

    def start_raylet(self: Any, *arguments: Any, **named: Any) -> None:
        _tell_no_ports(self)
        usual.start_raylet(self, *arguments, **named)

    def kill_all_processes(self: Any, *arguments: Any, **named: Any) -> None:
        processes = [begun.process for kind in self.all_processes.values() for begun in kind]
        usual.kill_all_processes(self, *arguments, **named)
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)

    own = {"start_raylet": start_raylet, "kill_all_processes": kill_all_processes}
    return type("LeanNode", (usual,), left_out | own)


def _nothing(*_: Any, **__: Any) -> None:
    """Begin nothing."""


def _tell_no_ports(node: Any) -> None:
    """Say of each helper that it listens nowhere, before anybody waits for it."""
    from ray import _raylet

    told: Any = _raylet
    names = [getattr(told, name) for name in _HELPERS_PORTS if hasattr(told, name)]
    for name in names:  # an older Ray has none, and does not wait
        told.persist_port(node._session_dir, node._node_id, name, _NO_PORT)
