import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import FakePainter
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT
from scipy.stats import binomtest

from kit.training.config import load_training
from kit.world import words
from kit.world.render import render
from kit.world.scene import ALWAYS_NIGHT, PEOPLE, Character, Scene, is_held_out
from tests.benchmarks import blocks, fuzz, identity, machine
from tests.benchmarks.judge import load
from tests.benchmarks.kolors import Bench, part_control
from tests.benchmarks.machine import Watch
from tests.benchmarks.pictures import BATCH, PictureSet, distances, draw, sheet
from tests.benchmarks.prompts import Prompt, clauses_of, held_out_prompts
from tests.benchmarks.speed import Measured, Timing, markdown
from tests.benchmarks.tables import table
from tests.benchmarks.tally import (
    ROWS,
    TARGETS,
    Figure,
    Seen,
    Share,
    content_right,
    hits,
    meet,
    read_verdicts,
    tally,
    wilson,
)
from tests.support.published_toy import toy_published

PROMPTS = held_out_prompts(300)
GIRL = Character(kind="girl", colour="red", hair="black", hair_length="long", pose="sit")
CAT = Character(kind="kitten", colour="orange", pose="sleep")
HOME = Scene(characters=(GIRL, CAT), place="living", time="dusk")
SEEN_GIRL = Figure(kind="girl", colour="red", hair="black", pose="sit")
SEEN_CAT = Figure(kind="kitten", colour="orange", hair="blond", pose="sleep")


def seen(figures: Sequence[Figure], place: str = "living", time: str = "dusk") -> Seen:
    return Seen(place=place, time=time, style="flat", figures=tuple(figures))


def counted(scene: Scene, picture: Seen) -> dict[str, tuple[int, int]]:
    return {row: (share.right, share.total) for row, share in tally([scene], [picture]).items()}


@pytest.mark.parametrize("target", ["story", "experiment", "dataset"])
def test_whatever_the_bytes_they_are_read_or_refused_in_storykits_own_words(tmp_path, target):
    read = fuzz.TARGETS[target](tmp_path)
    came = [outcome for _, outcome in fuzz.outcomes(read, seed=17, inputs=60)]
    assert set(came) <= {"taken", "refused"}
    assert "refused" in came


# the figure of the identity benchmark


def test_its_scenes_are_at_other_places_than_its_pictures_and_say_nothing_of_its_looks(tmp_path):
    learned, drawn = identity.scenes(identity.SEEN, 8, "learn"), identity.scenes(identity.UNSEEN, 20, "draw")
    assert not {one.place for one in learned} & {one.place for one in drawn}
    looks = ("紫", "黄色", "长发", "裙")
    assert not any(look in identity.said(one, "") for one in (*learned, *drawn) for look in looks)
    for preset, besides in (*identity.USUAL, *identity.MORE):
        assert load_training(identity.write_training(tmp_path, preset, besides)).preset == preset


def test_its_judge_knows_the_figure_from_one_in_other_clothes():
    drawn = identity.scenes(identity.UNSEEN, 6, "draw")
    others = [replace(one, characters=(replace(one.characters[0], colour="red"),)) for one in drawn]
    pictures = torch.stack([torch.from_numpy(np.array(render(one).picture)) for one in (*drawn, *others)])
    judge = load(ROOT / "tests" / "benchmarks" / "judge.pt")
    assert identity.shown(judge, pictures) == [True] * 6 + [False] * 6


# the prompts


def test_every_prompt_is_of_a_combination_that_training_never_sees():
    assert all(is_held_out(prompt.scene) for prompt in PROMPTS)
    assert all(prompt.scene.style == "flat" and not prompt.scene.degradations for prompt in PROMPTS)


def test_the_prompts_are_the_same_every_time_and_a_short_list_starts_the_long_one():
    assert held_out_prompts(20) == PROMPTS[:20]
    assert held_out_prompts(20, seed=1) != PROMPTS[:20]


def test_chinese_and_english_take_turns_and_all_prompts_differ():
    assert [prompt.language for prompt in PROMPTS[:4]] == ["zh", "en", "zh", "en"]
    assert len({prompt.text() for prompt in PROMPTS}) == len(PROMPTS)


def one_of(options: Sequence[str], prompt: Prompt) -> bool:
    return any(option in prompt.text() for option in options)


def test_a_prompt_names_everything_that_is_asked_of_its_scene():
    for prompt in PROMPTS:
        scene, language = prompt.scene, prompt.language
        assert prompt.text().startswith({"zh": "卡通，", "en": "cartoon, "}[language])
        assert one_of(words.PLACES[language][scene.place], prompt)
        assert scene.place in ALWAYS_NIGHT or one_of(words.TIMES[language][scene.time], prompt)
        for figure in scene.characters:
            assert one_of(words.KINDS[language][figure.kind], prompt)
            bathing = figure.kind in PEOPLE and figure.pose == "bathe"
            assert bathing or words.COLOURS[language][figure.colour][0] in prompt.text()
            assert figure.hair is None or words.COLOURS[language][figure.hair][0] in prompt.text()
            placed = words.PLACED_POSES[language].get((figure.pose, scene.place), ())
            held = words.PROPS[language][figure.prop] if figure.prop else ()
            assert one_of((*words.POSES[language][figure.pose], *placed, *held), prompt)


