import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import storykit

ROOT = Path(storykit.__file__).parents[1]
PACKAGES = ("storykit", "kit", "eval", "reports", "submissions")
NOT_SHIPPED = ("kit/mini/training/", "eval/mini/training/")
DEMO_SPARED = (
    ('"authored", "scene-first"', '"authored"'),
    ("steps = 6", "steps = 4"),
    ('[[candidate]]\nname = "watercolour"\nlora = "mini:watercolour"\ntrigger = "水彩画风格"\n', ""),
)
"""What the demo draws more of than proves that it runs; with fewer steps its pictures would not be packed."""
IMPORT_ALL = f"""
import importlib, pkgutil, sys
for name in {PACKAGES}:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if module.name.endswith("__main__"):
            continue
        try:
            assert importlib.import_module(module.name).__file__.startswith(sys.prefix), module.name
        except ModuleNotFoundError as error:
            assert error.name == "diffusers", module.name  # of an extra, which need not be there
"""
DEMO_THEN_IMPORT_ALL = f"""
import runpy, sys
script, *words = sys.argv[1:]
sys.argv = [script, *words]
try:
    runpy.run_path(script, run_name="__main__")
except SystemExit as end:
    assert not end.code
{IMPORT_ALL}
print("every module can be imported")
"""


def called(*words: object, folder: Path) -> str:
    """Run a program in a folder, without the checkout on its path, and return what it printed."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def shipped() -> Iterator[str]:
    """Yield every file of the checkout that belongs into the wheel."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and "__pycache__" not in path.parts and not name.startswith(NOT_SHIPPED):
                yield name


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy, so that nothing an earlier build left is in it."""
    folder = tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / "source" / package)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    options = ("--quiet", "--no-build-isolation", "--no-deps", "--no-index")
    called(sys.executable, "-m", "pip", "wheel", *options, "-w", ".", "./source", folder=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel):
    """The programs of an environment with the wheel, and with this one's libraries but for the checkout."""
    folder = wheel.parent / "environment"
    venv.create(folder, symlinks=True)
    (libraries,) = folder.glob("lib/python*/site-packages")
    (libraries / "libraries.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python")
    called(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, folder=wheel.parent)
    return folder / "bin"


def test_the_wheel_holds_every_file_but_those_that_trained_its_weights(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == set(shipped())


@pytest.fixture(scope="module")
def printed(installed) -> list[str]:
    """What the demo prints, run as the installed program is, and then the import of every other module."""
    (demo,) = installed.parent.glob("lib/python*/site-packages/kit/examples/demo.toml")
    whole = demo.read_text(encoding="utf-8")
    for all_of_it, enough in DEMO_SPARED:
        assert all_of_it in whole
        whole = whole.replace(all_of_it, enough)
    demo.write_text(whole, encoding="utf-8")
    words = (installed / "storykit", "demo", "--seeds", "1")
    folder = installed.parent
    return called(installed / "python", "-c", DEMO_THEN_IMPORT_ALL, *words, folder=folder).splitlines()


def test_every_module_of_the_wheel_can_be_imported_without_the_checkout(printed):
    assert printed[-1] == "every module can be imported"


def test_the_demo_runs_from_the_wheel_and_packs_a_sound_bundle(installed, printed):
    stages = ["drawn", "scored", "compared", "report", "bundle", "report"]
    assert [word for line in printed if (word := line.split()[0]) in stages] == stages
    assert any(line.startswith("drawn   16 panels, 0 were there") for line in printed)
    assert any(line.startswith("bundle") and line.endswith(", 0 faults)") for line in printed)
    assert (installed.parent / "runs/demo/report.html").is_file()
    for program in ((installed / "storykit",), (installed / "python", "-m", "storykit")):
        assert called(*program, "--help", folder=installed.parent).startswith("Usage: ")
