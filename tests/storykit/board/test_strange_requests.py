"""Requests that no page of the board sends: whatever they ask, nothing is changed and nothing given away."""

from urllib.parse import urlencode

import pytest
from command import tree
from hostile_folder import GOOD, MARKUP, SECRET, SeenPage, asked_all
from served_board import access_of, board_client
from starlette.testclient import TestClient

from storykit.board.app import ROUTERS

POSTS = [route.path for router in ROUTERS for route in router.routes if "POST" in route.methods]
URLENCODED = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("path", POSTS)
def test_no_other_page_changes_anything(served, path) -> None:
    client = board_client(served)
    before, ours = tree(served), dict(client.headers)
    for change in (
        {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": None}, {"x-form-token": None},
        {"x-form-token": "0" * 32}, {"host": "evil.example:8131"}, {"sec-fetch-site": "cross-site"},
        {"cookie": "storykit-8131=guess"}, {"cookie": "storykit-8132=" + access_of(client).token},
    ):  # fmt: skip
        stranger = TestClient(client.app, base_url=str(client.base_url), follow_redirects=False)
        stranger.portal = client.portal
        told = {name: value for name, value in (ours | change).items() if value is not None}
        told.setdefault("cookie", f"{access_of(client).cookie}={access_of(client).token}")
        for kind in (URLENCODED, "text/plain", "application/json"):
            stranger.headers.clear()
            answer = stranger.post(
                path, content="run=good/run&job=x&command=score", headers=told | {"content-type": kind}
            )
            assert answer.status_code in (403, 421), (change, kind)
    assert tree(served) == before


FIELDS = ("name", "ballot", "job", "command", "experiment", "pasted", "do", "how", "new-name", "text", "mode",
          "kind", "key", "answer", "shown", "seen", "panel", "seed", "file", "version")  # fmt: skip
FORMS = [
    ("application/json", b'{"run": ["good/run"]}'),
    ("application/json", b"[" * 10_000),
    ("text/plain", b"run=x"),
    ("multipart/form-data", b"--x"),
    ("multipart/form-data; boundary=x", b"--x\r\n\r\n\xff"),
    ("", b"\x00"),
    (URLENCODED, b"run=%ff%00&run=../secret&job=..%2f..&version=1&command=score"),
    (URLENCODED, b"&" * 5000 + b"a=b" * 5000),
    (URLENCODED, urlencode(dict.fromkeys(FIELDS, MARKUP)).encode()),
    (URLENCODED, urlencode({"kind": "story", "mode": "toml", "do": "form", "pasted": MARKUP}).encode()),
    (URLENCODED, urlencode({"name": MARKUP, "panel": 1, "seed": 0, "seen": MARKUP, "text": MARKUP}).encode()),
]


@pytest.mark.parametrize("path", POSTS)
def test_a_form_that_is_none_is_refused_in_a_sentence(served, path) -> None:
    before, client = tree(served), board_client(served)
    for kind, content in FORMS:
        for address in (path, f"{path}?run={GOOD}"):
            answer = client.post(address, content=content, headers={"content-type": kind})
            assert 200 <= answer.status_code < 500, (kind, content[:20])
            assert SECRET not in answer.text
            assert SeenPage(answer.text).faults == []
    assert tree(served) == before


NAMES = [
    *("../secret", "good/../../secret", "/etc", "..", "%2e%2e/secret", "..%2fsecret", "x" * 900, "x" * 2000),
    *("good/run\x00", "\x00", "out", "chain", "out/secret.txt", "good//run", " good/run", "good/run/"),
    *("good\\..\\..\\secret", "?", ".", ".storykit-board"),
]


def test_no_address_leads_out_of_the_folder(served) -> None:
    (served / "out").symlink_to(served.parent / "secret")
    (served / "link").symlink_to(served / "out")
    (served / "chain").symlink_to(served / "link")
    client = board_client(served)
    for name in NAMES:
        told = asked_all(client, name)
        assert SECRET not in told, name
        assert "root:" not in told, name