def test_a_trigger_takes_the_place_of_the_flat_style():
    zh, en = PROMPTS[:2]
    assert zh.text("水墨画风格") == "，".join(["水墨画风格", *zh.clauses])
    assert en.text("水墨画风格") == ", ".join(["水墨画风格", *en.clauses])


def test_who_bathes_is_not_said_to_wear_anything():
    bathing = Scene(
        characters=(Character(kind="man", colour="blue", hair="red", pose="bathe"),), place="bathroom"
    )
    for language in ("zh", "en"):
        said = "".join(clauses_of(bathing, language, random.Random(0)))
        assert words.COLOURS[language]["blue"][0] not in said
        assert words.COLOURS[language]["red"][0] in said


# the interval


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_interval_is_that_of_scipy(case):
    right, total = case
    expected = binomtest(right, total).proportion_ci(method="wilson")
    assert wilson(right, total) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("case", [(0, 0), (3, 2), (-1, 5)])
def test_a_share_of_nothing_has_no_interval(case):
    with pytest.raises(ValueError, match="a share needs 0 <= right <= count and count >= 1, got"):
        wilson(*case)


def test_a_share_knows_its_interval():
    assert Share(45, 48).share == 0.9375
    assert Share(45, 48).interval == wilson(45, 48)


# the counting


def test_a_picture_that_shows_everything_counts_right_in_every_row():
    assert counted(HOME, seen([SEEN_GIRL, SEEN_CAT])) == {
        "place": (1, 1), "time": (1, 1), "figures": (1, 1), "kind": (2, 2), "hair": (1, 1), "clothes": (1, 1),
        "fur": (1, 1), "colours": (3, 3), "pose": (2, 2), "both kinds": (1, 1), "both with colours": (1, 1),
    }  # fmt: skip
    assert list(counted(HOME, seen([SEEN_GIRL, SEEN_CAT]))) == list(ROWS)


def test_who_stands_left_does_not_matter():
    assert counted(HOME, seen([SEEN_CAT, SEEN_GIRL])) == counted(HOME, seen([SEEN_GIRL, SEEN_CAT]))
    assert meet([GIRL, CAT], [SEEN_CAT, SEEN_GIRL]) == [SEEN_GIRL, SEEN_CAT]


def test_of_two_of_the_same_kind_only_one_is_the_wanted_one():
    twins = counted(HOME, seen([SEEN_CAT, SEEN_CAT]))
    assert twins["kind"] == (1, 2)
    assert twins["both kinds"] == (0, 1)
    assert twins["fur"] == (1, 1)
    assert twins["clothes"] == (0, 1)


def test_a_figure_that_is_missing_is_wrong_in_all_it_should_show():
    alone = counted(HOME, seen([SEEN_CAT]))
    assert alone["figures"] == (0, 1)
    assert alone["kind"] == alone["pose"] == (1, 2)
    assert alone["colours"] == (1, 3)
    assert alone["both kinds"] == alone["both with colours"] == (0, 1)


def test_one_wrong_colour_spoils_both_with_colours_but_not_both_kinds():
    picture = counted(HOME, seen([SEEN_GIRL._replace(hair="blue"), SEEN_CAT]))
    assert picture["both kinds"] == (1, 1)
    assert picture["both with colours"] == (0, 1)
    assert picture["colours"] == (2, 3)


def test_what_was_not_said_is_not_counted():
    bathing = Character(kind="girl", colour="red", hair="black", hair_length="long", pose="bathe")
    bath = Scene(characters=(bathing,), place="bathroom")
    assert "clothes" not in dict(hits(bath, seen([SEEN_GIRL])))
    assert "both kinds" not in dict(hits(bath, seen([SEEN_GIRL])))
    assert "time" not in dict(hits(Scene(characters=(CAT,), place="stage", time="night"), seen([SEEN_CAT])))


def test_a_second_figure_that_nobody_asked_for_spoils_the_content():
    alone = Scene(characters=(CAT,), place="living", time="dusk")
    assert content_right(alone, seen([SEEN_CAT]))
    assert not content_right(alone, seen([SEEN_CAT, SEEN_GIRL]))
    assert not content_right(alone, seen([SEEN_CAT], place="park"))
    assert counted(alone, seen([SEEN_GIRL, SEEN_CAT]))["fur"] == (1, 1)


def test_the_tally_adds_up_over_pictures():
    pictures = [seen([SEEN_GIRL, SEEN_CAT]), seen([SEEN_GIRL], place="park", time="day")]
    shares = tally([HOME, HOME], pictures)
    assert shares["place"] == shares["time"] == shares["both kinds"] == Share(1, 2)
    assert shares["kind"] == Share(3, 4)
    assert set(TARGETS) <= set(shares)


