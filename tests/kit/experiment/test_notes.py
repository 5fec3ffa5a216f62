"""What an experiment asks for and rarely means is said before anything is drawn."""

from pathlib import Path

import pytest

from kit.experiment.config import load_experiment
from kit.experiment.notes import notes_on

HEAD = 'stories = ["snow.txt"]\nseeds = [0]\n'
BASE = '[[candidate]]\nname = "base"\n'
INK = '[[candidate]]\nname = "ink"\nlora = "mini:ink"\n'


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        (HEAD + BASE, []),
        (HEAD + INK, []),
        (HEAD + BASE + INK, ["candidate base has no lora: it is drawn by the bare base"]),
        (HEAD + BASE.replace("base", "fox") + 'embeddings = ["fox.pt"]\n' + INK, []),
        (
            HEAD + BASE + BASE.replace("base", "bare"),
            ["candidates base and bare differ in their name only: same pictures"],
        ),
        (HEAD + BASE + BASE.replace("base", "bare") + 'negative = "fog"\n', []),
        ('orders = ["authored", "reversed"]\n' + HEAD + BASE, []),
        (
            'orders = ["authored", "scene-first", "reversed"]\n' + HEAD + BASE,
            [
                "story snow: order scene-first says the same as authored, it has no roles, which "
                "[[panel]] with clauses in a .toml story have"
            ],
        ),
        (
            "cfg = 1\n" + HEAD + BASE + 'negative = "fog"\n',
            ["candidate base: negative shapes nothing where cfg is 1"],
        ),
    ],
)
def test_a_note_for_what_is_rarely_meant_and_none_for_the_rest(
    tmp_path: Path, text: str, notes: list[str]
) -> None:
    (tmp_path / "snow.txt").write_text("".join(f"a cat, asleep in the snow, day {day}\n" for day in range(8)))
    (tmp_path / "fox.pt").touch()
    (tmp_path / "e.toml").write_text(text)
    assert notes_on(load_experiment(tmp_path / "e.toml")) == notes


def test_panels_of_the_same_text_are_told_before_they_become_one_picture(tmp_path: Path) -> None:
    lines = [
        "一只小猫，坐着",
        "一只小猫，跑",
        "一只小猫，坐着",
        "小狗",
        "小狗",
        "小鸟",
        "小鱼",
        "一只小猫，坐着",
    ]
    (tmp_path / "snow.txt").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "experiment.toml").write_text(HEAD + BASE, encoding="utf-8")
    assert notes_on(load_experiment(tmp_path / "experiment.toml")) == [
        f"story snow: panels {panels} have the same text, so with the same seed they will be one picture, "
        "and no verdict counts such a set; say what differs"
        for panels in ("1, 3, 8", "4, 5")
    ]


def test_panels_of_one_text_that_begin_from_noise_of_their_own_are_no_note(tmp_path: Path) -> None:
    (tmp_path / "snow.txt").write_text("\n".join(["小猫", "小狗"] * 4), encoding="utf-8")
    (tmp_path / "experiment.toml").write_text("noise_per_panel = true\n" + HEAD + BASE, encoding="utf-8")
    assert notes_on(load_experiment(tmp_path / "experiment.toml")) == []


def test_where_nobody_is_named_the_command_that_finds_the_characters_is_told(tmp_path: Path) -> None:
    (tmp_path / "snow.txt").write_text("\n".join(f"小猫，第{n}天" for n in range(8)), encoding="utf-8")
    (tmp_path / "experiment.toml").write_text("consistency = 0.6\n" + HEAD + BASE, encoding="utf-8")
    [told] = notes_on(load_experiment(tmp_path / "experiment.toml"))
    assert "`storykit story import snow.txt --out story.toml` finds the characters" in told
