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


def planned(*variables: str, venv: Path) -> str:
    """Return what `make demo` would run."""
    assert _MAKE is not None
    command = [_MAKE, "-n", "-C", str(ROOT), "demo", f"VENV={venv}", *variables]
    where = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(command, env=where, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(_MAKE is None, reason="make is not installed")
def test_the_demo_takes_pytorch_from_another_index_and_the_rest_from_a_mirror(tmp_path: Path) -> None:
    mirror = "--index-url https://mirror.example/simple"
    told = planned("TORCH_INDEX=https://torch.example/cpu", f"PIP_ARGS={mirror}", venv=tmp_path / "venv")
    torch, rest = (line for line in told.splitlines() if " pip install " in line)
    assert torch.endswith("--index-url https://torch.example/cpu torch torchvision")
    assert "-c constraints.txt" in torch
    assert mirror in rest
    assert "torch.example" not in rest


@pytest.mark.skipif(_MAKE is None, reason="make is not installed")
def test_the_demo_needs_no_tools_of_those_who_change_storykit(tmp_path: Path) -> None:
    told = planned(venv=tmp_path / "venv")
    assert [line for line in told.splitlines() if "[dev]" in line] == []
    (tmp_path / "made").mkdir()
    for name in ("installed", "ready"):  # ready is never the older one
        (tmp_path / "made" / name).touch()
    assert "pip install" not in planned(f"PYTHON={tmp_path}/none", venv=tmp_path / "made")
