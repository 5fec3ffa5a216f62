"""A cluster of Ray on this machine: machines are processes that begin in folders of their own."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fcntl import LOCK_EX, flock
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING, Any

import pytest

from kit.workers.lean_node import lean_nodes

if TYPE_CHECKING:
    from eval.scorers.load import Scorers

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_worker_niceness": "0",
    "RAY_health_check_period_ms": "500",  # a machine that is gone is missed after the fifth
    "RAY_TQDM_PATCH_PRINT": "0",
    "CUDA_VISIBLE_DEVICES": "",
}
"""It listens to this machine alone, says nothing, and has no GPU."""


def needs_ray() -> None:
    """Skip what the extra `storykit[ray]` is needed for where it is not installed."""
    if find_spec("ray") is None:
        pytest.skip("needs storykit[ray]")


def quiet(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have whatever Ray starts be quiet, import what the tests do, and keep to a folder."""
    paths = [os.path.abspath(path) for path in (*sys.path, *os.environ.get("PYTHONPATH", "").split(":"))]
    told = {**QUIET, "RAY_TMPDIR": str(folder), "PYTHONPATH": ":".join(dict.fromkeys(paths))}
    for name, value in told.items():
        patch.setenv(name, value)
    _forget_killed()


def _forget_killed() -> None:
    """Have no warning become a fault where Ray lets go of a process that takes long to die."""
    from ray._private.services import ConsolePopen

    ConsolePopen.__del__ = lambda process: None


@contextmanager
def begun_alone() -> Iterator[None]:
    """Have no other process of tests begin Ray meanwhile: each wants all cores for some seconds."""
    with (Path(gettempdir()) / "storykit-tests-begin-ray.lock").open("w") as file:
        flock(file, LOCK_EX)
        yield


@contextmanager
def machines(*folders: Path, cpus: int = 1) -> Iterator[tuple[Any, list[Any]]]:
    """Yield a cluster and its machines, the first being this one; each begins in its folder."""
    needs_ray()
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="ray-", dir="/tmp") as own:
        quiet(patch, Path(own))
        from ray.cluster_utils import Cluster

        cluster = Cluster()
        terminate = signal.getsignal(signal.SIGTERM)
        try:
            nodes = []
            with begun_alone(), lean_nodes():
                for folder in folders:
                    patch.chdir(folder)
                    nodes.append(cluster.add_node(wait=False, num_cpus=cpus, include_dashboard=False))
            # Ray's ends the cluster, in processes that others fork, too
            signal.signal(signal.SIGTERM, terminate)
            yield cluster, nodes
        finally:
            with suppress(Exception):  # of a machine that a test has ended
                cluster.shutdown()


_RUNNING = ExitStack()
"""Ends the cluster that runs now, if one does."""
_NOW: list[tuple[Any, list[Any], Path]] = []


def end_cluster() -> None:
    """End the cluster that tests shared, where one runs: its processes take time and memory though idle."""
    _NOW.clear()
    _RUNNING.close()


@pytest.fixture(scope="session", autouse=True)
def ended_cluster() -> Iterator[None]:
    """End at last the cluster of the last tests."""
    yield
    end_cluster()


@pytest.fixture(scope="module")
def three_machines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Any], Path]:
    """Return a cluster that test files share which follow each other, its machines, the folder of the first.

    Each begins in a folder with a base in it; the third's is another one.
    """
    needs_ray()
    if not _NOW:
        folders = [tmp_path_factory.mktemp(name) for name in ("first", "second", "third")]
        for folder in folders:
            copy_of_toy_base(folder / "base")
        with_other_unet(folders[2] / "base")
        _NOW.append((*_RUNNING.enter_context(machines(*folders)), folders[0]))
    return _NOW[0]


@pytest.fixture(scope="module")
def cluster(three_machines: tuple[Any, list[Any], Path]) -> Iterator[tuple[Any, list[Any]]]:
    """Yield the cluster and its machines, while this process is one of the first's."""
    made, nodes, folder = three_machines
    with pytest.MonkeyPatch.context() as patch:
        quiet(patch, Path(nodes[0].temp_dir))
        patch.chdir(folder)
        yield made, nodes


def stripes_on(on: str) -> "Scorers":
    """Return scorers that load nothing; workers call it."""
    from stripes import stripe_scorers

    return stripe_scorers()


def copy_of_toy_base(folder: Path) -> Path:
    """Return a copy of the toy base."""
    from fakes import toy_base

    return shutil.copytree(toy_base(), folder)


def with_other_unet(base: Path) -> Path:
    """Change a number of a base's UNet, and note the new sha256 of its file."""
    [file] = [path for path in base.rglob("*.safetensors") if "unet" in path.name]
    data = bytearray(file.read_bytes())
    data[-2] ^= 1
    file.write_bytes(data)
    config = json.loads((base / "config.json").read_text())
    config["sha256"][file.relative_to(base).as_posix()] = sha256(data).hexdigest()
    (base / "config.json").write_text(json.dumps(config))
    return base
