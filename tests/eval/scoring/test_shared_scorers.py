from dataclasses import replace

import numpy as np
import pytest
import torch
from ray_nodes import stripes_on
from stripes import fill, new_run

from eval.scoring.score import score, scorers_on
from eval.scoring.shared_scorers import ScorerFacts, ScoringWorker, differences, shared_scorers


@pytest.mark.timeout(200)
def test_workers_together_give_the_numbers_of_one_alone(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("eval.scoring.measure.BATCH", 3)
    heard = []
    alone = score(fill(new_run(tmp_path / "alone")), stripes_on("cpu"))
    with shared_scorers(stripes_on, [], cluster[0].address, heard.append) as tools:
        assert (tools.at_once > 1, tools.tower, tools.reader) == (True, None, None)
        together = score(fill(new_run(tmp_path / "together")), tools)
    assert together == alone
    assert heard == []


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
    with scorers_on(run.loaded, "cpu") as tools:
        assert tools.at_once == 1
        assert tools.encoder.texts(["a cat"]).dtype == np.float32
