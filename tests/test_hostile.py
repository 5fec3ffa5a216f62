"""Bundles made to do harm: each is refused in two seconds and a gibibyte, and nothing is written."""

import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from command import tree
from entries import make_entry, make_scored_run, unpack
from hostile import hostile_bundles
from paths import ROOT

from submissions.packing.pack import pack

RUNNER = ROOT / "tests" / "support" / "hostile.py"


def judged(sound: Path, paths: list[Path], folder: Path) -> dict[str, dict[str, object]]:
    """Verify each file in a process of its own that may not write, and return what came of it.

    The first that is looked at is a sound one.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(RUNNER), str(sound), *map(str, paths)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told.pop(str(sound))["told"] == "[]"
    return told


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    return pack(make_scored_run(folder / "work"), make_entry(folder)).path


def test_every_hostile_bundle_is_refused_within_its_bounds_and_writes_nothing(sound, tmp_path):
    (tmp_path / "here").mkdir()
    labels, refused = [], {}
    bundles = enumerate(hostile_bundles(unpack(sound)))
    while some := list(islice(bundles, 150)):
        paths = {tmp_path / f"{number}.zip": label for number, (label, _) in some}
        for path, (_, (_, data)) in zip(paths, some, strict=True):
            path.write_bytes(data)
        refused |= {
            paths[Path(name)]: told for name, told in judged(sound, list(paths), tmp_path / "here").items()
        }
        labels += paths.values()
        for path in paths:
            path.unlink()
    assert len(set(labels)) == len(labels) >= 60
    broken = {label: said for label, said in refused.items() if said["code"] != 0}
    assert not broken, "killed, crashed, or did what is forbidden"
    unmoved = [label for label, said in refused.items() if said["told"] == "[]"]
    assert not unmoved, "taken for sound"
    assert tree(tmp_path) == {}


def test_the_bounds_hold_for_a_sound_bundle_too_and_bite(sound, tmp_path):
    twin = tmp_path / "twin.zip"
    twin.write_bytes(sound.read_bytes())
    [said] = judged(sound, [twin], tmp_path).values()
    assert (said["code"], said["told"]) == (0, "[]")
