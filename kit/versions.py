"""Versions of installed packages."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def installed_version(package: str) -> str | None:
    """Return the version of an installed package, None where it is used without being installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
