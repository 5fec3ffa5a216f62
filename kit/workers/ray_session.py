"""Ray, begun on this machine or reached at an address, and the places where it has workers: its only door."""

import logging
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from kit.errors import RunError
from kit.files.text.library_words import reason_of
from kit.messages import mark, tr
from kit.workers.cluster_address import not_taken, refuse_unreached
from kit.workers.lean_node import lean_nodes

RAY_MISSING = mark(
    "several devices share the work through Ray, which is not installed: "
    "pip install storykit[ray], or name one device"
)
STORE_BYTES = 512 << 20
"""Of memory that is shared by the processes of this machine; what is more than that lies on the disk."""
_LONGEST_FOLDER = 17
"""Letters of the folder that Ray's sockets may lie in: macOS allows their paths 103, and 86 are Ray's."""
_ROOM_BYTES = 4 << 20
"""What must be free there; Ray ends the command without a word of ours where it cannot write."""
FETCH_S = 300.0
"""How long what is there may take from one machine to another."""
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_OTHERS = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Whether Ray talks to other machines, on any system; else it listens to this one alone."""
_USUAL = {
    # how long its processes may take to begin: a slow or busy machine takes more than the usual 30 s
    "RAY_raylet_start_wait_time_s": "90",
    "RAY_worker_register_timeout_seconds": "90",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # of what its processes say
    "RAY_SCHEDULER_EVENTS": "0",
    "RAY_TQDM_PATCH_PRINT": "0",  # else it puts another `print` in the place of Python's
}
_ALONE = {
    _OTHERS: "0",
    "RAY_gcs_server_port_wait_time_s": "90",
    "RAY_memory_monitor_refresh_ms": "0",  # else it ends whoever draws where memory is scarce
    "RAY_AUTH_MODE": "token",
    "RAY_worker_niceness": "0",  # else whatever else computes on this machine goes before
}
_OF_OTHERS = {"RAY_gcs_server_port_wait_time_s": "1"}
"""How often a cluster that others began is asked to take us, which may take 40 s, before we give up."""
_TOKEN = "RAY_AUTH_TOKEN"
_own_token = secrets.token_hex(32)
"""Without it nobody on this machine may ask what we begin."""


class WorkerPlace(NamedTuple):
    """Where a worker runs."""

    name: str
    """As messages call it."""
    gpu: bool
    node: str = ""
    """Ray's id of the machine; empty: this one."""

    @property
    def device(self) -> str:
        """What it is there, where one GPU is all that it has: "cuda" or "cpu"."""
        return "cuda" if self.gpu else "cpu"


class Worker(NamedTuple):
    """An actor, and where it is."""

    place: WorkerPlace
    actor: Any
    """Ray's handle."""


class WorkerGone(Exception):
    """A worker ended while it was asked, or what it had answered was lost with it."""


@contextmanager
def ray_here(devices: Sequence[str]) -> Iterator[list[WorkerPlace]]:
    """Begin Ray on this machine alone, and yield a place for each device; it ends with the block.

    Args:
        devices: "cpu", or GPUs by their number, as "cuda:1".

    Raises:
        RunError: it is not installed, or does not begin.
    """
    _refuse_missing()
    gpus = [device for device in devices if device != "cpu"]
    places = [WorkerPlace(device, device != "cpu") for device in devices]
    own = {**_USUAL, **_ALONE, _TOKEN: _own_token}
    with _own_folder() as folder, _token_read_again(), _environment(own):
        wanted = {
            "num_cpus": len(devices),
            "num_gpus": len(gpus),
            "include_dashboard": False,
            "object_store_memory": STORE_BYTES,
            "_temp_dir": str(folder),
        }
        with ExitStack() as stack:
            with _environment({_VISIBLE: _visible(gpus)} if gpus else {}), lean_nodes():
                stack.enter_context(_begun(address="local", **wanted))
            yield places


@contextmanager
def ray_cluster(address: str) -> Iterator[list[WorkerPlace]]:
    """Reach a cluster, and yield a place for each of its GPUs; where it has none, for each machine.

    Those of this machine come first. The cluster goes on when the block ends.

    Args:
        address: "auto" for the one that this machine belongs to, or HOST:PORT.

    Raises:
        RunError: Ray is not installed, nobody answers, its versions are others, or it has no GPU and no CPU.
    """
    _refuse_missing()
    with _environment(_USUAL | _OF_OTHERS):  # Ray reads some of it as soon as it is imported
        refuse_unreached(address)
        with _token_read_again(), _begun(address=address):
            places = _places()
            if not places:
                raise RunError(
                    tr(
                        "the cluster at {address} has neither a GPU nor a CPU to work with: begin its "
                        "machines with `ray start --num-gpus N` or `--num-cpus N`",
                        address=address,
                    )
                )
            yield places


