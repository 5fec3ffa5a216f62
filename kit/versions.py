"""Versions of installed packages, and the commit of the code."""

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "diffsynth", "transformers", "numpy", "pillow")
"""Whose versions run.json records; they are not in a picture's key, rounding is all they may change."""


@cache
def installed_version(package: str) -> str | None:
    """Return the version of an installed package, None where it is used without being installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def commit_of_checkout() -> str | None:
    """Return the commit of the checkout this code runs from; None for an installed package."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return None
    git = ["git", "-C", str(root), "rev-parse", "--verify", "--quiet", "HEAD"]
    try:
        answer = subprocess.run(git, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return answer.stdout.strip() or None
