import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from made_run import page_of
from numpy.typing import NDArray
from stories import story_of_panels
from stripes import fill, new_run, stripe_scorers

from eval.casting.cast import CastRequest, cast
from eval.comparison.compare import compare
from eval.metrics import registry
from eval.metrics.formulas import FORMULAS, MetricValue, PanelSet
from eval.metrics.registry import METRICS, MetricEntry, validated
from eval.metrics.story_facts import told_of
from eval.scorers.clip import ClipEncoder
from eval.scoring.records import panels_frame, read_scores, stories_frame
from eval.scoring.score import score
from eval.validation.corruptions import rendered
from kit.errors import RunError
from kit.experiment.config import load_experiment
from kit.experiment.run import Run
from kit.story.story import Clause, Panel
from kit.world.tale import sample_tale


def evenness(shown: PanelSet) -> MetricValue:
    """Return how little the panels differ in their points: a metric that storykit does not have."""
    points = np.asarray(shown.aesthetics)
    return MetricValue(1 / (1 + float(points.std())), -np.abs(points - points.mean()))


EVENNESS = MetricEntry(
    name="evenness",
    title="Evenness",
    source="1 / (1 + standard deviation of the points)",
    range=(0.0, 1.0),
    unit="1",
    formula=evenness,
    needs="aesthetic",
    compared="judged",
    names={"en": "Even looks", "zh": "好看得匀"},
)


@pytest.mark.slow
def test_a_new_entry_is_scored_compared_titled_and_cast_and_nothing_else_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METRICS, "evenness", EVENNESS)
    run = fill(new_run(tmp_path, seeds=8))
    scored = score(run, stripe_scorers())
    described = scored.metrics[-1]
    assert (described.name, described.title, described.range) == ("evenness", "Evenness", (0.0, 1.0))
    assert stories_frame(run)["evenness"].between(0, 1).all()
    assert "evenness" in compare(run).family.metrics
    page = page_of(run)
    assert "好看得匀&nbsp;↑" in page
    chosen = cast(run, CastRequest(candidate="ink"), stripe_scorers()).selections[0]
    assert "evenness" in chosen.standing.values
    assert "evenness" in registry.judgeable()
    assert "evenness" in registry.validated()


def test_a_cast_set_has_the_value_that_the_new_formula_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METRICS, "evenness", EVENNESS)
    run = fill(new_run(tmp_path, seeds=2))
    chosen = cast(run, CastRequest(candidate="ink"), stripe_scorers()).selections[0]
    score(run, stripe_scorers())
    found = panels_frame(run).query("candidate == 'ink'").set_index(["panel", "seed"])["aesthetic"]
    points = [found[panel, seed] for panel, seed in enumerate(chosen.seeds, 1)]
    assert chosen.standing.values["evenness"] == pytest.approx(1 / (1 + np.std(points)), abs=1e-5)


def test_every_column_of_the_stories_has_its_formula_and_every_formula_its_column() -> None:
    columns = {entry.name for entry in registry.of_stories()}
    assert columns == FORMULAS.keys() | {"aesthetic_gain"}


def test_every_metric_of_a_page_has_a_name_in_both_languages() -> None:
    for entry in METRICS.values():
        if entry.name != "text_rank":
            assert entry.names.keys() == {"en", "zh"}, entry.name
        assert entry.short.keys() == entry.long.keys()


def test_an_entry_with_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValueError, match="sunny"):
        MetricEntry.model_validate({"name": "a", "title": "A", "sunny": True})


def test_the_files_of_a_run_read_back_as_they_were_scored(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path, seeds=2))
    scored, read = score(run, stripe_scorers()), read_scores(run)
    assert read is not None
    assert read.metrics == scored.metrics
    assert read.weakest == scored.weakest
    assert read.similarity == scored.similarity
    for one, other in zip(read.stories, scored.stories, strict=True):
        assert (one.candidate, one.seed, one.gate, one.weakest_panel) == (
            other.candidate, other.seed, other.gate, other.weakest_panel,
        )  # fmt: skip
        for name, value in one.values.items():
            known = other.values.get(name)
            assert (value is None) == (known is None), name
            assert value is None or value == pytest.approx(known, abs=1e-6)


