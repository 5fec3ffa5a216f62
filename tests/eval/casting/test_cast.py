import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import tomli_w
from command import refused, said, tell
from PIL import Image

from eval.casting.cast import CastRequest, cast
from eval.casting.exchanged import exchanged
from eval.casting.pool import above_floor
from eval.casting.selection import read_picks, read_selections, seeds_cast
from eval.scorers.calibration import calibration_of
from eval.scoring.measure import measure
from eval.scoring.score import scorers_of
from eval.validation.corruptions import DAMAGES, rendered
from kit.errors import RunError, ScoreError
from kit.experiment.config import load_experiment
from kit.experiment.extras.extra_pictures import Repair, keep_repair
from kit.experiment.run import PanelRow, Run, Slot
from kit.experiment.steps import Upscale
from kit.files.encodings import sha256_bytes
from kit.finishing.kept_networks import embedded_network
from kit.world import words
from kit.world.captions import subject_text
from kit.world.tale import Tale, sample_tale

TALE = sample_tale(4)
BROKEN = (3, 6)
"""Panels in which seed 0 is wrong and seed 1 is right."""
EXPERIMENT = """
stories = ["tale.toml"]
size = 256
seeds = {seeds}
orders = ["authored"]
[score]
gate = {gate}
[[candidate]]
name = "base"
[[candidate]]
name = "other"
"""


def story(tale: Tale) -> str:
    """Return the tale as a story: who is in each panel, and where."""
    rng = random.Random(0)
    panels = []
    for scene in tale.scenes:
        figures = [
            {"role": "subject", "text": subject_text(figure, "zh", rng)} for figure in scene.characters
        ]
        place = {"role": "place", "text": words.PLACES["zh"][scene.place][0]}
        panels.append({"clauses": [*figures, place]})
    return tomli_w.dumps({"title": "t", "language": "zh", "panel": panels})


def png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()


def pictures(tale: Tale) -> dict[tuple[int, int], bytes]:
    """Return the PNGs of three seeds by seed and panel: each has some that are wrong.

    Wrong is another hero, blurred: in two panels of seed 0, in all others of seed 1. Seed 2 is one picture.
    """
    scenes = rendered(tale.scenes)
    heroes = DAMAGES["identity-far"].twins(tale, scenes, random.Random(1), rendered)
    wrong = list(map(png, DAMAGES["blur"].twins(tale, heroes, random.Random(1), rendered)))
    clean = list(map(png, scenes))
    found = {}
    for panel in range(1, 9):
        sides = (clean, wrong) if panel not in BROKEN else (wrong, clean)
        found[0, panel], found[1, panel] = (side[panel - 1] for side in sides)
        found[2, panel] = clean[0]
    return found


def put(run: Run, candidate: str, seed: int, panel: int, data: bytes) -> None:
    path = run.panel_path(candidate, "authored", "tale", seed, panel)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    place = {"candidate": candidate, "order": "authored", "story": "tale", "seed": seed, "panel": panel}
    name = path.relative_to(run.folder).as_posix()
    sha256 = sha256_bytes(data)
    run.append(PanelRow(key=sha256, **place, file=name, sha256=sha256, prompt="p", negative="", seconds=0.1))


def make_run(folder: Path, gate: float = 0.0, seeds: Sequence[int] = (0, 1, 2)) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tale.toml").write_text(story(TALE), "utf-8")
    (folder / "experiment.toml").write_text(EXPERIMENT.format(gate=gate, seeds=list(seeds)), "utf-8")
    return Run.create(folder / "run", load_experiment(folder / "experiment.toml"))


@pytest.fixture(scope="module")
def drawn() -> dict[tuple[int, int], bytes]:
    return pictures(TALE)


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """Scorers that nobody has calibrated, so blurred pictures can be chosen."""
    return replace(scorers_of(make_run(tmp_path_factory.mktemp("tools")).loaded), calibration=None)


@pytest.fixture(scope="module")
def measured(tmp_path_factory, drawn, tools) -> Run:
    """A run in which `base` is drawn and `other` is not, and whose cache has what the scorers see."""
    run = make_run(tmp_path_factory.mktemp("measured"))
    for (seed, panel), picture in drawn.items():
        put(run, "base", seed, panel, picture)
    measure(run, tools)
    return run


@pytest.fixture
def run(tmp_path, measured) -> Run:
    return Run(shutil.copytree(measured.folder, tmp_path / "run"))


