from pathlib import Path

from paths import ROOT
from stories import story_of_panels
from stripes import Brightness, Columns, fill, new_run

from eval.metrics.story_facts import text_of, told_of
from eval.scorers.clip import ClipEncoder
from eval.scorers.load import Scorers
from eval.scoring.score import score
from kit.experiment.config import load_experiment
from kit.story.story import Clause, Panel, load_story

EXAMPLE = ROOT / "kit" / "examples" / "demo-zh.toml"


def test_casts_are_the_words_for_the_subjects_and_places_what_the_panel_says():
    cat = Clause(role="subject", character="cat")
    told = told_of(
        story_of_panels(
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


def test_the_text_of_a_panel_has_neither_style_nor_trigger(tmp_path: Path) -> None:
    run, reading = fill(new_run(tmp_path, orders=("authored", "reversed"))), Columns()
    score(run, Scorers(aesthetic=Brightness(), encoder=reading))
    assert reading.read[:8] == [f"小女孩，地方{k}" for k in range(8)]


def test_a_plain_prompt_stays_whole(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("\n".join(f"水墨画，小猫{k}" for k in range(8)), "utf-8")
    (tmp_path / "e.toml").write_text(
        'stories = ["plain.txt"]\nseeds = [0]\n[[candidate]]\nname = "base"\n', "utf-8"
    )
    story = load_experiment(tmp_path / "e.toml").stories[0].story
    assert text_of(story, 2) == "水墨画，小猫2"
