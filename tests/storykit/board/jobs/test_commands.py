import pytest

from kit.errors import InputError
from storykit.board.jobs.commands import COMMANDS, job_order
from storykit.board.served_folder import ServedFolder
from storykit.cli.main import app


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.toml").touch()
    root = tmp_path_factory.mktemp("served")
    for name in (
        "a.toml",
        "-b.toml",
        "my story.toml",
        "雨天.toml",
        "intro.txt",
        "e.zip",
        "<b>.toml",
        "$(x).toml",
    ):
        (root / name).touch()
    (root / "runs" / "old").mkdir(parents=True)
    (root / "out").symlink_to(outside)
    (root / "in").symlink_to(root / "runs")
    (root / "leads.toml").symlink_to(outside / "secret.toml")
    (root / ".storykit-board").mkdir()
    return ServedFolder.open(root)


PACKING = {
    "run": "runs/old",
    "team": "-x",
    "title": "Rain; rm -rf ~",
    "introduction": "intro.txt",
    "out": "e2.zip",
    "candidate": "ink",
}
LINES = {
    "storykit run a.toml --out runs/a": ("run", {"experiment": "a.toml", "out": "runs/a"}),
    "storykit run a.toml --out runs/a --devices cuda:0,cuda:1 --race text_mean --again": (
        "run",
        {
            "experiment": "a.toml",
            "out": "runs/a",
            "devices": "cuda:0,cuda:1",
            "race": "text_mean",
            "again": "yes",
        },
    ),
    "storykit run a.toml --out runs/a --ray auto": (
        "run",
        {"experiment": "a.toml", "out": "runs/a", "ray": "auto"},
    ),
    "storykit generate ./-b.toml --out ./-o": ("generate", {"experiment": "-b.toml", "out": "-o"}),
    "storykit generate 'my story.toml' --out runs/雨天": (
        "generate",
        {"experiment": "my story.toml", "out": "runs/雨天"},
    ),
    "storykit generate '$(x).toml' --out 'a;b'": ("generate", {"experiment": "$(x).toml", "out": "a;b"}),
    "storykit score runs/old": ("score", {"run": "runs/old"}),
    "storykit compare in/old": ("compare", {"run": "in/old"}),
    "storykit report .": ("report", {"run": "."}),
    "storykit cast runs/old --candidate=--ban --order authored": (
        "cast",
        {"run": "runs/old", "candidate": "--ban", "order": " authored "},
    ),
    "storykit repair runs/old --panel 3 --seed 7 --redraw .5 --mask 0,0,9,9 --prompt=--rain --tries 2": (
        "repair",
        {
            "run": "runs/old",
            "panel": "3",
            "seed": "7",
            "redraw": ".5",
            "mask": "0,0,9,9",
            "prompt": "--rain",
            "tries": "2",
        },
    ),
    "storykit repair runs/old --auto 8": ("repair", {"run": "runs/old", "auto": "8", "panel": ""}),
    "storykit finish runs/old --out runs/old-final --candidate ink": (
        "finish",
        {"run": "runs/old", "candidate": "ink", "out": "runs/old-final"},
    ),
    "storykit train a.toml --out loras/a --device cpu --pick best": (
        "train",
        {"config": "a.toml", "out": "loras/a", "device": "cpu", "pick": "best"},
    ),
    "storykit reproduce e.zip --base mini": ("reproduce", {"bundle": "e.zip", "base": "mini", "device": ""}),
    "storykit pack runs/old --team=-x --title 'Rain; rm -rf ~' --introduction intro.txt --out e2.zip"
    " --candidate ink --seed 7 --rules practice --overwrite": (
        "pack",
        {**PACKING, "seed": "7", "rules": "practice", "overwrite": "yes"},
    ),
}


@pytest.mark.parametrize("line", LINES)
def test_a_form_stands_for_a_command_line(line, served):
    command, given = LINES[line]
    assert job_order(served, command, given).command_line == line


