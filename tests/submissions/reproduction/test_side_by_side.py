"""A small story drawn by the embedded base itself, packed, and drawn again."""

from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import pytest
from entries import SCORES, make_entry, write_scores

import kit
from eval.scorers.aesthetic import AestheticScorer
from kit.experiment.config import load_experiment
from kit.experiment.run import Run
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.generate import generate
from submissions.bundle.bundle import Bundle
from submissions.contest.rules import load_rules
from submissions.packing.build import build
from submissions.packing.run_evidence import gather
from submissions.reproduction.reproduce import Reproduction, reproduce
from submissions.reproduction.side_by_side import SHEET, DrawAgain, reproduce_into

DEMO = Path(kit.__file__).parent / "examples" / "demo-zh.toml"


class Drawn(NamedTuple):
    honest: Bundle
    """Eight panels with the ink LoRA, and their own score."""
    idle: dict[str, bytes]
    """The same panels with the LoRA at a strength that is none: the bare base's pictures."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Drawn:
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "moon.toml").write_bytes(DEMO.read_bytes())
    (folder / "experiment.toml").write_text(
        'stories = ["moon.toml"]\nbase = "mini"\nseeds = [3]\nsize = 64\nsteps = 2\n'
        '[[candidate]]\nname = "ink"\nlora = "mini:ink"\n'
        '[[candidate]]\nname = "idle"\nlora = "mini:ink"\nstrength = 1e-9\n',
        encoding="utf-8",
    )
    run = Run.create(folder / "run", load_experiment(folder / "experiment.toml"))
    generate(run, [load_painter("mini", "cpu")])
    write_scores(run, SCORES, embedded=True)
    entry = make_entry(folder, rules=load_rules("practice"))
    evidence, faults = gather(run, entry)
    assert faults == []
    manifest, files = build(evidence, entry)  # `pack` would say that two steps draw fog
    packed = Bundle(files=files, manifest=manifest)
    idle = {
        f"panels/{row.panel}.png": (run.folder / row.file).read_bytes()
        for row in run.rows()
        if row.candidate == "idle"
    }
    pictures = [packed.panel_picture(panel) for panel in manifest.panels]
    own = fmean(AestheticScorer.load("mini").score(pictures))
    gate = manifest.gate.model_copy(update={"score": own, "threshold": 1.0})
    return Drawn(Bundle(files=files, manifest=manifest.model_copy(update={"gate": gate})), idle)


def claimed(drawn: Drawn, **changes: object) -> Bundle:
    """Return a bundle whose pictures the bare base drew, and that claims the LoRA."""
    manifest = drawn.honest.sound_manifest
    lora = manifest.lora.model_copy(update=changes)
    return Bundle(
        files={**drawn.honest.files, **drawn.idle}, manifest=manifest.model_copy(update={"lora": lora})
    )


def again(bundle: Bundle) -> Reproduction:
    return reproduce(bundle, load_painter("mini", "cpu"))


def verdicts(found: Reproduction) -> set[str]:
    return {panel.verdict for panel in found.panels}


def test_an_honest_story_comes_out_the_same_where_it_was_drawn_and_scores_the_same(drawn, tmp_path):
    found = reproduce_into(tmp_path, drawn.honest, DrawAgain(device="cpu"))
    assert (verdicts(found), found.place, found.reasons) == ({"identical"}, "same", ())
    assert found.holds
    assert found.score.drawn_again == pytest.approx(found.score.claimed, abs=1e-5)
    assert Path(tmp_path / SHEET).stat().st_size > 0


def test_a_lora_at_a_strength_that_does_nothing_is_refused_though_each_byte_is_the_same(drawn):
    found = again(claimed(drawn, strength=1e-9))
    assert verdicts(found) == {"identical"}
    assert not found.holds
    assert found.problems == ("the LoRA does nothing: without it the pictures differ by 0.00 of 255",)


def test_a_lora_that_the_pictures_never_wore_is_refused(drawn):
    found = again(claimed(drawn))
    assert verdicts(found) == {"other picture"}
    assert not found.holds
