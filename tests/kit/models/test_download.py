import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from another_process import another_at_work
from command import PATIENCE_S
from hub_server import hub

from kit.errors import RunError, WeightsError
from kit.files.checksums import RECORD, checked_sha256, read_record
from kit.files.encodings import sha256_bytes
from kit.files.folder_lock import LOCK
from kit.hub.repository import RemoteFile
from kit.models.download import MODELS, download

KOLORS, INPAINTING = MODELS["kolors"], MODELS["kolors-inpainting"]
UNET = "unet/diffusion_pytorch_model.fp16.safetensors"
CONTENT = {
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.safetensors": b"fp32" * 4,
    UNET: b"fp16" * 2,
    "vae/config.json": b"{}",
    "vae/diffusion_pytorch_model.safetensors": b"vae",
    "text_encoder/config.json": b"{}",
    "text_encoder/pytorch_model.bin.index.json": b"{}",
    "text_encoder/pytorch_model-00001-of-00002.bin": b"one",
    "text_encoder/pytorch_model-00002-of-00002.bin": b"two",
    "README.md": b"not needed",
    "MODEL_LICENSE": b"licence",
}
FETCHED = {path for path in CONTENT if path not in ("README.md", "unet/diffusion_pytorch_model.safetensors")}


SHARDS = "-00001-of-00002", "-00002-of-00002"
PIPELINE = {
    "model_index.json": b"{}",
    "scheduler/scheduler_config.json": b"{}",
    "tokenizer/tokenizer.model": b"pieces",
    "tokenizer/tokenizer_config.json": b"{}",
    "text_encoder/model.safetensors.index.json": b"{}",
    "text_encoder/model.safetensors.index.fp16.json": b"{}",
}
WHOLE = {f"text_encoder/model{shard}.safetensors": b"full" * 2 for shard in SHARDS}
HALF = {f"text_encoder/model.fp16{shard}.safetensors": b"half" for shard in SHARDS}
OLD_HALF = {f"text_encoder/model{shard}.fp16.safetensors": b"half" for shard in SHARDS}


class Hub:
    """A hub on this machine."""

    def __init__(self, content: Mapping[str, bytes] = CONTENT) -> None:
        self.content, self.fetched, self.breaks_after = dict(content), [], 99
        self.sizes = {path: len(data) for path, data in content.items()}

    def files(self) -> Mapping[str, RemoteFile]:
        return {path: RemoteFile(self.sizes[path], sha256_bytes(data)) for path, data in self.content.items()}

    def fetch(self, paths: Sequence[str], folder: Path) -> None:
        for path in paths:
            if len(self.fetched) == self.breaks_after:
                raise ConnectionError("the line broke")
            self.fetched.append(path)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(self.content[path])


def test_what_drawing_needs_is_fetched_and_recorded(tmp_path):
    hub = Hub()
    assert set(download(tmp_path / "Kolors", hub, KOLORS)) == set(hub.fetched) == FETCHED
    assert {path: seen.sha256 for path, seen in read_record(tmp_path / "Kolors" / RECORD).items()} == {
        path: sha256_bytes(CONTENT[path]) for path in FETCHED
    }


def test_of_the_model_for_inpainting_the_unet_is_fetched(tmp_path):
    assert set(download(tmp_path, Hub(), INPAINTING)) == {"unet/config.json", UNET, "MODEL_LICENSE"}
    lacking = Hub({"unet/config.json": b"{}"})
    with pytest.raises(WeightsError, match="Kwai-Kolors/Kolors-Inpainting has no unet/diff"):
        download(tmp_path, lacking, INPAINTING)


def test_of_a_controlnet_the_network_is_fetched_that_lies_in_no_folder(tmp_path):
    network, half = "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"
    hub = Hub(
        {"config.json": b"{}", network: b"full" * 2, half: b"half", "README.md": b"", "LICENSE": b"free"}
    )
    canny = MODELS["kolors-controlnet-canny"]
    assert set(download(tmp_path, hub, canny)) == {"config.json", half, "LICENSE"}
    assert download(tmp_path, hub, canny) == []
    with pytest.raises(WeightsError, match=f"Kolors-ControlNet-Canny has no {network} any more"):
        download(tmp_path / "other", Hub({"config.json": b"{}"}), canny)


