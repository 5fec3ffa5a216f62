"""What is said of an experiment while it is written, in the place where it is wrong."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from kit.starter.choices import StarterChoice
from kit.starter.folder import starter_files
from kit.writing.experiment_check import check_experiment

METRICS = ("identity", "mrr")


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    for name, data in starter_files(StarterChoice(language="en")).items():
        if name.endswith(".toml"):
            (tmp_path / "mine" / name).write_bytes(data)
    return tmp_path / "mine"


def document(begun: Path, **changes: object) -> dict[str, Any]:
    return tomllib.loads((begun / "experiment.toml").read_text(encoding="utf-8")) | changes


def faults(begun: Path, **changes: object) -> dict[tuple[int | str, ...], str]:
    check = check_experiment(
        document(begun, **changes), begun / "experiment.toml", begun, ("identity", "mrr")
    )
    return {one.place: one.problem for one in check.faults}


def test_a_sound_experiment_says_how_many_pictures_it_draws(begun: Path) -> None:
    check = check_experiment(document(begun), begun / "experiment.toml", begun)
    assert check.faults == ()
    assert check.pictures == 2 * 3 * 8


@pytest.mark.parametrize(
    ("changes", "place", "problem"),
    [
        ({"stories": ["storry.toml"]}, ("stories", 0), "file does not exist, did you mean story.toml?"),
        ({"seeds": []}, ("seeds",), "must have at least 1 item, not 0"),
        ({"size": 100}, ("size",), "must be a multiple of 32, got 100"),
        ({"orders": ["backwards"]}, ("orders", 0), "must be one of authored"),
        ({"compare": {"baseline": "x"}}, ("compare",), "baseline must be one of base, ink, got 'x'"),
        ({"compare": {"metrics": ["tex"]}}, ("compare", "metrics", 0), "must be 'identity' or 'mrr'"),
        ({"candidate": [{"name": "A B"}]}, ("candidate", 0, "name"), "must be lower-case letters"),
        ({"candidate": [{"name": "a", "lora": "no.pt"}]}, ("candidate", 0, "lora"), "file no.pt does not"),
        ({"candidate": [{"name": "a", "trigger": "(ink:1.3)"}]}, ("candidate", 0, "trigger"), "is a weight"),
        ({"negative": "blurred"}, ("negative",), "it belongs into a story file"),
    ],
)  # fmt: skip
def test_a_fault_is_told_in_its_place(
    begun: Path, changes: dict[str, Any], place: tuple[int | str, ...], problem: str
) -> None:
    assert problem in faults(begun, **changes)[place]


@pytest.mark.parametrize("name", ["../secret.toml", "/etc/passwd.toml", "link.toml"])
def test_nothing_outside_the_folder_is_looked_at(begun: Path, name: str) -> None:
    (begun.parent / "secret.toml").write_text('title = "the secret"\n', encoding="utf-8")
    (begun / "link.toml").symlink_to(begun.parent / "secret.toml")
    changes = document(begun, stories=[name], base="/", candidate=[{"name": "a", "lora": "../secrets"}])
    check = check_experiment(changes, begun / "experiment.toml", begun)
    assert check.faults == ()
    assert check.notes == (f"{name} lies outside the folder that is served: it is not looked at here",)
