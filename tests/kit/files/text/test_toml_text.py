"""What stands in a file instead of TOML is named with its line and what to write."""

import json
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paths import ROOT

from kit.files.text.toml_text import parse_toml


def problem(text: str) -> str:
    with pytest.raises(ValueError, match=r"line \d|is not TOML|is empty") as caught:
        parse_toml(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = 1\n［［candidate］］\n", "line 2: holds the full-width mark ［; write ["),
        ("a ＝ 1", "line 1: holds the full-width mark ＝; write ="),
        ('a = ["x"，"y"]', "line 1: holds the full-width mark ，; write ,"),
        ("a = 1\nb = [1，2]", "line 2: holds the full-width mark ，; write ,"),
        ("＃ 注释\na = 1", "line 1: holds the full-width mark ＃; write #"),
        ("a = “x”", 'line 1: holds the curly quote “; write "'),
        ("a = ‘x’", "line 1: holds the curly quote ‘; write '"),
        ("a = ＂x＂", 'line 1: holds the full-width mark ＂; write "'),
        ("a =　1", "line 1: holds the full-width mark U+3000; write a plain space"),
        ("a =\u00a01", "line 1: holds the full-width mark U+00A0; write a plain space"),
        ("a = 1\u200b", "line 1: holds U+200B, which cannot be seen; delete it"),
        ("a = 1\u2028b = 2", "line 1: holds U+2028, which cannot be seen; delete it"),
        ("水墨 = 1", 'line 1: words such as 水墨 stand in straight quotes: "水墨"'),
        ("stories = [rain.txt]", 'line 1: a text stands in quotes: stories = ["rain.txt"]'),
        ("a = [rain.txt, snow.txt]", 'line 1: a text stands in quotes: a = ["rain.txt", "snow.txt"]'),
        ('a = ["rain.txt", my snow.txt]', 'line 1: a text stands in quotes: a = ["rain.txt", "my snow.txt"]'),
        ("a = 1\nb = [雨.txt]  # one", 'line 2: a text stands in quotes: b = ["雨.txt"]'),
        ("a = [\n  rain.txt,\n  snow.txt\n]", 'line 2: a text stands in quotes: "rain.txt"'),
        (
            "a = [~/rain.txt, ../snow.txt]",
            'line 1: a text stands in quotes: a = ["~/rain.txt", "../snow.txt"]',
        ),
        ("a = [1, two]", 'line 1: a text stands in quotes: a = [1, "two"]'),
        ("a = 水墨", 'line 1: a text stands in quotes: a = "水墨"'),
        ("a = oak  # a tree", 'line 1: a text stands in quotes: a = "oak"'),
        ("lora = ~/ink.safetensors", 'line 1: a text stands in quotes: lora = "~/ink.safetensors"'),
        ("a = True", "line 1: write a = true"),
        ("a = no", "line 1: write a = false"),
        ("seeds = 1, 2, 3", "line 1: write seeds = [1, 2, 3]"),
        ("seeds: [1]", "line 1: write = instead of : as in seeds = [1]"),
        ("a =\nb = 1", "line 1: a has no value"),
        ("a", "line 1: a line is key = value, a [table] or a # comment"),
        ("a = [1 2]", "line 1: between values in [ ] stand commas"),
        ('title = "snow\nb = 1', 'line 1: the quote " has no partner'),
        ('a = 1\ntitle = snow"', 'line 2: the quote " has no partner'),
        ("a = 1\n\nt = '''one\ntwo\n\nb = 1\n", "line 3: the quote ''' has no partner"),
        ('t = """one\ntwo\n', 'line 1: the quote """ has no partner'),
        ("a = 1\nstories = [\n\n", "line 2: [ is opened and never closed"),
        ('[[candidate]\nname = "a"', "line 1: [ is opened and never closed"),
        ("a = 1\na = 2", "line 2: a stands there twice; keep one"),
        (
            '[candidate]\nname = "a"\n[candidate]\nname = "b"',
            "line 3: [candidate] stands there twice; for a list of them write [[candidate]]",
        ),
        ('[candidate]\nname = "a"\n[[candidate]]\nname = "b"', "line 3: [candidate] stands there twice"),
        ('lora = "C:\\Users\\x"', 'line 1: a backslash means something else between "; write / or'),
        ('lora = "a\\loras"', 'line 1: a backslash means something else between "; write / or'),
        ('{"seeds": [1]}', "it looks like JSON"),
        ('{"seeds": [1],', "it looks like JSON"),
        ("[1, 2]", "it looks like JSON"),
        ("<!DOCTYPE html>", "it is a web page"),
        ("", "is empty, or every line of it begins with #"),
        ("# seeds = [1]\n\n", "is empty, or every line of it begins with #"),
        (f"a = {'9' * 5000}", "a number in it is too long"),
        (f"a = {'[' * 40}", "line 1: tables and arrays stand at most 32 deep"),
        (f"b = 1\na = {'{a = ' * 5000}", "line 2: tables and arrays stand at most 32 deep"),
        (f"[{'a.' * 5000}a]", "line 1: tables and arrays stand at most 32 deep"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line_and_what_to_write(text: str, told: str) -> None:
    assert told in problem(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("# 注释，“x”＝［］\na = 1", {"a": 1}),
        ('a = "“x”，＝"', {"a": "“x”，＝"}),
        ("a = 'it is [ { \" #'", {"a": 'it is [ { " #'}),
        ('a = """\none "two"\n"""', {"a": 'one "two"\n'}),
        ("\ta\t=\t1\r\nb = 2\r\n", {"a": 1, "b": 2}),
        ("a = 1\rb = 2\r", {"a": 1, "b": 2}),
        ('a = "' + "." * 500 + '"', {"a": "." * 500}),
        (f"a = {'[' * 20}{']' * 20}", {"a": json.loads("[" * 20 + "]" * 20)}),
        ('a = "x\u2028y"', {"a": "x\u2028y"}),
        ("a = [0.1, 0.2, 0.3]\n" + "".join(f"k{n} = 1.5\n" for n in range(50)), None),
    ],
)
def test_what_is_toml_is_read_whatever_marks_its_texts_and_comments_hold(text: str, read: object) -> None:
    assert parse_toml(text) == read or read is None


MARKS = (
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    '"""',
    "'''",
    "\\",
    "\\u00",
    "#",
    "\n",
    "\r",
    ",",
    ":",
    "=",
    "-",
    ".",
    " ",
)
VALUES = ("a", "b.c", "1", "true", "0x", "1979-05-27", "9" * 300, "水墨")
STRANGE = ("“", "＝", "，", "\u2028", "\x1b[2J", "\x00")
PIECES = st.sampled_from((*MARKS, *VALUES, *STRANGE)) | st.text(st.characters(codec="utf-8"), max_size=3)


def told_of(text: str) -> str:
    try:
        parse_toml(text)
    except ValueError as error:
        return str(error)
    return ""


@given(st.lists(PIECES, max_size=40))
@example(["a = ", "[" * 2000])
@example(['"\x1b[2J\x07" = ', "1"])
def test_any_text_is_read_or_refused_in_one_line(pieces: list[str]) -> None:
    assert len(told_of("".join(pieces))) < 400


READ_THEM_ALL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
from kit.files.text.toml_text import parse_toml
for text in ("a = [" * 200_000, "." + " " * 200_000 + "." + " " * 200_000, "a." * 200_000 + "a = 1",
             'a = \"\"\"' + '\\\\\"\"\"' * 100_000, '"' * 400_000, "[[a]]\\n" * 40_000, "[]" * 200_000):
    try:
        parse_toml(text)
    except ValueError:
        pass
    print("done")
"""


def test_the_largest_file_of_any_form_is_read_or_refused_within_bounds() -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ_THEM_ALL], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.stdout.count("done"), done.stderr) == (7, "")
