import json
from contextlib import chdir
from pathlib import Path

import pytest
import torch
from command import refused, said, tell
from fakes import toy_lora
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from kit.errors import LoraError
from kit.files.safetensors_files import read_tensors, tensor_bytes
from kit.lora.formats import Content, LoraPair
from kit.lora.inspection import bases_of, known_shapes, problems_of
from kit.lora.lora import LoadedLora, load_lora
from kit.lora.merge import merge

SHAPES = {"blocks.7.proj_in": (6, 8), "blocks.7.proj_out": (9, 5), "blocks.10.proj_in": (4, 7)}


def lora(seed: int, rank: int = 2, alpha: float = 3.0, layers: int = 3) -> LoadedLora:
    chance = torch.Generator().manual_seed(seed)
    pairs = {
        name: LoraPair(
            torch.randn(rank, width, generator=chance), torch.randn(height, rank, generator=chance)
        )
        for name, (height, width) in list(SHAPES.items())[:layers]
    }
    return LoadedLora(
        name="x", sha256="0", tool="diffsynth", rank=rank, alpha=alpha, trigger="", pairs=pairs, notes={}
    )


def change(of: LoadedLora, layer: str) -> torch.Tensor:
    down, up = of.pairs.get(layer, (torch.zeros(1, SHAPES[layer][1]), torch.zeros(SHAPES[layer][0], 1)))
    return of.scale * up @ down


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 4), st.floats(-2, 2)), min_size=1, max_size=4))
@settings(deadline=None, max_examples=40)
def test_the_sum_of_loras_does_what_they_do_together(parts: list[tuple[int, int, float]]) -> None:
    loras = [lora(seed, rank) for seed, rank, _ in parts]
    weights = [weight for *_, weight in parts]
    merged = merge(loras, weights)
    assert (merged.rank, merged.error) == (sum(rank for _, rank, _ in parts), 0.0)
    for layer, (down, up) in merged.pairs.items():
        wanted = sum(weight * change(one, layer) for one, weight in zip(loras, weights, strict=True))
        assert down.shape[0] == merged.rank
        assert torch.allclose(up @ down, wanted, atol=1e-5)


