import pytest
from fakes import make_run
from served_board import HERE, access_of, board_client
from starlette.testclient import TestClient

from storykit.board.access import Access, language_of


@pytest.fixture
def client(tmp_path) -> TestClient:
    make_run(tmp_path / "rain")
    return board_client(tmp_path)


def test_the_token_of_the_address_is_traded_for_a_cookie_and_leaves_the_address(client) -> None:
    token = access_of(client).token
    client.cookies.clear()
    answer = client.get(f"/sheet?run=rain/run&token={token}&candidate=ink")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sheet?run=rain%2Frun&candidate=ink"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("storykit-8131=")
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/", "/shelf", "/static/htmx.min.js", "/report?run=rain/run", "/nowhere"])
@pytest.mark.parametrize("token", ["", "wrong", "é"])
def test_nothing_is_answered_without_the_token(client, path, token) -> None:
    client.cookies.clear()
    if token:
        client.cookies.set(access_of(client).cookie, token.encode("ascii", "backslashreplace").decode())
    assert client.get(path).status_code == 403
    assert client.get(path, params={"token": "wrong"}).status_code == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8131", 200), ("localhost:8131", 200), ("LOCALHOST:8131", 200), ("[::1]:8131", 200),
        ("evil.example", 421), ("evil.example:8131", 421), ("127.0.0.1", 421), ("127.0.0.1:80", 421),
        ("127.0.0.1.evil.example:8131", 421), ("localhost.:8131", 421), ("192.168.0.9:8131", 421), ("", 421),
        ("127.0.0.1:8131@evil.example", 421), ("[::1]:8131:8131", 421),
    ],
)  # fmt: skip
def test_it_answers_to_its_own_names_only(client, host, status) -> None:
    assert client.get("/", headers={"host": host}).status_code == status


def test_a_board_for_a_network_answers_to_addresses_in_numbers_and_to_no_other_name() -> None:
    access = Access(port=8131, any_address=True)
    assert access.answers_to("192.168.0.9:8131")
    assert access.answers_to("[fe80::1]:8131")
    assert not access.answers_to("evil.example:8131")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "https://127.0.0.1:8131"},
        {"origin": "http://127.0.0.1:8132"}, {"origin": ""}, {"x-form-token": ""}, {"x-form-token": "guess"},
        {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_changes_something_comes_from_our_own_page_or_not_at_all(client, headers, method) -> None:
    told = {"content-type": "application/x-www-form-urlencoded", **headers}
    answer = client.request(method, "/language", content="language=zh", headers=told)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_our_own_page_changes_the_language(client) -> None:
    assert "Runs" in client.get("/").text
    assert client.post("/language", data={"language": "zh"}).status_code == 204
    assert "各次结果" in client.get("/").text


@pytest.mark.parametrize("path", ["/", "/shelf", "/static/style.css", "/nowhere", "/report?run=rain/run"])
def test_every_answer_says_what_it_may_load(client, path) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe-inline' 'self" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_a_voter_sees_the_voting_pages_and_nothing_else(client) -> None:
    access_of(client).voter_of = lambda token: "anna" if token == "hers" else ""
    client.cookies.clear()
    assert client.get("/voting", params={"token": "hers"}).status_code == 303
    assert client.get("/static/style.css").status_code == 200
    for path in ("/", "/shelf", "/report?run=rain/run", "/picture?run=rain/run&sha256=0"):
        assert client.get(path).status_code == 403


def test_an_address_that_begins_with_two_slashes_leads_nowhere_else(client) -> None:
    answer = client.get(f"{HERE}//evil.example/", params={"token": access_of(client).token})
    assert answer.headers.get("location", "/").startswith("/evil.example")


@pytest.mark.parametrize(
    ("accepted", "told"),
    [("zh-CN,zh;q=0.9", "zh"), ("fr-FR,zh-TW;q=0.8", "zh"), ("en-GB", "en"), ("de", "en"), ("", "en")],
)
def test_the_browser_says_the_language(accepted, told) -> None:
    assert language_of({}, accepted) == told
    assert language_of({"storykit-language": "markup<b>"}, accepted) == told


@pytest.mark.parametrize("size", ["99999999999", "-1", "x", ""])
def test_what_is_too_large_or_does_not_say_is_not_read(client, size) -> None:
    answer = client.post("/language", content=b"language=zh", headers={"content-length": size})
    assert answer.status_code == 413


def test_the_owner_who_tries_a_voters_link_keeps_the_board(client) -> None:
    access_of(client).voter_of = lambda token: "anna" if token == "hers" else ""
    answer = client.get("/voting", params={"token": "hers"})
    assert answer.status_code == 403
    assert "private window" in answer.text
    assert client.get("/").status_code == 200
