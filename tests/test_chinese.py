"""What a reader of Chinese is told: every sentence is translated, with all that stands in its braces."""

import re
from collections.abc import Iterator
from string import Formatter

import pytest
from catalogue import MO, PO, Template, is_told, mo_bytes, po_bytes, read_catalogue, said, updated
from command import tell
from english_sentences import english_sentences
from typer.main import get_command

from storykit.cli.main import app

WRONG = [
    (),
    ("gat",),
    ("gate",),
    ("gate", "a", "b"),
    ("score", "--foo"),
    ("generate", "x", "--out"),
    ("cast", "nowhere", "--keep", "9"),
    ("train", "x", "--out", "y", "--pick", "worst"),
    ("lora", "nothing.safetensors"),
    ("lora", "merge", "a.safetensors", "--out", "b.safetensors"),
    ("metrics", "validate", "--tales", "1"),
    ("metrics", "story.toml"),
    ("verify", "a.zip", "--reproduce"),
]


def fields_of(template: str) -> set[tuple[str, str | None, str | None]]:
    """Return the values of a template, with their formats."""
    parts = Formatter().parse(template)
    return {(name, spec, conversion) for _, name, spec, conversion in parts if name}


def every_command(command=None, *words: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of each command and group."""
    command = command or get_command(app)
    yield words
    for name, child in getattr(command, "commands", {}).items():
        yield from every_command(child, *words, name)


def forms(string: str | tuple[str, ...]) -> tuple[str, ...]:
    return (string,) if isinstance(string, str) else string


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    monkeypatch.setenv("LANGUAGE", "zh")


def test_everything_that_the_code_says_is_translated_and_nothing_else_is_kept():
    catalogue = read_catalogue()
    kept = {Template(message.id, message.context) for message in catalogue if message.id}
    assert kept == said()
    assert [message.id for message in catalogue if message.id and not is_told(message)] == []


def test_no_translation_lost_a_value_or_its_format():
    lost = [
        (message.id, message.string)
        for message in read_catalogue()
        if message.id
        for translated in forms(message.string)
        if fields_of(translated) != fields_of(forms(message.id)[-1])
    ]
    assert lost == []


def test_the_compiled_catalogue_is_that_of_the_written_one():
    assert MO.read_bytes() == mo_bytes(read_catalogue())
    assert PO.read_bytes() == po_bytes(updated(read_catalogue()))


def test_chinese_is_punctuated_as_chinese():
    halfwidth = re.compile(r"[一-鿿][,;:?!](?!\w)|[一-鿿]\(")
    wrong = [
        translated
        for message in read_catalogue()
        if message.id
        for translated in forms(message.string)
        if halfwidth.search(re.sub("“[^”]*”|`[^`]*`", "", translated))
    ]
    assert wrong == []


@pytest.mark.parametrize("words", list(every_command()), ids=" ".join)
def test_help_is_in_chinese(words, chinese):
    answer = tell(*words, "--help")
    assert answer.out.startswith("用法：storykit")
    assert english_sentences(answer.out) == []
    assert "Options" not in answer.out


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_command_line_is_told_in_chinese(words, chinese):
    answer = tell(*words)
    assert english_sentences(answer.out + answer.err) == []
    assert re.search("[一-鿿]", answer.out + answer.err)
