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
    (tmp_path / "snow.txt").write_text("a cat, asleep in the snow\n" * 8)
    (tmp_path / "e.toml").write_text(text)
    assert notes_on(load_experiment(tmp_path / "e.toml")) == notes
