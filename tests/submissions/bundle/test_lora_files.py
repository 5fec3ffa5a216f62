import io
import json
import tomllib
from pathlib import Path

import pytest
import tomli_w
from entries import make_entry, make_scored_run, unpack, verified, wear

from kit.experiment.run import Run
from kit.files.encodings import sha256_of
from submissions.packing.pack import pack

PREFIX = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"
SHARED = {"A": f"{PREFIX}.lora_down.weight", "B": f"{PREFIX}.lora_up.weight"}
"""How ComfyUI, KolorsPipeline and DiffSynth 1.x call the factors of the one layer."""


def test_a_checkpoint_is_packed_as_safetensors_with_the_same_numbers(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load

    name = "blocks.7.transformer_blocks.0.attn1.to_q"
    chance = torch.Generator().manual_seed(1)
    factors = {
        f"{name}.lora_A.default.weight": torch.randn(2, 8, generator=chance),
        f"{name}.lora_B.default.weight": torch.randn(8, 2, generator=chance),
    }
    run = make_scored_run(tmp_path / "work")
    (run.folder / "loras" / "ink.safetensors").unlink()
    torch.save(factors, run.folder / "loras" / "ink.ckpt")
    experiment = tomllib.loads(run.experiment_path.read_text("utf-8"))
    (ink,) = (candidate for candidate in experiment["candidate"] if candidate["name"] == "ink")
    ink |= {"lora": "loras/ink.ckpt", "alpha": 4.0}
    run.experiment_path.write_bytes(tomli_w.dumps(experiment).encode())
    source = sha256_of(run.folder / "loras" / "ink.ckpt")
    wear(Run.open(run.folder), source)

    report = pack(Run.open(run.folder), make_entry(tmp_path))

    files = unpack(report.path)
    packed = load(files["lora/ink.safetensors"])
    assert all(
        torch.equal(packed[SHARED[half]], factors[f"{name}.lora_{half}.default.weight"]) for half in "AB"
    )
    assert torch.load(io.BytesIO(files["lora/ink.ckpt"]), weights_only=True).keys() == factors.keys()
    assert json.loads(files["manifest.json"])["lora"]["source_sha256"] == source
    assert verified(report.path) == ()


def test_another_tools_lora_is_packed_with_the_names_that_all_tools_read(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load

    from kit.lora.formats import LoraPair, content_bytes

    name = "blocks.7.transformer_blocks.0.attn1.to_q"
    down = torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    run = make_scored_run(tmp_path / "work")
    file = run.folder / "loras" / "ink.safetensors"
    file.write_bytes(
        content_bytes("kohya", {name: LoraPair(down, down.T.contiguous())}, 4.0, {"trigger": "墨韵"})
    )
    wear(run, sha256_of(file))

    report = pack(Run.open(run.folder), make_entry(tmp_path))

    packed = load(unpack(report.path)["lora/ink.safetensors"])
    assert set(packed) == {*SHARED.values(), f"{PREFIX}.alpha"}
    assert torch.equal(packed[SHARED["A"]], down)
    assert packed[f"{PREFIX}.alpha"] == 4
    assert verified(report.path) == ()


def test_the_lora_is_there_once_for_all_tools_and_once_for_the_contest(tmp_path):
    torch = pytest.importorskip("torch")
    from kit.lora.formats import read_content

    files = unpack(pack(make_scored_run(tmp_path / "work"), make_entry(tmp_path)).path)
    forms = {
        "lora/ink.safetensors": "kohya",
        "lora/ink.ckpt": "diffsynth",
    }
    assert {name for name in files if "ink" in name} == forms.keys()
    contents = {}
    for name, tool in forms.items():
        path = tmp_path / Path(name).name
        path.write_bytes(files[name])
        contents[name] = read_content(path)
        assert contents[name].tool == tool
        assert contents[name].alpha == (None if name.endswith(".ckpt") else 4.0)
    [first, *others] = contents.values()
    for other in others:
        assert other.pairs.keys() == first.pairs.keys()
        for layer, pair in first.pairs.items():
            assert all(torch.equal(one, two) for one, two in zip(pair, other.pairs[layer], strict=True))
