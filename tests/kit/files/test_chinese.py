"""What is refused of files, pictures and hubs is told in Chinese, and files say it in English."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Annotated, Literal

import pytest
from english_sentences import english_sentences
from PIL import Image
from pydantic import BaseModel, Field, field_validator

from kit.errors import InputError, RunError, StorykitError
from kit.experiment.out_folder import refuse_links_out
from kit.files.atomic_write import copy_atomic, write_atomic
from kit.files.checksums import checked_sha256
from kit.files.documents import read_text, read_toml
from kit.files.encodings import csv_rows, finite_json, sha256_of
from kit.files.file_kinds import refusal_of, why_no_tensors
from kit.files.folder_lock import LOCK, lock_folder
from kit.files.path_contents import Kind, mistaken, taken_by
from kit.files.safetensors_files import read_safetensors, read_tensors
from kit.files.tensors.tensor_files import open_tensor_file
from kit.files.text.delimited_text import rows_of
from kit.files.text.invisible_marks import invisible_mark
from kit.files.text.text_encodings import decode_text
from kit.files.text.toml_text import parse_toml
from kit.files.text.yaml_documents import read_yaml
from kit.files.user_paths import why_not_there
from kit.hub.modelscope import check_repository_name, token_of
from kit.hub.network import check_network
from kit.images.decode import PictureError, open_picture
from kit.messages import in_english, tr


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYKIT_LANG", "zh")


def check(said: str) -> None:
    """Check that a sentence is Chinese, and English for files."""
    assert not english_sentences(said), said
    assert not said.isascii()
    assert in_english(said).isascii()


class Clause(BaseModel, extra="forbid"):
    role: Literal["subject", "place"]
    weight: Annotated[float, Field(gt=0, le=2)] = 1.0

    @field_validator("weight")
    @classmethod
    def _even(cls, weight: float) -> float:
        if weight == 1.5:
            raise ValueError(tr("is a folder"))
        return weight


class Panel(BaseModel, extra="forbid"):
    title: str
    seeds: tuple[int, ...] = ()
    clauses: Annotated[tuple[Clause, ...], Field(alias="clause", min_length=1)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "title = cat",
        "title = “cat”",
        "title: cat",
        'title = "cat',
        "seeds = [1 2]",
        'title = "a\\q"',
        "[a]\n[a]",
        "<html>",
        '{"title": 1}',
        "= 1",
        'title = "cat"',
        'titel = "cat"\n[[clause]]\nrole = "subjct"\nweight = 3',
        'title = 1\nseeds = "1 2"\nclause = []',
        'title = "cat"\nrole = "place"\n[clause]\nrole = "place"',
        'title = "cat"\n[[clause]]\nrole = "place"\nweight = 1.5',
    ],
)
def test_a_file_that_is_no_record_is_refused_in_chinese(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_toml(path, Panel)
    assert not english_sentences(str(caught.value)), str(caught.value)
    for fault in caught.value.faults:
        assert not fault.isascii()
        assert not english_sentences(fault)


def _texts(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "refused",
    [
        lambda folder: read_text(folder),
        lambda folder: read_text(folder / "none.txt"),
        lambda folder: read_text(_texts(folder / "a.txt", "小猫睡觉，在窗边".encode("gbk"))),
        lambda folder: read_text(_texts(folder / "a.txt", b"a\0b")),
        lambda folder: read_yaml(_texts(folder / "a.yaml", b"a: [1, 2")),
        lambda folder: read_yaml(_texts(folder / "a.yaml", b"a: 1\na: 2")),
        lambda folder: sha256_of(folder / "none"),
        lambda folder: copy_atomic(folder / "none", folder / "copy"),
        lambda folder: write_atomic(folder / ("n" * 300), b""),
        lambda folder: write_atomic(_texts(folder / "a", b"") / "b", b""),
        lambda folder: checked_sha256(folder, ["unet.bin"], tr("leave it out")),
        lambda folder: (folder / "out").symlink_to("/") or refuse_links_out(folder, ["out"]),
        lambda folder: open_tensor_file(folder / "none.safetensors"),
        lambda folder: open_tensor_file(_texts(folder / "a.ckpt", b"PK\3\4")),
        lambda folder: open_tensor_file(_texts(folder / "a.part", b"abc")),
        lambda folder: open_tensor_file(_texts(folder / "a.bin", b"\x80\2}q")),
        lambda folder: open_tensor_file(_texts(folder / "a.sft", b"\x05\0\0\0\0\0\0\0{")),
        lambda folder: open_tensor_file(_texts(folder / "a.sft", b"\x02\0\0\0\0\0\0\0{]")),
        lambda folder: read_tensors(_texts(folder / "a.sft", b"\x02\0\0\0\0\0\0\0{]")),
        lambda folder: open_picture(folder),
        lambda folder: open_picture(folder / "none.png"),
        lambda folder: open_picture(_texts(folder / "a.png", b"%PDF")),
        lambda folder: check_repository_name("my lora"),
        lambda folder: token_of({}),
        lambda folder: token_of({"MODELSCOPE_API_TOKEN": "two words"}),
        lambda folder: parse_toml("a.b" * 40 + " = 1"),
        lambda folder: finite_json("[NaN]"),
        lambda folder: csv_rows(b"a,b\n1\n"),
        lambda folder: csv_rows(b'a\n"1'),
        lambda folder: decode_text(b"\xff\xfea"),
        lambda folder: read_safetensors(b"123"),
        lambda folder: read_safetensors(b"\x02\0\0\0\0\0\0\0{]"),
    ],
)
def test_a_refusal_is_told_in_chinese(refused: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises((StorykitError, ValueError)) as caught:
        refused(tmp_path)
    check(str(caught.value))


@pytest.mark.parametrize("variable", ["HF_ENDPOINT", "ALL_PROXY", "HTTPS_PROXY"])
def test_a_network_that_cannot_be_asked_is_told_in_chinese(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "socks5://x:1" if variable == "ALL_PROXY" else "host:1")
    monkeypatch.setattr("kit.hub.network.find_spec", lambda name: None)
    if variable == "HTTPS_PROXY":
        monkeypatch.setenv(variable, "http://")
    with pytest.raises(StorykitError) as caught:
        check_network("HF_ENDPOINT", "huggingface.co")
    check(str(caught.value))


@pytest.mark.parametrize("cut", [20, 60, 200])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF"])
def test_a_picture_that_is_cut_off_is_refused_in_chinese(form: str, cut: int) -> None:
    file = BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(file, form)
    with pytest.raises(PictureError) as caught:
        open_picture(file.getvalue()[:cut])
    check(str(caught.value))


@pytest.mark.parametrize("wanted", ["experiment", "story", "lora", "run", "bundle", "pictures", "rules"])
@pytest.mark.parametrize("name", ["none", "story.toml", "a.zip", "run", "folder", "p.png", "stoory.toml"])
def test_one_thing_in_another_ones_place_is_told_in_chinese(name: str, wanted: Kind, tmp_path: Path) -> None:
    for path in ("run/panels.jsonl", "folder/a.txt", "a.zip", "p.png"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("")
    (tmp_path / "run/experiment.toml").write_text('stories = ["story.toml"]')
    (tmp_path / "story.toml").write_text('[[panel]]\nprompt = "a cat"')
    for said in (mistaken(tmp_path / name, wanted), taken_by(tmp_path / name)):
        if said:
            check(said)


def test_words_that_follow_a_name_are_chinese_too(tmp_path: Path) -> None:
    fault = next(row.fault for row in rows_of('a,"b', ",") if row.fault)
    mark = invisible_mark("a\u200b")
    assert mark is not None
    (tmp_path / "rain").mkdir()
    told = [
        fault,
        mark[1],
        why_not_there("rian", tmp_path / "rian"),
        why_not_there("rain", tmp_path / "rain"),
    ]
    told += [why_no_tensors(head) for head in (b"", bytes(9), b"<html>", b"{}", b"abc", b"GGUF")]
    told += [refusal_of("a HEIC picture", "picture"), refusal_of("a zip archive", "text")]
    for said in told:
        check(said)


def test_who_holds_a_folder_is_told_in_chinese_and_noted_in_english(tmp_path: Path) -> None:
    with lock_folder(tmp_path, "drawn"):
        note = json.loads((tmp_path / LOCK).read_text())
        with pytest.raises(RunError) as caught:
            _lock_from_another_thread(tmp_path)
    assert note["doing"] == "drawn"
    assert "正在画" in str(caught.value)
    check(str(caught.value))


def _lock_from_another_thread(folder: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def lock() -> None:
        with lock_folder(folder, "scored"):
            pass

    with ThreadPoolExecutor(1) as other:
        other.submit(lock).result()
