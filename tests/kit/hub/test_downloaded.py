"""Models are found by a hub's names where its own tools put them."""

from pathlib import Path

import pytest

from kit.hub.downloaded import downloaded

NAME = "owner/some-model"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STORYKIT_MODELS", "MODELSCOPE_CACHE", "HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "place",
    [
        ".cache/storykit/owner/some-model",
        ".cache/modelscope/hub/models/owner/some-model",
        ".cache/modelscope/hub/owner/some-model",
        ".cache/huggingface/hub/models--owner--some-model/snapshots/0123abc",
    ],
)
def test_a_download_is_found_by_its_name(home: Path, place: str) -> None:
    assert downloaded(NAME) is None
    (home / place / "v7").mkdir(parents=True)
    (home / place / "unet.safetensors").touch()
    assert downloaded(NAME) == home / place
    assert downloaded(f"{NAME}/v7") == home / place / "v7"
    assert downloaded(f"{NAME}/unet.safetensors") == home / place / "unet.safetensors"
    assert downloaded(f"{NAME}/v8") is None


def test_of_several_snapshots_the_branch_main_is_taken(home: Path) -> None:
    model = home / ".cache/huggingface/hub/models--owner--some-model"
    for revision in ("aaa", "bbb"):
        (model / "snapshots" / revision).mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs/main").write_text("bbb\n")
    assert downloaded(NAME) == model / "snapshots/bbb"


def test_modelscope_writes_a_dot_as_three_lines(home: Path) -> None:
    place = home / ".cache/modelscope/hub/models/owner/base-1___0"
    place.mkdir(parents=True)
    assert downloaded("owner/base-1.0") == place


@pytest.mark.parametrize("name", ["owner", "/etc/passwd", "../owner/model", "owner/../model", "a b/c", ""])
def test_what_is_no_name_is_nowhere(home: Path, name: str) -> None:
    assert downloaded(name) is None
