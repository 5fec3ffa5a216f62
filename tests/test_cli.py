import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from command import refused, tell, tree
from fakes import fake_picture, toy_base, write_story
from typer.main import get_command

from storykit.cli.main import app

PACKAGES = ("kit", "eval", "reports", "submissions")
HEAVY = ("ray", "torch", "pandas", "matplotlib", "transformers", "diffsynth", "open_clip", "scipy", "PIL")
COMMANDS = {
    ("new",),
    ("demo",),
    ("run",),
    ("generate",),
    ("gather",),
    ("score",),
    ("compare",),
    ("report",),
    ("board",),
    ("votes",),
    ("share",),
    ("cast",),
    ("finish",),
    ("repair",),
    ("pack",),
    ("verify",),
    ("reproduce",),
    ("leaderboard",),
    ("publish",),
    ("gate",),
    ("train",),
    ("download",),
    ("doctor",),
    ("plan",),
    ("dataset",),
    ("dataset", "caption"),
    ("dataset", "prepare"),
    ("lora",),
    ("lora", "inspect"),
    ("lora", "convert"),
    ("lora", "merge"),
    ("metrics",),
    ("metrics", "validate"),
    ("model",),
    ("model", "export"),
    ("model", "inspect"),
    ("model", "merge"),
    ("story",),
    ("story", "import"),
    ("story", "lint"),
}
ASK_FOR_HELP = """
import json, sys
import eval, kit, reports, submissions
from storykit.cli.main import app
from typer.testing import CliRunner
asked, heavy = json.loads(sys.argv[1])
answers = {}
for words in asked:
    answer = CliRunner().invoke(app, [*words, "--help"])
    answers[" ".join(words)] = (answer.exit_code, answer.output)
print(json.dumps({"answers": answers, "imported": [name for name in heavy if name in sys.modules]}))
"""
STOP_EARLY = """
import sys
from storykit.__main__ import main
class CtrlC:
    def find_spec(self, name, *_):
        if name == "storykit.cli.main":
            raise KeyboardInterrupt
sys.meta_path.insert(0, CtrlC())
main()
"""
FAIL = """
from kit.errors import StorykitError
from storykit.cli.main import app, main
@app.command()
def wait() -> None:
    raise {error}
main(["wait"])
"""
PANEL = '[[panel]]\nprompt = "小猫睡觉"\n'
CAST = 'title = "t"\n[characters.cat]\ntext = "小猫"\n' + PANEL * 7


def experiment(folder: Path, *lines: str, candidates: str = '[[candidate]]\nname = "base"\n') -> Path:
    """Write an experiment beside a story; a line replaces the setting of the same name."""
    write_story(folder / "cat.toml")
    settings = {"stories": '["cat.toml"]', "seeds": "[0]", "size": "32", "steps": "2"}
    settings |= dict(line.split(" = ", 1) for line in lines)
    path = folder / "experiment.toml"
    head = "".join(f"{name} = {value}\n" for name, value in settings.items())
    path.write_text(head + candidates, encoding="utf-8")
    return path


def refused_leaving_no_trace(path: Path) -> str:
    """Return why an experiment is not drawn, once sure that nothing was written."""
    before = tree(path.parent)
    reason = refused("generate", path, "--out", path.parent / "run")
    assert tree(path.parent) == before
    assert not (path.parent / "run").exists()
    return reason


def walk(command, *words):
    """Yield the words of every command and of every group of commands."""
    for name, child in getattr(command, "commands", {}).items():
        yield (*words, name)
        yield from walk(child, *words, name)


def public_modules():
    for name in PACKAGES:
        package = importlib.import_module(name)
        yield name
        yield from (module.name for module in pkgutil.walk_packages(package.__path__, f"{name}."))


def test_the_commands_are_the_seven_stages_and_what_goes_with_them():
    assert set(walk(get_command(app))) == COMMANDS


