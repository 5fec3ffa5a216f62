"""Drafts: how they are asked for, what tells them from finals on disk, and what refuses to mix them."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from command import tree
from fakes import FakePainter, pictures_of, toy_base, write_story
from PIL import Image

from kit.errors import InputError, RunError
from kit.experiment.config import LoadedExperiment, load_experiment
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.identity import read_identity
from kit.experiment.run import Run
from kit.experiment.tables import DraftTable
from kit.generation.batching import recorded_batches
from kit.generation.generate import GenerateReport, draw_experiment, generate
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.images.png_metadata import PARAMETERS, RECIPE
from kit.models.base import load_base

KEY = "608ffe2e8e9e3bd37303b1380f517a57637ce98e30946dd0b0cca4271a3196f0"
"""Of a picture of before there were drafts."""
PNG = "4e66f16be2eaee2487fc962ab9718f7564aa7b2b6ecb9eec4ce96c175413bc8b"
"""The sha256 of its file."""
HALVED = '[draft]\nsampler = "dpm++2m"\nsteps = 2\nguidance_until = 0.5\nsize = 32\ncache_every = 2\n'
PLAIN = {"sampler": "ddim", "guidance_until": 1.0}
AS_FINALS = '[draft]\nsampler = "ddim"\nguidance_until = 1.0\n'


def written(folder: Path, head: str = "", table: str = "") -> LoadedExperiment:
    """Write an experiment of one story, seed 0, 64 pixels, 4 steps, and return it as it was loaded."""
    folder.mkdir(exist_ok=True)
    write_story(folder / "cat.toml")
    given = {line.partition(" ")[0] for line in head.splitlines()}
    defaults = {"stories": '["cat.toml"]', "seeds": "[0]", "size": "64", "steps": "4"}
    lines = [f"{name} = {value}" for name, value in defaults.items() if name not in given]
    path = folder / "experiment.toml"
    path.write_text("\n".join([*lines, head, table, '[[candidate]]\nname = "base"\n']), "utf-8")
    return load_experiment(path)


def drawn(
    loaded: LoadedExperiment, painter: FakePainter | None = None, *, again: bool = False
) -> tuple[Run, GenerateReport]:
    return draw_experiment(loaded, loaded.path.parent / "out", [painter or FakePainter()], again=again)


def recipes(run: Run) -> list[dict[str, object]]:
    found = []
    for row in run.rows():
        with Image.open(run.folder / row.file) as picture:
            found.append(json.loads(picture.text[RECIPE]))
    return found


@pytest.mark.parametrize(
    ("head", "table", "draft"),
    [
        ("", "", {"steps": 4}),
        ("steps = 30", "", {"steps": 9}),
        ('base = "FOLDER"\nsteps = 30\n', "", {"steps": 20}),
        ("", "[draft]\nsteps = 9\n", {"steps": 9}),
        ("", AS_FINALS, {"steps": 4, "sampler": "ddim", "guidance_until": 1.0}),
        ("cfg = 1.0", "", {"steps": 4, "cfg": 1.0, "guidance_until": 1.0}),
        (
            "",
            HALVED,
            {"steps": 2, "guidance_until": 0.5, "size": 32, "cache_every": 2, "noise_size": 64},
        ),
    ],
)
def test_a_draft_has_the_settings_of_its_table_and_else_what_the_base_gives(
    tmp_path: Path, head: str, table: str, draft: dict[str, object]
) -> None:
    loaded = written(tmp_path, head.replace("FOLDER", str(tmp_path)), table)
    final = loaded.settings
    assert (final.sampler, final.guidance_until, final.cache_every, final.noise_size) == ("ddim", 1, 1, None)
    usual = {"sampler": "dpm++2m", "guidance_until": 0.65}
    assert loaded.drawn_as("draft").settings == replace(final, **(usual | draft))
    assert loaded.drawn_as("draft").settings_as("final") == final


@pytest.mark.parametrize(
    ("cfg", "steps", "until", "guided"),
    [(4.0, 10, 0.6, 6), (4.0, 10, 1.0, 10), (4.0, 20, 0.55, 11), (4.0, 10, 0.001, 1), (1.0, 10, 1.0, 0)],
)
def test_guidance_ends_after_a_share_of_the_steps(cfg: float, steps: int, until: float, guided: int) -> None:
    how = DrawSettings(steps=steps, cfg=cfg, size=64, noise="portable", guidance_until=until)
    assert how.guided_steps == guided


@pytest.mark.parametrize(
    ("head", "line", "fault"),
    [
        (
            "",
            'sampler = "eular"',
            "draft.sampler: must be 'ddim', 'dpm++2m', 'euler', 'euler-a', 'lcm', 'unipc'",
        ),
        ("", "steps = 0", "draft.steps: must be greater than 0, got 0"),
        ("", "steps = 2.5", "draft.steps: must be a whole number, got 2.5"),
        ("", "guidance_until = 0", "draft.guidance_until: must be greater than 0, got 0"),
        ("", "guidance_until = 1.2", "draft.guidance_until: must be at most 1, got 1.2"),
        ("", "size = 40", "draft.size: must be a multiple of 32, got 40"),
        ("", "cache_every = 0", "draft.cache_every: must be greater than 0, got 0"),
        ("", "cache_eve = 2", "draft.cache_eve: unknown key; did you mean cache_every?"),
        ("", "size = 96", "draft: the final's size must be a whole multiple of the draft's, got 64 and 96"),
        ("size = 320", "size = 96", "draft: the final's size must be a whole multiple of the draft's, got 3"),
        (
            "size = 256",
            "size = 512",
            "draft: the final's size must be a whole multiple of the draft's, got 2",
        ),
        (
            'noise = "contest"',
            "size = 32",
            'draft: size must be the final\'s, 64, where noise = "contest", which is drawn on the device',
        ),
        ('quality = "rough"', "", "quality: must be 'final' or 'draft', got 'rough'"),
        ('spacing = "wide"', "", "spacing: must be 'leading', 'trailing' or 'linspace', got 'wide'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_one_line(
    tmp_path: Path, head: str, line: str, fault: str
) -> None:
    with pytest.raises(InputError) as refusal:
        written(tmp_path, head, f"[draft]\n{line}\n")
    [told] = refusal.value.faults
    assert told.startswith(fault)
    assert "\n" not in str(refusal.value)


def test_finals_are_what_they_were_before_there_were_drafts_to_the_byte(tmp_path: Path) -> None:
    bare, told = (written(tmp_path / n, "size = 32\nsteps = 2", t) for n, t in (("a", ""), ("b", AS_FINALS)))
    for loaded in (bare, told):
        run, _ = drawn(loaded)
        assert (run.rows()[0].key, run.rows()[0].sha256) == (KEY, PNG)
        assert not {"sampler", "guidance_until", "cache_every", "noise_size"} & set(recipes(run)[0])
        assert set(run.read_json("run.json")["settings"]) == {
            *("steps", "cfg", "size", "noise", "memory", "scheduler")
        }
        asked = run.read_json("batching.json")["asked"]
        assert set(asked) == {"steps", "cfg", "size", "noise", "batch", "memory", "device", "panels"}
        assert "quality" not in run.experiment_path.read_text("utf-8")
    assert "draft" not in (bare.path.parent / "out" / "experiment.toml").read_text("utf-8")


def test_a_draft_says_on_disk_what_it_was_drawn_with(tmp_path: Path) -> None:
    loaded = written(tmp_path, table=HALVED).drawn_as("draft")
    painter = FakePainter()
    run, _ = drawn(loaded, painter)
    unlike = {"sampler": "dpm++2m", "guidance_until": 0.5, "cache_every": 2, "noise_size": 64}
    for recipe in recipes(run):
        assert {name: recipe[name] for name in unlike} == unlike
        assert (recipe["steps"], recipe["size"]) == (2, 32)
    with Image.open(run.folder / run.rows()[0].file) as picture:
        assert (
            "Steps: 2, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 4.0" in picture.text[PARAMETERS]
        )
    told = read_identity(run).settings
    assert (told.quality, told.sampler, told.guidance_until) == ("draft", "dpm++2m", 0.5)
    assert (told.cache_every, told.noise_size, told.steps, told.size) == (2, 64, 2, 32)
    assert painter.settings[0] == loaded.settings
    kept = tomllib.loads(run.experiment_path.read_text("utf-8"))
    assert (kept["quality"], kept["steps"], kept["size"]) == ("draft", 4, 64)
    assert kept["draft"] == tomllib.loads(HALVED)["draft"]
    assert Run.open(run.folder).loaded.settings == loaded.settings


def test_a_drafts_defaults_are_written_out_in_its_run(tmp_path: Path) -> None:
    run, _ = drawn(written(tmp_path, "steps = 30").drawn_as("draft"))
    kept = tomllib.loads(run.experiment_path.read_text("utf-8"))
    assert kept["draft"] == DraftTable(sampler="dpm++2m", steps=9, size=64, guidance_until=0.65).model_dump()


def test_a_setting_that_is_as_a_finals_makes_no_other_picture(tmp_path: Path) -> None:
    final, _ = drawn(written(tmp_path / "final", table=AS_FINALS))
    draft, _ = drawn(written(tmp_path / "draft", table=AS_FINALS).drawn_as("draft"))
    assert [row.key for row in draft.rows()] == [row.key for row in final.rows()]


@pytest.mark.parametrize(
    "change",
    [{"sampler": "dpm++2m"}, {"guidance_until": 0.5}, {"steps": 3}, {"size": 32}, {"cache_every": 2}],
)
def test_each_setting_alone_makes_another_picture(tmp_path: Path, change: dict[str, object]) -> None:
    final, _ = drawn(written(tmp_path / "final"))
    lines = [f"{name} = {json.dumps(value)}" for name, value in ({**PLAIN, **change}).items()]
    draft, _ = drawn(written(tmp_path / "draft", table="\n".join(["[draft]", *lines])).drawn_as("draft"))
    assert not {row.key for row in draft.rows()} & {row.key for row in final.rows()}


def test_a_run_of_finals_is_not_gone_on_with_as_drafts_nor_one_of_drafts_as_finals(tmp_path: Path) -> None:
    loaded = written(tmp_path)
    kinds = {
        "final": "drafts in place of finals; without --draft it goes on with the finals",
        "draft": "finals in place of drafts; with --draft it goes on with the drafts",
    }
    for kind, told in kinds.items():
        drawn(loaded.drawn_as(kind), again=True)
        before = tree(tmp_path / "out")
        other = loaded.drawn_as("draft" if kind == "final" else "final")
        with pytest.raises(RunError) as refusal:
            drawn(other)
        assert "8 panels that are there would be drawn again and 0 stay" in str(refusal.value)
        assert told in str(refusal.value)
        assert tree(tmp_path / "out") == before
        assert drawn(loaded.drawn_as(kind))[1].drawn == 0


def test_a_stopped_run_of_drafts_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    head = "seeds = [0, 3]\nbatch = 3"
    whole = written(tmp_path / "whole", head, HALVED).drawn_as("draft")
    stopped = written(tmp_path / "stopped", head, HALVED).drawn_as("draft")
    drawn(whole)
    painter = FakePainter()
    painter.stop_before_batch = 2
    with pytest.raises(RunError, match="6 of 16 panels are there"):
        drawn(stopped, painter)
    drawn(stopped)
    assert tree(tmp_path / "stopped" / "out" / "panels") == tree(tmp_path / "whole" / "out" / "panels")


def test_drafts_of_the_real_painter_are_drawn_again_to_the_same_bytes(tmp_path: Path) -> None:
    head = f'base = "{toy_base()}"\nsize = 128\nconsistency = 0.5\nbatch = 3\n'
    table = HALVED.replace("steps = 2", "steps = 3").replace("size = 32", "size = 64")
    painter = KolorsPainter(load_base(toy_base()), "cpu")
    first, again = (
        draw_experiment(
            written(tmp_path / name, head, table).drawn_as("draft"), tmp_path / name / "out", [painter]
        )[0]
        for name in ("first", "again")
    )
    pictures = pictures_of(first)
    assert len(set(pictures.values())) == 8
    assert pictures_of(again) == pictures
    lost = first.panel_path("base", "authored", "cat", 0, 5)
    lost.unlink()
    generate(first, [KolorsPainter(load_base(toy_base()), "cpu")])
    assert pictures_of(first) == pictures
    [[batch, *_], plan] = recorded_batches(first), first.loaded.settings
    assert (len(batch.rows), batch.compiled, plan.noise_size) == (3, False, 128)
    with Image.open(lost) as picture:
        assert picture.size == (64, 64)