def test_of_an_ip_adapter_its_file_and_its_image_encoder_are_fetched(tmp_path):
    adapter, encoder = "ip_adapter_plus_general", "image_encoder/pytorch_model.bin"
    content = {f"{adapter}.bin": b"pickled", "image_encoder/config.json": b"{}", encoder: b"clip"}
    hub = Hub(content | {"config.json": b"{}", "image_encoder/vocab.json": b"{}"})
    model = MODELS["kolors-ip-adapter-plus"]
    assert set(download(tmp_path / "a", hub, model)) == set(content)
    plain = {f"{adapter}.safetensors": b"plain", "image_encoder/model.safetensors": b"clip"}
    fetched = {"image_encoder/config.json", *plain}
    assert set(download(tmp_path / "b", Hub(hub.content | plain), model)) == fetched
    with pytest.raises(WeightsError, match=rf"Kolors-IP-Adapter-Plus has no {adapter}\.bin any more"):
        download(tmp_path / "c", Hub({path: hub.content[path] for path in list(content)[1:]}), model)


@pytest.mark.parametrize("half", [HALF, OLD_HALF])
def test_of_diffusers_layout_the_smaller_precision_is_fetched_with_what_diffusers_reads(tmp_path, half):
    content = CONTENT | PIPELINE | WHOLE | half
    hub = Hub(content)
    model = MODELS["kolors-diffusers"]
    fetched = set(download(tmp_path, hub, model))
    text = {path for path in fetched if path.startswith("text_encoder/")}
    index = "text_encoder/model.safetensors.index.fp16.json"
    assert text == {"text_encoder/config.json", index, *half}
    assert fetched - text == (FETCHED | PIPELINE.keys()) - {path for path in content if "text_enc" in path}
    assert download(tmp_path, hub, model) == []


def test_of_diffusers_layout_the_precision_that_is_there_in_part_is_completed(tmp_path):
    there = next(iter(WHOLE))
    (tmp_path / there).parent.mkdir()
    (tmp_path / there).write_bytes(WHOLE[there])
    fetched = download(tmp_path, Hub(CONTENT | PIPELINE | WHOLE | HALF), MODELS["kolors-diffusers"])
    text = {path for path in fetched if path.startswith("text_encoder/")}
    index = "text_encoder/model.safetensors.index.json"
    assert text == {"text_encoder/config.json", index, *WHOLE} - {there}


def test_an_index_without_its_shards_is_no_precision(tmp_path):
    fetched = download(tmp_path, Hub(CONTENT | PIPELINE | WHOLE), MODELS["kolors-diffusers"])
    assert "text_encoder/model.safetensors.index.fp16.json" not in fetched
    pickled = CONTENT | PIPELINE
    fetched = download(tmp_path / "b", Hub(pickled), MODELS["kolors-diffusers"])
    assert "text_encoder/pytorch_model.bin.index.json" in fetched


def test_what_is_there_is_not_fetched_again(tmp_path):
    download(tmp_path, Hub(), KOLORS)
    assert download(tmp_path, Hub(), KOLORS) == []


def test_two_never_fetch_into_one_folder(tmp_path):
    hub = Hub()
    with another_at_work(tmp_path), pytest.raises(RunError, match=r"is being drawn by process \d+ since"):
        download(tmp_path, hub, KOLORS)
    assert (hub.fetched, os.listdir(tmp_path)) == ([], [LOCK])


def test_a_broken_line_is_one_error_and_the_same_command_goes_on(tmp_path):
    broken = Hub()
    broken.breaks_after = 3
    with pytest.raises(WeightsError, match="the line broke; what has arrived stays, run the same command"):
        download(tmp_path, broken, KOLORS)
    hub = Hub()
    download(tmp_path, hub, KOLORS)
    assert set(hub.fetched) == FETCHED - set(broken.fetched)


