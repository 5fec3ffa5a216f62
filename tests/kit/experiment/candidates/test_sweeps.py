"""What candidates of a file stand for: saved steps, strengths, consistencies, and blocks named one by one."""

from pathlib import Path

import pytest
from lora_files import random_pairs

from kit.errors import InputError
from kit.experiment.candidates.candidate import Candidate
from kit.experiment.config import load_experiment
from kit.lora.blocks import NAMES, groups_of
from kit.lora.formats import content_bytes

HEAD = 'stories = ["snow.txt"]\nseeds = [0, 1]\n'
INK = '[[candidate]]\nname = "ink"\nlora = "mini:ink"\n'
STEPS = '[[candidate]]\nname = "ink"\nlora = "my/steps/*.safetensors"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "snow.txt").write_text("a cat, sleeping\n" * 8)
    steps = tmp_path / "my" / "steps"
    steps.mkdir(parents=True)
    for step in (1000, 300):
        pairs = random_pairs(["blocks.7.proj_in"])
        told = {"steps": str(step), "training": "a" * 64}
        (steps / f"{step:06d}.safetensors").write_bytes(content_bytes("diffsynth", pairs, 3.0, told))
    return tmp_path


def candidates(folder: Path, text: str) -> tuple[Candidate, ...]:
    path = folder / "experiment.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return load_experiment(path).experiment.candidates


def faults(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        candidates(folder, text)
    return caught.value.faults


def test_a_pattern_is_a_candidate_for_each_saved_step(folder: Path) -> None:
    found = candidates(folder, STEPS + 'trigger = "水墨"\n')
    assert [(one.name, one.step, one.trigger) for one in found] == [
        ("ink-300", 300, "水墨"),
        ("ink-1000", 1000, "水墨"),
    ]
    assert [Path(str(one.lora)).name for one in found] == ["000300.safetensors", "001000.safetensors"]


def test_saved_steps_strengths_and_consistencies_combine(folder: Path) -> None:
    found = candidates(folder, STEPS + "strengths = [0.5, 1.0]\nconsistencies = [0, 0.6]\n")
    assert [one.name for one in found] == [
        *("ink-300-50-c0", "ink-300-50-c60", "ink-300-100-c0", "ink-300-100-c60"),
        *("ink-1000-50-c0", "ink-1000-50-c60", "ink-1000-100-c0", "ink-1000-100-c60"),
    ]


def test_a_file_that_has_the_patterns_name_is_that_file(folder: Path) -> None:
    source = folder / "my" / "steps" / "000300.safetensors"
    (folder / "ink[v*].safetensors").write_bytes(source.read_bytes())
    [only] = candidates(folder, STEPS.replace("my/steps/*", "ink[v*]"))
    assert (only.name, only.step) == ("ink", None)


def test_what_a_pattern_cannot_be_is_one_line_with_its_place(folder: Path) -> None:
    told = faults(folder, STEPS.replace("my/steps/*", "my/stepps/*"))
    assert told == (f"candidate[1].lora: the folder {folder}/my/stepps does not exist, did you mean steps?",)
    told = faults(folder, INK + STEPS.replace("*", "9*").replace('"ink"', '"wash"'))
    assert told == (f"candidate[2].lora: no file in {folder}/my/steps matches 9*.safetensors",)
    [told] = faults(folder, STEPS + "step = 3\n")
    assert "step must be left out where lora names several files" in told
    [told] = faults(folder, STEPS + INK.replace('"ink"', '"ink-300"'))
    assert "candidate[1] and candidate[2] are both named ink-300" in told


def test_blocks_are_named_one_by_one_in_one_order(folder: Path) -> None:
    [one] = candidates(folder, INK + "blocks = { rest = 0.7, style = 1.0, content = 0.4 }\n")
    assert one.blocks is not None
    assert list(one.blocks) == [*NAMES.values(), "rest"]
    same = "blocks = { content = 0.4, style = 1.0, middle1 = 0.7, rest = 0.7 }\n"
    assert candidates(folder, INK + same) == (one,)


def test_blocks_that_all_count_alike_are_a_strength(folder: Path) -> None:
    [one] = candidates(folder, INK + "strength = 0.7\nblocks = { content = 0.1, style = 0.1, rest = 0.1 }\n")
    assert (one.blocks, one.strength) == (None, 0.07)
    assert candidates(folder, INK + "strength = 0.07\n") == (one,)
    half, whole = candidates(folder, INK + "strengths = [0.5, 1.0]\nblocks = { rest = 0.5 }\n")
    assert (half.strength, whole.strength, half.blocks) == (0.25, 0.5, None)


def test_each_of_several_loras_has_blocks_of_its_own(folder: Path) -> None:
    first = '{ file = "mini:ink", blocks = { content = 1.0, rest = 0 } }'
    other = '{ file = "mini:watercolour", strength = 0.5, blocks = { rest = 0.5 } }'
    [one] = candidates(folder, f'[[candidate]]\nname = "both"\nlora = [{first}, {other}]\n')
    assert one.loras is not None
    assert one.loras[0].blocks is not None
    counted = {block for block, value in one.loras[0].blocks.items() if value}
    assert counted == set(groups_of("mini")["content"])
    assert (one.loras[1].blocks, one.loras[1].strength) == (None, 0.25)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (INK + "blocks = { stile = 1.0 }\n", "candidate[1].blocks: no block is called 'stile'; there are"),
        (INK + "blocks = { }\n", "candidate[1].blocks: must have at least 1 item"),
        (INK + "blocks = 0.5\n", "candidate[1].blocks: must be a table, got 0.5"),
        (INK + "blocks = { style = 2.5 }\n", "candidate[1].blocks.style: must be at most 2, got 2.5"),
        (INK + "blocks = { style = -1 }\n", "candidate[1].blocks.style: must be at least 0, got -1"),
        (
            INK + "blocks = { rest = 0 }\n",
            "candidate[1].blocks: all are at 0, so nothing of the LoRA is left",
        ),
        (
            INK + "strength = 1.5\nblocks = { style = 1.5 }\n",
            "candidate[1].blocks: times the strength 1.5 must be at most 2, got 1.5",
        ),
        ('[[candidate]]\nname = "base"\nblocks = { style = 1.0 }\n', "blocks and step need a lora"),
        (
            INK.replace('"mini:ink"', '[{ file = "mini:ink" }, { file = "mini:ink" }]')
            + "blocks = { style = 1.0 }\n",
            "each of several LoRAs has blocks of its own",
        ),
        (
            INK.replace(
                '"mini:ink"', '[{ file = "mini:ink" }, { file = "mini:ink", blocks = { input6 = 1.0 } }]'
            ),
            "candidate[1].lora[2].blocks: no block is called 'input6'",
        ),
    ],
)
def test_blocks_that_mean_nothing_are_refused_with_their_place(folder: Path, table: str, told: str) -> None:
    found = faults(folder, table)
    assert len(found) == 1
    assert told in found[0]
