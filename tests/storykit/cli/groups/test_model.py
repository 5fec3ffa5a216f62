import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from command import refused, said, tell, tree
from english_sentences import english_sentences
from hostile import Evil, notes, safetensors, tensors_in_one_place, zipped
from safetensors.torch import load_file, save_file
from whole_models import PREFIX, diffsynth_names, diffusers_names, tiny_model, tiny_tensors

NAMES = diffusers_names("SDXL")
BLOCKS = "input4=0.7,middle1=0.2,output0-5=1,out=0,time_embed=0"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    return tiny_model(folder / "a.safetensors", NAMES, 1), tiny_model(folder / "b.safetensors", NAMES, 2)


def test_two_models_are_merged_and_the_result_tells_of_what(tmp_path, models):
    out = tmp_path / "c.safetensors"
    told = said("model", "merge", *models, "--share", 0.3, "--blocks", BLOCKS, "--out", out)
    assert told == f"UNet    {out}  (1,680 tensors, share 0.3 of {models[1]}, 10 blocks with their own)\n"
    first, second, made = map(load_file, (*models, out))
    assert torch.equal(made["conv_out.weight"], first["conv_out.weight"])
    assert torch.equal(
        made["up_blocks.0.resnets.0.conv1.weight"], second["up_blocks.0.resnets.0.conv1.weight"]
    )
    shown = said("model", "inspect", out)
    assert (
        "names   diffusers\nblocks  input0-8, middle0-2, output0-8, out, time_embed\nnumbers F16\n" in shown
    )
    assert "merged  share 0.3 of b.safetensors (sha256 " in shown
    machine = json.loads(said("model", "inspect", out, "--json"))
    assert machine["merged"]["first"]["name"] == "a.safetensors"
    assert machine["merged"]["blocks"]["input4"] == 0.7
    assert json.loads(said("model", "inspect", models[0], "--json"))["merged"] is None
    assert "merged" not in said("model", "inspect", models[0])


def test_what_stays_the_first_ones_is_counted(tmp_path):
    names = [PREFIX + name for name in diffsynth_names("SD 1.5", "original")]
    a = tiny_model(tmp_path / "a.safetensors", [*names, "first_stage_model.x.weight"])
    told = said("model", "merge", a, a, "--share", 1, "--out", tmp_path / "c.safetensors")
    assert f"; 1 other tensor, as those of text encoder and VAE, stays that of {a})" in told


def test_the_embedded_base_goes_through_the_same_door(tmp_path):
    out = tmp_path / "c.safetensors"
    assert "(502 tensors, share 0 of mini, 1 block with its own)" in said(
        "model", "merge", "mini", "mini", "--share", "0", "--blocks", "input8=1", "--out", out
    )
    assert "names   DiffSynth\n" in said("model", "inspect", out)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--share", "1.3"], "--share needs a share from 0 to 1, got '1.3'"),
        (["--share", "nan"], "--share needs a share from 0 to 1, got 'nan'"),
        (["--share", "0", "--blocks", "out=2"], "--blocks needs a share from 0 to 1, got 'out=2'"),
        (["--share", "0", "--blocks", "out=1,out=0"], "--blocks names out twice"),
        (
            ["--share", "0", "--blocks", "OUT07=1"],
            "--blocks names a block that no UNet has, 'OUT07=1': there ",
        ),
        ([], "--share is missing: of B in all without a share of its own, label_emb too"),
    ],
)
def test_a_wrong_command_line_is_told_before_a_file_is_looked_at(tmp_path, words, told):
    answer = tell("model", "merge", "none", "none", *words, "--out", tmp_path / "c.safetensors")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines()[-1].startswith(f"Error: {told}")


def test_blocks_that_these_models_lack_are_one_line(tmp_path, models):
    words = ("--share", "0", "--blocks", "input11=1", "--out", tmp_path / "c.safetensors")
    assert refused("model", "merge", *models, *words) == (
        "these models have no input11: their blocks are input0-8, middle0-2, output0-8, out, time_embed"
    )