def test_the_judges_heads_become_pictures_with_as_many_figures_as_it_counts():
    heads = {
        "count": ["2", "1"],
        "place": ["living", "park"],
        "time": ["dusk", "day"],
        "style": ["flat", "ink"],
    }
    for side, kinds in (("left", ["girl", "dog"]), ("right", ["kitten", "man"])):
        heads |= {f"{side} kind": kinds, f"{side} colour": ["red", "brown"]}
        heads |= {f"{side} hair": ["black", "blond"], f"{side} pose": ["sit", "run"]}
    two, one = read_verdicts(heads)
    assert [figure.kind for figure in two.figures] == ["girl", "kitten"]
    assert one.figures == (Figure(kind="dog", colour="brown", hair="blond", pose="run"),)
    assert (one.place, one.time, one.style) == ("park", "day", "ink")


# the pictures


def test_an_interrupted_set_goes_on_where_it_stopped(tmp_path):
    wanted = PictureSet(name="plain", prompts=[str(k) for k in range(BATCH + 2)], seeds=range(BATCH + 2))
    whole = draw(FakePainter(), wanted, tmp_path / "whole")
    stopped, going = FakePainter(), FakePainter()
    stopped.stop_before_batch = 1
    with pytest.raises(KeyboardInterrupt):
        draw(stopped, wanted, tmp_path / "run")
    assert torch.equal(draw(going, wanted, tmp_path / "run"), whole)
    assert [len(batch) for batch in going.batches] == [2]
    assert not any(torch.equal(one, other) for one, other in zip(whole[1:], whole, strict=False))


def test_other_prompts_negatives_seeds_or_weights_are_drawn_anew(tmp_path):
    first = PictureSet(name="plain", prompts=["a"], seeds=[0])
    draw(FakePainter(), first, tmp_path)
    changed = (replace(first, prompts=["b"]), replace(first, negative="b"), replace(first, seeds=[1]))
    for painter, wanted in ((FakePainter("other"), first), *((FakePainter(), other) for other in changed)):
        draw(painter, wanted, tmp_path)
        assert len(painter.batches) == 1


def test_the_sheet_frames_what_is_wrong_in_red():
    page = sheet(torch.zeros(9, 256, 256, 3, dtype=torch.uint8), [True] * 8 + [False], side=32)
    assert page.size == (8 * 32, 2 * 32)
    assert page.getpixel((0, 0)) == (255, 255, 255)
    assert page.getpixel((0, 32)) == (255, 0, 0)


def test_distances_are_percent_of_the_range_for_each_two():
    black, white = torch.zeros(2, 2, 3, dtype=torch.uint8), torch.full((2, 2, 3), 255, dtype=torch.uint8)
    assert distances([black, white, black]) == pytest.approx([100, 0, 100])


# the times


def test_the_fastest_run_is_told_with_what_others_took_from_it():
    quick = Measured(16.0, 0.1, Timing(4.0, 16.0, 30.0, 980.0))
    slow = Measured(60.0, 1.5, Timing(5.0, 60.0, 60.0, 990.0))
    lines = markdown({"ours 25": [slow, quick], "first 4": [Measured(20.0, 0.2)]}).splitlines()
    assert (
        lines[2] == "| storykit, one batch, 25 steps | 16.0 | 16.0 to 60.0 | 0.10 | 2.00 | 30.0 | 4.0 | 980 |"
    )
    assert "first picture, 25 steps, 4 a batch | 20.0 | 20.0 to 20.0 | 0.20 |" in lines[3]


def test_a_watch_counts_what_others_did_and_not_what_this_process_does(monkeypatch):
    readings = {"_busy_s": iter((10.0, 20.0)), "_own_s": iter((1.0, 5.0))}
    for name, values in readings.items():
        monkeypatch.setattr(machine, name, lambda values=values: next(values))
    monkeypatch.setattr(machine.time, "monotonic", iter((0.0, 2.0)).__next__)
    assert Watch().others() == 3.0


# the tables


def test_a_row_of_another_length_than_its_heads_is_refused():
    with pytest.raises(ValueError, match="a row needs 2 cells, got 1"):
        table(["what", "s"], [["draw"]])


def test_what_is_drawn_with_a_part_of_the_blocks_and_without_it_are_all_of_them():
    drawn = {one.name: one.blocks for one in blocks.settings(["ink"])}
    assert drawn[blocks.NOTHING] == frozenset()
    for name in blocks.parts():
        alone, without = drawn[f"{name} alone"], drawn[f"without {name}"]
        assert alone | without == drawn[blocks.ALL] == frozenset(blocks.BLOCKS)
        assert not alone & without
    worn = blocks.worn(blocks.Setting("ink", "style alone", drawn["style alone"]))
    assert {blocks.block_of(layer) for layer in worn.pairs} == drawn["style alone"]


# Kolors


@pytest.mark.slow
def test_kolors_held_by_a_controlnet_is_measured_and_predicts_as_diffusers_does(tmp_path):
    told = part_control(Bench(toy_published(), tmp_path, size=64, steps=2))
    assert [told[name]["drawn"] for name in ("free", "held until .9", "held", "held, low")] == [8] * 4
    apart = told["differs_from_diffusers"]
    assert apart["held"] < 1e-4 < apart["free"]
