"""An IP-Adapter's folder: what it must hold, what it is known by, and what is refused in a line."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fakes import toy_sizes

from kit.errors import WeightsError
from kit.files.checksums import RECORD
from kit.models.ip_adapter.adapter_files import ip_adapter_misfit, open_ip_adapter, read_adapter
from tests.support.kolors_ip_adapters import (
    ENCODER,
    WEIGHTS,
    kolors_adapter,
    write_adapter,
)
from tests.support.published_toy import SIZES
from tests.support.random_adapters import plus_sizes, random_attentions, random_projection

Tables = dict[str, dict[str, torch.Tensor]]


@pytest.fixture
def adapter(tmp_path):
    return Path(shutil.copytree(kolors_adapter(), tmp_path / "Kolors-IP-Adapter-Plus"))


def changed(folder: Path, change: Callable[[Tables], object]) -> Path:
    """Write the adapter's tables anew, changed."""
    tables = torch.load(folder / WEIGHTS)
    change(tables)
    torch.save(tables, folder / WEIGHTS)
    (folder / RECORD).unlink(missing_ok=True)
    return folder


def test_its_identity_changes_with_its_weights_and_its_image_encoder_alone(adapter):
    before = open_ip_adapter(adapter).identity
    (adapter / "README.md").write_text("words")
    assert open_ip_adapter(adapter).identity == before == open_ip_adapter(kolors_adapter()).identity
    changed(adapter, lambda tables: tables["image_proj"]["latents"].add_(1))
    after = open_ip_adapter(adapter).identity
    config = adapter / ENCODER / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"hidden_act": "gelu"}))
    (adapter / ENCODER / RECORD).unlink()
    assert len({before, after, open_ip_adapter(adapter).identity}) == 3


def test_both_forms_of_its_file_hold_the_same_and_safetensors_is_read_first(tmp_path):
    pickled = write_adapter(tmp_path / "a", SIZES.unet, 5)
    plain = write_adapter(tmp_path / "b", SIZES.unet, 5, pickled=False)
    files = [open_ip_adapter(one) for one in (pickled, plain)]
    one, other = (read_adapter(found.weights) for found in files)
    assert one.kinds == other.kinds
    assert all(torch.equal(one.load(name), other.load(name)) for name in one.kinds)
    assert (files[0].sizes, files[0].attentions) == (files[1].sizes, files[1].attentions)
    shutil.copy(pickled / WEIGHTS, plain)
    assert open_ip_adapter(plain).weights.suffix == ".safetensors"


def test_a_whole_clip_beside_it_is_read_as_its_image_encoder(adapter):
    config = adapter / ENCODER / "config.json"
    told = json.loads(config.read_text())
    config.write_text(json.dumps({"model_type": "clip", "text_config": {}, "vision_config": told}))
    (adapter / ENCODER / RECORD).unlink(missing_ok=True)
    assert open_ip_adapter(adapter).sizes.seen == told["hidden_size"]


def test_what_is_missing_is_told_with_the_command_that_fetches_it(adapter, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"empty holds no IP-Adapter.* download kolors-ip-adapter-plus`"):
        open_ip_adapter(tmp_path / "empty")
    shutil.rmtree(adapter / ENCODER)
    with pytest.raises(WeightsError, match=r"lacks its image encoder, the folder image_encoder; .* download"):
        open_ip_adapter(adapter)


def test_a_torn_adapter_is_refused_by_the_name_of_the_tensor(adapter):
    def without(table: str, name: str) -> Callable[[Tables], object]:
        return lambda tables: tables[table].pop(name)

    cases = {
        "image_proj.layers.1.0.to_kv.weight": without("image_proj", "layers.1.0.to_kv.weight"),
        "image_proj.proj_out.weight": without("image_proj", "proj_out.weight"),
        "ip_adapter.3.to_v_ip.weight": without("ip_adapter", "3.to_v_ip.weight"),
        "ip_adapter.0.to_q_lora.down.weight": lambda tables: tables["ip_adapter"].update(
            {"0.to_q_lora.down.weight": torch.zeros(4, 4)}
        ),
    }
    for name, change in cases.items():
        folder = Path(shutil.copytree(adapter, adapter.with_name(name)))
        with pytest.raises(WeightsError) as refused:
            open_ip_adapter(changed(folder, change))
        assert f"is no whole IP-Adapter of Kolors: {name} is not there" in str(refused.value)


