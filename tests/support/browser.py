"""Pages as people see them: a real Chromium through Playwright, and what is wrong with a page in it.

    def test_the_sheet_is_sound(visit, tmp_path):
        page = visit(tmp_path / "report.html", width=390, dark=True, language="zh")
        page.press("Tab")
        page.is_sound()

`visit` takes an address, a file, or HTML itself, and returns a `Visited`: whatever Playwright's own `Page`
can do (click, press, locator, keyboard, evaluate ...), and `faults`, `is_sound`. Each visit has its cookies;
`visit.again` opens a second tab beside the last one. Every page of a test is closed at its end, and its
console must have been silent: the test fails otherwise (`page.faults.clear()` where the test wants a fault).
To wait, take `page.locator(...).wait_for()`: the board's policy forbids the eval of `wait_for_function`.

One browser a worker serves all tests. While it is open, asyncio.run cannot be called in the main thread: give
a coroutine to a thread of its own.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

EXECUTABLE = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
CONTRAST = {"type": "rule", "values": ["color-contrast"]}
WIDTHS = (1280, 390)
DARK = "matchMedia('(prefers-color-scheme: dark)').matches"
GONE = re.compile(
    r"net::ERR_(ABORTED|CONNECTION_\w+|SOCKET_NOT_CONNECTED|EMPTY_RESPONSE|RESPONSE_HEADERS_TRUNCATED|"
    r"CONTENT_LENGTH_MISMATCH|INCOMPLETE_CHUNKED_ENCODING)"
    r"|^htmx:(sendError|sendAbort|afterRequest)"
)
"""What a browser says of a page that was left, and of a board that has ended: tests end them as they like."""
HEIGHT = 844
LANGUAGES = {"en": "en-US", "zh": "zh-CN"}
PATIENCE_MS = 60_000
"""After which a page that does nothing is taken for dead."""


class Visited:
    """One open page: Playwright's, and what went wrong on it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.faults: list[str] = []
        """What the console and the page itself complained of so far."""
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("requestfailed", self._miss)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)

    def is_sound(self) -> None:
        """Hold that the page as it stands is sound, in light and dark and in a wide and a narrow window.

        Axe finds nothing, nothing is wider than the window, and the console is silent.
        """
        found = [*self.axe(), *self.wide()]
        window, dark = self.page.viewport_size, self.evaluate(DARK)
        self.page.emulate_media(color_scheme="light" if dark else "dark", reduced_motion="reduce")
        found += self.axe(CONTRAST)
        for width in {*WIDTHS} - {window["width"]}:
            self.page.set_viewport_size({**window, "width": width})
            found += self.wide()
        self.page.set_viewport_size(window)
        self.page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="null")
        found += self.faults
        assert not found, "\n".join([self.page.url, *found])

    def axe(self, rules: Mapping[str, object] = RULES) -> list[str]:
        """Return what axe finds, a line a fault: its rule, what it means, and the first places."""
        from axe_playwright_python.base import AXE_SCRIPT

        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE_SCRIPT)
        options = {"runOnly": rules, "resultTypes": ["violations"], "preload": False}
        found = self.page.evaluate("(options) => axe.run(options)", options)
        return [
            "{}: {} {}".format(
                fault["id"], fault["help"], [node["html"][:160] for node in fault["nodes"][:3]]
            )
            for fault in found["violations"]
        ]

    def wide(self) -> list[str]:
        """Return the elements that make the page wider than the window; what scrolls in itself does not."""
        return self.page.evaluate(
            """() => document.scrollingElement.scrollWidth <= innerWidth ? [] :
            [...document.querySelectorAll("body *")]
              .filter((one) => one.getBoundingClientRect().right > innerWidth + .5)
              .map((one) => one.outerHTML.slice(0, 160))"""
        )

    def focused(self) -> str:
        """Return what has the focus, as it is called: its label, else its text; nothing for the body."""
        return self.page.evaluate(
            """() => {
              const one = document.activeElement;
              if (one === document.body) return "";
              return one.ariaLabel || (one.labels?.[0] ?? one).textContent.trim().replace(/\\s+/g, " ");
            }"""
        )

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning") and not GONE.search(message.text):
            self.faults.append(f"{message.type}: {message.text}")

    def _miss(self, asked: Any) -> None:
        if not GONE.search(asked.failure or ""):
            self.faults.append(f"failed: {asked.url[:200]} {asked.failure}")


class Visits:
    """Opens pages; the fixture `visit`."""

    def __init__(self, chromium: Any, folder: Path) -> None:
        self._chromium, self._folder = chromium, folder
        self.all: list[Visited] = []

    def __call__(
        self, where: str | Path, *, width: int = 1280, dark: bool = False, language: str = "en", **more: Any
    ) -> Visited:
        """Open a page as somebody with a window, a colour scheme and a language sees it.

        Args:
            where: an address, a file, or HTML itself.
            width: of the window in pixels.
            dark: whether the system is in dark mode.
            language: that the browser asks for, en or zh.
            more: whatever else a browser's context takes, such as reduced_motion="reduce".
        """
        context = self._chromium.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme="dark" if dark else "light",
            locale=LANGUAGES[language],
            **more,
        )
        context.set_default_timeout(PATIENCE_MS)
        return self._open(context, where)

    def again(self, where: str | Path) -> Visited:
        """Open a page in a second tab of the last visit, with its cookies."""
        return self._open(self.all[-1].page.context, where)

    def _open(self, context: Any, where: str | Path) -> Visited:
        opened = Visited(context.new_page())
        self.all.append(opened)
        opened.page.goto(self._address(where))
        return opened

    def _address(self, where: str | Path) -> str:
        if isinstance(where, str) and where.startswith(("http://", "https://", "file://", "about:")):
            return where
        if isinstance(where, Path):
            return where.resolve().as_uri()
        page = self._folder / f"page-{len(self.all)}.html"
        page.write_text(where, encoding="utf-8")
        return page.as_uri()

    def close(self) -> list[str]:
        """Close every page and return what they complained of.

        A context alone would wait forever, now and then, for a page that asks a board that is gone.
        """
        for one in self.all:
            one.page.close()
        for context in {one.page.context for one in self.all}:
            context.close()
        return [fault for one in self.all for fault in one.faults]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Return Playwright's browser, started for the first test that asks; without one the test is skipped."""
    if EXECUTABLE is None:
        pytest.skip("needs Chromium: no chromium, chromium-browser or google-chrome on the PATH")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: the extra `test`")
    pytest.importorskip("axe_playwright_python", reason="needs axe-playwright-python: the extra `test`")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=EXECUTABLE,
            args=["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else [],
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any, tmp_path: Path) -> Iterator[Visits]:
    """Open pages: `visit(address, width=390, dark=True, language="zh")`; their consoles must stay silent."""
    visits = Visits(chromium, tmp_path)
    yield visits
    faults = visits.close()
    assert not faults, "\n".join(faults)