@contextmanager
def _begun(**wanted: Any) -> Iterator[None]:
    """Have Ray at work meanwhile; SIGTERM ends it as ctrl-c does, unless whoever calls minds that itself."""
    import ray
    import ray.job_config
    from ray._private import ray_constants

    if ray.is_initialized():
        raise RunError(tr("Ray is at work in this process already: call ray.shutdown() first"))
    _read_token()
    ray_constants.ENABLE_RAY_CLUSTER = os.environ.get(_OTHERS, "1") == "1"  # Ray asks once in a process
    job = ray.job_config.JobConfig()
    job._client_job = True  # else workers import what lies in the folder that we are in
    logging.getLogger("ray").setLevel(logging.ERROR)
    before = signal.getsignal(signal.SIGTERM)
    ours = signal.default_int_handler if before == signal.SIG_DFL else before
    _mind_sigterm(ours)
    try:
        try:
            with _own_sigterm():
                ray.init(job_config=job, configure_logging=False, log_to_driver=False, **wanted)
        except Exception as error:  # Ray raises bare ones, where a machine is too busy to begin in time
            told = tr("Ray does not begin: {reason}", reason=reason_of(error))
            if wanted["address"] != "local":
                told = not_taken(wanted["address"], error)
            raise RunError(told) from error
        _mind_sigterm(ours)  # Ray's libraries would show a trace
        yield
    finally:
        ray.shutdown()
        _mind_sigterm(before)


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Have Ray leave SIGTERM alone while it begins: its own handlers exit without a word."""
    from ray._private import utils

    usual = getattr(utils, "set_sigterm_handler", None)  # no promise of Ray's
    utils.set_sigterm_handler = lambda handler: None
    try:
        yield
    finally:
        utils.set_sigterm_handler = usual


def _mind_sigterm(handler: Any) -> None:
    """Have SIGTERM do this, but in a thread beside the main one, where Ray sets nothing either."""
    with suppress(ValueError):
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def _token_read_again() -> Iterator[None]:
    """Have what comes after find Ray with the token that is asked for then."""
    try:
        yield
    finally:
        _read_token()


def _read_token() -> None:
    """Have Ray ask the environment whether there is a token, and which; it asks once in a process."""
    from ray import _raylet

    inside: Any = _raylet
    with suppress(AttributeError):  # it is no promise of Ray's
        inside.AuthenticationTokenLoader.instance().reset_cache()
        inside.Config.initialize("")


@contextmanager
def _environment(told: Mapping[str, str]) -> Iterator[None]:
    """Have variables set for the processes that are begun meanwhile."""
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _own_folder() -> Iterator[Path]:
    """Yield a folder of our own for Ray's sockets and logs, gone afterwards."""
    usual = tempfile.gettempdir()
    parent = usual if len(usual) <= _LONGEST_FOLDER and usual.isascii() else "/tmp"
    if shutil.disk_usage(parent).free < _ROOM_BYTES:
        raise RunError(
            tr(
                "{folder} is full, and Ray writes there: make room, or set TMPDIR to another folder with a "
                "short English name",
                folder=parent,
            )
        )
    folder = Path(tempfile.mkdtemp(prefix="storykit-ray-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _visible(gpus: Sequence[str]) -> str:
    """Return what GPUs are called for the processes that are to see these alone."""
    numbers = [int(gpu.partition(":")[2] or 0) for gpu in gpus]
    given = [name.strip() for name in os.environ.get(_VISIBLE, "").split(",") if name.strip()]
    return ",".join(given[number] if given else str(number) for number in numbers)


def _refuse_missing() -> None:
    if find_spec("ray") is None:
        raise RunError(tr(RAY_MISSING))


def _places() -> list[WorkerPlace]:
    """Return a place for each GPU of the cluster, or for each machine, in an order that stays."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    nodes = [node for node in ray.nodes() if node["Alive"]]
    nodes.sort(key=lambda node: (node["NodeID"] != here, node["NodeManagerAddress"], node["NodeID"]))
    gpus = [
        WorkerPlace(f"{node['NodeName']} cuda:{number}", True, node["NodeID"])
        for node in nodes
        for number in range(int(node["Resources"].get("GPU", 0)))
    ]
    cpus = [
        WorkerPlace(f"{node['NodeName']} cpu", False, node["NodeID"])
        for node in nodes
        if node["Resources"].get("CPU", 0) >= 1
    ]
    return gpus or cpus


def start_actor(kind: type, place: WorkerPlace, *arguments: object) -> Any:
    """Return Ray's handle of an object of a class that is made at a place."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(place.node, soft=False) if place.node else "DEFAULT"
    options = ray.remote(kind).options(
        num_cpus=0, num_gpus=int(place.gpu), scheduling_strategy=there, max_restarts=0
    )
    return options.remote(*arguments)


def fetched(reference: Any) -> Any:
    """Return what a reference stands for; RunError where it does not come."""
    import ray

    try:
        return ray.get(reference, timeout=FETCH_S)
    except ray.exceptions.RayError as error:
        raise RunError(tr("what was sent did not come: {reason}", reason=reason_of(error))) from error