def test_help_of_every_command_says_what_it_does_and_loads_nothing_heavy():
    asked = [(), *sorted(COMMANDS)]
    done = subprocess.run(
        [sys.executable, "-c", ASK_FOR_HELP, json.dumps([asked, HEAVY])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert told["imported"] == []
    for words in asked:
        code, help_text = told["answers"][" ".join(words)]
        assert code == 0
        assert "Usage: " in help_text
        assert not re.search(r"<\w|[{}]", help_text), "a type of Python's, or a brace that nobody is to type"
        assert [line for line in help_text.splitlines()[1:3] if line.startswith("  ")], help_text


def test_chinese_names_are_understood_where_the_locale_knows_english_letters_alone(tmp_path):
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "storykit", "verify", str(tmp_path / "雨夜.zip")],
        env=os.environ | plain,
        capture_output=True,
        check=False,
    )
    assert "雨夜.zip: file does not exist; " in done.stderr.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="its shell closes nothing")
def test_nobody_has_to_listen(tmp_path):
    """As where a service begins it: what is closed would have the number of the next file that is opened."""
    (tmp_path / "pictures").mkdir()
    fake_picture("a", 64).save(tmp_path / "pictures" / "a.png")
    script = '"$0" -m storykit dataset prepare pictures --caption x --out data <&- >&- 2>&-'
    done = subprocess.run(["sh", "-c", script, sys.executable], cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert (tmp_path / "data" / "train" / "metadata.csv").is_file()


def test_a_folder_that_is_gone_is_told_with_what_to_do(tmp_path):
    (tmp_path / "work").mkdir()
    with chdir(tmp_path):
        os.chdir("work")
        (tmp_path / "work").rmdir()
        assert refused("verify", "x.zip").startswith("the folder that you are in is gone: go to another one")


def test_importing_storykit_loads_nothing_heavy():
    script = f"import storykit, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_every_module_can_be_imported_and_says_what_it_is_for():
    assert [name for name in public_modules() if not importlib.import_module(name).__doc__] == []


@pytest.mark.parametrize(
    "words",
    [
        ["draw"],
        ["score"],
        ["score", "one", "two"],
        ["generate", "experiment.toml"],
        ["compare", "run", "--yaml"],
        ["lora", "sell"],
        ["pack", "run", "--seed", "first"],
        ["train", "style.toml"],
        ["train", "style.toml", "--out", "ink", "--rank", "4"],
    ],
)
def test_wrong_usage_is_explained_and_exits_with_2(words):
    answer = tell(*words)
    assert (answer.code, answer.out) == (2, "")
    gives_the_command = "`storykit " in answer.err
    assert answer.err.startswith("Error: " if gives_the_command else "Usage: storykit")
    assert answer.err.splitlines()[-1].startswith("Error: ")


def test_a_cluster_and_devices_of_this_machine_are_wrong_usage(tmp_path):
    path = experiment(tmp_path)
    answer = tell("generate", str(path), "--out", str(tmp_path / "run"), "--devices", "all", "--ray", "auto")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines()[-1] == (
        "Error: --ray takes all devices of the cluster: leave --devices out"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("score", "run"),
        ("gate", "pictures"),
        ("leaderboard", "a.zip", "--out", "board"),
        ("metrics", "validate"),
    ],
)
def test_who_measures_is_told_once(words):
    answer = tell(*words, "--devices", "all", "--ray", "auto")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith("Error: --ray takes all devices of the cluster: leave --devices out\n")


def test_seven_panels_are_refused(tmp_path):
    path = experiment(tmp_path)
    (tmp_path / "cat.toml").write_text('title = "t"\n' + PANEL * 7, encoding="utf-8")
    assert "exactly 8 panels, got 7" in refused_leaving_no_trace(path)


def test_every_unknown_key_is_named(tmp_path):
    path = experiment(tmp_path, "stepz = 3", "sizes = 32", candidates='[[candidate]]\nname = "a"\nlor = 1\n')
    reason = refused_leaving_no_trace(path)
    for key in ("stepz", "sizes", "candidate[1].lor"):
        assert f"{key}: unknown key" in reason


