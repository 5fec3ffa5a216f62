import hashlib
from pathlib import Path

import pytest
import torch
from fakes import toy_lora
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from kit.embedded import LORAS
from kit.errors import LoraError
from kit.files.safetensors_files import read_tensors, tensor_bytes
from kit.lora.formats import LoraPair
from kit.lora.lora import embedded_loras, find_lora, load_lora, save_lora

LAYERS = tuple(
    f"blocks.{block}.transformer_blocks.0.attn1.{kind}" for block in (7, 10) for kind in ("to_q", "to_k")
)


def pairs(rank: int = 4) -> dict[str, LoraPair]:
    chance = torch.Generator().manual_seed(rank)
    return {
        layer: LoraPair(
            down=torch.randn(rank, 8, generator=chance).half().float(),
            up=torch.randn(6, rank, generator=chance).half().float(),
        )
        for layer in LAYERS
    }


def named(pattern: str, rank: int = 4) -> dict[str, torch.Tensor]:
    """Return the tensors under names made by `pattern`, with {layer} and {half}."""
    found = {}
    for layer, (down, up) in pairs(rank).items():
        found[pattern.format(layer=layer, half="A")] = down
        found[pattern.format(layer=layer, half="B")] = up
    return found


def same(one: dict[str, LoraPair], other: dict[str, LoraPair]) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(a, b) for layer in one for a, b in zip(one[layer], other[layer], strict=True)
    )


@pytest.mark.parametrize("rank", [1, 4, 16])
def test_a_saved_lora_comes_back(tmp_path, rank):
    save_lora(tmp_path / "a.safetensors", pairs(rank), 8.0, {"trigger": "水墨"})
    lora = load_lora(tmp_path / "a.safetensors")
    assert (lora.rank, lora.alpha, lora.trigger, lora.scale) == (rank, 8.0, "水墨", 8.0 / rank)
    assert same(lora.pairs, pairs(rank))
    assert lora.sha256 == hashlib.sha256((tmp_path / "a.safetensors").read_bytes()).hexdigest()


def test_a_saved_lora_has_the_names_that_diffsynth_reads(tmp_path):
    save_lora(tmp_path / "a.safetensors", pairs(), 4.0, {})
    tensors = load_file(tmp_path / "a.safetensors")
    assert set(tensors) == set(named("{layer}.lora_{half}.default.weight"))
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}


def test_the_same_lora_is_the_same_bytes(tmp_path):
    notes = {f"note {number}": str(number) for number in range(12)}
    files = []
    for name in ("a", "b", "c"):
        save_lora(tmp_path / f"{name}.safetensors", pairs(), 4.0, notes)
        files.append((tmp_path / f"{name}.safetensors").read_bytes())
    assert files[0] == files[1] == files[2]


@pytest.mark.parametrize(
    "pattern",
    [
        "{layer}.lora_{half}.default.weight",
        "{layer}.lora_{half}.weight",
        "base_model.model.{layer}.lora_{half}.weight",
        "base_model.model.{layer}.lora_{half}.default.weight",
        "unet.{layer}.lora_{half}.default.weight",
        "pipe.unet.{layer}.lora_{half}.default.weight",
    ],
)
def test_diffsynths_and_pefts_names_mean_the_same_layers(tmp_path, pattern):
    save_file(named(pattern), tmp_path / "a.safetensors")
    assert same(load_lora(tmp_path / "a.safetensors", alpha=4.0).pairs, pairs())


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_contests_checkpoint_is_read_with_the_alpha_that_is_given(tmp_path, wrapped):
    tensors = named("{layer}.lora_{half}.default.weight", rank=16)
    torch.save({"state_dict": tensors} if wrapped else tensors, tmp_path / "epoch=0-step=500.ckpt")
    lora = load_lora(tmp_path / "epoch=0-step=500.ckpt", alpha=4.0)
    assert (lora.rank, lora.alpha, lora.scale) == (16, 4.0, 0.25)
    assert same(lora.pairs, pairs(16))


def test_without_an_alpha_we_are_told_to_give_it(tmp_path):
    torch.save(named("{layer}.lora_{half}.default.weight"), tmp_path / "a.ckpt")
    with pytest.raises(
        LoraError, match=r"does not say which alpha it was trained with: give it, `alpha = N`"
    ):
        load_lora(tmp_path / "a.ckpt")


def test_kohyas_word_for_alpha_is_known(tmp_path):
    save_file(named("{layer}.lora_{half}.weight"), tmp_path / "a.safetensors", {"ss_network_alpha": "2.0"})
    assert load_lora(tmp_path / "a.safetensors").alpha == 2.0


def test_an_alpha_that_contradicts_the_file_is_refused(tmp_path):
    save_lora(tmp_path / "a.safetensors", pairs(), 8.0, {})
    assert load_lora(tmp_path / "a.safetensors", alpha=8.0).alpha == 8.0
    with pytest.raises(LoraError, match="was trained with alpha 8, got alpha 4: leave it out"):
        load_lora(tmp_path / "a.safetensors", alpha=4.0)


@pytest.mark.parametrize("alpha", ["-1", "0", "nan", "inf", "four"])
def test_an_alpha_that_is_no_positive_number_is_refused(tmp_path, alpha):
    save_file(named("{layer}.lora_{half}.weight"), tmp_path / "a.safetensors", {"alpha": alpha})
    with pytest.raises(LoraError, match="alpha must be"):
        load_lora(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "pattern",
    [
        "lora_unet_{layer}.lora_{half}.weight",
        "unet.down_blocks.1.attentions.0.{layer}.lora_{half}.weight",
        "{layer}.lora_up_{half}.weight",
    ],
)
def test_names_of_another_tool_are_counted_and_refused(tmp_path, pattern):
    save_file(named(pattern), tmp_path / "a.safetensors")
    with pytest.raises(LoraError, match="0 of 8 keys match"):
        load_lora(tmp_path / "a.safetensors", alpha=4.0)


