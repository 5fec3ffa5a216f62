"""What a run keeps of a LoRA: blocks and stacks become one file, and plain ones stay as they were."""

from pathlib import Path

import pytest
import torch
from fakes import FakePainter, make_run, toy_base, toy_lora

from kit.errors import LoraError
from kit.experiment.config import load_experiment
from kit.experiment.run import Run
from kit.generation.generate import draw_experiment, generate
from kit.generation.kolors.denoiser import Denoiser
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.recipe import check_drawable
from kit.lora.blocks import strengths_of
from kit.lora.lora import load_lora
from kit.lora.merge import MergePart, merge_loras, merged_bytes
from kit.models.base import load_base

PLAIN = {
    "ink": "534b46695abf21ba084fc02e38756a4f0cb889967b977b4df48537a67a364683",
    "both": "f550a35ba591cefaf4cc0790265b791c4d106b54b2480aebff4ea170f68beea6",
}
"""Keys of two candidates as they were before there were blocks."""
INK = '[[candidate]]\nname = "{name}"\nlora = "mini:ink"\ntrigger = "水墨画风格"\n'


def key_of(folder: Path, candidate: str) -> str:
    run = make_run(folder, candidates=candidate)
    generate(run, [FakePainter()])
    return next(row.key for row in run.rows() if row.panel == 1)


def test_candidates_without_blocks_keep_their_keys(tmp_path):
    both = '[{ file = "mini:ink", strength = 0.5 }, { file = "mini:watercolour" }]'
    stack = f'[[candidate]]\nname = "both"\nlora = {both}\n'
    assert key_of(tmp_path / "ink", INK.format(name="ink") + "strength = 0.8\n") == PLAIN["ink"]
    assert key_of(tmp_path / "both", stack) == PLAIN["both"]


def test_blocks_that_count_alike_are_the_plain_recipe_at_that_strength(tmp_path):
    even = "strength = 2.0\nblocks = { content = 0.4, style = 0.4, rest = 0.4 }\n"
    assert key_of(tmp_path, INK.format(name="even") + even) == PLAIN["ink"]


def test_blocks_are_in_the_key_however_they_are_written(tmp_path):
    keys = {
        blocks: key_of(tmp_path / str(number), INK.format(name=f"n{number}") + f"blocks = {blocks}\n")
        for number, blocks in enumerate(
            (
                "{ style = 1.0, rest = 0.4 }",
                "{ rest = 0.4, middle1 = 0.4, style = 1.0 }",
                "{ style = 1.0, rest = 0.5 }",
                "{ content = 1.0, rest = 0.4 }",
            )
        )
    }
    first, same, *others = keys.values()
    assert first == same
    assert len({first, *others, *PLAIN.values()}) == 5


def test_blocks_that_a_lora_does_not_have_count_for_nothing(tmp_path):
    toy_lora(tmp_path / "ink.safetensors")
    half = tmp_path / "half.safetensors"
    parts = [
        MergePart(load_lora(tmp_path / "ink.safetensors"), 1.0, strengths_of({"style": 1, "rest": 0}, ""))
    ]
    half.write_bytes(merged_bytes(merge_loras(parts), parts))
    table = '[[candidate]]\nname = "half"\nlora = "half.safetensors"\n'
    [kept] = make_run(
        tmp_path, candidates=table + "blocks = { output1 = 0.5, rest = 0.1 }\n"
    ).loaded.experiment.candidates
    assert (kept.strength, kept.blocks) == (0.5, None)
    assert Path(kept.lora).read_bytes() == half.read_bytes()
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(experiment.read_text("utf-8").replace("output1 = 0.5", "output1 = 0.0"), "utf-8")
    with pytest.raises(
        LoraError, match=r"half\.safetensors: the blocks that it has are all at 0.* it has output1"
    ):
        check_drawable(load_experiment(experiment), FakePainter())


def test_a_lora_with_blocks_is_drawn_as_each_layer_is_told_and_the_run_says_so(tmp_path):
    toy_lora(tmp_path / "ink.safetensors", scale=0.3)
    table = '[[candidate]]\nname = "ink"\nlora = "ink.safetensors"\nstrength = 0.5\n'
    run = make_run(tmp_path, candidates=table + "blocks = { output0 = 0.4, output1 = 0.0, rest = 0.7 }\n")
    assert generate(run, [KolorsPainter(load_base(toy_base()), "cpu")]).drawn == 8
    source = load_lora(tmp_path / "ink.safetensors")
    facts = run.read_json("run.json")["candidates"]["ink"]
    assert facts["merged_from"] == f"{source.sha256} x 1 (output0=0.4,output1=0,rest=0.7)"
    assert (facts["strength"], facts["keys"]) == (0.5, len(source.pairs) * 10 // 11)
    denoiser = Denoiser(load_base(toy_base()).unet())
    before = {name: layer.weight.detach().clone() for name, layer in denoiser.layers.items()}
    [worn] = run.loaded.experiment.candidates
    denoiser.set_lora(load_lora(Path(worn.lora)), worn.strength)
    shares = {"25": 0.4, "28": 0.0}
    for name, pair in source.pairs.items():
        share = 0.5 * shares.get(name.split(".")[1], 0.7)
        change = share * source.scale * (pair.up.float() @ pair.down.float())
        torch.testing.assert_close(denoiser.layers[name].weight, before[name] + change)


def test_a_run_with_blocks_is_taken_up_by_either_experiment(tmp_path):
    run = make_run(tmp_path, candidates=INK.format(name="ink") + "blocks = { style = 1.0, rest = 0.4 }\n")
    assert generate(run, [FakePainter()]).drawn == 8
    for experiment in (tmp_path / "experiment.toml", run.experiment_path):
        _, again = draw_experiment(load_experiment(experiment), run.folder, [FakePainter()])
        assert (again.drawn, again.kept) == (0, 8)


def test_saved_steps_are_candidates_that_the_run_keeps(tmp_path):
    (tmp_path / "steps").mkdir()
    for number, step in enumerate((300, 1000), 1):
        toy_lora(tmp_path / "steps" / f"ink-{step}.safetensors", scale=0.1 * number)
    run = make_run(tmp_path, candidates='[[candidate]]\nname = "ink"\nlora = "steps/*.safetensors"\n')
    generate(run, [FakePainter()])
    told = {row.candidate for row in run.rows()}
    assert told == {"ink-300", "ink-1000"}
    assert sorted(path.name for path in (run.folder / "loras").iterdir()) == [
        "ink-1000.safetensors",
        "ink-300.safetensors",
    ]
    assert [one.step for one in Run.open(run.folder).loaded.experiment.candidates] == [300, 1000]
