import json
from pathlib import Path

import pytest
import torch
from fakes import FakePainter, ink_run, make_run, toy_base, toy_lora, write_story
from PIL import Image

from kit.errors import InputError, LoraError
from kit.experiment.config import load_experiment
from kit.files.encodings import canonical_json, sha256_bytes, sha256_of
from kit.generation.generate import generate
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.recipe import check_drawable
from kit.lora.lora import load_lora
from kit.models.base import load_base


def test_several_loras_are_drawn_with_as_their_sum(tmp_path):
    toy_lora(tmp_path / "a.safetensors", scale=0.3)
    toy_lora(tmp_path / "b.safetensors", scale=0.2, rank=3)
    stack = '[{ file = "a.safetensors", strength = 0.5 }, { file = "b.safetensors" }]'
    run = make_run(tmp_path, candidates=f'[[candidate]]\nname = "both"\nlora = {stack}\n')
    [candidate] = run.loaded.experiment.candidates
    worn = load_lora(Path(candidate.lora))
    one, other = (load_lora(tmp_path / f"{name}.safetensors") for name in "ab")
    for layer, (down, up) in worn.pairs.items():
        parts = [(0.5, one), (1.0, other)]
        expected = sum(
            s * lora.scale * (lora.pairs[layer].up.float() @ lora.pairs[layer].down.float())
            for s, lora in parts
        )
        torch.testing.assert_close(worn.scale * (up @ down), expected)
    assert worn.notes["merged_from"] == f"{one.sha256} x 0.5 + {other.sha256} x 1"
    report = generate(run, [KolorsPainter(load_base(toy_base()), "cpu")])
    assert report.drawn == 8
    assert run.read_json("run.json")["candidates"]["both"]["rank"] == 5


def test_one_of_several_loras_that_does_not_fit_is_refused(tmp_path):
    write_story(tmp_path / "cat.toml")
    toy_lora(tmp_path / "a.safetensors")
    toy_lora(tmp_path / "wide.safetensors")
    painter = FakePainter()
    painter.refuse_lora = "wide"
    stack = '[{ file = "a.safetensors" }, { file = "wide.safetensors" }]'
    experiment = tmp_path / "stacked.toml"
    experiment.write_text(
        f'stories = ["cat.toml"]\nseeds = [0]\n[[candidate]]\nname = "both"\nlora = {stack}\n'
    )
    with pytest.raises(LoraError, match=r"wide\.safetensors: 0 of 88"):
        check_drawable(load_experiment(experiment), painter)


def test_a_lora_that_does_not_fit_is_refused_before_the_first_picture(tmp_path):
    painter = FakePainter()
    painter.refuse_lora = "ink"
    with pytest.raises(LoraError, match="0 of 88 keys match"):
        generate(ink_run(tmp_path), [painter])
    assert painter.batches == []


def test_strength_and_trigger_make_another_picture_and_the_name_of_a_candidate_does_not(tmp_path):
    candidates = "".join(
        f'[[candidate]]\nname = "{name}"\nlora = "ink.safetensors"\n{more}\n'
        for name, more in {"a": "", "b": "strength = 0.5", "c": 'trigger = "水墨"', "d": ""}.items()
    )
    run = ink_run(tmp_path, candidates=candidates)
    generate(run, [FakePainter()])
    keys = {name: {row.key for row in run.rows() if row.candidate == name} for name in "abcd"}
    assert keys["a"] == keys["d"]
    assert not keys["a"] & keys["b"]
    assert not keys["a"] & keys["c"]
    assert next(row.prompt for row in run.rows() if row.candidate == "c") == "水墨，小猫，第1天，在公园里"


def test_a_picture_says_how_it_was_made(tmp_path):
    write_story(tmp_path / "cat.toml", negative="模糊")
    run = ink_run(tmp_path)
    generate(run, [FakePainter()])
    row = next(row for row in run.rows() if row.candidate == "ink")
    with Image.open(run.folder / row.file) as picture:
        made = json.loads(picture.text["storykit"])
    facts = run.read_json("run.json")["candidates"]["ink"]
    assert made["key"] == row.key
    assert (made["prompt"], made["negative"]) == (row.prompt, "模糊")
    assert (made["seed"], made["steps"], made["cfg"], made["size"]) == (0, 2, 4.0, 32)
    assert made["lora"] == {"lora_sha256": facts["lora_sha256"], "alpha": 4.0, "strength": 0.8}


def test_a_key_is_the_hash_of_the_recipe_in_the_picture(tmp_path):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    for row in run.rows():
        with Image.open(run.folder / row.file) as picture:
            made = json.loads(picture.text["storykit"])
        recipe = {name: value for name, value in made.items() if name not in ("storykit", "key")}
        assert sha256_bytes(canonical_json(recipe)) == row.key


BARE = '[[candidate]]\nname = "base"\n'


def test_a_candidates_own_negative_is_drawn_and_recorded_and_others_keep_their_keys(tmp_path):
    run = make_run(tmp_path, candidates=BARE + '[[candidate]]\nname = "水墨"\nnegative = "fog"\n')
    generate(run, [FakePainter()])
    rows = {(row.candidate, row.panel, row.seed): row for row in run.rows()}
    told = {row.candidate: row.negative for row in rows.values()}
    assert told["水墨"] == "fog" != told["base"]
    plain = make_run(tmp_path / "plain", candidates=BARE)
    generate(plain, [FakePainter()])
    for row in plain.rows():
        assert rows["base", row.panel, row.seed].key == row.key != rows["水墨", row.panel, row.seed].key


def test_run_json_says_who_drew_what_and_how(tmp_path):
    run = ink_run(tmp_path)
    generate(run, [FakePainter()])
    identity = run.read_json("run.json")
    assert set(identity) == {
        "storykit",
        "base",
        "candidates",
        "settings",
        "versions",
        "device",
        "processor",
        "commit",
    }
    assert identity["candidates"]["ink"] == {
        "lora_sha256": sha256_of(tmp_path / "ink.safetensors"),
        "rank": 2,
        "alpha": 4.0,
        "strength": 0.8,
        "keys": 88,
        "trigger": "",
        "negative": None,
        "consistency": 0.0,
    }
    assert identity["candidates"]["base"]["lora_sha256"] is None
    assert identity["settings"] == {
        "steps": 2,
        "cfg": 4.0,
        "size": 32,
        "noise": "portable",
        "memory": "auto",
        "scheduler": {"name": "none"},
    }


def test_a_prompt_that_is_too_long_is_refused_with_its_place_and_what_would_be_cut(tmp_path):
    painter = FakePainter()
    painter.reads = len("小猫，第1天")
    with pytest.raises(InputError) as refused:
        generate(make_run(tmp_path), [painter])
    first = "story cat, panel 1, order authored, candidate base: must be at most 254 tokens, '，在公园里'"
    assert first in refused.value.faults[0]
    assert len(refused.value.faults) == 8
    assert painter.batches == []


def test_a_long_prompt_is_drawn_where_the_experiment_allows_the_cut(tmp_path):
    painter = FakePainter()
    painter.reads = 3
    generate(make_run(tmp_path, "cut_long_prompts = true"), [painter])
    assert len(painter.drawn) == 8
