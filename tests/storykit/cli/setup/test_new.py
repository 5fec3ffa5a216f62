import io
import re
from contextlib import chdir
from pathlib import Path

import pytest
from command import refused, said, tell, tree

from kit.messages import LOCALE
from kit.story.story import load_story
from storykit.cli.setup import new as command

FILES = {"story.toml", "experiment.toml", "train.toml", "intro.txt", "pictures/metadata.csv"}


@pytest.fixture
def answers(monkeypatch):
    """Sit at the terminal and type these lines."""

    def type_them(*lines: str) -> None:
        monkeypatch.setattr(command, "at_a_terminal", lambda: True)
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

    return type_them


def chosen(folder: Path) -> tuple[str, str, str, bool]:
    """Return language, title, style and whether Kolors is spoken of, as the files say."""
    story = load_story(folder / "story.toml").story
    experiment = (folder / "experiment.toml").read_text(encoding="utf-8")
    found = re.search(r'lora = "mini:(\w+)"', experiment)
    assert found is not None
    return story.language, story.title, found[1], '\n# base = "kolors"' in experiment


def test_without_a_terminal_nothing_is_asked_and_the_next_command_is_said(tmp_path):
    with chdir(tmp_path):
        out = said("new", "my story")
    assert out.splitlines() == [
        "made    my story: story.toml, experiment.toml, train.toml, intro.txt, and 12 pictures to learn from",
        "next    storykit run 'my story/experiment.toml' --out 'my story/run'",
        "style   storykit train 'my story/train.toml' --out 'my story/my'",
    ]
    pictures = {f"pictures/{number:02}.png" for number in range(1, 13)}
    assert set(tree(tmp_path / "my story")) == FILES | pictures
    assert chosen(tmp_path / "my story") == ("en", "Where Is Coco?", "ink", False)


def test_the_story_is_in_the_readers_language(tmp_path, monkeypatch):
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    out = said("new", tmp_path / "my")
    assert chosen(tmp_path / "my") == ("zh", "可可不见了", "ink", False)
    assert "storykit run " in out
    assert (LOCALE / "zh").is_dir()
    assert not re.search(r"\b(made|next|style) ", out)


def test_what_is_given_is_used(tmp_path):
    options = ("--language", "zh", "--template", "rainy-night", "--style", "watercolour", "--gpu")
    out = said("new", tmp_path / "my", *options)
    assert chosen(tmp_path / "my") == ("zh", "雨停之前", "watercolour", True)
    assert "note    for Kolors: storykit download kolors, then do as " in out


@pytest.mark.parametrize(
    ("typed", "made"),
    [
        (("", "", "", ""), ("en", "Where Is Coco?", "ink", False)),
        (("1", "4", "2", "2"), ("zh", "雨停之前", "watercolour", True)),
        (("zh", "four-seasons", "Cyberpunk", "y"), ("zh", "四季的朋友", "cyberpunk", True)),
        (("en", "small", " ink ", "no"), ("en", "Half a Bun", "ink", False)),
        (
            ("french", "en", "0", "7", "frist-concert", "3", "1", "n"),
            ("en", "Mia's First Song", "ink", False),
        ),
    ],
)
def test_who_sits_at_a_terminal_is_asked_until_the_answer_is_one(tmp_path, answers, typed, made):
    answers(*typed)
    said("new", tmp_path / "my")
    assert chosen(tmp_path / "my") == made


def test_a_mistyped_answer_is_told_what_may_have_been_meant(tmp_path, answers):
    answers("en", "rainy nite", "rainy-night", "ink", "no")
    out = said("new", tmp_path / "my")
    assert "give a number from 1 to 6 or a name, got rainy nite, did you mean rainy-night?" in out


def test_an_answer_may_be_in_the_words_that_were_read(tmp_path, answers, monkeypatch):
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    answers("英文", "小男孩和小龙", "水彩", "霓虹", "有")
    said("new", tmp_path / "my")
    assert chosen(tmp_path / "my") == ("en", "A Friend for All Seasons", "cyberpunk", True)


def test_only_what_is_not_given_is_asked(tmp_path, answers):
    answers("3")
    said("new", tmp_path / "my", "--language", "en", "--template", "journey-home", "--no-gpu")
    assert chosen(tmp_path / "my") == ("en", "The Long Way Home", "cyberpunk", False)


def test_with_everything_given_nothing_is_asked(tmp_path, answers):
    answers()
    options = ("--language", "en", "--template", "journey-home", "--style", "ink", "--no-gpu")
    assert "[1]" not in said("new", tmp_path / "my", *options)


class CtrlC(io.StringIO):
    def readline(self, *_: int) -> str:
        raise KeyboardInterrupt


@pytest.mark.parametrize("stdin", [CtrlC(), io.StringIO("en\n")], ids=["ctrl-c", "ctrl-d"])
def test_who_breaks_off_while_asked_leaves_nothing(tmp_path, monkeypatch, stdin):
    monkeypatch.setattr(command, "at_a_terminal", lambda: True)
    monkeypatch.setattr("sys.stdin", stdin)
    answer = tell("new", tmp_path / "my")
    assert answer.code == 1
    assert answer.err.endswith("Error: stopped; nothing was written\n")
    assert list(tmp_path.iterdir()) == []


def write_folders(folder: Path) -> None:
    for name in ("mine/story.toml", "hidden/.keep"):
        (folder / name).parent.mkdir()
        (folder / name).write_text("mine")
    (folder / "full/run").mkdir(parents=True)
    (folder / "file").write_text("mine")
    (folder / "link").symlink_to(folder / "gone")
    (folder / "empty").mkdir()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mine", "mine holds story.toml already: give a new or an empty folder, nothing is written over"),
        ("mine/", "mine holds story.toml already: give a new or an empty folder"),
        ("hidden", "hidden holds .keep already"),
        ("full", "full holds run already"),
        (".", "holds empty already"),
        ("file", "file is no folder: give the name of a new one"),
        ("file/my", "file is no folder: give the name of a new one"),
        ("link", "link is no folder: give the name of a new one"),
    ],
)
def test_a_place_that_is_taken_is_refused_before_anything_is_asked(tmp_path, answers, name, reason):
    answers()
    write_folders(tmp_path)
    before = tree(tmp_path)
    with chdir(tmp_path):
        assert reason in refused("new", name)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", ["empty", "empty/deep/my", "小橘的故事", "..story"])
def test_a_new_or_empty_folder_is_filled(tmp_path, name):
    write_folders(tmp_path)
    said("new", tmp_path / name)
    assert set(tree(tmp_path / name)) > FILES


def test_the_folder_one_stands_in_is_filled_when_it_is_empty(tmp_path):
    with chdir(tmp_path):
        assert "next    storykit run experiment.toml --out run" in said("new", ".")
    assert set(tree(tmp_path)) > FILES


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--template", "rainy-nigth"], "got 'rainy-nigth', did you mean rainy-night?"),
        (
            ["--style", "water"],
            "--style must be ink, watercolour or cyberpunk, got 'water', did you mean watercolour?",
        ),
        (["--language", "fr"], "--language must be zh or en, got 'fr'"),
    ],
)
def test_an_unknown_choice_is_refused_with_what_was_meant(tmp_path, words, told):
    answer = tell("new", tmp_path / "my", *words)
    assert answer.code == 2
    assert told in answer.err
    assert list(tmp_path.iterdir()) == []
