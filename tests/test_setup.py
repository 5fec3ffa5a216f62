"""`make` on a fresh machine: which Python it takes, and what it says when none will do."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from paths import ROOT

_MAKE = shutil.which("make")
_PYTHON = """#!/bin/sh
case "$2" in
*version_info*) exit {too_old} ;;
*ensurepip*) exit {bare} ;;
esac
for folder; do :; done
mkdir -p "$folder/bin"
echo '#!/bin/sh' > "$folder/bin/python"
chmod +x "$folder/bin/python"
echo "made by {name}"
"""


class Program(NamedTuple):
    """A program on the machine that stands for a Python, or for uv."""

    name: str
    too_old: bool = False
    bare: bool = False


def set_up(folder: Path, *programs: Program) -> subprocess.CompletedProcess[str]:
    """Run `make` for the environment alone on a machine that has these programs and nothing else."""
    assert _MAKE is not None
    tools = folder / "bin"
    tools.mkdir()
    for name in ("touch", "mkdir", "chmod"):
        (tools / name).symlink_to(shutil.which(name) or name)
    for program in programs:
        script = tools / program.name
        script.write_text(
            _PYTHON.format(too_old=int(program.too_old), bare=int(program.bare), name=program.name)
        )
        script.chmod(0o755)
    where = os.environ | {"PATH": str(tools)}
    for name in ("PYTHON", "VENV", "MAKEFLAGS", "MAKELEVEL"):
        where.pop(name, None)
    environment = folder / "venv"
    command = [_MAKE, "-C", str(ROOT), f"VENV={environment}", str(environment / "ready")]
    return subprocess.run(command, env=where, capture_output=True, text=True, check=False)


@pytest.mark.skipif(_MAKE is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("programs", "taken"),
    [
        ([Program("python3"), Program("python3.14")], "python3"),
        ([Program("python3", too_old=True), Program("python3.14"), Program("python3.12")], "python3.14"),
        ([Program("python3", too_old=True), Program("python3.13")], "python3.13"),
        ([Program("python3", bare=True), Program("python3.11")], "python3.11"),
        ([Program("python3", too_old=True), Program("uv")], "uv"),
        ([Program("python3", bare=True), Program("uv")], "uv"),
    ],
)
def test_setup_takes_the_first_python_that_will_do(
    tmp_path: Path, programs: list[Program], taken: str
) -> None:
    done = set_up(tmp_path, *programs)
    assert done.returncode == 0, done.stderr
    assert f"made by {taken}\n" in done.stdout
    assert (tmp_path / "venv/ready").exists()


@pytest.mark.skipif(_MAKE is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("programs", "advice"),
    [
        ([Program("python3", bare=True)], "sudo apt install python3-venv"),
        ([Program("python3", too_old=True)], "storykit needs Python 3.11 to 3.14"),
        ([], "name yours: make PYTHON=/path/to/python3.12"),
    ],
)
def test_setup_says_what_to_install_where_no_python_will_do(
    tmp_path: Path, programs: list[Program], advice: str
) -> None:
    done = set_up(tmp_path, *programs)
    assert done.returncode != 0
    assert advice in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "venv/ready").exists()
