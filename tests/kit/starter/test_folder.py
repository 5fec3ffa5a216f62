import re
from pathlib import Path
from typing import get_args

import pytest
from command import said, tree
from fakes import toy_base
from typer.main import get_command

from kit.dataset.read import read_dataset
from kit.errors import RunError
from kit.experiment.config import load_experiment
from kit.images.decode import decode_picture
from kit.lora.lora import find_lora
from kit.messages import Language
from kit.starter import folder as starter
from kit.starter.choices import LoraStyle, StarterChoice, Template
from kit.starter.folder import known_words, starter_files, write_starter
from kit.story.lint.lint import lint
from kit.story.prompt import prompt_of
from kit.story.story import PANELS, load_story
from kit.training.config import load_training
from kit.world import words
from storykit.cli.main import app
from submissions.contest.rules import load_rules
from submissions.verification.rule_checks import words_faults

LANGUAGES: tuple[Language, ...] = get_args(Language)
NAMES = ("story.toml", "experiment.toml", "train.toml", "intro.txt")
GLUE = {
    "zh": ["一个", "一只", "一束", "的", "穿着", "拿着"],
    "en": ["a", "an", "with", "hair", "in", "holding"],
}
"""What stands between the words of the drawn world."""
LARGEST = 1_500_000
"""Bytes of all sample pictures together."""


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    write_starter(tmp_path / "my", StarterChoice(language="zh"))
    return tmp_path / "my"


def vocabulary(language: Language) -> list[str]:
    """Return every word that the embedded base knows, the longest first."""
    tables = (words.KINDS, words.COLOURS, words.CLOTHES, words.POSES, words.PLACED_POSES, words.PROPS,
              words.EXPRESSIONS, words.PLACES, words.TIMES)  # fmt: skip
    told = {one for table in tables for said in table[language].values() for one in said}
    return sorted({*told, *words.HAIR_LENGTHS[language].values(), *GLUE[language]}, key=len, reverse=True)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", get_args(Template))
def test_every_story_holds_together_and_is_told_in_words_that_the_embedded_base_knows(
    template, language, tmp_path
):
    path = tmp_path / "story.toml"
    path.write_bytes(starter_files(StarterChoice(language=language, template=template))["story.toml"])
    story = load_story(path).story
    assert story.language == language
    assert lint(story) == lint(story, trigger="水墨画风格") == []
    known = "|".join(map(re.escape, vocabulary(language)))
    edge = r"\b" if language == "en" else ""
    for panel in range(PANELS):
        assert re.sub(rf"{edge}(?:{known}){edge}|[，, ]", "", prompt_of(story, panel, "authored")) == ""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", get_args(Template))
def test_every_story_has_one_sentence_a_panel_and_goes_through_places_and_hours(template, language, tmp_path):
    path = tmp_path / "story.toml"
    path.write_bytes(starter_files(StarterChoice(language=language, template=template))["story.toml"])
    panels = load_story(path).story.panels
    assert all(re.fullmatch(r"[^\n]+[.?!。？！”]", panel.caption) for panel in panels)
    assert len({panel.place for panel in panels}) >= 5
    times = {clause.text for panel in panels for clause in panel.clauses if clause.role == "detail"}
    assert len(times) >= 2


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("style", get_args(LoraStyle))
@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_is_written_can_be_used_as_it_is(language, style, gpu, tmp_path):
    names = write_starter(tmp_path, StarterChoice(language=language, style=style, gpu=gpu))
    assert sorted(names) == sorted(tree(tmp_path))
    loaded = load_experiment(tmp_path / "experiment.toml")
    assert loaded.experiment.base == "mini"
    assert [one.name for one in loaded.experiment.candidates] == ["base", style]
    assert loaded.experiment.candidates[1].trigger == find_lora(f"mini:{style}").trigger
    training = load_training(tmp_path / "train.toml")
    assert training.learn.language == language
    assert len(read_dataset(Path(training.data))) == 12
    introduction = (tmp_path / "intro.txt").read_text(encoding="utf-8")
    assert list(words_faults(load_rules("practice"), "t", "x", introduction, "")) == []
    assert list(words_faults(load_rules("kolors-2024"), "t", "x", introduction, "")) == []