def test_frames_have_whole_numbers_texts_and_numbers(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    run.panel_path("ink", "authored", "story", 0, 3).unlink()
    score(run, stripe_scorers())
    stories, panels = stories_frame(run), panels_frame(run)
    assert [str(stories[name].dtype) for name in ("seed", "weakest_panel", "mrr")] == [
        "Int64", "Int64", "float64",
    ]  # fmt: skip
    assert stories["mrr"].isna().tolist() == [False, True]
    assert panels["status"].value_counts().to_dict() == {"ok": 15, "missing": 1}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace(",8,,", ",8,", 1), "must have as many cells in each row"),
        (lambda text: text.replace(",8,,", ",all,,"), "line 2: panels_ok must be a finite number, got 'all'"),
        (lambda text: text.replace(",8,,", ",7.5,,"), "line 2: panels_ok must be a finite number, got '7.5'"),
        (lambda text: text.replace("panels_ok", "panels"), "must have a column panels_ok"),
        (lambda text: "", "is no CSV"),
    ],
)
def test_a_damaged_table_is_refused_with_its_place(tmp_path: Path, change, said: str) -> None:
    run = fill(new_run(tmp_path))
    score(run, stripe_scorers())
    path = run.folder / "scores.stories.csv"
    path.write_text(change(path.read_text("utf-8")), "utf-8")
    with pytest.raises(RunError, match=said):
        stories_frame(run)


def with_words(folder: Path, table: str) -> Run:
    """Return a run whose experiment has words of its own, drawn."""
    new_run(folder)
    path = folder / "experiment.toml"
    text = path.read_text("utf-8").replace("[score]", f"{table}\n[score]")
    path.write_text(text, "utf-8")
    return fill(Run.create(folder / "words", load_experiment(path)))


def test_own_words_stand_beside_the_metric_that_is_seen_through_them_and_nowhere_else(tmp_path: Path) -> None:
    run = with_words(tmp_path, '[words]\nstyle = ["国潮1", "赛博朋克2"]')
    score(run, stripe_scorers())
    told = {metric["name"]: metric.get("words") for metric in run.read_json("scores.json")["metrics"]}
    assert told.pop("style") == ["国潮1", "赛博朋克2"]
    assert set(told.values()) == {None}
    assert tomllib.loads(run.experiment_path.read_text("utf-8"))["words"] == {"style": ["国潮1", "赛博朋克2"]}
    assert "国潮1、赛博朋克2" in page_of(run)
    plain = fill(new_run(tmp_path / "plain"))
    assert "words" not in plain.experiment_path.read_text("utf-8")


class Blind:
    """An encoder to which everything is one."""

    def pictures(self, panels: Sequence[object]) -> NDArray[np.float32]:
        return np.ones((len(panels), 4), np.float32) / 2

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.ones((len(texts), 4), np.float32) / 2


def test_what_a_story_leaves_open_is_undefined_and_not_zero():
    tale, encoder = sample_tale(0), ClipEncoder.load("mini")
    shown = PanelSet(
        embeddings=encoder.pictures(rendered(tale.scenes)),
        aesthetics=[7.0] * 8,
        told=told_of(story_of_panels(), encoder),
    )
    values = {name: metric(shown).value for name, metric in validated().items()}
    assert [name for name, value in values.items() if value is None] == ["place", "copies"]


def test_an_encoder_to_which_all_words_are_one_leaves_the_roles_undefined():
    blind = Blind()
    shown = PanelSet(
        embeddings=blind.pictures([0] * 8), aesthetics=[7.0] * 8, told=told_of(story_of_panels(), blind)
    )
    values = {name: metric(shown).value for name, metric in validated().items()}
    assert [name for name, value in values.items() if value is None] == [
        "identity",
        "style",
        "place",
        "copies",
        "staging",
    ]


def test_a_tale_told_right_beats_the_same_pictures_of_another_tale():
    encoder = ClipEncoder.load("mini")
    told = {seed: sample_tale(seed) for seed in (1, 2)}
    rows = encoder.pictures(rendered(told[1].scenes))
    panels = [
        Panel(clauses=(Clause(role="subject", text=text.split("，")[0]), Clause(role="detail", text=text)))
        for seed in (1, 2)
        for text in told[seed].texts()
    ]
    right, wrong = (told_of(story_of_panels(*panels[first : first + 8]), encoder) for first in (0, 8))
    identity = validated()["identity"]
    values = [identity(PanelSet(embeddings=rows, aesthetics=[7.0] * 8, told=t)).value for t in (right, wrong)]
    assert values[0] > values[1] + 0.1