BASE = CastRequest(candidate="base")
RIGHT = tuple(1 if panel in BROKEN else 0 for panel in range(1, 9))


def test_finished_pictures_change_nothing_of_what_is_chosen(run, drawn) -> None:
    place = ("base", "authored", "tale")
    cast(run, CastRequest(candidate="base"))
    [before] = read_selections(run)
    step = Upscale(finisher=embedded_network(), size=512)
    for panel, seed in enumerate(before.seeds, 1):
        names = dict(zip(("candidate", "order", "story"), place, strict=True))
        keep_repair(run, Repair(**names, panel=panel, number=1001, source=seed, step=step))
        put(run, "base", 1001, panel, png(Image.open(BytesIO(drawn[seed, panel])).resize((512, 512))))
        row = run.rows()[-1]
        run.append(replace(row, chain=(step,)))
    cast(run, CastRequest(candidate="base"))
    assert read_selections(run) == [before]


def test_each_panel_gets_the_seed_in_which_nothing_is_wrong(run, tools):
    (chosen,) = cast(run, BASE, tools).selections
    assert chosen.seeds == RIGHT
    assert chosen.sets == 3**8
    assert chosen.single is not None
    assert chosen.single.seed != 2, "eight copies are the best set of nobody"
    assert chosen.standing.rank > chosen.single.standing.rank
    assert read_selections(run) == [chosen]
    assert seeds_cast(run, "base", "authored", "tale") == RIGHT
    assert seeds_cast(run, "other", "authored", "tale") == ()


def test_no_swap_is_better_than_what_was_chosen(run, tools):
    (chosen,) = cast(run, BASE, tools).selections
    for part in chosen.parts:
        assert part.swap is not None
        assert part.swap.seed != part.seed
        assert part.swap.standing.rank <= chosen.standing.rank


def test_a_wrong_picture_exchanged_for_the_right_one_makes_the_set_better(run, tools):
    for panel in (2, 3):
        slot = Slot("base", "authored", "tale", 0, panel)
        found = exchanged(run, slot, RIGHT, tools)
        assert set(found) == {0, 1, 2}
        right = RIGHT[panel - 1]
        assert found[right].standing.rank > found[1 - right].standing.rank
        assert found == exchanged(run, slot._replace(seed=1), [*RIGHT[: panel - 1], 2, *RIGHT[panel:]], tools)


def test_for_a_picture_of_the_set_that_is_not_there_another_stands_in(run, tools):
    slot, lacking = Slot("base", "authored", "tale", 0, 2), [*RIGHT[:4], 99, *RIGHT[5:]]
    assert exchanged(run, slot, lacking, tools) == exchanged(run, slot, [*RIGHT[:4], 0, *RIGHT[5:]], tools)


def test_choices_by_hand_are_kept_and_the_rest_is_the_best_beside_them(run, tools):
    wish = CastRequest(candidate="base", keep={3: 0}, ban=frozenset({(1, 0), (1, 2)}))
    (chosen,) = cast(run, wish, tools).selections
    assert (chosen.seeds[2], chosen.seeds[0]) == (0, 1)
    assert [part.kept for part in chosen.parts] == [False, False, True, *[False] * 5]
    assert chosen.parts[2].swap is None
    assert chosen.sets == 3**6


def test_what_was_decided_by_hand_is_kept_and_obeyed_until_it_is_forgotten(run, tools):
    wish = CastRequest(candidate="base", keep={3: 0}, ban=frozenset({(1, 0)}))
    (chosen,) = cast(run, wish, tools).selections
    again = cast(run, BASE, tools)
    assert again.selections == (chosen,)
    ((place, picks),) = again.obeyed.items()
    assert (place, picks.kept, picks.banned) == (("base", "authored", "tale"), {3: 0}, {(1, 0)})
    other = cast(run, CastRequest(candidate="base", keep={4: 1}), tools)
    assert (other.obeyed, read_picks(run)[place].kept, read_picks(run)[place].banned) == ({}, {4: 1}, set())
    free = cast(run, CastRequest(candidate="base", forget=True), tools)
    assert (free.selections[0].seeds, free.obeyed, read_picks(run)) == (RIGHT, {}, {})


