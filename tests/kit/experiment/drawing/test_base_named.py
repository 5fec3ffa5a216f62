"""A command's option names a base as an experiment does."""

from pathlib import Path

import pytest

from kit.errors import InputError
from kit.experiment.drawing.base_named import base_named
from kit.models.bases.base_parts import BaseParts


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STORYKIT_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models/owner/model").mkdir(parents=True)
    (tmp_path / "prior").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", ["mini", "kolors"])
def test_a_known_name_is_itself(name: str) -> None:
    assert base_named(name) == name


def test_a_folder_and_a_hub_s_name_are_found(here: Path) -> None:
    assert base_named("prior") == str(here / "prior")
    assert base_named("owner/model") == str(here / "models/owner/model")


def test_an_experiment_stands_for_its_base_seen_from_its_own_folder(here: Path) -> None:
    (here / "other").mkdir()
    (here / "other/prior").mkdir()
    parts = 'base = { folder = "owner/model", prior = "prior" }\nstories = ["gone.toml"]\n'
    (here / "other/parts.toml").write_text(parts, "utf-8")
    place = {"folder": here / "models/owner/model", "prior": here / "other/prior"}
    assert base_named("other/parts.toml") == BaseParts(**{name: str(path) for name, path in place.items()})
    (here / "plain.toml").write_text('stories = ["gone.toml"]\n', "utf-8")
    assert base_named("plain.toml") == "mini"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "nowhere",
            'must be "mini", "kolors", a folder or a model that was downloaded, and nowhere does not',
        ),
        (
            "owner/other",
            "owner/other is neither here nor downloaded: `modelscope download --model owner/other` or",
        ),
        ("gone.toml", "file does not exist"),
    ],
)
def test_what_is_no_base_is_one_line(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        base_named(text)
