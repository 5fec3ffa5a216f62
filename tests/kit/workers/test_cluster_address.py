"""What is said of addresses at which there is no cluster of Ray."""

import socket
from collections.abc import Iterator

import pytest
from ray_nodes import needs_ray

from kit.errors import RunError
from kit.workers.cluster_address import not_taken, refuse_unreached


@pytest.fixture
def silent() -> Iterator[int]:
    """Yield a port that nobody listens at."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_an_address_where_nobody_answers_is_one_line_that_says_what_begins_a_cluster(silent):
    address = f"127.0.0.1:{silent}"
    with pytest.raises(RunError, match=f"nobody answers at {address}: .*`ray start --head` begins"):
        refuse_unreached(address)


@pytest.mark.parametrize(
    "wrong", ["ray://10.0.0.1", "10.0.0.1", "nonsense:port", "http://10.0.0.1:80", ":6379"]
)
def test_what_is_no_address_is_one_line(wrong):
    with pytest.raises(RunError, match=r"must be auto or HOST:PORT, got"):
        refuse_unreached(wrong)


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_a_name_that_no_machine_can_have_is_one_line(host):
    with pytest.raises(RunError, match=f"nobody answers at {host}:1: "):
        refuse_unreached(f"{host}:1")


def test_a_machine_that_is_told_to_be_alone_belongs_to_no_cluster(monkeypatch):
    needs_ray()
    monkeypatch.setenv("RAY_ADDRESS", "local")
    with pytest.raises(RunError, match=r"no cluster of Ray takes us at auto: .*RAY_ADDRESS=local"):
        refuse_unreached("auto")


def test_a_cluster_that_this_machine_belonged_to_once_is_not_waited_for(monkeypatch, silent):
    needs_ray()
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{silent}")
    with pytest.raises(RunError, match=f"nobody answers at .*:{silent}: "):
        refuse_unreached("auto")


def test_a_token_that_is_not_here_is_one_short_line_without_rays_own():
    needs_ray()
    from ray.exceptions import AuthenticationError

    told = not_taken(
        "10.0.0.1:6379", AuthenticationError("no token was found. For more information, see ...")
    )
    assert told == (
        "the token of the cluster at 10.0.0.1:6379 is not on this machine: "
        "copy ~/.ray/auth_token from the cluster's first machine"
    )
