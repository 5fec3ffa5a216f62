import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray_nodes import needs_ray

from kit.workers.lean_node import lean_nodes


class Machine:
    """Begins as Ray's do, and notes what there is in its folder by then."""

    def __init__(self, folder: Path) -> None:
        self._session_dir, self._node_id = str(folder), "f" * 56
        self.told: dict[str, str] = {}
        for begin in (self.start_monitor, self.start_log_monitor, self.start_raylet):
            begin()
        self.start_api_server(include_dashboard=False, raise_on_failure=False)

    def start_monitor(self) -> None:
        raise AssertionError("nothing asks a cloud for machines")

    def start_log_monitor(self) -> None:
        raise AssertionError("logs are copied nowhere")

    def start_api_server(self, *, include_dashboard: bool, raise_on_failure: bool) -> None:
        raise AssertionError("there is no board")

    def start_raylet(self) -> None:
        files = Path(self._session_dir).iterdir()
        self.told = {file.name.partition("_port_")[0]: file.read_text() for file in files}


def test_a_machine_begins_no_more_than_is_used_and_waits_for_no_helper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_ray()
    from ray._private import node

    monkeypatch.setattr(node, "Node", Machine)
    with lean_nodes():
        assert node.Node(tmp_path).told == dict.fromkeys(
            ("metrics_agent", "metrics_export", "dashboard_agent_listen", "runtime_env_agent"), "-1"
        )
    assert node.Node is Machine


class Killed:
    """A machine of Ray's that has told its only process to end, and does not wait."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.all_processes = {"raylet": [SimpleNamespace(process=process)]}

    def kill_all_processes(self, *, wait: bool) -> None:
        self.all_processes.clear()


def test_a_machine_that_is_ended_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    needs_ray()
    from ray._private import node

    monkeypatch.setattr(node, "Node", Killed)
    late = [sys.executable, "-c", "import time; time.sleep(0.3)"]
    with lean_nodes(), subprocess.Popen(late) as process:
        node.Node(process).kill_all_processes(wait=False)
        assert process.returncode == 0
