import json
from contextlib import chdir
from pathlib import Path

import pytest
import torch
from command import refused, said, tell
from fakes import toy_lora
from safetensors.torch import load_file, save_file

from kit.files.safetensors_files import read_tensors, tensor_bytes
from kit.lora.lora import load_lora


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


@pytest.mark.parametrize("tool", ["kohya", "peft"])
def test_what_is_there_is_not_written_over_unasked(tmp_path: Path, tool: str) -> None:
    source, out = (
        toy_lora(tmp_path / "a.safetensors"),
        tmp_path / ("k.safetensors" if tool == "kohya" else "k"),
    )
    words = ("lora", "convert", source, "--to", tool, "--out", out)
    (tmp_path / "k").mkdir()
    (tmp_path / "k" / "notes.txt").write_text("mine")
    (tmp_path / "k.safetensors").write_text("mine")
    there = "is not empty" if tool == "peft" else "is there already"
    assert f"{out} {there}: choose another --out, or add --overwrite to" in refused(*words)
    merge = ("lora", "merge", source, source, "--out", tmp_path / "k.safetensors")
    assert "is there already: choose another --out" in refused(*merge)
    assert (tmp_path / "k.safetensors").read_text() == "mine"
    said(*words, "--overwrite")
    assert json.loads(said("lora", "inspect", out, "--json"))["tool"] == tool
    assert (tmp_path / "k" / "notes.txt").read_text() == "mine"


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
    assert ": is a LoRA for SDXL, which Kolors and the embedded base are not; name a folder" in line


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


def test_checkpoints_are_merged_with_the_alphas_that_are_given(
    tmp_path: Path,
) -> None:
    source, ckpt, out = (
        toy_lora(tmp_path / "a.safetensors"),
        tmp_path / "a.ckpt",
        tmp_path / "sum.safetensors",
    )
    said("lora", "convert", source, "--to", "diffsynth", "--out", ckpt)
    assert "`--alpha N`" in refused("lora", "merge", ckpt, ckpt, "--out", out)
    said("lora", "merge", ckpt, source, "--alphas", "4,-", "--weights", "1,-1", "--out", out)
    assert load_lora(out).norm < 1e-2
    assert (
        tell("lora", "merge", ckpt, ckpt, "--alpha", "4,4,4", "--out", tmp_path / "c.safetensors").code == 2
    )


def test_what_packing_leaves_behind_is_said_by_inspect(tmp_path: Path) -> None:
    tensors, notes = read_tensors(toy_lora(tmp_path / "a.safetensors"))
    notes |= {"ss_sd_model_name": "D:\\models\\kolors.safetensors", "captions": "a cat " * 1000}
    (tmp_path / "b.safetensors").write_bytes(tensor_bytes(tensors, notes))
    shown = said("lora", "inspect", tmp_path / "b.safetensors")
    assert "packing leaves behind the note ss_sd_model_name, which holds an absolute path" in shown
    assert "packing leaves behind the note captions, which has 6000 characters, 2000 are the most" in shown
    assert len(json.loads(said("lora", "inspect", tmp_path / "b.safetensors", "--json"))["left_behind"]) == 2


def test_a_strangers_trigger_does_nothing_to_the_terminal(tmp_path: Path) -> None:
    tensors, notes = read_tensors(toy_lora(tmp_path / "a.safetensors"))
    (tmp_path / "b.safetensors").write_bytes(tensor_bytes(tensors, notes | {"trigger": "\x1b[2Jred"}))
    assert "trigger \\x1b[2Jred\n" in said("lora", "inspect", tmp_path / "b.safetensors")


def test_a_lora_has_a_rank_and_no_place_on_a_list(monkeypatch):
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    told = tell("lora", "inspect", "mini:ink").out
    assert "rank    8" in told
    assert "名次" not in told


def change_of(path: Path, layer: str) -> torch.Tensor:
    lora = load_lora(path)
    down, up = lora.pairs[layer]
    return lora.scale * (up.float() @ down.float())


LAYERS = {block: f"blocks.{block}.transformer_blocks.0.attn1.to_q" for block in (7, 25, 28)}


def test_blocks_that_were_found_are_written_as_one_file(tmp_path: Path) -> None:
    source, out = toy_lora(tmp_path / "a.safetensors"), tmp_path / "out.safetensors"
    said("lora", "merge", source, "--blocks", "content=0.4,style=1.0,rest=0.75", "--out", out)
    for block, share in {25: 0.4, 28: 1.0, 7: 0.75}.items():
        wanted = share * change_of(source, LAYERS[block])
        torch.testing.assert_close(change_of(out, LAYERS[block]), wanted, rtol=1e-6, atol=1e-7)
    notes = load_lora(out).notes
    assert notes["merged_from"] == f"{load_lora(source).sha256} x 1 (output0=0.4,output1=1,rest=0.75)"
    assert notes["trigger"] == "水墨风格"
    shown = said("lora", "inspect", out)
    assert f"made of {notes['merged_from']}" in shown


def test_each_of_several_loras_takes_blocks_of_its_own(tmp_path: Path) -> None:
    source, out = toy_lora(tmp_path / "a.safetensors"), tmp_path / "out.safetensors"
    other = toy_lora(tmp_path / "b.safetensors", scale=0.3, rank=3)
    parts = ("--blocks", "content=1,rest=0", "--blocks", "style=1,rest=0")
    said("lora", "merge", source, other, *parts, "--weights", "1,0.5", "--out", out)
    assert sorted({int(layer.split(".")[1]) for layer in load_lora(out).pairs}) == [25, 28]
    torch.testing.assert_close(change_of(out, LAYERS[25]), change_of(source, LAYERS[25]))
    torch.testing.assert_close(change_of(out, LAYERS[28]), 0.5 * change_of(other, LAYERS[28]))


@pytest.mark.parametrize(
    ("blocks", "code", "told"),
    [
        (["contnet=1"], 2, "--blocks no block is called 'contnet'; there are content (output0), style"),
        (["content"], 2, "--blocks must be blocks and their strengths, as content=0.4,style=1,rest=0.7"),
        (["style=1,output1=0"], 2, "--blocks output1 is in style of this base: name one of the two"),
        (
            ["style=1"] * 2,
            2,
            "--blocks must be given once for all files or once for each of 1, got it 2 times",
        ),
        (["rest=0"], 1, "the blocks that it has are all at 0, so nothing of it is left: it has input4"),
    ],
)
def test_blocks_that_mean_nothing_are_refused_and_nothing_is_written(
    tmp_path: Path, blocks: list[str], code: int, told: str
) -> None:
    source, out = toy_lora(tmp_path / "a.safetensors"), tmp_path / "out.safetensors"
    options = [word for one in blocks for word in ("--blocks", one)]
    answer = tell("lora", "merge", source, *options, "--out", out)
    assert (answer.code, answer.out) == (code, "")
    assert told in " ".join(answer.err.split())
    assert not out.exists()


def test_inspect_tells_how_much_of_a_lora_is_content_and_style(tmp_path: Path) -> None:
    source = toy_lora(tmp_path / "a.safetensors")
    told = json.loads(said("lora", "inspect", source, "--json"))
    assert set(told["blocks"]) == {"input4", "input5", "input7", "input8", "middle1"} | {
        f"output{number}" for number in range(6)
    }
    whole = sum(norm**2 for norm in told["blocks"].values()) ** 0.5
    assert whole == pytest.approx(told["norm"], abs=1e-3)
    assert f"blocks  content {told['blocks']['output0']:.4g}, style " in said("lora", "inspect", source)