def test_faults_of_the_experiment_and_of_its_stories_are_named_together(tmp_path):
    path = experiment(tmp_path, "steps = 0", 'stories = ["cat.toml", "dog.toml"]')
    reason = refused_leaving_no_trace(path)
    assert "steps: must be greater than 0, got 0" in reason
    assert "stories[2] dog.toml: file does not exist" in reason


def test_a_clause_that_names_nobody_is_refused_with_its_place(tmp_path):
    path = experiment(tmp_path)
    story = CAST + '[[panel]]\nclauses = [{ role = "subject", character = "dog" }]\n'
    (tmp_path / "cat.toml").write_text(story, encoding="utf-8")
    reason = refused_leaving_no_trace(path)
    assert "panel[8].clauses[1].character: 'dog' is not under [characters], which has cat" in reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"stories = [\n", "is not TOML"),
        (b"\xff\xfe", "is UTF-16 text, must be UTF-8"),
        (b"\xff", "must be UTF-8 text, byte 1 in line 1 is not"),
        (b"", "is empty, or every line of it begins with #"),
        (
            b"cfg = 4",
            'stories is missing; write stories = ["story.toml"]; seeds is missing; write seeds = [0',
        ),
    ],
)
def test_a_file_that_is_no_experiment_is_refused(tmp_path, text, reason):
    path = tmp_path / "experiment.toml"
    path.write_bytes(text)
    assert reason in refused_leaving_no_trace(path)


def test_an_experiment_that_is_not_there_is_refused(tmp_path):
    assert "none.toml: file does not exist" in refused_leaving_no_trace(tmp_path / "none.toml")
    reason = refused("generate", tmp_path, "--out", tmp_path / "run")
    assert "is a folder, not an experiment's .toml file: begin with a copy of" in reason


@pytest.mark.parametrize(
    ("base", "reason"),
    [
        ("nowhere", 'base: must be "mini", "kolors", a folder or a model that was downloaded, and nowhere'),
        ("empty", "must be mini, kolors, or a folder"),
        ("torn", "config.json: Invalid JSON"),
    ],
)
def test_a_base_that_cannot_be_used_is_refused(tmp_path, base, reason):
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "config.json").write_text("{")
    assert reason in refused_leaving_no_trace(experiment(tmp_path, f'base = "{base}"'))


@pytest.mark.parametrize(
    ("lora", "reason"),
    [
        ("none.safetensors", "candidate[1].lora: file none.safetensors does not exist"),
        ("mini:none", "mini:none: the package has "),
        ("torn.safetensors", "torn.safetensors: is a text, no file of weights: download the file itself"),
        ("torn.ckpt", "torn.ckpt: is a text, no file of weights: download the file itself"),
        (
            "foreign.safetensors",
            "0 of 2 keys match the LoRA names of DiffSynth, PEFT, diffusers, kohya or ComfyUI, all must",
        ),
        (
            "misfit.safetensors",
            "0 of 1 keys match the base, all must; the base has no layer "
            "blocks.41.transformer_blocks.9.attn1.to_q",
        ),
    ],
)
def test_a_lora_that_does_not_fit_is_refused_by_the_name_the_user_gave(tmp_path, lora, reason):
    write_bad_loras(tmp_path)
    candidates = f'[[candidate]]\nname = "ink"\nlora = "{lora}"\n'
    path = experiment(tmp_path, f'base = "{toy_base()}"', candidates=candidates)
    assert reason in refused_leaving_no_trace(path)


