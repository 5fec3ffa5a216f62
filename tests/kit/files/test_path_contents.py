import os
from contextlib import chdir
from pathlib import Path

import pytest

from kit.did_you_mean import did_you_mean
from kit.files.path_contents import kind_at, mistaken, taken_by

RUN_TOML = (
    '# The experiment of this run, resolved by storykit: every default written out.\nstories = ["a.toml"]\n'
)
THINGS = {
    "rain.toml": 'stories = ["story.toml"]\nseeds = [0]\n',
    "雨天.toml": 'title = "雨"\n[[panel]]\nprompt = "猫"\n',
    "style.toml": 'data = "pictures"\n',
    "rules.toml": 'name = "own"\n[gate]\nthreshold = 6.0\n',
    "torn.toml": "stories = [",
    "intro.txt": "words",
    "entry.zip": "PK",
    "ink.safetensors": "LoRA",
    "cat.png": "PNG",
    "report.html": "<html>",
    "r 1/experiment.toml": RUN_TOML,
    "r 1/panels.jsonl": "",
    "r 1/report.html": "<html>",
    "r 1/bundle/demo.zip": "PK",
    "begun/experiment.toml": RUN_TOML,
    "lost/panels.jsonl": "",
    "own/experiment.toml": 'stories = ["story.toml"]\n',
    "ink/train.json": "{}",
    "ds/train/metadata.csv": "file_name,text\n",
    "photos/1.jpg": "JPEG",
    "comic/panels/1.png": "PNG",
    "papers/notes.txt": "words",
}


@pytest.fixture
def desk(tmp_path: Path):
    """A folder with one of everything."""
    for name, text in THINGS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "empty").mkdir()
    with chdir(tmp_path):
        yield tmp_path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rain.toml", "experiment"),
        ("雨天.toml", "story"),
        ("style.toml", "training"),
        ("rules.toml", "rules"),
        ("torn.toml", None),
        ("intro.txt", "text"),
        ("entry.zip", "bundle"),
        ("ink.safetensors", "lora"),
        ("cat.png", "picture"),
        ("report.html", "page"),
        ("r 1", "run"),
        ("begun", "run"),
        ("lost", "emptied run"),
        ("own", None),
        ("ink", "trained"),
        ("ds", "dataset"),
        ("ds/train", "dataset"),
        ("photos", "pictures"),
        ("comic", None),
        ("papers", None),
        ("empty", None),
        ("gone", None),
        ("nul\0", None),
        ("x" * 5000, None),
    ],
)
def test_a_path_is_known_by_what_it_holds(desk, name, kind):
    assert kind_at(Path(name)) == kind


