"""Python and the libraries: whether they are there, and whether they are those that were tested."""

import platform
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from kit.doctor.diagnosis import Diagnosis, fault, note, ok
from kit.messages import joined, tr, trn
from kit.models.bases.pipeline_class import family_of
from kit.versions import installed_version

FIRST, LAST = (3, 11), (3, 14)
"""The Pythons that storykit runs on."""
TESTED = Path(__file__).with_name("tested_versions.toml")


def pinned_versions() -> dict[str, str]:
    """Return the version of each library that storykit needs, as they were tested together."""
    return tomllib.loads(TESTED.read_text(encoding="utf-8"))


def python_lines(version: tuple[int, int, int] = sys.version_info[:3]) -> Iterator[Diagnosis]:
    """Yield what is to be said of Python."""
    system = f"{platform.system()} {platform.machine()}"
    told = tr(
        "storykit {storykit}, Python {version}, {system}",
        storykit=installed_version("storykit") or "-",
        version=".".join(map(str, version)),
        system=system,
    )
    if FIRST <= version[:2] <= LAST:
        yield ok("python", told)
        return
    yield fault(
        "python",
        tr("Python {version} is not 3.11 to 3.14", version=".".join(map(str, version))),
        tr("make an environment with one of these: `python3.12 -m venv .venv`, and install storykit there"),
    )


def library_lines(version_of: Callable[[str], str | None] = installed_version) -> Iterator[Diagnosis]:
    """Yield which libraries are missing or differ from those that were tested.

    Args:
        version_of: gives the version of an installed library, None for one that is not there.
    """
    alike = 0
    for name, tested in pinned_versions().items():
        version = version_of(name)
        if version is None:
            yield fault(
                f"library.{name}",
                tr("{name} is not installed", name=name),
                tr("install it: `pip install {name}=={tested}`", name=name, tested=tested),
            )
        elif _numbers(version) != _numbers(tested):
            yield note(
                f"library.{name}",
                tr("{name} is {version}, tested was {tested}", name=name, version=version, tested=tested),
                tr("if something fails: `pip install {name}=={tested}`", name=name, tested=tested),
            )
        else:
            alike += 1
    yield ok("libraries", trn("{n} library as it was tested", "{n} libraries as they were tested", alike))


_BASES = {"diffusers": "0.35.2", "compel": "2.1.1"}
"""The extra that draws other bases, as it was tested."""


def bases_lines(
    models: Path, version_of: Callable[[str], str | None] = installed_version
) -> Iterator[Diagnosis]:
    """Yield whether other bases than Kolors can be drawn, and which were downloaded.

    Args:
        models: our folder of downloads.
        version_of: as `library_lines` takes it.
    """
    found = sorted(path.parent for path in models.glob("*/*/model_index.json") if family_of(path.parent))
    names = joined(("/".join(folder.parts[-2:]) for folder in found), tr(", "))
    lacking = [name for name in _BASES if version_of(name) is None]
    if lacking:
        none = tr(
            "SDXL, Stable Diffusion and Stable Cascade cannot be drawn without {names}",
            names=joined(lacking, tr(", ")),
        )
        do = tr("to draw with them: `pip install storykit[bases]`")
        yield note("bases", none, do) if found else ok("bases", tr("{told}; {do}", told=none, do=do))
        return
    for name, tested in _BASES.items():
        version = version_of(name) or ""
        if _numbers(version) != _numbers(tested):
            yield note(
                f"library.{name}",
                tr("{name} is {version}, tested was {tested}", name=name, version=version, tested=tested),
                tr("if something fails: `pip install {name}=={tested}`", name=name, tested=tested),
            )
    told = tr("SDXL, Stable Diffusion and Stable Cascade can be drawn")
    yield ok("bases", tr("{told}; downloaded: {names}", told=told, names=names) if found else told)


def _numbers(version: str) -> tuple[int, ...]:
    """Return the first two numbers of a version: what follows mends and adds nothing.

    >>> _numbers("2.12.1+cu128"), _numbers("5")
    ((2, 12), (5, 0))
    """
    told = [int(number) for number in re.findall(r"\d+", version.partition("+")[0])[:2]]
    return (*told, 0, 0)[:2]