def write_bad_loras(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    (folder / "torn.safetensors").write_bytes(b"torn" * 20)
    (folder / "torn.ckpt").write_bytes(b"torn" * 20)
    save_file({f"lora_unet_{half}.weight": torch.ones(2, 2) for half in "AB"}, folder / "foreign.safetensors")
    halves = {
        f"blocks.41.transformer_blocks.9.attn1.to_q.lora_{half}.default.weight": torch.ones(2, 2)
        for half in "AB"
    }
    save_file(halves, folder / "misfit.safetensors", {"alpha": "4.0"})


@pytest.mark.parametrize("words", [["junk"], ["junk.ckpt"], ["none.safetensors"], ["mini:none"]])
def test_what_is_no_lora_cannot_be_inspected(tmp_path, words):
    for name in ("junk", "junk.ckpt"):
        (tmp_path / name).write_text('title = "not a LoRA"\n')
    word = words[0] if words[0].startswith("mini:") else tmp_path / words[0]
    assert words[0] in refused("lora", "inspect", word)


def test_a_run_folder_that_cannot_be_made_is_refused(tmp_path):
    path = experiment(tmp_path, f'base = "{toy_base()}"')
    (tmp_path / "file").write_text("mine")
    before = tree(tmp_path)
    for out, why in (
        ("file", "is a file: a run needs a folder; choose another one"),
        ("file/run", "cannot be written"),
    ):
        assert why in refused("generate", path, "--out", tmp_path / out)
    assert tree(tmp_path) == before


def test_a_folder_with_an_experiment_of_the_users_own_is_no_run_folder(tmp_path):
    path = experiment(tmp_path, f'base = "{toy_base()}"')
    before = tree(tmp_path)
    assert "is not a run's; choose another folder" in refused("generate", path, "--out", tmp_path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("words", [["score"], ["compare"], ["report"], ["compare", "--json"], ["pack"]])
def test_a_folder_without_an_experiment_is_no_run(tmp_path, words):
    introduction = tmp_path / "introduction.md"
    introduction.write_text("a LoRA that draws ink")
    entry = {
        "team": "t",
        "title": "x",
        "candidate": "c",
        "introduction": introduction,
        "out": tmp_path / "z.zip",
    }
    options = [word for name, value in entry.items() for word in (f"--{name}", value)]
    before = tree(tmp_path)
    reason = refused(*words, tmp_path, *(options if words == ["pack"] else ()))
    assert f"{tmp_path} is not a run's folder: draw one with `storykit generate EXPERIMENT.toml" in reason
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["verify", "none.zip"], "none.zip: file does not exist; `storykit pack RUN` writes one"),
        (["gate", "none"], "none does not exist; give a folder with PNG or JPEG files in it"),
        (["gate", "empty"], "empty has no picture directly in it: give the folder that"),
        (["gate", "empty", "--weights", "empty"], "must hold config.json"),
        (["train", "none.toml", "--out", "ink"], "none.toml: file does not exist"),
    ],
)
def test_an_input_that_is_missing_is_named(tmp_path, words, reason):
    (tmp_path / "empty").mkdir()
    with chdir(tmp_path):
        assert reason in refused(*words)
    assert tree(tmp_path) == {}


def test_ctrl_c_before_the_command_is_read_is_one_line():
    done = subprocess.run([sys.executable, "-c", STOP_EARLY], capture_output=True, text=True, check=False)
    line = "Error: stopped; every file that is finished stays\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("KeyboardInterrupt", "stopped; every file that is finished stays"),
        (
            "AttributeError('half a library') from KeyboardInterrupt()",
            "stopped; every file that is finished stays",
        ),
        (
            "OSError(28, 'No space left on device', 'run')",
            "run: No space left on device; make room there and run the same command again",
        ),
        ("OSError('the disk is gone')", "the disk is gone"),
        ("StorykitError('two\\nlines')", "two lines"),
    ],
)
def test_ctrl_c_and_the_machines_own_errors_are_one_line(error, line):
    script = [sys.executable, "-c", FAIL.format(error=error)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"Error: {line}\n")


def test_an_error_of_the_program_keeps_its_traceback():
    script = [sys.executable, "-c", FAIL.format(error="ZeroDivisionError")]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
