"""Who may use the board: every request is looked at before anything else sees it.

The owner's token is in the address that the terminal prints; the first request trades it for a cookie. A
voter's token is of a link of its own and opens the voting pages alone. Host and Origin are checked, so that
no other page in the browser can reach the board, neither by a form nor by a name that it points at this
machine.
"""

import hmac
import ipaddress
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import get_args
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.messages import Language, reader_language, speaking, tr

FORM_HEADER = "x-form-token"
"""Sent with everything that changes something."""
OPEN_TO_VOTERS = ("/voting", "/static/", "/language")
"""How addresses begin that a voter's link opens."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page of the board may load: its own files, no inline script or style."""
MOST_BYTES = 1 << 25
"""That a page may send at once: no upload of pictures or weights goes through the browser."""
_READING = ("GET", "HEAD")


def _no_voters(token: str) -> str:
    """Return whose token it is; nobody's, as long as no area knows voters."""
    del token
    return ""


@dataclass
class Access:
    """The tokens of a board, and the names that it answers to."""

    port: int
    hosts: frozenset[str] = frozenset({"127.0.0.1", "localhost", "[::1]"})
    """Names that a Host header may say."""
    any_address: bool = False
    """Whether it may say any address in numbers, for a board that is open to a network."""
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    form_token: str = field(default_factory=lambda: secrets.token_hex(16))
    voter_of: Callable[[str], str] = _no_voters
    """Returns the voter's id of a token, empty where nobody has it."""

    @property
    def cookie(self) -> str:
        """The cookie's name; browsers tell boards at other ports their cookies, too."""
        return f"storykit-{self.port}"

    def is_owner(self, token: str) -> bool:
        """Return whether a token is the owner's."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    def answers_to(self, host: str) -> bool:
        """Return whether a Host header names this board: what comes by another name is a trick.

        >>> Access(port=8123).answers_to("localhost:8123"), Access(port=8123).answers_to("evil.example:8123")
        (True, False)
        """
        name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "80")
        if not name:
            name, port = host, "80"
        if port != str(self.port):
            return False
        return name.lower() in self.hosts or (self.any_address and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class Guard:
    """Lets through what may come through, in the reader's language, and seals what goes out."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Stand before an application."""
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                _seal(MutableHeaders(scope=message))
            await send(message)

        headers = Headers(scope=scope)
        cookies = _cookies(headers.get("cookie", ""))
        with speaking(language_of(cookies, headers.get("accept-language", ""))):
            answer = self._refused(scope, headers, cookies)
            await (answer or self._app)(scope, receive, sealed)

    def _refused(self, scope: Scope, headers: Headers, cookies: dict[str, str]) -> Response | None:
        """Return the answer to a request that goes no further; None where it may."""
        access = self._access
        host = headers.get("host", "")
        if not access.answers_to(host):
            return _plain(421, tr("this board answers only to the address that the terminal printed"))
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = next((value for name, value in query if name == "token"), None)
        if given is not None and scope["method"] in _READING:
            return self._let_in(scope, query, given, access.is_owner(cookies.get(access.cookie, "")))
        token = cookies.get(access.cookie, "")
        owner = access.is_owner(token)
        voter = "" if owner else access.voter_of(token)
        if not (owner or voter):
            return _plain(
                403, tr("this address needs its token: open the one that the terminal printed, to its end")
            )
        if voter and not scope["path"].startswith(OPEN_TO_VOTERS):
            return _plain(403, tr("this link is for voting alone"))
        if scope["method"] not in _READING and not self._is_own_form(headers, host):
            return _plain(403, tr("this did not come from a page of the board: load the page again"))
        if scope["method"] not in _READING and not 0 <= _size_of(headers) <= MOST_BYTES:
            return _plain(413, tr("what was sent is too large: {most} bytes are the most", most=MOST_BYTES))
        scope.setdefault("state", {})["voter"] = voter
        return None

    def _let_in(self, scope: Scope, query: list[tuple[str, str]], token: str, inside: bool) -> Response:
        """Trade a token in an address for a cookie, so that the token stays in no history.

        The owner, who is inside already, keeps the cookie: a voter's would lock the board in this browser.
        """
        if not (self._access.is_owner(token) or self._access.voter_of(token)):
            return _plain(
                403, tr("this token is of another board: open the address that the terminal printed last")
            )
        if inside and not self._access.is_owner(token):
            return _plain(
                403,
                tr(
                    "this browser has the board open: open a voter's link in another one, or a private window"
                ),
            )
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        path = "/" + scope["path"].lstrip("/\\")  # "//host" would lead elsewhere
        answer = RedirectResponse(f"{path}?{rest}" if rest else path, status_code=303)
        answer.set_cookie(self._access.cookie, token, httponly=True, samesite="strict")
        return answer

    def _is_own_form(self, headers: Headers, host: str) -> bool:
        """Return whether a request that changes something was sent by a page of this board."""
        given = headers.get(FORM_HEADER, "").encode()
        own = headers.get("origin") == f"http://{host}"
        near = headers.get("sec-fetch-site", "same-origin") == "same-origin"
        return own and near and hmac.compare_digest(given, self._access.form_token.encode())


def language_of(cookies: dict[str, str], accepted: str) -> Language:
    """Return the reader's language: as chosen on the page, else the browser's, else the terminal's.

    >>> language_of({}, "zh-CN,zh;q=0.9,en;q=0.8"), language_of({"storykit-language": "en"}, "zh")
    ('zh', 'en')
    """
    asked = (one.partition(";")[0].strip().lower().partition("-")[0] for one in accepted.split(","))
    known = get_args(Language)
    wanted = (cookies.get("storykit-language"), *asked)
    return next((spoken for name in wanted for spoken in known if spoken == name), reader_language())


def _cookies(header: str) -> dict[str, str]:
    jar: SimpleCookie = SimpleCookie()
    for piece in header.split(";"):
        try:
            jar.load(piece.strip())
        except CookieError:
            continue
    return {name: morsel.value for name, morsel in jar.items()}


def _size_of(headers: Headers) -> int:
    """Return how many bytes a request says it has; -1 where it does not say."""
    told = headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdigit() else -1


def _plain(status: int, told: str) -> Response:
    return PlainTextResponse(told, status_code=status)


def _seal(headers: MutableHeaders) -> None:
    """Put the safe headers on an answer; one that has a policy of its own keeps it."""
    headers.setdefault("content-security-policy", POLICY)
    headers.setdefault("cache-control", "no-store")
    headers["x-content-type-options"] = "nosniff"
    headers["x-frame-options"] = "DENY"
    headers["referrer-policy"] = "same-origin"
    headers["cross-origin-opener-policy"] = "same-origin"
    headers["cross-origin-resource-policy"] = "same-origin"