@pytest.mark.parametrize(
    ("name", "wanted", "told"),
    [
        (
            "r 1",
            "experiment",
            "is a run's folder, not an experiment's .toml file: "
            "`storykit generate 'r 1/experiment.toml' --out 'r 1'` goes on drawing it",
        ),
        ("r 1", "bundle", "is a run's folder, not a bundle: give r 1/bundle/demo.zip"),
        (
            "begun",
            "bundle",
            "is a run's folder, not a bundle: `storykit pack begun --out entry.zip` packs one of its "
            "stories, with the options that `storykit pack --help` names",
        ),
        (
            "lost",
            "run",
            "is a run's folder that lost its experiment.toml: "
            "`storykit generate EXPERIMENT.toml --out lost` with the experiment that it was drawn from "
            "writes it again and keeps the pictures",
        ),
        (
            "rain.toml",
            "run",
            "is an experiment's .toml file, not a run's folder: "
            "draw it with `storykit generate rain.toml --out runs/rain`, then give runs/rain",
        ),
        (
            "雨天.toml",
            "run",
            'is a story, not a run\'s folder: write a .toml file with stories = ["雨天.toml"] and draw that',
        ),
        (
            "entry.zip",
            "run",
            "is a bundle, not a run's folder: give the folder of the run that it was packed from",
        ),
        ("r 1/bundle", "run", "is not a run's folder: give the folder that it lies in, r 1"),
        (
            "r 1/report.html",
            "run",
            "is a page to look at in a browser, not a run's folder: give the folder that it lies in, r 1",
        ),
        (".", "run", "is not a run's folder: give begun or r 1"),
        (
            "empty",
            "run",
            "is not a run's folder: draw one with `storykit generate EXPERIMENT.toml --out empty`",
        ),
        ("own", "run", "is not a run's folder: draw one with `storykit generate EXPERIMENT.toml --out own`"),
        (".", "experiment", "is a folder, not an experiment's .toml file: give rain.toml"),
        (
            "style.toml",
            "experiment",
            "is a training's .toml file, not an experiment's .toml file: "
            "`storykit train style.toml --out loras/style` takes it",
        ),
        (
            "rain.toml",
            "training",
            "is an experiment's .toml file, not a training's .toml file: "
            "`storykit generate rain.toml --out runs/rain` draws it",
        ),
        (
            "ds",
            "training",
            "is a dataset, not a training's .toml file: "
            'write data = "ds/train" into a training\'s .toml file',
        ),
        (
            "cat.png",
            "text",
            "is a picture, not a text file: write the words into a file such as intro.txt and name that",
        ),
        (
            "rain.toml",
            "story",
            "is an experiment's .toml file, not a story: give story.toml, which it draws",
        ),
        (
            "intro.txt",
            "story",
            "is a text file, not a story: "
            "write eight lines of plain text, one prompt a panel, into a .txt file",
        ),
        (".", "story", "is a folder, not a story: give 雨天.toml"),
        ("gone", "run", "does not exist; there is begun or r 1"),
        ("begn", "run", "does not exist, did you mean begun?"),
        ("entri.zip", "bundle", "file does not exist, did you mean entry.zip?"),
        ("papers/x.zip", "bundle", "file does not exist; `storykit pack RUN` writes one"),
        (
            "r 1",
            "pictures",
            "is a run's folder, not a folder of pictures: its pictures lie below 'r 1/panels', in a folder "
            "for each seed",
        ),
    ],
)
def test_one_thing_in_anothers_place_is_named_with_what_to_type(desk, name, wanted, told):
    assert mistaken(Path(name), wanted) == told


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("rain.toml", "experiment"),
        ("torn.toml", "experiment"),
        ("intro.txt", "text"),
        ("r 1", "run"),
        ("entry.zip", "bundle"),
        ("photos", "pictures"),
        ("comic", "pictures"),
        ("empty", "pictures"),
    ],
)
def test_what_may_be_the_thing_is_left_to_its_reader(desk, name, wanted):
    assert mistaken(Path(name), wanted) == ""


def test_many_that_may_be_meant_are_not_all_named(desk):
    for number in range(9):
        (desk / f"papers/{number}.zip").write_text("PK")
    assert mistaken(Path("papers"), "bundle").endswith(
        "give papers/0.zip or papers/1.zip or papers/2.zip or another"
    )


def test_a_folder_that_must_not_be_read_is_left_to_its_reader(desk, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(Path, "iterdir", refuse)
    assert kind_at(Path("photos")) is None


def test_a_file_where_a_command_belongs_names_the_command():
    assert taken_by(Path("gone.toml")) == ""


@pytest.mark.parametrize(
    ("name", "names", "told"),
    [
        ("text_maen", ["text_mean", "mrr"], ", did you mean text_mean?"),
        ("Ink", ["base", "ink"], ", did you mean ink?"),
        ("水墨画", ["水墨", "水彩"], ", did you mean 水墨?"),
        ("水默", ["base", "水墨"], ", did you mean 水墨?"),
        ("inc", ["base", "ink"], ", did you mean ink?"),
        ("kolors", [], ""),
        ("x" * 10_000, ["xx"], ""),
    ],
)
def test_a_name_from_a_list_is_told_by_the_nearest_one(name, names, told):
    assert did_you_mean(name, names) == told
