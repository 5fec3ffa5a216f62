"""A cluster of Ray on this machine: machines are processes that begin in folders of their own."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fakes import toy_base
from stripes import stripe_scorers

from eval.scorers.load import Scorers

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    "RAY_memory_monitor_refresh_ms": "0",
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


@contextmanager
def machines(*folders: Path, cpus: int = 1) -> Iterator[tuple[Any, list[Any]]]:
    """Yield a cluster and its machines, the first being this one; each begins in its folder."""
    needs_ray()
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="ray-", dir="/tmp") as own:
        quiet(patch, Path(own))
        from ray.cluster_utils import Cluster

        cluster = Cluster()
        try:
            nodes = []
            for folder in folders:
                patch.chdir(folder)
                nodes.append(cluster.add_node(num_cpus=cpus, include_dashboard=False))
            patch.chdir(folders[0])
            yield cluster, nodes
        finally:
            with suppress(Exception):  # of a machine that a test has ended
                cluster.shutdown()


def stripes_on(on: str) -> Scorers:
    """Return scorers that load nothing; workers call it."""
    return stripe_scorers()


def copy_of_toy_base(folder: Path) -> Path:
    """Return a copy of the toy base."""
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