DRAWING = {"experiment": "a.toml", "out": "runs/a"}
REPAIR = {"run": "runs/old", "panel": "3"}
HOSTILE = {
    "a path that goes up": ("run", {**DRAWING, "experiment": "../a.toml"}),
    "a path that goes up at last": ("run", {**DRAWING, "out": "runs/../../x"}),
    "an absolute path": ("run", {**DRAWING, "out": "/tmp/x"}),
    "a path from home": ("run", {**DRAWING, "experiment": "~/a.toml"}),
    "a link that leads out": ("run", {**DRAWING, "experiment": "leads.toml"}),
    "a folder behind a link that leads out": ("run", {**DRAWING, "out": "out/new"}),
    "the board's own folder": ("run", {**DRAWING, "out": ".storykit-board/x"}),
    "the served folder itself": ("run", {**DRAWING, "out": "."}),
    "a file that is not there": ("run", {**DRAWING, "experiment": "gone.toml"}),
    "a folder for a file": ("run", {**DRAWING, "experiment": "runs"}),
    "a file for a folder": ("score", {"run": "a.toml"}),
    "an option for a file": ("run", {**DRAWING, "experiment": "--help"}),
    "lines in a name": ("run", {**DRAWING, "out": "a\n--again"}),
    "a zero in a name": ("run", {**DRAWING, "out": "a\0b"}),
    "lines in a team": ("pack", {**PACKING, "team": "a\nb"}),
    "marks that turn text": ("pack", {**PACKING, "title": "a\u202eb"}),
    "a very long name": ("pack", {**PACKING, "title": "a" * 5000}),
    "nothing": ("run", {}),
    "blanks": ("run", {**DRAWING, "out": "  "}),
    "a device that is none": ("run", {**DRAWING, "devices": "cuda:0 --again"}),
    "an option for a device": ("run", {**DRAWING, "devices": "--again"}),
    "a cluster that a browser names": ("run", {**DRAWING, "ray": "10.0.0.1:6379"}),
    "a metric that is none": ("run", {**DRAWING, "race": "beauty"}),
    "a flag that says more": ("run", {**DRAWING, "again": "--out=/tmp"}),
    "a value that the command has not": ("run", {**DRAWING, "overwrite": "yes"}),
    "an option in a name": ("run", {**DRAWING, "--out": "x"}),
    "a seed that is none": ("pack", {**PACKING, "seed": "-1"}),
    "a mask elsewhere": ("repair", {**REPAIR, "mask": "../secret.png"}),
    "a mask behind a link that leads out": ("repair", {**REPAIR, "mask": "leads.toml"}),
    "a box of three numbers": ("repair", {**REPAIR, "mask": "1,2,3"}),
    "a strength above 1": ("repair", {**REPAIR, "redraw": "1.5"}),
    "a strength that is none": ("repair", {**REPAIR, "vary": "nan"}),
    "a panel that no story has": ("repair", {**REPAIR, "panel": "9"}),
    "rules elsewhere": ("pack", {**PACKING, "rules": "../rules.toml"}),
    "another command": ("publish", {"bundle": "e.zip", "to": "me/it"}),
    "a command of two words": ("lora convert", {}),
    "an option for a command": ("--help", {}),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_whatever_else_a_form_says_is_refused(kind, served):
    with pytest.raises(InputError) as refused:
        job_order(served, *HOSTILE[kind])
    assert "\n" not in str(refused.value)


def test_every_fault_of_a_form_is_told_at_once(served):
    with pytest.raises(InputError) as refused:
        job_order(served, "run", {"experiment": "../x", "devices": "gpu", "race": "beauty"})
    assert [fault.split(":")[0] for fault in refused.value.faults] == [
        "Experiment",
        "Folder for the results",
        "Where to draw",
        "Stop early who cannot win",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_value_is_one_that_the_command_takes(command):
    from typer.main import get_command

    known = get_command(app).commands[command].params
    argument, *options = COMMANDS[command]
    assert [param.param_type_name for param in known][:1] == ["argument"]
    assert {f"--{field.name}" for field in options} <= {opt for param in known for opt in param.opts}
    needed = {field.name for field in options if field.needed}
    assert {param.name for param in known[1:] if param.required} <= needed
    assert argument.needed