def test_a_layer_that_one_lora_lacks_is_the_others_alone() -> None:
    merged = merge([lora(0), lora(1, layers=2)], [1.0, 1.0])
    down, up = merged.pairs["blocks.10.proj_in"]
    assert torch.allclose(up @ down, change(lora(0), "blocks.10.proj_in"), atol=1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_lower_rank_loses_what_the_singular_values_say(rank: int) -> None:
    loras = [lora(0), lora(1)]
    merged = merge(loras, [1.0, 0.5], rank)
    lost = total = 0.0
    for layer, (down, up) in merged.pairs.items():
        whole = change(loras[0], layer) + 0.5 * change(loras[1], layer)
        values = torch.linalg.svdvals(whole.double())
        missing = (whole - up @ down).square().sum().item()
        assert missing == pytest.approx(values[rank:].square().sum().item(), rel=1e-3, abs=1e-6)
        lost, total = lost + missing, total + whole.square().sum().item()
    assert merged.rank == rank
    assert merged.error == pytest.approx((lost / total) ** 0.5, rel=1e-3)


def test_a_rank_above_the_sum_changes_nothing() -> None:
    assert merge([lora(0)], [1.0], 64).rank == 2


def test_loras_of_other_bases_and_missing_weights_are_refused() -> None:
    other = lora(1)
    other = LoadedLora(
        name="y", sha256="1", tool="kohya", rank=2, alpha=3.0, trigger="", notes={},
        pairs={name: LoraPair(torch.ones(2, 3), torch.ones(3, 2)) for name in other.pairs},
    )  # fmt: skip
    with pytest.raises(LoraError, match=r"one size in all LoRAs, got \[\(3, 3\), \(4, 7\)\]"):
        merge([lora(0), other], [1.0, 1.0])
    with pytest.raises(LoraError, match="each LoRA needs a weight, got 1 LoRAs and 2 weights"):
        merge([lora(0)], [1.0, 1.0])
    with pytest.raises(LoraError, match="got 0 LoRAs"):
        merge([], [])


def test_a_lora_of_kolors_fits_kolors_alone() -> None:
    attention = {n: shape for n, shape in known_shapes()["kolors"].items() if ".to_" in n}
    assert (len(attention), sum(map(sum, attention.values()))) == (560, 1_451_520)
    pairs = {
        n: LoraPair(torch.zeros(1, width), torch.zeros(height, 1)) for n, (height, width) in attention.items()
    }
    assert bases_of(pairs) == ["kolors (560 of 560 layers)"]
    name = next(iter(pairs))
    assert bases_of({name: pairs[name], "blocks.99.to_q": pairs[name]}) == ["kolors (1 of 2 layers)"]
    assert bases_of({name: LoraPair(torch.zeros(1, 3), torch.zeros(3, 1))}) == []


# ---------------------------------------------------------------- the commands


def test_a_lora_is_converted_inspected_and_merged_by_command(tmp_path: Path) -> None:
    source = toy_lora(tmp_path / "a.safetensors")
    for tool, name in (("diffusers", "b.safetensors"), ("kohya", "c.safetensors"), ("peft", "d")):
        said("lora", "convert", source, "--to", tool, "--out", tmp_path / name)
        shown = json.loads(said("lora", "inspect", tmp_path / name, "--json"))
        assert (shown["tool"], shown["rank"], shown["alpha"], shown["trigger"]) == (tool, 2, 4.0, "水墨风格")
    sum_of = tmp_path / "e.safetensors"
    said("lora", "merge", source, tmp_path / "c.safetensors", "--weights", "1,-1", "--out", sum_of)
    merged = load_lora(sum_of)
    assert merged.trigger == "水墨风格"
    assert all(bool((up.float() @ down.float()).abs().max() < 1e-3) for down, up in merged.pairs.values())


def test_the_contests_checkpoint_is_inspected_without_its_alpha(tmp_path: Path) -> None:
    source = toy_lora(tmp_path / "a.safetensors")
    said("lora", "convert", source, "--to", "diffsynth", "--out", tmp_path / "a.ckpt")
    shown = said("lora", "inspect", tmp_path / "a.ckpt")
    assert "alpha   not in the file" in shown
    assert "fits    no base" in shown


def test_an_embedded_lora_fits_the_embedded_base_alone() -> None:
    shown = said("lora", "inspect", "mini:ink")
    assert "fits    mini (88 of 88 layers)\n" in shown
    assert "problem" not in shown


def kolors_lora(up: float = 1.0, notes: dict[str, str] | None = None) -> Content:
    shapes = known_shapes()["kolors"]
    pairs = {
        name: LoraPair(torch.ones(1, shapes[name][1]), torch.full((shapes[name][0], 1), up))
        for name in shapes
        if name.rpartition(".")[2] == "to_q"
    }
    return Content("diffsynth", pairs, 1, 1.0, notes or {})


def test_what_is_wrong_with_a_lora_is_said_in_words() -> None:
    assert problems_of(kolors_lora()) == []
    assert "it was never trained" in problems_of(kolors_lora(up=0.0))[0]
    [problem] = problems_of(kolors_lora(notes={"ss_base_model_version": "sdxl_base_v1-0"}))
    assert "says it was trained on sdxl_base_v1-0" in problem
    content = kolors_lora()
    pair = next(iter(content.pairs.values()))
    [problem] = problems_of(content._replace(pairs=content.pairs | {"blocks.99.to_q": pair}))
    assert "no base that storykit knows has all of its layers" in problem


def test_the_problems_of_a_lora_are_shown(tmp_path: Path) -> None:
    tensors = load_file(toy_lora(tmp_path / "a.safetensors"))
    flat = {key: tensor * (0 if "lora_B" in key else 1) for key, tensor in tensors.items()}
    (tmp_path / "b.safetensors").write_bytes(tensor_bytes(flat, {"alpha": "2"}))
    shown = said("lora", "inspect", tmp_path / "b.safetensors")
    assert "problem it changes nothing, all of its up factors are 0: it was never trained\n" in shown
    assert len(json.loads(said("lora", "inspect", tmp_path / "b.safetensors", "--json"))["problems"]) == 2


def test_a_lora_of_stable_diffusion_is_refused_with_a_word_on_its_text_encoder(tmp_path: Path) -> None:
    said(
        "lora",
        "convert",
        toy_lora(tmp_path / "a.safetensors"),
        "--to",
        "kohya",
        "--out",
        tmp_path / "k.safetensors",
    )
    tensors = load_file(tmp_path / "k.safetensors")
    more = {
        f"lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_{n}.weight": torch.ones(2, 2)
        for n in ("up", "down")
    }
    save_file(tensors | more, tmp_path / "xl.safetensors")
    line = refused("lora", "inspect", tmp_path / "xl.safetensors")
    assert f"{len(tensors)} of {len(tensors) + 2} keys match" in line
    assert "it changes a text encoder as well, as LoRAs of Stable Diffusion do" in line


def test_a_file_with_every_key_misnamed_is_refused(tmp_path: Path) -> None:
    tensors = load_file(toy_lora(tmp_path / "a.safetensors"))
    save_file({f"x.{key}": tensor for key, tensor in tensors.items()}, tmp_path / "b.safetensors")
    assert f"0 of {len(tensors)} keys match" in refused("lora", "inspect", tmp_path / "b.safetensors")


def test_a_file_that_lost_layers_is_not_inspected_as_if_it_were_whole(tmp_path: Path) -> None:
    tensors, notes = read_tensors(toy_lora(tmp_path / "a.safetensors"))
    kept = dict(list(tensors.items())[2:])
    (tmp_path / "b.safetensors").write_bytes(tensor_bytes(kept, notes))
    assert "is damaged: it promises" in refused("lora", "inspect", tmp_path / "b.safetensors")


def test_too_few_weights_are_refused(tmp_path: Path) -> None:
    file, out = toy_lora(tmp_path / "a.safetensors"), tmp_path / "b.safetensors"
    assert "2 LoRAs and 1 weights" in refused("lora", "merge", file, file, "--weights", "1", "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["convert", "a", "--to", "comfy", "--out", "b"],
        ["convert", "a", "--to", "kohya"],
        ["merge", "a", "b", "--weights", "1;2", "--out", "c.safetensors"],
        ["merge", "a", "b", "--weights", "1,nan", "--out", "c.safetensors"],
        ["merge", "a", "b", "--rank", "0", "--out", "c.safetensors"],
    ],
)
def test_wrong_usage_is_explained(words: list[str], tmp_path: Path) -> None:
    for name in "ab":
        toy_lora(tmp_path / f"{name}.safetensors").rename(tmp_path / name)
    with chdir(tmp_path):
        assert tell("lora", *words).code == 2