def test_a_choice_by_hand_says_what_it_costs_in_every_metric(run, tools):
    (free,) = cast(run, BASE, tools).selections
    wish = CastRequest(candidate="base", keep={3: 0})
    (chosen,) = cast(run, wish, tools).selections
    assert set(chosen.costs) == {3}
    assert chosen.parts[2].free is not None
    assert chosen.parts[2].free.seed == RIGHT[2]
    assert chosen.parts[2].free.standing == free.standing
    assert free.standing.rank > chosen.standing.rank
    for metric, cost in chosen.costs[3].items():
        assert cost.value == free.standing.values[metric] - chosen.standing.values[metric]
        if metric in free.standing.deviations:
            assert cost.deviations == free.standing.deviations[metric] - chosen.standing.deviations[metric]
    assert read_selections(run) == [chosen]
    (same,) = cast(run, CastRequest(candidate="base", keep={3: RIGHT[2]}), tools).selections
    assert {cost.value for cost in same.costs[3].values()} == {0.0}, "it would be chosen anyway"


def test_a_picked_picture_that_was_drawn_anew_is_named_and_nothing_is_cast(run, tools, drawn):
    cast(run, CastRequest(candidate="base", keep={3: 0}), tools)
    put(run, "base", 0, 3, drawn[1, 1])
    with pytest.raises(
        ScoreError, match=r"panel 3, seed 0 was picked by hand and drawn anew.*--keep 3=0.*forget"
    ):
        cast(run, BASE, tools)
    assert cast(run, CastRequest(candidate="base", keep={3: 0}), tools).selections[0].seeds[2] == 0


def test_weights_decide_and_are_written_beside_what_they_decided(run, tools):
    weights = {"text": 2.0, "aesthetic": 1.0, "style": 0.0, "mrr": 0.0, "identity": 0.0, "place": 0.0}
    (chosen,) = cast(run, CastRequest(candidate="base", weights=weights), tools).selections
    told = chosen.standing
    assert told.weighted == pytest.approx((2 * told.deviations["text"] + told.deviations["aesthetic"]) / 3)
    assert all(part.swap is None or part.swap.standing.weighted <= told.weighted for part in chosen.parts)
    assert read_selections(run)[0].weights == weights
    assert "weighted_rule" in run.read_json("selection.json")
    with pytest.raises(ScoreError, match="weights of metrics must be 0 or more and not all 0"):
        cast(run, CastRequest(candidate="base", weights={"text": -1.0}), tools)


def test_more_pictures_than_can_be_held_against_each_other_are_refused_before_any_is_looked_at(tmp_path):
    run = make_run(tmp_path, seeds=range(301))
    with pytest.raises(
        ScoreError, match=r"from 2,400 pictures at most, 300 seeds of 8 panels.*got 301 seeds"
    ):
        cast(run, BASE)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (CastRequest(candidate="nobody"), "the run has no candidate 'nobody', it has base, other"),
        (CastRequest(keep={1: 0}), "a choice by hand is for one set of panels: name its candidate"),
        (
            CastRequest(candidate="base", keep={1: 7}),
            "the run has panels 1 to 8 and seeds 0, 1, 2, got 1=seed7",
        ),
        (
            CastRequest(candidate="base", ban=frozenset({(2, 0), (2, 1), (2, 2)})),
            "panel 2 has no picture left: every seed of it is banned",
        ),
        (
            CastRequest(candidate="other"),
            "every panel needs a picture, there is none of 1, 2, 3, 4, 5, 6, 7, 8: `storykit generate` draws",
        ),
        (
            CastRequest(candidate="base", keep=dict.fromkeys(range(1, 9), 2)),
            "no set of different pictures reaches a mean aesthetic score of 0; draw more seeds",
        ),
    ],
)
def test_what_cannot_be_met_says_why_and_writes_nothing(run, tools, wish, reason):
    with pytest.raises(ScoreError) as error:
        cast(run, wish, tools)
    assert reason in str(error.value)
    assert read_selections(run) == []


def test_a_gate_that_no_set_reaches_is_named_with_the_highest_there_is(tmp_path, drawn, tools):
    run = make_run(tmp_path, gate=9.9)
    for (seed, panel), picture in drawn.items():
        put(run, "base", seed, panel, picture)
    with pytest.raises(ScoreError, match=r"must be at least 9\.9, the highest of any is \d\.\d\d; draw more"):
        cast(run, BASE, tools)


def test_one_seed_leaves_nothing_to_choose(run, tools, drawn):
    for seed, panel in drawn:
        if seed:
            run.panel_path("base", "authored", "tale", seed, panel).unlink()
    with pytest.raises(ScoreError, match="there is nothing to choose, every set scores the same"):
        cast(run, BASE, tools)


