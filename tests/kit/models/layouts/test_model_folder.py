import os
import shutil
from pathlib import Path

import pytest
from published_layouts import write_diffusers_layout
from published_toy import toy_published

from kit.embedded import BASE_WEIGHTS
from kit.errors import WeightsError
from kit.experiment.drawing.base_named import base_named
from kit.files import checksums
from kit.files.checksums import RECORD
from kit.files.encodings import sha256_of
from kit.models.base import load_base
from kit.models.layouts.model_folder import model_folder
from kit.models.token_counts import token_counter
from kit.models.unet_files import open_model

VERSION = "a" * 40


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_diffusers_layout(tmp_path_factory.mktemp("layout") / "Kolors", sharded=True)


@pytest.fixture
def models(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("STORYKIT_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def cache(tmp_path, written, models) -> Path:
    """Lay the toy out as Hugging Face's client does: links into blobs that are named by their content."""
    cache = tmp_path / "hub" / "models--Kwai-Kolors--Kolors-diffusers"
    (cache / "blobs").mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(VERSION)
    for file in sorted(one for one in written.rglob("*") if one.is_file() and one.name != RECORD):
        link = cache / "snapshots" / VERSION / file.relative_to(written)
        link.parent.mkdir(parents=True, exist_ok=True)
        blob = cache / "blobs" / sha256_of(file)
        shutil.copy(file, blob)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return cache


def everything(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.fixture
def hashed(monkeypatch) -> list[Path]:
    """Return the list that grows by each file whose content is read for its checksum."""
    seen = []
    monkeypatch.setattr(checksums, "sha256_of", lambda path: seen.append(path) or sha256_of(path))
    return seen


def test_a_hubs_cache_is_the_base_by_the_models_folder_and_by_its_version(cache, written):
    whole, version = load_base(str(cache)), load_base(cache / "snapshots" / VERSION)
    assert whole == version
    assert whole.sha256 == load_base(written).sha256
    assert whole.unet().conv_in.weight.shape == (32, 4, 3, 3)
    assert open_model(str(cache)).kinds == open_model(str(written)).kinds
    assert token_counter(str(cache))("小猫") == token_counter(str(written))("小猫")


def test_a_hubs_name_finds_what_its_client_has_downloaded(cache, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(cache.parent))
    named = base_named("Kwai-Kolors/Kolors-diffusers")
    assert named == str(cache / "snapshots" / VERSION)
    assert load_base(named) == load_base(str(cache))


def test_nothing_is_written_into_the_cache_and_nothing_hashed_twice(cache, hashed):
    before = everything(cache)
    first = load_base(cache).sha256
    assert everything(cache) == before
    assert len(hashed) == len(first)
    assert load_base(cache).sha256 == first
    assert len(hashed) == len(first)


def test_what_changed_in_the_cache_is_refused_with_the_record_that_knows_it(cache, models):
    load_base(cache)
    link = cache / "snapshots" / VERSION / "unet" / "config.json"
    blob = link.resolve()
    blob.write_text(blob.read_text() + " ")
    with pytest.raises(WeightsError, match=r"unet/config\.json is damaged: .*program that filled") as refused:
        load_base(cache)
    (record,) = (models / "checksums").iterdir()
    assert str(record) in str(refused.value)


def test_a_folder_that_may_not_be_written_to_is_hashed_once(tmp_path, models, monkeypatch, hashed):
    folder = shutil.copytree(toy_published(), tmp_path / "Kolors", ignore=shutil.ignore_patterns(RECORD))
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder)
    first = load_base(folder).sha256
    assert not (folder / RECORD).exists()
    assert load_base(folder).sha256 == first
    assert len(hashed) == len(first)


def test_of_several_versions_main_is_taken_and_else_one_must_be_named(cache):
    shutil.copytree(cache / "snapshots" / VERSION, cache / "snapshots" / "b", symlinks=True)
    assert model_folder(cache) == cache / "snapshots" / VERSION
    for main in ("", "c", "../blobs", ".."):
        (cache / "refs" / "main").write_text(main)
        with pytest.raises(WeightsError) as refused:
            load_base(cache)
        assert str(refused.value) == (
            f"{cache} holds several snapshots and does not say which is main: name one, "
            f"{cache / 'snapshots' / VERSION}, {cache / 'snapshots' / 'b'}"
        )
    shutil.rmtree(cache / "refs")
    shutil.rmtree(cache / "snapshots" / "b")
    assert model_folder(cache) == cache / "snapshots" / VERSION


def test_a_cache_without_a_version_or_with_half_a_download_is_one_line(cache):
    link = next((cache / "snapshots" / VERSION / "text_encoder").glob("*-of-*"))
    link.resolve().unlink()
    with pytest.raises(WeightsError, match=f"lacks text_encoder/{link.name}; download it again with the"):
        load_base(cache)
    shutil.rmtree(cache / "snapshots" / VERSION)
    with pytest.raises(WeightsError, match="holds no snapshot: download the model again"):
        load_base(cache)


def test_names_of_ours_and_plain_folders_are_themselves(tmp_path, models):
    assert model_folder("mini") == BASE_WEIGHTS
    assert model_folder("kolors") == models / "Kolors"
    (tmp_path / "models--x" / "unet").mkdir(parents=True)
    assert model_folder(tmp_path / "models--x") == tmp_path / "models--x"
