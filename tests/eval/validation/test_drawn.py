"""Metrics held against pictures that a base draws; a stand-in painter shows what is asked of it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest
from command import said, tell
from sketcher import Sketcher

from eval.scorers.aesthetic import AestheticScorer
from eval.scorers.calibration import EMBEDDED_CALIBRATION, Calibration
from eval.scorers.clip import ClipEncoder
from eval.scorers.load import Scorers
from eval.validation.corruptions import SEVERITIES
from eval.validation.drawn import (
    DRAWN_DAMAGES,
    OTHER_SEED,
    STYLES,
    UNTOLD,
    DrawnTools,
    SceneDrawer,
    drawn_tale,
    drawn_trial,
    text_of_scene,
)
from eval.validation.markdown import markdown
from eval.validation.trials import RESIZED, Trial
from eval.validation.validate import judge
from kit.errors import ScoreError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.files.documents import read_toml
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.painter import DrawFailure, PanelRequest
from kit.lora.lora import LoadedLora


def scorers() -> Scorers:
    return Scorers(aesthetic=AestheticScorer.load("mini"), encoder=ClipEncoder.load("mini"))


@cache
def sketched_once() -> Trial:
    return drawn_trial(1, DrawnTools(scorers(), SceneDrawer(Sketcher(), "mini")))


@cache
def drawn_once() -> Trial:
    return drawn_trial(1, DrawnTools(scorers(), SceneDrawer(load_painter("mini", "cpu"), "mini", steps=8)))


class Recorder:
    """Draws nothing, and remembers what it was asked for."""

    hardware = "none"

    def __init__(self) -> None:
        self.asked: list[tuple[LoadedLora | None, PanelRequest, DrawSettings]] = []
        self._lora: LoadedLora | None = None

    def set_lora(self, lora: LoadedLora | None, strength: float) -> None:
        self._lora = lora

    def encode_prompts(self, prompts: Sequence[str]) -> None:
        pass

    def draw(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> list[DrawFailure]:
        self.asked += [(self._lora, request, settings) for request in requests]
        return [DrawFailure(reason="there is no brush")] * len(requests)


def test_a_drawn_tale_tells_every_look_and_its_hero_never_does_one_thing_twice_at_a_place():
    for number in range(40):
        tale = drawn_tale(number)
        texts = [text_of_scene(scene) for scene in tale.scenes]
        assert len(set(texts)) == len(texts)
        assert {scene.style for scene in tale.scenes} <= set(STYLES)
        colours = {text.split("，")[0] for text in texts}
        assert len(colours) == 1, "the hero is told in the same words in every panel"
        assert all(text_of_scene(scene, looks=False) != text_of_scene(scene) for scene in tale.scenes)


def test_what_is_asked_of_the_painter_is_the_scene_in_words_the_tales_seed_and_the_styles_lora():
    tale = next(one for one in map(drawn_tale, range(40)) if one.scenes[0].style == "ink")
    painter = Recorder()
    with pytest.raises(ScoreError, match="a panel of tale 5 could not be drawn: there is no brush"):
        SceneDrawer(painter, "mini", steps=7).draw(5, tale.scenes[:1])
    [(lora, request, settings)] = painter.asked
    assert lora is not None
    assert request.prompt == f"{STYLES['ink']}，{text_of_scene(tale.scenes[0])}"
    assert (request.seed, settings.steps, settings.size) == (5, 7, 256)
    other = Recorder()
    with pytest.raises(ScoreError):
        SceneDrawer(other, "some/base").draw(5, tale.scenes[:1])
    [(lora, request, settings)] = other.asked
    assert (lora, settings.steps, settings.size) == (None, 50, 1024), "words alone stand for the style"


def test_a_drawn_tale_is_seen_clean_damaged_and_changed():
    seen = sketched_once()
    assert {damage for damage, _ in seen.damaged} == set(DRAWN_DAMAGES) == set(seen.hit)
    assert {severity for damage, severity in seen.damaged if damage == "style-drift"} == set(SEVERITIES)
    assert set(seen.changed) == {RESIZED, OTHER_SEED}
    assert seen.clean["copies"].value == 0
    assert seen.damaged["copies", 7]["copies"].value == pytest.approx(21 / 28)
    assert seen.damaged["resaved-copies", 4]["copies"].value == pytest.approx(6 / 28)
    assert seen.clean_for("blur") is seen.clean


def test_heroes_whose_looks_nobody_told_are_held_against_texts_without_looks():
    seen = sketched_once()
    assert seen.clean_for(UNTOLD)["text"].value != seen.clean["text"].value
    assert seen.clean_for(UNTOLD)["style"].value == seen.clean["style"].value
    wrong, told = seen.damaged[UNTOLD, 7], seen.damaged["identity-near", 7]
    assert wrong["text"].value != told["text"].value
    assert seen.hit[UNTOLD] != seen.hit["identity-near"]


def test_the_page_names_what_drew_and_how_much_is_damaged():
    validation = judge([sketched_once()] * 2, "drawn by the embedded base", "embedded", DRAWN_DAMAGES)
    text = markdown(validation)
    assert text.startswith("2 locked stories, drawn by the embedded base, scored with embedded.")
    assert "Spearman (one, two, four and seven) and untold-looks (seven):" in text
    assert all(f"\n| {damage}" in text for damage in DRAWN_DAMAGES)


@pytest.mark.slow
@pytest.mark.parametrize("damage", DRAWN_DAMAGES)
def test_damage_to_panels_that_the_embedded_base_drew_is_seen(damage):
    seen, metric = drawn_once(), DRAWN_DAMAGES[damage].seen_by
    before, after = seen.clean_for(damage)[metric].value, seen.damaged[damage, 4][metric].value
    assert (after > before) if metric == "copies" else (after < before)


def test_what_only_drawing_needs_is_refused_without_it():
    answer = tell("metrics", "validate", "--steps", 4)
    assert (answer.code, answer.out) == (2, "")
    assert "--base, --steps and --calibration are for pictures that are drawn: add --drawn" in answer.err


def test_the_help_says_that_a_base_can_draw():
    assert "--drawn" in said("metrics", "validate", "--help")


def test_where_nothing_can_be_written_is_told_before_anything_is_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calibration.toml").write_text("of other weights")
    answer = tell("metrics", "validate", "--drawn")
    assert answer.code == 2
    assert "calibration.toml is there already: give another name with --calibration" in answer.err
    for option in ("--out", "--calibration"):
        answer = tell("metrics", "validate", "--drawn", option, "none/new.file", *_other(option))
        assert (answer.code, answer.out) == (2, "")
        assert "none is no folder, so new.file cannot be written there" in answer.err


def _other(option: str) -> tuple[str, ...]:
    return ("--calibration", "own.toml") if option == "--out" else ()


def test_the_command_writes_the_calibration_and_prints_json(tmp_path, monkeypatch):
    found = read_toml(EMBEDDED_CALIBRATION, Calibration).model_copy(update={"stories": 7})
    told = replace(judge([sketched_once()] * 2, "sketched", "embedded", DRAWN_DAMAGES), calibration=found)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kit.generation.devices.multi_gpu.load_painter", lambda *_: Sketcher())
    monkeypatch.setattr("eval.validation.validate.validate_drawn", lambda *_: told)
    printed = json.loads(said("metrics", "validate", "--drawn", "--tales", 2, "--json"))
    assert printed["calibration"] == found.model_dump(mode="json")
    assert read_toml(tmp_path / "calibration.toml", Calibration) == found
    lines = said("metrics", "validate", "--drawn", "--calibration", "own.toml").splitlines()
    assert lines[-1].startswith("calibration  own.toml: name it under [score] in an experiment")
    assert any("is damaged" in line for line in lines)
