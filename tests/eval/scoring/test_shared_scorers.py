import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from command import said, tell
from fakes import make_run, pictures_of
from PIL import Image
from ray_nodes import stripes_on
from stripes import fill, new_run, striped

from eval.gate.gate import gate
from eval.scorers.aesthetic import AestheticScorer
from eval.scorers.load import load_scorers
from eval.scoring.score import score, scorer_loader
from eval.scoring.shared_scorers import ScorerFacts, ScoringWorker, differences, scorers_on, shared_scorers
from kit.experiment.run import Run


@pytest.mark.timeout(200)
def test_workers_together_give_the_numbers_of_one_alone(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("eval.scoring.measure.BATCH", 3)
    heard = []
    alone = score(fill(new_run(tmp_path / "alone")), stripes_on("cpu"))
    with shared_scorers(stripes_on, [], cluster[0].address, heard.append) as tools:
        assert (tools.at_once > 1, tools.tower, tools.reader) == (True, None, None)
        together = score(fill(new_run(tmp_path / "together")), tools)
        folder = gate(pictures_in(tmp_path / "pictures"), tools.aesthetic)
    assert together == alone
    assert folder == gate(tmp_path / "pictures", WholePictures(stripes_on("cpu").aesthetic))
    assert heard == []


RACING = "".join(
    f'[[candidate]]\nname = "{style}"\nlora = "mini:{style}"\n' for style in ("ink", "watercolour")
)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("race", [(), ("--race", "aesthetic_mean")], ids=["all", "race"])
def test_run_draws_and_scores_on_the_machines_what_it_does_alone(cluster, tmp_path, race):
    made = make_run(tmp_path / "alone", "size = 64\nseeds = [0, 1, 2, 3, 4]", RACING)
    file, together = made.folder.parent / "experiment.toml", tmp_path / "together"
    said("run", file, "--out", made.folder, *race)
    answer = tell("run", file, "--out", together, "--ray", cluster[0].address, *race)
    assert (answer.code, answer.err) == (0, "")
    assert pictures_of(Run.open(together)) == pictures_of(made)
    for name in ("scores.json", "scores.panels.csv", "comparison.json", *(["race.json"] if race else [])):
        assert (together / name).read_bytes() == (made.folder / name).read_bytes()


class WholePictures:
    """Scores as another scorer does, and sees the whole of a picture."""

    at_once = 1

    def __init__(self, scorer):
        self.metric, self.score = scorer.metric, scorer.score

    def seen(self, picture):
        return picture


def pictures_in(folder):
    folder.mkdir()
    for panel in range(1, 6):
        (folder / f"{panel}.png").write_bytes(striped(panel))
    return folder


def facts(**changed) -> ScorerFacts:
    return replace(ScoringWorker(stripes_on, "cpu", torch.get_num_threads()).facts, **changed)


def test_other_weights_and_another_calibration_are_named():
    first, other = facts(), facts().encoder
    assert list(differences(first, None)) == list(differences(first, first)) == []
    assert list(differences(facts(reader=other), first)) == [
        "the weights of letters are others than at the first"
    ]
    clip = facts(encoder=replace(other, weights_sha256="f" * 64))
    assert list(differences(clip, first)) == ["the weights of clip are others than at the first"]
    [line] = differences(replace(first, surroundings=replace(first.surroundings, commit="f" * 40)), first)
    assert line.startswith("commit is fff")


def test_what_the_predictor_sees_of_a_picture_is_the_same_wherever_it_is_made_small():
    worker = ScoringWorker(partial(load_scorers, "mini", "mini"), "cpu", torch.get_num_threads())
    sent = pickle.loads(pickle.dumps(worker.facts)).preparation
    picture = Image.radial_gradient("L").resize((90, 70))
    assert sent.seen(picture) == AestheticScorer.load("mini").seen(picture)


def test_a_cpu_computes_with_as_many_threads_as_it_is_told_and_another_processor_is_named():
    before, first = torch.get_num_threads(), facts()
    try:
        assert ScoringWorker(stripes_on, "cpu", 3).facts.device == "cpu"
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    other = replace(first, surroundings=replace(first.surroundings, processor="Another CPU, threads: 1"))
    assert [line for line in differences(other, first) if line.startswith("CPU is Another CPU, threads: 1")]
    assert ScoringWorker(stripes_on, "cuda", before).facts.surroundings.processor is None


def test_one_device_measures_in_this_process(tmp_path):
    run = new_run(tmp_path)
    with scorers_on(scorer_loader(run.loaded), "cpu") as tools:
        assert tools.at_once == 1
        assert tools.encoder.texts(["a cat"]).dtype == np.float32
