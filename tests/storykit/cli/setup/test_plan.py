"""What an experiment will draw and what that takes is told before anything is drawn."""

import json
from contextlib import chdir
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command import refused, said
from fakes import FakePainter, HeardProgress, make_run, toy_base, write_story

from eval.comparison.racing import can_race
from kit.experiment.config import load_experiment
from kit.experiment.drawing.draw_settings import CACHED_SHARE
from kit.generation.generate import draw_experiment, generate
from kit.planning.drawing_load import drawing_load, factors_of, unread_load
from kit.planning.estimate import PlanFacts, make_plan, panels_at_once
from kit.planning.known_pace import known_pace, probe_name
from kit.planning.measured_cards import (
    TABLE,
    Device,
    gpu_memory_gib,
    measured_table,
    picture_bytes,
    race_share,
    table_pace,
)
from kit.planning.pace import Pace, duration
from kit.planning.probe import Clocks, KeptProbe, Took, find_probe, keep_probe, probe, versions
from storykit.cli.setup.plan import PlanFirst, about, product_of

BASE = '[[candidate]]\nname = "base"\n'
SWEEP = (
    BASE
    + '[[candidate]]\nname = "ink"\nlora = "mini:ink"\nstrengths = [0.4, 1.0]\nconsistencies = [0, 0.5]\n'
)
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STORYKIT_MODELS", str(tmp_path / "models"))


def experiment(folder, candidates=BASE, **settings):
    write_story(folder / "cat.toml")
    head = {"stories": ["cat.toml"], "seeds": [0], "size": 32, "steps": 2, "base": str(toy_base())} | settings
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in head.items())
    (folder / "experiment.toml").write_text(lines + candidates, encoding="utf-8")
    return folder / "experiment.toml"


def pace(**told):
    usual = {"step_s": 0.1, "picture_s": 0.5, "start_s": 10.0, "low": 0.8, "high": 1.25}
    return Pace(origin="probe", source="a probe", **(usual | told))


@pytest.mark.parametrize(
    ("candidates", "settings", "names", "pictures"),
    [
        (BASE, {}, ("base",), 8),
        (BASE, {"seeds": [3, 4, 5], "orders": ["authored", "scene-first"]}, ("base",), 24),
        (SWEEP, {"seeds": [1, 2]}, ("base", "ink-40-c0", "ink-40-c50", "ink-100-c0", "ink-100-c50"), 76),
        (BASE + '[[candidate]]\nname = "same"\n', {}, ("base", "same"), 8),
    ],
)
def test_what_is_counted_is_what_is_drawn(tmp_path, candidates, settings, names, pictures):
    loaded = load_experiment(experiment(tmp_path, candidates, **settings))
    factors, load = factors_of(loaded), drawing_load(loaded, None, FakePainter(), 4)
    painter = FakePainter()
    _, done = draw_experiment(loaded, tmp_path / "run", [painter])
    assert factors.candidates == names
    assert (factors.panels, load.panels) == (done.drawn + done.kept, done.drawn + done.kept)
    assert (load.pictures, load.there, done.drawn) == (pictures, 0, pictures)
    assert len(load.first) == 4


def test_what_is_there_is_not_drawn_again_and_a_batch_is_drawn_whole(tmp_path):
    run = make_run(tmp_path, "seeds = [0, 1]")
    painter = FakePainter()
    painter.stop_before_batch = 3
    with pytest.raises(Exception, match="12 of 16"):
        generate(run, [painter])
    loaded = load_experiment(tmp_path / "experiment.toml")
    load = drawing_load(loaded, run.folder, FakePainter(), 4)
    assert (load.panels, load.there, load.pictures, load.replaced) == (16, 12, 4, 0)
    (run.folder / "panels/base/authored/cat/seed-0/1.png").write_bytes(b"torn")
    load = drawing_load(loaded, run.folder, FakePainter(), 4)
    assert (load.there, load.pictures) == (11, 8)
    assert drawing_load(loaded, run.folder, FakePainter("another"), 4).replaced == 12


def test_anchors_that_are_drawn_beside_their_readers_are_counted(tmp_path):
    loaded = load_experiment(experiment(tmp_path, consistency=0.5))
    whole, halves = (drawing_load(loaded, None, FakePainter(), panels) for panels in (8, 4))
    assert (whole.rows, whole.readers, halves.rows) == (8, 7, 9)
    low = load_experiment(experiment(tmp_path, consistency=0.5, memory="low"))
    assert drawing_load(low, None, FakePainter(), 8).rows == 15
    assert unread_load(loaded, 8).readers == 8