def test_what_is_there_is_not_written_over_unasked(tmp_path, models):
    out = tmp_path / "c.safetensors"
    out.write_text("mine")
    words = ("model", "merge", *models, "--share", "0.5", "--out", out)
    assert "is there already: choose another --out, or add --overwrite to replace it" in refused(*words)
    assert out.read_text() == "mine"
    said(*words, "--overwrite")
    assert len(load_file(out)) == len(NAMES)
    before = models[0].read_bytes()
    told = refused("model", "merge", *models, "--share", "0.5", "--out", models[0], "--overwrite")
    assert told == f"{models[0]} is one of the models that are merged: choose another --out"
    assert models[0].read_bytes() == before
    assert refused(*words[:-1], tmp_path / "c.ckpt").endswith("c.ckpt: must end in .safetensors")


def hostile_models() -> dict[str, bytes]:
    evil = pickle.dumps(Evil())
    shape = '{{"conv_in.weight": {{"dtype": "F16", "shape": {}, "data_offsets": {}}}}}'
    return {
        "a pickle with code": evil,
        "a torch zip with code": zipped({"archive/data.pkl": evil, "archive/version": b"3\n"}),
        "a header of 2^63 bytes": safetensors(b"{}", 2**63),
        "brackets without end": safetensors(b"[" * 1_000_000),
        "no tensor": safetensors(b"{}"),
        "the largest shape there is": safetensors(shape.format(f"[{2**62},{2**62}]", "[0,64]").encode()),
        "numbers before its beginning": safetensors(shape.format("[32]", "[-64,64]").encode()),
        "numbers beyond its end": safetensors(shape.format("[64]", "[0,128]").encode()),
        "20000 tensors in one place": tensors_in_one_place(20_000, side=32),
        "an unfinished download": safetensors(shape.format("[32]", "[0,64]").encode())[:-9],
        "a recipe of another's": safetensors(notes({"storykit_merge": "no JSON"})),
        "nothing": b"",
        "noise": bytes(range(256)) * 400,
    }


@pytest.mark.parametrize("label", hostile_models())
def test_a_hostile_file_is_one_line_for_either_model_and_runs_nothing(tmp_path, models, label, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.ckpt").write_bytes(hostile_models()[label])
    before = tree(tmp_path)
    for pair in ((models[0], "x.ckpt"), ("x.ckpt", models[0])):
        told = refused("model", "merge", *pair, "--share", "0.5", "--out", "c.safetensors")
        assert told.startswith("x.ckpt"), told
    refused("model", "inspect", "x.ckpt")
    assert tree(tmp_path) == before
    assert not os.path.exists("pwned")


def test_a_recipe_that_says_nothing_is_one_line(tmp_path):
    save_file(tiny_tensors(NAMES), tmp_path / "a.safetensors", {"storykit_merge": "\x1b[31m"})
    told = refused("model", "inspect", tmp_path / "a.safetensors")
    assert told.endswith("a.safetensors: has a recipe of a merge that cannot be read: storykit_merge")


def test_all_of_it_is_told_in_chinese(tmp_path, models, monkeypatch):
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    out = tmp_path / "c.safetensors"
    told = said("model", "merge", *models, "--share", "0.3", "--blocks", "input4=0.7，out=0", "--out", out)
    assert f"（1,680 个张量，{models[1]} 占 0.3，其中 2 个块单独指定）" in told
    shown = [said("model", "inspect", out), said("model", "--help"), said("model", "merge", "--help")]
    assert not [line for text in shown for line in english_sentences(text)]
    wrong = tell("model", "merge", "a", "b", "--share", "0", "--blocks", "out=2", "--out", out)
    assert wrong.err.splitlines()[-1].endswith("--blocks 的比例应在 0 到 1 之间，实际是 'out=2'")
    answer = tell(
        "model", "merge", *models, "--share", "0", "--blocks", "input9=1", "--out", tmp_path / "d.safetensors"
    )
    assert "这两个模型没有 input9：有的块是 input0-8, middle0-2, output0-8, out, time_embed" in answer.err