@pytest.mark.parametrize("name", NAMES[1:3])
@pytest.mark.parametrize("language", LANGUAGES)
def test_who_has_a_gpu_reads_which_line_draws_with_kolors(language, name):
    with_gpu, without = (
        starter_files(StarterChoice(language=language, gpu=gpu))[name].decode() for gpu in (True, False)
    )
    assert re.search(r'^# base = "kolors"', with_gpu, re.M)
    assert not re.search(r'^# base = "kolors"', without, re.M)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_files_explain_themselves_in_the_language_of_the_story(language):
    files = starter_files(StarterChoice(language=language))
    for name in NAMES[:3]:
        told = [
            line
            for line in files[name].decode().splitlines()
            if re.match(r"# (?!base|data|name|lora|tr)", line)
        ]
        chinese = sum(bool(re.search("[\u4e00-\u9fff]", line)) for line in told)
        assert chinese >= len(told) * 0.5 if language == "zh" else chinese == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_that_the_embedded_base_knows_are_listed_in_the_story(language):
    story = starter_files(StarterChoice(language=language))["story.toml"].decode()
    head = re.sub(r"\n# +", " ", story.partition("title =")[0])
    for told in known_words(language).values():
        assert told in head


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_commands_that_the_files_name_exist_with_their_options(language):
    files = starter_files(StarterChoice(language=language, gpu=True))
    told = [
        found for name in NAMES for found in re.findall(r"storykit ([a-z][^，。,\n]*)", files[name].decode())
    ]
    for line in told:
        command, words = get_command(app), line.split()
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known
    assert {line.split()[0] for line in told} == {"run", "pack", "train", "dataset", "story", "download"}


def test_the_sample_pictures_are_twelve_small_ones_with_captions_in_both_languages():
    files = {language: starter_files(StarterChoice(language=language)) for language in LANGUAGES}
    pictures = [name for name in files["zh"] if name.endswith(".png")]
    assert len(pictures) == 12
    assert sum(len(files["zh"][name]) for name in pictures) < LARGEST
    assert files["zh"]["pictures/metadata.csv"] != files["en"]["pictures/metadata.csv"]


def test_a_sample_picture_is_as_large_as_what_the_embedded_base_draws(begun):
    for path in (begun / "pictures").glob("*.png"):
        assert decode_picture(path).picture.size == (256, 256)


def test_the_story_is_drawn_by_the_experiment_beside_it(begun):
    experiment = begun / "experiment.toml"
    text = (
        experiment.read_text(encoding="utf-8")
        .replace("[0, 1, 2] ", "[0]")
        .replace('"mini"', f'"{toy_base()}"')
    )
    bare = "[[candidate]]".join(text.split("[[candidate]]")[:2])
    experiment.write_text(f"steps = 1\nsize = 32\n{bare}", encoding="utf-8")
    assert "drawn   8 panels" in said("generate", experiment, "--out", begun / "run")


@pytest.mark.parametrize("written", [0, 1])
@pytest.mark.parametrize("there", [False, True])
def test_who_is_stopped_while_writing_leaves_nothing(tmp_path, monkeypatch, written, there):
    folder = tmp_path / "deep" / "my"
    if there:
        folder.mkdir(parents=True)
    real, left = starter.write_together, [True] * written

    def stopped(files):
        if not left:
            raise KeyboardInterrupt
        left.pop()
        real(files)

    monkeypatch.setattr(starter, "write_together", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_starter(folder, StarterChoice(language="en"))
    assert tree(tmp_path) == {}
    assert [path.name for path in tmp_path.rglob("*")] == (["deep", "my"] if there else [])


def test_what_is_there_is_never_written_over(begun):
    before = tree(begun)
    with pytest.raises(RunError, match="already"):
        write_starter(begun, StarterChoice(language="en"))
    assert tree(begun) == before
