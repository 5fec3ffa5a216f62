"""Which saved steps a pattern stands for, and why some files are not those of one training."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from lora_files import random_pairs

from kit.experiment.candidates.saved_steps import MOST_STEPS, find_saved_steps
from kit.lora.formats import content_bytes

LAYERS = ["blocks.7.proj_in", "blocks.28.proj_in"]
KOHYA = {"ss_output_name": "ink", "ss_network_dim": "3", "ss_seed": "1", "ss_dataset_dirs": "{}"}


def write(path: Path, notes: Mapping[str, str], rank: int = 3, layers: list[str] = LAYERS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content_bytes("kohya", random_pairs(layers, rank=rank), 3.0, notes))
    return path


def found(folder: Path, pattern: str = "*.safetensors") -> list[tuple[int, str]]:
    return [(one.step, one.path.name) for one in find_saved_steps(folder / pattern)]


def refused(folder: Path, pattern: str = "*.safetensors") -> str:
    with pytest.raises(ValueError, match=r".+") as caught:
        find_saved_steps(folder / pattern)
    told = str(caught.value)
    assert "\n" not in told
    return told.replace(f"{folder}/", "")


def test_steps_come_in_their_order_whatever_the_files_are_called(tmp_path: Path) -> None:
    for name, step in {"a": 1000, "b": 90, "c": 500}.items():
        write(tmp_path / f"{name}.safetensors", KOHYA | {"ss_steps": str(step)})
    assert found(tmp_path) == [(90, "b.safetensors"), (500, "c.safetensors"), (1000, "a.safetensors")]
    assert found(tmp_path, "?.safetensors") == found(tmp_path)


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        (("ink-000002", "ink-000010"), (2, 10)),
        (("ink-step00000300", "ink-step00001000"), (300, 1000)),
        (("ink_v2_000000250", "ink_v2_000000500"), (250, 500)),
        (("000100", "000200"), (100, 200)),
    ],
)
def test_without_notes_the_last_number_of_a_name_is_its_step(
    tmp_path: Path, names: tuple[str, ...], steps: tuple[int, ...]
) -> None:
    for name in names:
        write(tmp_path / f"{name}.safetensors", {})
    assert tuple(step for step, _ in found(tmp_path)) == steps


def test_ai_toolkits_notes_name_the_step(tmp_path: Path) -> None:
    for step in (500, 250):
        told = {"training_info": json.dumps({"step": step, "epoch": 1}), "name": "ink"}
        write(tmp_path / f"ink{step // 10}.safetensors", told)
    assert [step for step, _ in found(tmp_path)] == [250, 500]


def test_folders_of_peft_are_steps_too(tmp_path: Path) -> None:
    for step in (500, 1000):
        write(tmp_path / f"checkpoint-{step}" / "pytorch_lora_weights.safetensors", {})
    (tmp_path / "logs").mkdir()
    assert found(tmp_path, "checkpoint-*") == [(500, "checkpoint-500"), (1000, "checkpoint-1000")]
    assert "logs is a folder without a LoRA" in refused(tmp_path, "*")


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ({"training": "a" * 64}, {"training": "b" * 64}, "their settings, pictures or base differ"),
        (KOHYA, KOHYA | {"ss_output_name": "wash"}, "ss_output_name is ink and wash"),
        (KOHYA, KOHYA | {"ss_dataset_dirs": "{1}"}, "ss_dataset_dirs is {} and {1}"),
    ],
)
def test_files_whose_notes_differ_are_not_of_one_training(
    tmp_path: Path, one: dict[str, str], other: dict[str, str], why: str
) -> None:
    write(tmp_path / "ink-100.safetensors", one)
    write(tmp_path / "ink-200.safetensors", other)
    told = refused(tmp_path)
    assert told.startswith(
        "ink-100.safetensors and ink-200.safetensors are not saved steps of one training: "
    )
    assert why in told


def test_files_of_other_ranks_layers_and_names_are_not_of_one_training(tmp_path: Path) -> None:
    write(tmp_path / "ink-100.safetensors", {})
    write(tmp_path / "ink-200.safetensors", {}, rank=4)
    write(tmp_path / "ink-300.safetensors", {}, layers=LAYERS[:1])
    write(tmp_path / "wash-400.safetensors", {})
    assert "rank is 3 and 4" in refused(tmp_path, "ink-?00.safetensors")
    (tmp_path / "ink-200.safetensors").unlink()
    assert "their layers or ranks differ" in refused(tmp_path, "ink-?00.safetensors")
    (tmp_path / "ink-300.safetensors").unlink()
    assert "their names differ by more than a number" in refused(tmp_path)


def test_the_finished_file_goes_with_its_steps_where_it_says_its_step(tmp_path: Path) -> None:
    write(tmp_path / "ink-000100.safetensors", KOHYA | {"ss_steps": "100"})
    write(tmp_path / "ink.safetensors", KOHYA | {"ss_steps": "200"})
    assert [step for step, _ in found(tmp_path)] == [100, 200]
    write(tmp_path / "ink.safetensors", KOHYA)
    assert "ink.safetensors says neither in its notes nor by its name which step it is" in refused(tmp_path)
    write(tmp_path / "ink.safetensors", KOHYA | {"ss_steps": "100"})
    assert "are both of step 100: make the pattern narrower" in refused(tmp_path)


def test_a_pattern_that_stands_for_nothing_or_too_much_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "ink-1.safetensors", {})
    assert "matches ikn-*.safetensors" in refused(tmp_path, "ikn-*.safetensors")
    assert "stands in the file's name alone" in refused(tmp_path, "*/ink.safetensors")
    assert "does not exist" in refused(tmp_path / "gone")
    (tmp_path / "broken-2.safetensors").write_bytes(b"x")
    assert refused(tmp_path).startswith("broken-2.safetensors: ")
    for number in range(MOST_STEPS + 1):
        (tmp_path / f"many-{number}.ckpt").write_bytes(b"x")
    assert "stands for 65 files, 64 are the most" in refused(tmp_path, "*.ckpt")
