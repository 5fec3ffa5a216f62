import errno
import json
import os
import tomllib

import pytest
import yaml
from english_sentences import english_sentences
from pydantic import BaseModel, Field, ValidationError

from kit.files.documents import plain_sentence
from kit.files.text.library_words import reason_of
from kit.messages import in_english


@pytest.fixture(autouse=True)
def chinese(monkeypatch):
    monkeypatch.setenv("STORYKIT_LANG", "zh")


class Sizes(BaseModel):
    side: int = Field(512, multiple_of=32, gt=0, lt=4096)
    share: float = Field(0.5, ge=0, le=1)
    names: list[str] = Field(["a"], min_length=1, max_length=2)
    name: str = Field("ab", min_length=2, max_length=3, pattern="^a")
    sure: bool = True


def read_as_yaml(text):
    return yaml.load(text, Loader=yaml.CSafeLoader)  # the words are libyaml's


@pytest.mark.parametrize(
    "number",
    [errno.ENOENT, errno.EACCES, errno.ENOSPC, errno.EROFS, errno.EISDIR, errno.ENAMETOOLONG, errno.EIO],
)
def test_what_the_system_says_is_told_in_chinese(number):
    said = reason_of(OSError(number, os.strerror(number), "a.toml"))
    assert not said.isascii()
    assert in_english(said) == os.strerror(number)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (json.loads, '{"a":'),
        (json.loads, "{a: 1}"),
        (json.loads, "[1 2]"),
        (json.loads, "[1] 2"),
        (lambda text: text.encode("latin-1").decode(), "caf\xe9"),
        (read_as_yaml, "a: b: c"),
        (read_as_yaml, "a: 'x"),
        (read_as_yaml, "a: *b"),
        (read_as_yaml, "a: [1, 2"),
        (read_as_yaml, "a:\n\t- b"),
        (read_as_yaml, "a: b\nc"),
    ],
)
def test_what_readers_say_is_told_in_chinese_and_stays_what_it_is_in_english(read, text):
    with pytest.raises((ValueError, yaml.YAMLError)) as caught:
        read(text)
    words = " ".join(str(caught.value).split())
    told = reason_of(words)
    assert not english_sentences(told)
    assert not told.isascii()
    assert in_english(told) == words


@pytest.mark.parametrize(
    "values",
    [
        {"side": 33},
        {"side": 0},
        {"side": 4096},
        {"share": -1},
        {"share": 1.5},
        {"names": []},
        {"names": ["a", "b", "c"]},
        {"name": "a"},
        {"name": "abcd"},
        {"name": "bc"},
        {"side": 1.5},
        {"sure": 3},
    ],
)
def test_what_a_record_must_hold_is_told_in_chinese(values):
    with pytest.raises(ValidationError) as caught:
        Sizes(**values)
    told = plain_sentence(caught.value.errors()[0])
    assert not told.isascii()
    assert not english_sentences(told)


def test_what_is_not_known_stays_as_it_is():
    assert reason_of("the flux capacitor is {empty}") == "the flux capacitor is {empty}"
    assert reason_of("x" * 5000) == "x" * 5000


def test_no_template_hides_a_more_special_one(monkeypatch):
    monkeypatch.setenv("STORYKIT_LANG", "en")
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads('a = "\x01"')
    words = str(caught.value).partition(" (at")[0]
    assert reason_of(f"i{words[1:]}").id == "illegal character {letter}"
    assert reason_of("must be a multiple of 32").id == "must be a multiple of {factor}"
    assert (
        reason_of("expected a single document in the stream").id == "expected a single document in the stream"
    )


@pytest.mark.parametrize(
    "words",
    [
        "[E1020] Connection failed: Pool(host='hub.cn', port=443): Max retries exceeded with url: /a (Caused "
        "by NameResolutionError(\"Connection(host='hub.cn', port=443): Failed to resolve 'hub.cn' "
        '([Errno -2] Name or service not known)"))',
        "Pool(host='hub.cn', port=443): Max retries exceeded with url: /api (Caused by NewConne",
        "Pool(host='hub.cn', port=443): Read timed out. (read timeout=10)",
    ],
)
def test_what_a_hub_that_is_out_of_reach_says_is_told_in_chinese(words):
    told = reason_of(words)
    assert not told.isascii()
    assert not english_sentences(told)
    assert in_english(told) == words
