import json
import tomllib
from pathlib import Path

import pytest
import tomli_w
from entries import make_entry, make_scored_run, unpack, verified, wear

from kit.experiment.run import Run
from kit.files.encodings import sha256_of
from submissions.packing.pack import pack


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
    assert packed.keys() == factors.keys()
    assert all(torch.equal(packed[key], factors[key]) for key in factors)
    assert json.loads(files["manifest.json"])["lora"]["source_sha256"] == source
    assert verified(report.path) == ()


def test_another_tools_lora_is_packed_with_the_names_the_contest_reads(tmp_path):
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
    assert set(packed) == {f"{name}.lora_A.default.weight", f"{name}.lora_B.default.weight"}
    assert torch.equal(packed[f"{name}.lora_A.default.weight"], down)
    assert verified(report.path) == ()


def test_the_lora_is_there_in_the_forms_that_the_contest_diffusers_and_comfyui_read(tmp_path):
    torch = pytest.importorskip("torch")
    from kit.lora.formats import read_content

    files = unpack(pack(make_scored_run(tmp_path / "work"), make_entry(tmp_path)).path)
    forms = {
        "lora/ink.safetensors": "diffsynth",
        "lora/ink.ckpt": "diffsynth",
        "pytorch_lora_weights.safetensors": "diffusers",
        "lora/ink-comfyui.safetensors": "kohya",
    }
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
