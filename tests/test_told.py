from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.metrics.formulas import PanelSet
from eval.metrics.registry import validated
from eval.metrics.story_facts import told_of
from eval.scorers.clip import ClipEncoder
from eval.validation.corruptions import draw
from kit.story.story import Clause, Description, Panel, Story, load_story
from kit.world.tale import sample_tale

EXAMPLE = Path(__file__).parent.parent / "kit" / "examples" / "demo-zh.toml"


class Blind:
    """An encoder to which everything is one."""

    def pictures(self, panels: Sequence[object]) -> NDArray[np.float32]:
        return np.ones((len(panels), 4), np.float32) / 2

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.ones((len(texts), 4), np.float32) / 2


def story(*panels: Panel) -> Story:
    every = [*panels, *(Panel(prompt=f"小猫{k}") for k in range(8 - len(panels)))]
    return Story(
        title="t",
        characters={"cat": Description(text="一只橙色的小猫")},
        places={"forest": Description(text="在森林")},
        panel=tuple(every),
    )


def test_casts_are_the_words_for_the_subjects_and_places_what_the_panel_says():
    cat = Clause(role="subject", character="cat")
    told = told_of(
        story(
            Panel(place="forest", clauses=(cat,)),
            Panel(clauses=(Clause(role="place", place="forest"), cat)),
            Panel(clauses=(Clause(role="place", text="在海边"), Clause(role="subject", text="小狗"), cat)),
            Panel(clauses=(Clause(role="action", text="跑"),)),
        ),
        ClipEncoder.load("mini"),
    )
    assert told.casts[:4] == [
        {"一只橙色的小猫"},
        {"一只橙色的小猫"},
        {"小狗", "一只橙色的小猫"},
        set(),
    ]
    assert told.casts[4:] == [frozenset()] * 4, "a plain prompt does not say who is in it"
    assert told.places[:2] == [("forest",), ("forest",)]
    assert told.places[2:] == [("在海边",), None, None, None, None, None]
    assert told.texts.shape == (8, 128)


def test_the_examples_panels_say_where_they_are():
    told = told_of(load_story(EXAMPLE).story, ClipEncoder.load("mini"))
    assert None not in told.places
    assert len(set(told.places)) > 1


def test_what_a_story_leaves_open_is_undefined_and_not_zero():
    tale, encoder = sample_tale(0), ClipEncoder.load("mini")
    shown = PanelSet(
        embeddings=encoder.pictures(draw(tale.scenes)), aesthetics=[7.0] * 8, told=told_of(story(), encoder)
    )
    values = {name: metric(shown).value for name, metric in validated().items()}
    assert [name for name, value in values.items() if value is None] == ["place"]


def test_an_encoder_to_which_all_words_are_one_leaves_the_roles_undefined():
    blind = Blind()
    shown = PanelSet(embeddings=blind.pictures([0] * 8), aesthetics=[7.0] * 8, told=told_of(story(), blind))
    values = {name: metric(shown).value for name, metric in validated().items()}
    assert [name for name, value in values.items() if value is None] == [
        "identity",
        "style",
        "place",
        "staging",
    ]
    assert values["copies"] == 1.0


def test_a_tale_told_right_beats_the_same_pictures_of_another_tale():
    encoder = ClipEncoder.load("mini")
    told = {seed: sample_tale(seed) for seed in (1, 2)}
    rows = encoder.pictures(draw(told[1].scenes))
    panels = [
        Panel(clauses=(Clause(role="subject", text=text.split("，")[0]), Clause(role="detail", text=text)))
        for seed in (1, 2)
        for text in told[seed].texts()
    ]
    right, wrong = (told_of(story(*panels[first : first + 8]), encoder) for first in (0, 8))
    identity = validated()["identity"]
    values = [identity(PanelSet(embeddings=rows, aesthetics=[7.0] * 8, told=t)).value for t in (right, wrong)]
    assert values[0] > values[1] + 0.1
