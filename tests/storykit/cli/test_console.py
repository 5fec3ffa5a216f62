"""Words of strangers do nothing to a terminal, wherever they are printed."""

import ast
import json

import pytest
from command import refused
from paths import ROOT

from storykit.cli.console import say, say_json, say_lines

STEERING = "\x1b[2J\x9b31m\x07\r\u202eevil\u2028"


def test_a_line_that_would_steer_the_terminal_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"name {STEERING}")
    say_lines(f"小猫，a\n{STEERING}")
    out = capsys.readouterr().out
    assert out.startswith(r"name \x1b[2J\x9b31m\x07\r\u202eevil\u2028" + "\n小猫，a\n")
    assert all(letter.isprintable() for letter in out.replace("\n", ""))


def test_json_for_machines_says_the_same_and_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"name": STEERING + "\U000e0041", "猫": ["一", 1]}
    say_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert "猫" in out
    assert all(letter.isprintable() for letter in out.replace("\n", ""))


def test_an_error_that_repeats_a_strangers_word_steers_nothing() -> None:
    assert r"gone\x1b[2J.zip" in refused("verify", "gone\x1b[2J.zip")


def test_the_console_alone_prints() -> None:
    printing = [
        f"{path.name}:{node.lineno}"
        for path in sorted((ROOT / "storykit").rglob("*.py"))
        if path.name != "console.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("echo", "secho")
    ]
    assert printing == []