@pytest.mark.parametrize(
    ("pictures", "steps", "devices", "seconds"), [(0, 50, 1, 0.0), (10, 10, 1, 25.0), (10, 10, 2, 17.5)]
)
def test_time_is_start_steps_and_decoding_shared_by_the_devices(tmp_path, pictures, steps, devices, seconds):
    loaded = load_experiment(experiment(tmp_path, steps=steps))
    found = duration(unread_load(loaded, pictures), pace(), loaded.settings, devices)
    assert found.seconds == pytest.approx(seconds)
    assert (found.low, found.high) == pytest.approx((seconds * 0.8, seconds * 1.25))


def test_a_draft_takes_less_by_what_it_spares(tmp_path):
    loaded = load_experiment(experiment(tmp_path, steps=10))
    spared = {
        ("steps", 5): 5, ("guidance_until", 0.6): 8, ("cache_every", 2): 5 + 5 * CACHED_SHARE,
        ("sampler", "dpm++2m"): 10,
    }  # fmt: skip
    for (name, value), steps in spared.items():
        found = duration(unread_load(loaded, 10), pace(), replace(loaded.settings, **{name: value}))
        whole = duration(unread_load(loaded, 10), pace(), replace(loaded.settings, steps=10))
        assert whole.seconds - found.seconds == pytest.approx(10 * (10 - steps) * pace().step_s)


@pytest.mark.parametrize(
    ("hardware", "base", "origin", "step_s"),
    [
        ("NVIDIA H200", "kolors", "table", 0.0346),
        ("NVIDIA A100-SXM4-80GB", "kolors", "scaled", 0.0346 * 989 / 312),
        ("NVIDIA L40S", "kolors", "scaled", 0.0346 * 989 / 362),
        ("NVIDIA L4", "kolors", "scaled", 0.0346 * 989 / 121),
        ("Tesla T4", "kolors", "scaled", 0.0346 * 989 / 65),
        ("NVIDIA GeForce RTX 4090", "kolors", "scaled", 0.0346 * 989 / 165),
        ("NVIDIA GeForce GTX 1650", "kolors", None, 0),
        ("NVIDIA A1000", "kolors", None, 0),
        ("NVIDIA H200", "mini", None, 0),
        ("NVIDIA H200", "folder", None, 0),
        ("cpu", "kolors", None, 0),
        ("cpu", "mini", "scaled", 0.031),
    ],
)
def test_a_card_is_measured_scaled_or_not_known(tmp_path, hardware, base, origin, step_s):
    how = load_experiment(experiment(tmp_path, size=256 if base == "mini" else 1024)).settings
    found = table_pace(Device(hardware=hardware, threads=4), base, how, 8)
    assert (found.origin if found else None) == origin
    if found is not None:
        assert found.step_s == pytest.approx(step_s)
        assert (found.low, found.high) == ((0.8, 1.5) if origin == "table" else (0.5, 2.0))
        assert "docs/benchmarks.md" in found.source


def test_half_of_the_pixels_or_no_guidance_is_told_as_less(tmp_path):
    how = load_experiment(experiment(tmp_path, size=1024)).settings
    h200 = Device(hardware="NVIDIA H200")
    small = table_pace(h200, "kolors", replace(how, size=512), 8)
    plain = table_pace(h200, "kolors", replace(how, cfg=1.0), 8)
    assert (small.step_s, small.origin) == (pytest.approx(0.0346 / 4), "scaled")
    assert plain.step_s == pytest.approx(0.0346 / 2)
    assert picture_bytes("kolors", 1024) == pytest.approx(1.9e6, rel=0.02)


def test_memory_is_what_was_measured(tmp_path):
    how = load_experiment(experiment(tmp_path, size=1024)).settings
    assert [gpu_memory_gib(how, panels) for panels in (8, 1)] == pytest.approx([10.7, 9.5])
    assert gpu_memory_gib(replace(how, memory="low"), 8) == 6.0
    assert [panels_at_once(how, free) for free in (None, 80.0, 10.1, 3.0)] == [4, 8, 4, 1]
    assert panels_at_once(replace(how, batch=3), 80.0) == 3
    assert panels_at_once(replace(how, memory="low"), 7.0) == 8