def test_one_stray_key_is_named(tmp_path):
    tensors = named("{layer}.lora_{half}.default.weight") | {"text_model.weight": torch.ones(2, 2)}
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(LoraError, match=r"8 of 9 keys match .*: text_model\.weight"):
        load_lora(tmp_path / "a.safetensors", alpha=4.0)


def test_an_empty_file_of_tensors_is_refused(tmp_path):
    save_file({}, tmp_path / "a.safetensors")
    with pytest.raises(LoraError, match="0 of 0 keys match"):
        load_lora(tmp_path / "a.safetensors", alpha=4.0)


def test_half_a_layer_is_refused_by_its_name(tmp_path):
    tensors = named("{layer}.lora_{half}.default.weight")
    del tensors[f"{LAYERS[1]}.lora_B.default.weight"]
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(LoraError, match=f"{LAYERS[1]} must have lora_A and lora_B, got lora_A alone"):
        load_lora(tmp_path / "a.safetensors", alpha=4.0)


def test_a_file_that_lost_whole_layers_is_refused(tmp_path):
    save_lora(tmp_path / "a.safetensors", pairs(), 4.0, {})
    tensors, metadata = read_tensors(tmp_path / "a.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if LAYERS[0] not in name}
    (tmp_path / "a.safetensors").write_bytes(tensor_bytes(kept, metadata))
    with pytest.raises(LoraError, match="damaged: it promises 4 keys of rank 4, got 3 of rank 4"):
        load_lora(tmp_path / "a.safetensors")


def test_layers_of_different_rank_are_refused(tmp_path):
    mixed = pairs(4) | {LAYERS[0]: pairs(2)[LAYERS[0]]}
    tensors = {
        f"{n}.lora_{h}.weight": t for n, pair in mixed.items() for h, t in zip("AB", pair, strict=True)
    }
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(LoraError, match=r"all layers must have one rank, got \[2, 4\]"):
        load_lora(tmp_path / "a.safetensors", alpha=4.0)


def test_numbers_that_are_not_finite_are_refused_when_read_and_when_saved(tmp_path):
    tensors = named("{layer}.lora_{half}.default.weight")
    next(iter(tensors.values()))[0, 0] = float("nan")
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(LoraError, match="not finite"):
        load_lora(tmp_path / "a.safetensors", alpha=4.0)
    with pytest.raises(LoraError, match="not finite"):
        save_lora(
            tmp_path / "b.safetensors",
            {LAYERS[0]: LoraPair(torch.full((2, 4), 1e6), torch.ones(4, 2))},
            1.0,
            {},
        )


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    torch.save({"a": Path("x")}, tmp_path / "a.ckpt")
    with pytest.raises(
        LoraError, match=r"asks to run 'pathlib\..*Path' when it is opened, which storykit never does"
    ):
        load_lora(tmp_path / "a.ckpt", alpha=4.0)


@pytest.mark.parametrize("name", ["a.safetensors", "a.ckpt"])
def test_a_missing_or_torn_file_is_refused(tmp_path, name):
    with pytest.raises(LoraError, match=name):
        load_lora(tmp_path / name, alpha=4.0)
    (tmp_path / name).write_bytes(b"\x10torn")
    with pytest.raises(LoraError, match=name):
        load_lora(tmp_path / name, alpha=4.0)


@settings(deadline=None)
@given(known=st.integers(0, len(LAYERS)))
def test_every_layer_without_a_place_in_the_base_is_counted(tmp_path_factory, known):
    path = tmp_path_factory.mktemp("lora") / "a.safetensors"
    save_lora(path, pairs(), 4.0, {})
    lora = load_lora(path)
    shapes = dict.fromkeys(LAYERS[:known], (6, 8)) | {"blocks.0.other": (6, 8)}
    if known < len(LAYERS):
        with pytest.raises(LoraError, match=f"{known} of {len(LAYERS)} keys match the base, all must"):
            lora.check_fit(shapes)
    else:
        lora.check_fit(shapes)


def test_a_lora_is_found_relative_to_a_folder(tmp_path):
    toy_lora(tmp_path / "loras" / "ink.safetensors")
    assert find_lora(str(tmp_path / "loras" / "ink.safetensors")).trigger == "水墨风格"


def test_a_style_the_package_lacks_is_refused_with_those_it_has():
    with pytest.raises(LoraError, match="mini:no-such-style: the package has"):
        find_lora("mini:no-such-style")


def test_every_embedded_style_can_be_found_by_its_name():
    assert LORAS.parent.name == "mini"
    for style in embedded_loras():
        assert find_lora(f"mini:{style}").rank > 0


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ((96, 96), 'larger base than this one: if that was Kolors, write base = "kolors"'),
        ((1280, 1280), 'smaller base than this one: if that was the embedded one, write base = "mini"'),
    ],
)
def test_a_lora_for_a_base_of_another_size_says_which_base_to_write(tmp_path, base, told):
    pairs = {"blocks.7.attn1.to_q": LoraPair(down=torch.ones(2, 640), up=torch.ones(640, 2))}
    save_lora(tmp_path / "a.safetensors", pairs, 2.0, {})
    with pytest.raises(LoraError, match=told):
        load_lora(tmp_path / "a.safetensors").check_fit({"blocks.7.attn1.to_q": base})
