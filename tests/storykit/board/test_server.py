import signal
import socket
import urllib.request

import pytest
from command import tell
from fakes import make_run
from served_board import serving, serving_from_scratch

from storykit.board.server import USUAL_PORT, serve


def test_the_printed_address_opens_the_board_and_ctrl_c_closes_it(tmp_path) -> None:
    make_run(tmp_path / "rain")
    with serving_from_scratch(tmp_path) as board:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        assert "<code>rain/run</code>" in opener.open(board.address).read().decode()
        board.process.send_signal(signal.SIGINT)
        rest, _ = board.process.communicate(timeout=60)
        assert "closed" in rest
        assert board.process.returncode == 0


def test_a_taken_port_is_told_where_it_was_asked_for_and_passed_over_where_not(tmp_path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = tell("board", tmp_path, "--no-browser", "--port", str(port))
        assert told.code == 1
        assert f"port {port}" in told.err
    with serving(tmp_path, "--port", "0") as board:
        assert board.root.startswith("http://127.0.0.1:")
        with serving(tmp_path, "--port", "0") as second:
            assert second.root != board.root
    assert USUAL_PORT


@pytest.mark.parametrize("host", ["nowhere.invalid", "203.0.113.1", "not a host"])
def test_an_address_that_is_not_this_machines_is_told(tmp_path, host) -> None:
    told = tell("board", tmp_path, "--no-browser", "--host", host)
    assert told.code == 1
    assert told.err.startswith("Error: the board cannot be served at")


def test_an_open_board_says_what_that_means(tmp_path) -> None:
    told = tell("board", tmp_path / "nowhere", "--host", "0.0.0.0", "--no-browser")
    assert "not encrypted" in told.out
    assert "is no folder" in told.err


def test_answers_are_sent_at_once_and_not_held_back_for_more(tmp_path, monkeypatch) -> None:
    """asyncio sets TCP_NODELAY on connections of a listening socket that names its protocol."""
    named = []

    def run(server, sockets) -> None:
        for one in sockets:
            named.append(one.proto)
            one.close()

    monkeypatch.setattr("uvicorn.Server.run", run)
    serve(tmp_path, announce=lambda address: None, browser=False)
    assert named == [socket.IPPROTO_TCP]