def test_a_faulty_picture_is_no_choice(run, tools):
    run.panel_path("base", "authored", "tale", 1, 3).write_bytes(b"torn")
    (chosen,) = cast(run, BASE, tools).selections
    assert chosen.seeds[2] != 1
    with pytest.raises(ScoreError, match="panel 3 has no usable picture of seed 1, which is to be kept"):
        cast(run, CastRequest(candidate="base", keep={3: 1}), tools)


def test_what_was_cast_of_others_stays_and_what_cannot_be_is_told(run, tools, drawn):
    casting = cast(run, CastRequest(), tools)
    assert [one.candidate for one in casting.selections] == ["base"]
    assert list(casting.refused) == [("other", "authored", "tale")]
    for (seed, panel), picture in drawn.items():
        put(run, "other", seed, panel, picture)
    cast(run, CastRequest(candidate="other"), tools)
    assert [one.candidate for one in read_selections(run)] == ["base", "other"]


def test_a_picture_drawn_anew_asks_for_another_casting(run, tools, drawn):
    cast(run, BASE, tools)
    put(run, "base", 0, 1, drawn[1, 1])
    with pytest.raises(RunError, match="pictures of base have changed since they were cast"):
        seeds_cast(run, "base", "authored", "tale")


def test_a_damaged_file_says_what_to_do(run):
    run.write_json("selection.json", {"selections": [{"candidate": "base"}]})
    with pytest.raises(RunError, match=r"order: is missing.*run `storykit cast .*` again"):
        read_selections(run)


def test_the_command_prints_the_set_and_the_swaps(run):
    lines = said("cast", run.folder, "--candidate", "base", "--ban", "7=seed2", "--ban", "8=2").splitlines()
    seeds = " ".join(map(str, RIGHT))
    assert lines[0].startswith(f"cast    base authored tale: seeds {seeds}, the best of ")
    assert len(lines) == 3 + 8
    told = json.loads(said("cast", run.folder, "--candidate", "base", "--keep", "3=seed0", "--json"))
    assert told[0]["parts"][2]["seed"] == 0
    assert set(told[0]["costs"]["3"]) == set(told[0]["standing"]["values"])
    first, *rest = said("cast", run.folder, "--candidate", "base").splitlines()
    assert first == ("picks   base authored tale: kept 3=0, as decided by hand before; --forget drops them")
    (kept,) = (line for line in rest if line.startswith("panel 3"))
    assert kept.startswith(f"panel 3  seed 0 (by hand); without it seed {RIGHT[2]}: text ")
    free = said("cast", run.folder, "--candidate", "base", "--forget", "--like-votes")
    assert "by hand" not in free
    assert "by the votes' weights: " in free
    assert "text 1.00" in free
    assert "panel from 1 to 8 and a seed, as 3=5, got '9=1'" in tell("cast", run.folder, "--keep", "9=1").err
    twice = tell("cast", run.folder, "--keep", "3=1", "--keep", "3=2").err
    assert "--keep can name a panel once: one seed for each" in twice
    assert refused("cast", run.folder, "--keep", "3=1").endswith("name its candidate")


def with_floor(tools, floor):
    known = calibration_of(tools.aesthetic.metric.stamp)
    return replace(tools, calibration=known.model_copy(update={"aesthetic_floor": floor}))


@pytest.mark.parametrize(
    ("floor", "left"),
    [
        (None, [[0, 1], [2, 3], [4, 5]]),
        (0.0, [[0, 1], [2, 3], [4, 5]]),
        (5.0, [[1], [2, 3], [4, 5]]),
        (99.0, [[0, 1], [2, 3], [4, 5]]),
    ],
)
def test_a_picture_below_the_floor_is_left_out_where_the_panel_has_others(floor, left):
    pool = SimpleNamespace(floor=floor, choices=SimpleNamespace(aesthetic=[2.0, 7.0, 5.0, 6.0, 1.0, 2.0]))
    assert above_floor(pool, [[0, 1], [2, 3], [4, 5]]) == left


def test_a_floor_that_no_set_of_different_pictures_is_above_decides_nothing(run, tools):
    """Seed 2 is one picture throughout: a floor that leaves it alone leaves no set."""
    points = measure(run, tools).aesthetic
    (chosen,) = cast(run, BASE, tools).selections
    highest = max(points[row.sha256] for row in run.rows() if row.seed == 2)
    for floor in (highest - 1e-6, 99.0):
        assert cast(run, BASE, with_floor(tools, floor)).selections[0].seeds == chosen.seeds