def test_every_figure_of_the_table_has_its_section_in_the_benchmarks():
    pages = (Path(TABLE).parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    table = measured_table()
    sources = {one.source for rows in (table.measured, table.gpu_memory, table.race) for one in rows}
    titles = [source.removeprefix("docs/benchmarks.md, ").partition(":")[0] for source in sources]
    assert [title for title in titles if f"## {title.partition(' and ')[0]}" not in pages] == []
    assert race_share(6) == race_share(8) != race_share(99)


class Ticks:
    """A clock that a painter turns on."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class TimedPainter(FakePainter):
    """Takes a second to read, 2 to load, .1 a step and .5 a picture; others stretch the wall's clock."""

    def __init__(self, stretched):
        super().__init__()
        self.wall, self.work, self.stretched = Ticks(), Ticks(), stretched

    def encode_prompts(self, prompts):
        self._pass(1.0)

    def draw(self, requests, settings, plan=None):
        self._pass((0 if self.batches else 2) + len(requests) * (0.1 * settings.steps + 0.5))
        return super().draw(requests, settings, plan)

    def _pass(self, seconds):
        self.work.now += seconds
        self.wall.now += seconds * self.stretched


@pytest.mark.parametrize("stretched", [1.0, 2.0])
def test_a_probe_tells_steps_from_decoding_and_both_from_the_start(tmp_path, stretched):
    loaded, painter = load_experiment(experiment(tmp_path, consistency=0.5)), TimedPainter(stretched)
    load = drawing_load(loaded, None, painter, 4)
    made = probe(
        painter, load.first, loaded.settings, Took(3.0 * stretched, 3.0), Clocks(painter.wall, painter.work)
    )
    found = (made.step_s, made.picture_s, made.start_s)
    assert found == pytest.approx((0.1 * stretched, 0.5 * stretched, 6.0 * stretched))
    assert not any(request.anchors for batch in painter.batches for request in batch)


def kept(**told):
    usual = {"made": NOW, "versions": versions(), "step_s": 0.1, "picture_s": 0.5, "start_s": 3.0}
    return KeptProbe(**(usual | told))


@pytest.mark.parametrize(
    ("age", "changed", "found"),
    [
        (timedelta(days=29), {}, True),
        (timedelta(days=31), {}, False),
        (-timedelta(days=1), {}, False),
        (timedelta(0), {"torch": "2.99"}, False),
        (timedelta(0), {"storykit": "9"}, False),
    ],
)
def test_a_probe_is_kept_until_it_is_old_or_versions_change(tmp_path, age, changed, found):
    file = tmp_path / "probes.json"
    made = kept(versions=versions() | changed)
    keep_probe(file, "this machine", made)
    keep_probe(file, "another", made)
    assert find_probe(file, "this machine", NOW + age) == (made if found else None)
    assert find_probe(file, "a third", NOW + age) is None


@pytest.mark.parametrize("data", [b"", b"[1]", b'{"this machine": {"step_s": "quick"}}', b"\xff"])
def test_a_file_of_probes_that_is_none_is_written_anew(tmp_path, data):
    file = tmp_path / "probes.json"
    file.write_bytes(data)
    assert find_probe(file, "this machine", NOW) is None
    keep_probe(file, "this machine", kept())
    assert find_probe(file, "this machine", NOW) == kept()
    keep_probe(tmp_path / "experiment.toml" / "x" / "probes.json", "this machine", kept())


def test_a_probe_holds_for_one_machine_base_size_and_batch(tmp_path):
    how = load_experiment(experiment(tmp_path)).settings
    other = FakePainter("another base")
    card = FakePainter()
    card.device = card.hardware = "NVIDIA A10"
    names = [
        *(probe_name(painter, how, 4) for painter in (FakePainter(), other, card)),
        probe_name(FakePainter(), replace(how, size=64), 4),
        probe_name(FakePainter(), replace(how, cfg=1.0), 4),
        probe_name(FakePainter(), how, 2),
        probe_name(card, replace(how, memory="low"), 4),
    ]
    assert len(set(names)) == len(names)
    assert probe_name(FakePainter(), replace(how, steps=9), 4) == names[0]


def planned(tmp_path, hardware, candidates=SWEEP, **settings):
    loaded = load_experiment(experiment(tmp_path, candidates, **settings))
    device = Device(hardware=hardware)
    load = drawing_load(loaded, None, FakePainter(), 8)
    return make_plan(
        PlanFacts(
            factors=factors_of(loaded),
            load=load,
            settings=loaded.settings,
            base="kolors",
            device=device,
            devices=1,
            panels=8,
            pace=table_pace(device, "kolors", loaded.settings, 8),
            races=can_race(loaded.experiment),
        )
    )


def test_what_would_take_less_is_told_where_it_can_be_done(tmp_path):
    many = planned(tmp_path, "NVIDIA H200", seeds=list(range(8)), size=1024, steps=50)
    savings = {one.id: one for one in many.savings}
    assert set(savings) == {"race", "seeds", "steps", "memory"}
    assert (savings["seeds"].told, savings["steps"].told, savings["memory"].gpu_gib) == (4, 25, 6.0)
    for fewer in (savings["seeds"].low, savings["steps"].low, savings["race"].high):
        assert fewer.seconds < many.time.seconds
    assert savings["race"].low.seconds < savings["race"].high.seconds
    assert savings["memory"].low.seconds > many.time.seconds
    unknown = planned(tmp_path, "NVIDIA A1000", candidates=BASE, size=1024)
    assert {one.id: one.low for one in unknown.savings} == {"steps": None, "memory": None}
    assert unknown.time is None
    assert {one.id for one in planned(tmp_path, "cpu", candidates=BASE).savings} == {"steps"}


def test_the_command_tells_a_plan_in_lines_and_the_same_to_machines(tmp_path):
    path = experiment(
        tmp_path, SWEEP.replace('lora = "mini:ink"\nstrengths = [0.4, 1.0]\n', ""), seeds=[1, 2]
    )
    with chdir(tmp_path):
        lines = said("plan", path, "--no-probe", "--devices", "cpu").splitlines()
    assert lines[0] == ("plan    3 candidates x 1 prompt order x 1 story x 2 seeds x 8 panels = 48 panels")
    assert lines[1] == "        candidates: base, ink-c0, ink-c50"
    assert lines[2] == "draw    30 pictures; 0 panels are there"
    assert lines[3].startswith("time    not known: cpu was not measured; --probe does")
    told = json.loads(said("plan", path, "--no-probe", "--devices", "cpu", "--json"))
    assert told["factors"]["candidates"] == ["base", "ink-c0", "ink-c50"]
    assert (told["factors"]["panels"], told["load"]["pictures"], told["time"]) == (48, 30, None)
    told = json.loads(said("plan", path, "--json"))
    assert told["pace"]["origin"] == "probe"
    assert told["time"]["low"] < told["time"]["seconds"] < told["time"]["high"]
    probes = (tmp_path / "models" / "probes.json").read_bytes()
    again = json.loads(said("plan", path, "--json"))
    assert again["pace"] == told["pace"]
    assert (tmp_path / "models" / "probes.json").read_bytes() == probes


def test_kolors_is_planned_before_it_is_fetched_and_a_foreign_folder_is_refused(tmp_path):
    path = experiment(tmp_path, base="kolors", size=1024, steps=50)
    lines = said("plan", path).splitlines()
    assert (
        "note    the base is not on this machine yet: `storykit download kolors` fetches it (18 GB)" in lines
    )
    assert "time    not known: cpu was not measured with this base" in lines
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    assert "holds letter.txt and no run" in refused("plan", path, "--out", tmp_path / "mine")


def test_a_run_says_first_what_multiplies_and_about_how_long(tmp_path, capsys):
    loaded = load_experiment(experiment(tmp_path, seeds=[0, 1]))
    painter = FakePainter()
    for known, time in (
        (False, "time    not known before the first pictures; `storykit plan` measures it in ten seconds"),
        (True, "time    about 4 s (3 s to 6 s) of drawing; a probe of this machine, "),
    ):
        if known:
            name = probe_name(painter, loaded.settings, 4)
            keep_probe(
                tmp_path / "models" / "probes.json",
                name,
                kept(made=datetime.now(UTC), step_s=0.0, picture_s=0.1),
            )
        heard = HeardProgress()
        first = PlanFirst(loaded, [painter], race=False).before(heard)
        first.begin(16, 4)
        first.begin(16, 8)
        plan, told = capsys.readouterr().out.splitlines()
        assert plan == (
            "plan    1 candidate x 1 prompt order x 1 story x 2 seeds x 8 panels = 16 panels, 4 are there"
        )
        assert told.startswith(time)
        assert heard.began == (16, 8)
    assert known_pace(painter, loaded.settings, 4) is not None
    assert product_of(factors_of(loaded)).english.endswith("= 16 panels")
    assert (
        about(duration(unread_load(loaded, 0), pace(), loaded.settings)).english == "about 0 s (0 s to 0 s)"
    )
