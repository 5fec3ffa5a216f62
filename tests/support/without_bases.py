"""Where the extra `storykit[bases]` is not installed, tests that need it skip, and say so."""

from collections.abc import Generator
from importlib.util import find_spec

import pytest

LIBRARIES = ("diffusers", "compel", "cv2")
WORD = "Skipped: needs storykit[bases]"


class SkipWithoutBases:
    """Turns a library that cannot be imported, in a test or in its file, into a skipped one."""

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Skip a file that imports one."""
        report = yield
        if report.failed and any(f"No module named '{name}" in str(report.longrepr) for name in LIBRARIES):
            report.outcome, report.longrepr = "skipped", (str(collector.path), 0, WORD)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Skip a test that imports one."""
        report = yield
        error = call.excinfo.value if call.excinfo else None
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in LIBRARIES:
            report.outcome, report.longrepr = "skipped", (str(item.path), 0, WORD)
        return report


def pytest_configure(config: pytest.Config) -> None:
    """Skip such tests where a library is not there."""
    try:
        here = all(find_spec(name) for name in LIBRARIES)
    except ModuleNotFoundError:
        here = False
    if not here:
        config.pluginmanager.register(SkipWithoutBases())