def test_a_file_that_was_damaged_is_fetched_again_and_recorded_anew(tmp_path):
    download(tmp_path, Hub(), KOLORS)
    (tmp_path / UNET).write_bytes(b"fp17" * 2)
    assert download(tmp_path, Hub(), KOLORS) == [UNET]
    assert read_record(tmp_path / RECORD)[UNET].sha256 == sha256_bytes(CONTENT[UNET])


def test_weights_of_the_users_own_are_not_replaced(tmp_path):
    download(tmp_path, Hub(), KOLORS)
    hub = Hub(CONTENT | {UNET: b"new"})
    with pytest.raises(WeightsError, match=rf"{UNET} is not the file of Kwai-Kolors/Kolors: move it away"):
        download(tmp_path, hub, KOLORS)
    assert ((tmp_path / UNET).read_bytes(), hub.fetched) == (CONTENT[UNET], [])


def test_of_two_precisions_the_one_that_is_there_is_completed(tmp_path):
    plain = "unet/diffusion_pytorch_model.safetensors"
    (tmp_path / "unet").mkdir()
    (tmp_path / plain).write_bytes(CONTENT[plain])
    assert set(download(tmp_path, Hub(), KOLORS)) == FETCHED - {UNET}


def test_a_file_that_was_mended_by_hand_is_recorded_anew(tmp_path):
    download(tmp_path, Hub(), KOLORS)
    (tmp_path / UNET).write_bytes(b"fp17" * 2)
    (tmp_path / RECORD).unlink()
    checked_sha256(tmp_path, [UNET], "")
    (tmp_path / UNET).write_bytes(CONTENT[UNET])
    assert download(tmp_path, Hub(), KOLORS) == []
    assert read_record(tmp_path / RECORD)[UNET].sha256 == sha256_bytes(CONTENT[UNET])


def test_a_file_that_arrives_damaged_is_named(tmp_path):
    hub = Hub()
    hub.sizes[UNET] = 7
    with pytest.raises(WeightsError, match=rf"{UNET} did not arrive whole"):
        download(tmp_path, hub, KOLORS)
    assert not (tmp_path / RECORD).exists()


def test_a_disk_that_is_too_full_is_told_before_anything_is_fetched(tmp_path):
    hub = Hub()
    hub.sizes["vae/diffusion_pytorch_model.safetensors"] = shutil.disk_usage(tmp_path).total
    with pytest.raises(WeightsError, match=r"GB are to be fetched and 1\.1 kept free, the disk has"):
        download(tmp_path, hub, KOLORS)
    assert hub.fetched == []


def test_a_repository_that_lacks_a_file_is_refused(tmp_path):
    content = {path: data for path, data in CONTENT.items() if path != "vae/config.json"}
    with pytest.raises(WeightsError, match=r"Kwai-Kolors/Kolors has no vae/config\.json any more"):
        download(tmp_path, Hub(content), KOLORS)


# the hubs' own clients


@pytest.mark.parametrize("source", ["modelscope", "huggingface"])
def test_the_hubs_own_clients_fetch_what_drawing_needs(tmp_path, source):
    with hub(CONTENT) as address:
        environment = {
            **os.environ,
            "HF_ENDPOINT": address,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_DISABLE_XET": "1",
            "MODELSCOPE_ENDPOINT": address,
            "MODELSCOPE_CACHE": str(tmp_path / "ms"),
        }
        environment.pop("HF_HUB_OFFLINE", None)
        words = ["download", "kolors", "--out", tmp_path / "Kolors", "--from", source]
        call = [sys.executable, "-m", "storykit", *map(str, words)]
        done = subprocess.run(
            call, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"({len(FETCHED)} files fetched)" in done.stdout
    there = (path for path in (tmp_path / "Kolors").rglob("*") if path.is_file() and path.name != RECORD)
    fetched = {path.relative_to(tmp_path / "Kolors").as_posix(): path.read_bytes() for path in there}
    assert {path: fetched.get(path) for path in FETCHED} == {path: CONTENT[path] for path in FETCHED}
    assert not {path for path in fetched if path in CONTENT} - FETCHED
