from dataclasses import replace

import pytest

from kit.generation.devices.painter_worker import WorkerFacts, differences, surroundings_of

BASE = {
    "name": "mini",
    "sha256": {"unet": "a" * 64, "vae": "b" * 64},
    "scheduler": {"beta": 1},
    "dtype": "float32",
}


def facts(hardware="cpu", **changed):
    told = {
        "surroundings": surroundings_of(BASE, hardware),
        "device": hardware,
        "hardware": hardware,
        "identity": BASE,
        "prompt_tokens": 254,
    }
    return WorkerFacts(**{**told, **changed})


def other(**changed):
    return {"surroundings": replace(surroundings_of(BASE, "cpu"), **changed)}


def versions(**changed):
    return {**surroundings_of(BASE, "cpu").versions, **changed}


def test_a_worker_like_this_process_is_as_good_as_the_first():
    assert list(differences(facts(), None)) == list(differences(facts(), facts())) == []
    assert list(differences(facts("GPU"), facts("another GPU"))) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (other(versions=versions(torch="1.0")), "torch is 1.0 there, "),
        (other(versions=versions(storykit=None)), "storykit is missing there, "),
        (other(commit="f" * 40), f"commit is {'f' * 40} there, "),
        (other(processor="abacus"), "CPU is abacus there, "),
    ],
)
def test_what_a_worker_runs_with_that_differs_is_named(changed, told):
    [line] = differences(facts(**changed), None)
    assert line.startswith(told)
    assert line.endswith(" here")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"sha256": {"unet": "c" * 64, "vae": "b" * 64}},
            "unet has sha256 cccccccccccc there, aaaaaaaaaaaa at ",
        ),
        ({"sha256": {"unet": "a" * 64}}, "vae has sha256 missing there, bbbbbbbbbbbb at "),
        ({"dtype": "float16"}, "dtype is float16 there, float32 at "),
        ({"scheduler": {"beta": 2}}, "scheduler is {'beta': 2} there, {'beta': 1} at "),
    ],
)
def test_what_a_base_differs_in_is_named(changed, told):
    [line] = differences(facts(identity={**BASE, **changed}), facts())
    assert line == f"the base's {told}the first"


def test_a_pipeline_is_drawn_by_more_packages():
    pipeline = surroundings_of({"pipeline": "StableDiffusionPipeline"}, "GPU").versions
    assert {"diffusers", "compel"} == set(pipeline) - set(surroundings_of(BASE, "GPU").versions)
