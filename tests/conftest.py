"""What holds for every test: English, a slow machine is no fault, small mosaics, the longest come first."""

import gc
import os

import kept_scorers  # noqa: F401
import pytest
import small_mosaics  # noqa: F401
import without_fsync  # noqa: F401
from browser import chromium, visit  # noqa: F401
from hollow_networks import spare_hollow_networks
from hypothesis import HealthCheck, settings
from ray_nodes import cluster, end_cluster, ended_cluster, three_machines  # noqa: F401
from without_bases import pytest_configure  # noqa: F401

gc.disable()  # until all that stays for good is imported
os.environ["STORYKIT_LANG"] = "en"  # whoever runs the tests, and whatever they start

settings.register_profile("storykit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("storykit")
LONGEST = ("test_wheel.py", "test_hostile.py", "test_newcomer.py")
"""Files with a test of a quarter of a minute: begun last, one worker would be at it while others are done."""
CLUSTERED = (
    "test_shared_scorers.py",
    "test_shared_trials.py",
    "test_ray_painter.py",
    "test_worker_pool.py",
)
"""Files whose tests share a cluster of Ray: side by side, so that one worker has them all, and begins one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the long tests begin first, then those of a cluster; all others stay in their order."""
    early = {**dict.fromkeys(LONGEST, 0), **dict.fromkeys(CLUSTERED, 1)}
    items.sort(key=lambda item: early.get(item.path.name, len(early)))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Have a cluster end as soon as a test comes that is none of its own."""
    if item.path.name not in CLUSTERED:
        end_cluster()


def pytest_collection_finish() -> None:
    """Have the garbage collector look no more at what was imported: that takes half a second each time."""
    spare_hollow_networks()
    gc.collect()
    gc.freeze()
    gc.enable()
