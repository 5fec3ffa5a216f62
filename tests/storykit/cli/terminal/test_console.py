"""Words of strangers do nothing to a terminal, wherever they are printed."""

import ast
import json
from pathlib import Path

import pytest
from command import refused, said, tell
from made_run import Plan, make_run, write_made_up_scores
from paths import ROOT

from storykit.cli.terminal.console import say, say_json, say_lines

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


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["publish", "a.zip"],
            "--to is missing: the model repository; the whole command is `storykit publish F.zip "
            "--to OWNER/NAME`",
        ),
        (["score"], "RUN is missing: the run's folder; the whole command is `storykit score RUN`"),
        (["lora", "merge", "--out", "o"], "FILE is missing: two LoRAs or more; with --blocks one will do; "
         "the whole command is `storykit lora merge FILE --out OUT`"),
        (["download", "sdxl"], "MODEL must be kolors, kolors-inpainting, kolors-controlnet-canny, "
         "kolors-controlnet-depth, kolors-controlnet-pose, kolors-ip-adapter-plus or "
         "kolors-ip-adapter-faceid-plus, got 'sdxl' (what to fetch: kolors, kolors-inpainting for repairs, "
         "a ControlNet or an IP-Adapter)"),
        (["download", "kolors", "--from", "modelscop"], "--from must be modelscope or huggingface, got "
         "'modelscop', did you mean modelscope?"),
        (["download", "kolors", "--layout", "comfy"], "--layout must be original or diffusers, got 'comfy' "
         "(as Kolors was first published, or as diffusers loads it; both draw the same)"),
        (["download", "kolors-inpainting", "--layout", "diffusers"], "--layout is for kolors: "
         "kolors-inpainting has one only"),
        (["train", "a.toml", "--out", "o", "--pick", "first"], "--pick must be last or best, got 'first' "
         "(which saved step becomes the finished file; best needs [watch] in CONFIG)"),
        (["demo", "--seeds", "0"], "--seeds must be at least 1, got '0'"),
        (["demo", "--seeds", "x"], "--seeds must be a whole number, got 'x'"),
        (["lora", "inspect", "a", "--jsn"],
         "storykit lora inspect has no option --jsn, did you mean --json?"),
        (["train", "a.toml", "--out", "o", "--rank", "4"], "storykit train has no option --rank; "
         "`storykit train --help` names those that it has"),
        (["score", "my", "run"], 'run is too much here; a name with a space in it needs quotes, as "my run"'),
        (["cast", "r", "--draw", "0"], "--draw must be at least 1, got '0'"),
        (["cast", "r", "--draw", "-4"], "--draw must be at least 1, got '-4'"),
        (["cast", "r", "--draw", "many"], "--draw must be a whole number, got 'many'"),
        (["cast", "r", "--keep", "9=1"], "--keep must be a panel from 1 to 8 and a seed, as 3=5, got '9=1'"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_told_with_what_to_type(words: list[str], told: str) -> None:
    answer = tell(*words)
    assert (answer.code, answer.err.splitlines()[-1]) == (2, f"Error: {told}")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["dataset", "PICS"], '"prepare" is missing: storykit dataset prepare PICS --out data'),
        (["dataset", "artist/cats"], '"prepare" is missing: storykit dataset prepare artist/cats --out data'),
        (["lora", "file.safetensors"], '"inspect" is missing: storykit lora inspect file.safetensors'),
        (["lora", "mini:ink"], '"inspect" is missing: storykit lora inspect mini:ink'),
        (["metrics", "PICS"], "metrics are held against known damage, not a file: storykit metrics validate"),
        (["score"], "RUN is missing: the run's folder; the whole command is `storykit score RUN`"),
    ],
)
def test_an_error_that_gives_the_command_is_one_line(tmp_path: Path, words: list[str], told: str) -> None:
    (tmp_path / "pics").mkdir()
    answer = tell(*(word.replace("PICS", str(tmp_path / "pics")) for word in words))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"Error: {told.replace('PICS', str(tmp_path / 'pics'))}\n"


def test_a_wrong_command_of_a_group_is_still_told_with_those_that_it_has() -> None:
    answer = tell("dataset", "prepar")
    assert "Usage: storykit dataset" in answer.err
    assert "has no command prepar, did you mean prepare?" in answer.err


def test_a_command_that_there_is_none_of_is_said_with_where_all_are_named():
    told = tell("draw", "rain.toml").err
    assert told.endswith("storykit has no command draw; `storykit --help` names all\n")


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (["help"], "Usage: storykit [OPTIONS] COMMAND"),
        (["help", "pack"], "Usage: storykit pack"),
        (["help", "lora", "merge"], "Usage: storykit lora merge"),
        (["lora", "help", "merge"], "Usage: storykit lora merge"),
        (["score", "-h"], "Usage: storykit score"),
    ],
)
def test_help_is_a_word_too(words: list[str], usage: str) -> None:
    assert said(*words).startswith(usage)


def test_a_file_where_a_command_belongs_is_told_with_its_command(tmp_path: Path) -> None:
    (tmp_path / "rain.toml").write_text('stories = ["a.toml"]\n')
    answer = tell(tmp_path / "rain.toml")
    assert "a command must stand before" in answer.err
    assert f"`storykit generate {tmp_path / 'rain.toml'} --out runs/rain` draws it" in answer.err


@pytest.mark.parametrize("option", ["--clip", "--aesthetic"])
def test_weights_that_are_not_there_are_told_before_anything_is_begun(option: str) -> None:
    assert refused("metrics", "validate", "--tales", "2", option, "gone").startswith(
        "gone: does not exist; give "
    )


def test_one_lora_is_not_merged() -> None:
    told = refused("lora", "merge", "ink.safetensors", "--out", "sum.safetensors")
    assert told.startswith(
        "merge adds up two LoRAs or more, got ink.safetensors alone; `storykit lora convert"
    )


@pytest.mark.parametrize("words", [["score"], ["compare"], ["report"], ["votes"], ["pack", "--check"]])
def test_lines_of_a_run_that_cannot_be_read_are_named_with_what_draws_their_panels(
    tmp_path: Path, words: list[str]
) -> None:
    run = make_run(tmp_path, Plan(candidates=("base", "ink"), seeds=(1,)))
    whole = run.rows_path.read_bytes()
    first, second, *rest = whole.splitlines(keepends=True)
    run.rows_path.write_bytes(b"".join([first[:40] + b"\n", second, b"junk\n", *rest[1:]]))
    if words != ["score"]:
        write_made_up_scores(run)
    told = tell(*words, run.folder).out
    assert f"note    {run.rows_path} line 1, 3 cannot be read: 2 panels count as not drawn; " in told
    assert f"`storykit generate {run.experiment_path} --out {run.folder}` draws them\n" in told
    run.rows_path.write_bytes(whole + b'{"torn')
    assert "cannot be read" not in tell(*words, run.folder).out
