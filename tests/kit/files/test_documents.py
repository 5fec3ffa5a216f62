"""Reading with every fault named; writing whole or not at all."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, StrictInt

from kit.errors import InputError
from kit.files.documents import read_toml


class Bird(BaseModel, frozen=True, extra="forbid"):
    kind: Literal["owl", "wren"]
    eggs: Annotated[StrictInt, Field(ge=0)] = 0


class Nest(BaseModel, frozen=True, extra="forbid"):
    tree: str
    birds: Annotated[tuple[Bird, ...], Field(alias="bird", min_length=1)]


def refusal(folder: Path, text: str) -> InputError:
    path = folder / "nest.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_toml(path, Nest)
    return caught.value


readable = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def test_a_good_file_becomes_a_record(tmp_path: Path) -> None:
    path = tmp_path / "nest.toml"
    path.write_bytes(b'\xef\xbb\xbftree = "oak"\r\n[[bird]]\r\nkind = "owl"\r\n')
    assert read_toml(path, Nest) == Nest(tree="oak", bird=(Bird(kind="owl"),))


def test_every_fault_is_named_with_its_place_counted_from_one(tmp_path: Path) -> None:
    error = refusal(
        tmp_path,
        'colour = 1\n[[bird]]\nkind = "owl"\n[[bird]]\nkind = "emu"\neggs = -2\nwings = 2\n'
        "[[bird]]\neggs = true\n",
    )
    assert error.faults == (
        "tree: is missing",
        "bird[2].kind: must be 'owl' or 'wren', got 'emu'",
        "bird[2].eggs: must be at least 0, got -2",
        "bird[2].wings: unknown key",
        "bird[3].kind: is missing",
        "bird[3].eggs: must be a whole number, got True",
        "colour: unknown key",
    )
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('tree = "oak"\nbird = []', "bird: must have at least 1 item, not 0"),
        ('tree = "oak"\nbird = "owl"', "bird: must be a list in [ ], got 'owl'; write bird = [\"owl\"]"),
        ('tree = "oak"\nbird = ["owl"]', "bird[1]: must be a table, got 'owl'"),
        ('tree = 7\n[[bird]]\nkind = "owl"', "tree: must be text in quotes, got 7"),
        (
            'tree = "oak"\n[[bird]]\nkind = "wran"',
            "bird[1].kind: must be 'owl' or 'wren', got 'wran'; did you mean wren?",
        ),
        ('tree = "oak"\n[[bird]]\nkind = 3', "bird[1].kind: must be 'owl' or 'wren', got 3"),
        ("tree = oak", 'is not TOML, line 1: a text stands in quotes: tree = "oak"'),
    ],
)
def test_a_fault_reads_as_what_must_hold_and_what_we_got(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, text).faults == (message,)


def test_a_long_value_is_cut_in_the_message(tmp_path: Path) -> None:
    error = refusal(tmp_path, f'tree = "oak"\n[[bird]]\nkind = "{"e" * 500}"')
    assert error.faults == (f"bird[1].kind: must be 'owl' or 'wren', got '{'e' * 59}...",)


def test_a_missing_file_a_folder_and_another_encoding_are_each_one_line(tmp_path: Path) -> None:
    chinese = tmp_path / "gbk.toml"
    chinese.write_bytes('tree = "树"'.encode("gbk"))
    for path, message in (
        (tmp_path / "gone.toml", "file does not exist"),
        (tmp_path, "is a folder, must be a file"),
        (
            chinese,
            "is GB18030 (GBK) text, must be UTF-8: save it as UTF-8 (in an editor: Save as, encoding UTF-8)",
        ),
    ):
        with pytest.raises(InputError) as caught:
            read_toml(path, Nest)
        assert str(caught.value) == f"{path}: {message}"


toml_values = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | readable,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(readable, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(readable, toml_values, max_size=4))
def test_a_document_written_as_toml_reads_back_as_the_same(document: dict[str, object]) -> None:
    assert tomllib.loads(tomli_w.dumps(document)) == document