def test_a_file_that_would_run_something_is_refused(adapter):
    class Runs:
        def __reduce__(self) -> tuple[object, ...]:
            return print, ("run",)

    torch.save({"image_proj": {"latents": Runs()}, "ip_adapter": {}}, adapter / WEIGHTS)
    with pytest.raises(WeightsError, match=r"asks to run '\w+\.print' when it is opened"):
        open_ip_adapter(adapter)
    shutil.copy(kolors_adapter() / WEIGHTS, adapter / WEIGHTS)
    (adapter / ENCODER / "model.safetensors").unlink()
    torch.save({"vision_model.pre_layrnorm.weight": Runs()}, adapter / ENCODER / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="asks to run"):
        open_ip_adapter(adapter)


def test_an_adapter_of_another_base_is_refused_by_the_name_of_that_base(tmp_path):
    def written(name: str, image: dict[str, torch.Tensor], cross: int) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        keys = {f"{place}.to_{part}_ip.weight": torch.zeros(8, cross) for place in (1, 3) for part in "kv"}
        torch.save({"image_proj": image, "ip_adapter": keys}, folder / WEIGHTS)
        return folder

    small = plus_sizes(replace(SIZES.unet, cross=64))
    older = replace(small, width=768, feed=768, made=768, depth=1)
    cases = {
        "Stable Diffusion 1.5": written("sd", random_projection(older, 0), 768),
        "Stable Diffusion 2": written("sd2", {"proj.weight": torch.zeros(4, 4)}, 1024),
        "SDXL": written("sdxl", random_projection(replace(small, made=2048), 0), 2048),
    }
    for base, folder in cases.items():
        with pytest.raises(WeightsError) as refused:
            open_ip_adapter(folder)
        assert f"is an IP-Adapter for {base}; for Kolors there are Plus and FaceID-Plus" in str(refused.value)


def test_another_file_of_weights_and_another_image_encoder_are_told(adapter):
    torch.save({"layer.weight": torch.zeros(2)}, adapter / WEIGHTS)
    with pytest.raises(WeightsError, match="is no IP-Adapter: it holds no image_proj or no to_k_ip"):
        open_ip_adapter(adapter)
    shutil.copy(kolors_adapter() / WEIGHTS, adapter / WEIGHTS)
    config = adapter / ENCODER / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"hidden_size": 64}))
    with pytest.raises(WeightsError, match="says hidden_size 64, and the adapter reads 32"):
        open_ip_adapter(adapter)


def test_it_fits_the_unet_of_its_sizes_alone(adapter):
    files = open_ip_adapter(adapter)
    assert ip_adapter_misfit(files, "kolors", SIZES.unet) == ""
    others = [toy_sizes().unet, replace(SIZES.unet, layers=(1, 3)), replace(SIZES.unet, cross=64)]
    for other in others:
        told = ip_adapter_misfit(files, "mini", other)
        assert told.startswith("the IP-Adapter Kolors-IP-Adapter-Plus is for another base than mini: ")
    swapped = changed(adapter, lambda tables: tables.update(ip_adapter=random_attentions(others[1], 3)))
    assert ip_adapter_misfit(open_ip_adapter(swapped), "kolors", SIZES.unet)


def test_what_a_training_keeps_beside_the_adapter_is_not_read(adapter):
    before = open_ip_adapter(adapter)
    after = open_ip_adapter(changed(adapter, lambda tables: tables.update(epoch=3, optimizer={"state": {}})))
    assert (after.sizes, after.attentions) == (before.sizes, before.attentions)


def test_whoever_may_name_an_adapter_does_not_wait_for_torch():
    modules = "sys, kit.generation.recipe, kit.models.ip_adapter.adapter_files"
    code = f"import {modules}; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
