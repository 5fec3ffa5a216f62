"""What `storykit doctor` says of machines of every kind; it ends well whatever it finds."""

import json
import shutil
import subprocess
import sys
import tomllib
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from paths import ROOT

from kit.doctor.diagnosis import fault, note, ok
from kit.doctor.examine import Machine, examine
from kit.doctor.hubs import HubAnswer, ask_hubs, hub_lines
from kit.doctor.libraries import bases_lines, library_lines, pinned_versions, python_lines
from kit.doctor.room import disk_lines, free_memory, memory_lines, writing_lines
from kit.doctor.surroundings import clock_lines, encoding_lines, font_lines, language_lines
from kit.doctor.torch_facts import GpuFacts, TorchAnswer, TorchFacts, ask_torch
from kit.doctor.torch_lines import torch_lines
from kit.doctor.usual_places import is_clip, is_kolors, is_predictor, models_in_usual_places
from kit.doctor.weights import embedded_lines, is_whole, kolors_lines, scorer_lines
from kit.embedded import BASE_WEIGHTS, LORAS
from kit.images.lettering import BUILT_IN, NUMBERS_ONLY, Lettering
from storykit.cli.setup.doctor import SCORERS, say_found

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LOCALES = ("STORYKIT_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def told(lines):
    """Return each line as its id, status and sentence with what to do."""
    return {one.id: (one.status, f"{one.told}; {one.do}") for one in lines}


def torch_with(*gpus, cuda="13.0", draws=True, late=False, error=""):
    return TorchAnswer(TorchFacts(version="2.12.1", cuda=cuda, gpus=gpus), draws, late, error)


def card(free, total=24.0, error=""):
    return GpuFacts(name="NVIDIA A10", total_gib=total, free_gib=free, error=error)


@pytest.mark.parametrize(
    ("answer", "id_", "status", "words"),
    [
        (torch_with(card(23.1)), "gpu.0", "ok", "NVIDIA A10, 23.1 of 24.0 GiB free: Kolors draws 8 panels"),
        (torch_with(card(23.1), card(7.5, 8.0)), "gpu.1", "note", 'needs memory = "low"'),
        (torch_with(card(7.5)), "gpu.0", "note", 'memory = "low" in the experiment; end other programs'),
        (torch_with(card(9.9)), "gpu.0", "note", "2 panels at once; end other programs"),
        (torch_with(card(3.9, 4.0)), "gpu.0", "note", "too little for Kolors"),
        (
            torch_with(card(0, error="out of memory")),
            "gpu.0",
            "note",
            "cannot be used: out of memory; end the",
        ),
        (torch_with(), "gpu", "note", "no GPU that torch can use"),
        (torch_with(cuda=None), "gpu", "note", "install a torch that is built for it"),
        (torch_with(cuda=None), "torch", "ok", "torch 2.12.1, for the CPU alone"),
        (torch_with(cuda="ROCm 6.4"), "torch", "ok", "torch 2.12.1 with ROCm 6.4"),
        (torch_with(), "drawing", "ok", "can be imported"),
        (torch_with(draws=False, error="no torchvision"), "drawing", "fault", "no torchvision; install"),
        (torch_with(draws=False, late=True), "drawing", "note", "in time"),
        (
            TorchAnswer(None, False, error="SIGILL"),
            "torch",
            "fault",
            "SIGILL; install it again: `pip install",
        ),
        (TorchAnswer(None, False, late=True), "torch", "note", "took too long"),
    ],
)
def test_torch_and_each_gpu_are_told_with_what_they_allow(answer, id_, status, words):
    found = told(torch_lines(answer, "2.12.1"))[id_]
    assert (found[0], words in found[1]) == (status, True), found


@pytest.mark.parametrize(
    ("script", "error", "late"),
    [
        ("raise ImportError('libcudart.so.13: cannot open')", "libcudart.so.13: cannot open", False),
        ("import os; os.abort()", "SIGABRT", False),
        ("raise SystemExit(3)", "3", False),
        ("print('no json'); raise KeyError('torch')", "KeyError: 'torch'", False),
        ("import time; time.sleep(60)", "", True),
    ],
)
def test_a_torch_that_ends_its_process_ends_no_other(script, error, late):
    answer = ask_torch([sys.executable, "-c", script], patience_s=0.5 if late else 20)
    assert (answer.torch, answer.draws, answer.late) == (None, False, late)
    assert error in answer.error


@pytest.mark.parametrize(
    ("versions", "id_", "status", "words"),
    [
        ({"torch": "2.14.0+cu130"}, "library.torch", "note", "torch is 2.14.0+cu130, tested was 2.12.1"),
        ({"torch": "2.12.9+cpu"}, "libraries", "ok", "30 libraries as they were tested"),
        ({"diffsynth": None}, "library.diffsynth", "fault", "not installed; install it: `pip install diffs"),
        ({"numpy": "1.26.4"}, "library.numpy", "note", "numpy is 1.26.4"),
        ({"pillow": "unknown"}, "library.pillow", "note", "pillow is unknown"),
    ],
)
def test_a_library_that_is_missing_or_another_than_the_tested_one_is_told(versions, id_, status, words):
    found = told(library_lines((pinned_versions() | versions).get))[id_]
    assert (found[0], words in found[1]) == (status, True), found


def test_the_tested_versions_are_those_of_the_constraints():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = dict(line.lower().replace("_", "-").split("==") for line in lines if "==" in line)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {one.partition("=")[0].partition(">")[0].lower() for one in project["dependencies"]}
    assert {name.lower(): version for name, version in pinned_versions().items()} == {
        name: pinned[name] for name in needed
    }


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 10, 4), "fault"), ((3, 11, 0), "ok"), ((3, 14, 2), "ok"), ((3, 15, 0), "fault")],
)
def test_python_is_one_that_storykit_runs_on(version, status):
    assert told(python_lines(version))["python"][0] == status


@pytest.mark.parametrize(
    ("lines", "status", "words"),
    [
        (memory_lines(20.0), "ok", "20.0 GiB of memory free"),
        (memory_lines(1.5), "note", "enough for the embedded base"),
        (memory_lines(0.4), "fault", "drawing takes 1.2; close other programs"),
        (memory_lines(None), "note", "does not say"),
        (disk_lines(40.0), "ok", "40.0 GB of disk free here"),
        (disk_lines(1.0), "note", "make room"),
        (disk_lines(0.0), "fault", "a first run takes 0.2; make room"),
        (clock_lines(NOW), "ok", "2026-11-28 12:00"),
        (clock_lines(NOW.replace(year=1970)), "fault", "the clock says 1970-11-28 12:00; set it"),
        (clock_lines(NOW.replace(year=2200)), "fault", "2200"),
        (clock_lines(NOW, NOW + timedelta(hours=3)), "ok", "2026"),
        (clock_lines(NOW, NOW + timedelta(days=3)), "note", "a hub's 2026-12-01 12:00"),
        (encoding_lines("utf-8"), "ok", "utf-8"),
        (encoding_lines("gb18030"), "ok", "gb18030"),
        (encoding_lines("ascii"), "note", "PYTHONUTF8=1"),
        (encoding_lines("latin-1"), "note", "no Chinese letters"),
        (encoding_lines("none such"), "note", "no Chinese letters"),
        (font_lines(lambda: Lettering(note="SimHei", captions=True)), "ok", "SimHei"),
        (font_lines(lambda: Lettering(note=BUILT_IN, captions=True)), "ok", BUILT_IN),
        (font_lines(lambda: Lettering(note=NUMBERS_ONLY, captions=False)), "note", "Noto Sans CJK"),
    ],
)
def test_room_letters_fonts_and_the_clock_are_told(lines, status, words):
    [one] = lines
    assert (one.status, words in f"{one.told}; {one.do}") == (status, True), one


@pytest.mark.parametrize(
    ("meminfo", "limit", "used", "free"),
    [
        ("MemTotal: 9 kB\nMemAvailable:    4194304 kB\n", None, None, 4.0),
        ("MemAvailable:    4194304 kB\n", str(2**30), str(2**29), 0.5),
        ("MemAvailable:    4194304 kB\n", "max", "17", 4.0),
        ("", None, None, None),
    ],
)
def test_free_memory_is_what_a_container_may_have(tmp_path, meminfo, limit, used, free):
    paths = [tmp_path / name for name in ("meminfo", "max", "current")]
    for path, text in zip(paths, (meminfo, limit, used), strict=True):
        if text is not None:
            path.write_text(text)
    assert free_memory(paths[0], [(paths[1], paths[2])]) == free


@pytest.mark.parametrize("refused", ["write.here", "write.cache", "write.temporary"])
def test_a_folder_that_cannot_be_written_to_is_told_with_another_to_take(tmp_path, refused):
    cache = tmp_path / "models"
    place = {"write.here": Path.cwd(), "write.cache": cache}.get(refused)

    def why(folder):
        ours = folder not in (Path.cwd(), cache) if place is None else folder == place
        return "Read-only file system" if ours else ""

    status, words = told(writing_lines(cache, why))[refused]
    assert "Read-only file system; " in words
    assert status == ("note" if refused == "write.cache" else "fault")
    assert not cache.exists()


@pytest.mark.parametrize(
    ("variables", "status", "words"),
    [
        ({"STORYKIT_LANG": "klingon"}, "fault", "STORYKIT_LANG=klingon names no language of storykit; write"),
        ({"STORYKIT_LANG": "中文", "LANG": "zh_CN.UTF-8"}, "fault", "STORYKIT_LANG=中文"),
        ({"STORYKIT_LANG": " "}, "fault", "unset it"),
        ({"STORYKIT_LANG": "\x1b[2J"}, "fault", r"STORYKIT_LANG=\x1b[2J names"),
        ({"STORYKIT_LANG": "en", "LANG": "zh_CN.UTF-8"}, "ok", "English (STORYKIT_LANG=en)"),
        ({"LANG": "fr_FR.UTF-8"}, "ok", "English (LANG=fr_FR.UTF-8); for Chinese set STORYKIT_LANG=zh"),
        ({"STORYKIT_LANG": "", "LANG": "C"}, "ok", "English (LANG=C)"),
        ({}, "ok", "for Chinese set STORYKIT_LANG=zh"),
    ],
)
def test_a_language_that_there_is_not_is_refused_with_what_to_write(monkeypatch, variables, status, words):
    for name in LOCALES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = told(language_lines())["language"]
    assert (found[0], words in found[1]) == (status, True), found


@pytest.mark.parametrize(
    ("variables", "hub", "words"),
    [
        ({}, "modelscope", ("ok", "ModelScope answers (www.modelscope.cn)")),
        (
            {"HF_ENDPOINT": "https://me:secret@hf-mirror.com"},
            "huggingface",
            ("ok", "answers (hf-mirror.com)"),
        ),
        ({"MODELSCOPE_ENDPOINT": "hub.example.org"}, "modelscope", ("ok", "answers (hub.example.org)")),
        ({"HF_ENDPOINT": "hf-mirror.com"}, "huggingface", ("note", "HF_ENDPOINT must begin with https://")),
        ({"HF_HUB_OFFLINE": "1"}, "huggingface", ("note", "HF_HUB_OFFLINE is set")),
        ({"HF_HUB_OFFLINE": "0"}, "huggingface", ("ok", "Hugging Face answers (huggingface.co)")),
        ({"HTTPS_PROXY": "http://"}, "modelscope", ("note", "must be as http://HOST:PORT")),
    ],
)
def test_hubs_are_asked_where_the_environment_says(monkeypatch, variables, hub, words):
    for name in ("HF_ENDPOINT", "MODELSCOPE_ENDPOINT", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("all_proxy", "https_proxy", "http_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    asked = []
    found = told(hub_lines(ask_hubs(lambda address: asked.append(address) or HubAnswer())))
    status, sentence = found[f"hub.{hub}"]
    assert (status, words[1] in sentence, "secret" in sentence) == (words[0], True, False), sentence
    assert all(address.startswith("https://") for address in asked)


def kolors_in(folder, lacking=""):
    shards = {"weight_map": {"a": "pytorch_model-1.bin"}}
    files = {f"{part}/config.json": b"{}" for part in ("unet", "vae", "text_encoder")}
    files |= {f"{part}/diffusion_pytorch_model.fp16.safetensors": tensors() for part in ("unet", "vae")}
    files["text_encoder/pytorch_model.bin.index.json"] = json.dumps(shards).encode()
    files["text_encoder/pytorch_model-1.bin"] = b"PK\x05\x06" + bytes(18)  # a zip of nothing
    for name, data in files.items():
        if name != lacking:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    return folder


def tensors(lost=0):
    header = json.dumps({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4 - lost)


@pytest.mark.parametrize(
    ("name", "data", "status", "words"),
    [
        ("", b"", "ok", "is whole"),
        ("vae/config.json", None, "fault", "lacks vae/config.json; `storykit download kolors`"),
        ("text_encoder/pytorch_model-1.bin", None, "fault", "lacks text_encoder/pytorch_model-"),
        ("unet/diffusion_pytorch_model.fp16.safetensors", tensors(1), "fault", "damaged: unet/diffusion_py"),
        ("unet/diffusion_pytorch_model.fp16.safetensors", b"", "fault", "damaged: unet/diffusion_py"),
        ("text_encoder/pytorch_model-1.bin", b"half", "fault", "damaged: text_encoder/pytorch_model-1.bin"),
        (
            "text_encoder/pytorch_model.bin.index.json",
            b"[]",
            "fault",
            "text_encoder/pytorch_model.bin.index.json: ",
        ),
    ],
)
def test_kolors_is_told_whole_lacking_or_damaged(tmp_path, name, data, status, words):
    folder = kolors_in(tmp_path / "Kolors", lacking=name if data is None else "")
    if data:
        (folder / name).write_bytes(data)
    elif data == b"" and name:
        (folder / name).write_bytes(b"")
    found = told(kolors_lines(folder))["weights.kolors"]
    assert (found[0], words in found[1]) == (status, True), found


def test_kolors_in_another_place_is_named_for_the_experiment(tmp_path):
    other = kolors_in(tmp_path / "models" / "kolors")
    assert is_kolors(other)
    _, sentence = told(kolors_lines(tmp_path / "none", [tmp_path, other]))["weights.kolors"]
    assert f'write base = "{other}", where it is' in sentence
    assert told(kolors_lines(tmp_path / "none"))["weights.kolors"][0] == "note"


def test_kolors_in_diffusers_layout_is_found_and_looked_into(tmp_path):
    folder = kolors_in(tmp_path / "models--Kwai-Kolors--Kolors-diffusers" / "snapshots" / "1")
    for file in (folder / "text_encoder").glob("*model*"):
        file.unlink()
    assert not is_kolors(folder)
    (folder / "text_encoder" / "model.safetensors").write_bytes(tensors())
    assert not is_kolors(folder)  # some other model may be named so
    (folder / "model_index.json").write_text('{"_class_name": "KolorsPipeline"}')
    assert is_kolors(folder)
    assert told(kolors_lines(folder))["weights.kolors"][0] == "ok"
    (folder / "text_encoder" / "model.safetensors").write_bytes(tensors(1))
    found = told(kolors_lines(folder))["weights.kolors"]
    assert (found[0], "damaged: text_encoder/model.safetensors" in found[1]) == ("fault", True)


def test_embedded_weights_are_whole_here_and_damage_is_named(tmp_path):
    assert told(embedded_lines(SCORERS))["weights.embedded"][0] == "ok"
    base = shutil.copytree(BASE_WEIGHTS, tmp_path / "base")
    with (base / "unet.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x55")
    (base / "vae.safetensors").unlink()
    status, sentence = told(embedded_lines([*SCORERS, tmp_path], base))["weights.embedded"]
    assert status == "fault"
    assert "unet.safetensors, vae.safetensors" in sentence
    assert tmp_path.name in sentence
    (base / "config.json").write_text('{"sha256": 3}')
    assert "config.json" in told(embedded_lines(SCORERS, base))["weights.embedded"][1]
    assert all(map(is_whole, LORAS.glob("*.safetensors")))


@pytest.mark.parametrize(
    ("variable", "below", "files"),
    [
        (
            "HF_HUB_CACHE",
            "models--shunk031--aesthetics-predictor-v2-sac-logos-ava1-l14-linearMSE/snapshots/1",
            ("config.json", "preprocessor_config.json", "model.safetensors"),
        ),
        (
            "MODELSCOPE_CACHE",
            "hub/models/AI-ModelScope/aesthetics-predictor-v2-sac-logos-ava1-l14-linearMSE",
            ("config.json", "preprocessor_config.json", "pytorch_model.bin"),
        ),
        (
            "HF_HUB_CACHE",
            "models--laion--CLIP-ViT-L-14/snapshots/1",
            ("open_clip_config.json", "open_clip_model.safetensors"),
        ),
        ("STORYKIT_MODELS", "clip", ("open_clip_config.json", "open_clip_pytorch_model.bin")),
    ],
)
def test_the_contests_scorers_are_found_in_the_usual_places(tmp_path, monkeypatch, variable, below, files):
    fits = is_predictor if "predictor" in below else is_clip
    monkeypatch.setenv(variable, str(tmp_path))
    (tmp_path / below).mkdir(parents=True)
    for name in files[:-1]:
        (tmp_path / below / name).touch()
    assert tmp_path / below not in filter(fits, models_in_usual_places())
    (tmp_path / below / files[-1]).touch()
    assert tmp_path / below in filter(fits, models_in_usual_places())
    found = told(scorer_lines([tmp_path / below]))
    assert {found[id_][0] for id_ in ("weights.predictor", "weights.clip")} == {"ok", "note"}


def refuse(*_):
    raise OSError("Input/output error")


def test_whatever_fails_while_it_looks_is_a_line_and_stops_nothing():
    found = told(
        examine(
            Machine(torch=refuse, head=refuse, version_of=refuse, memory=refuse, disk=refuse, models=refuse)
        )
    )
    for id_ in ("torch", "libraries", "memory", "disk", "weights.kolors", "weights.scorers"):
        assert found[id_] == ("note", "could not be looked at: Input/output error; ")
    assert found["python"][0] == "ok"
    assert {"hub.modelscope", "clock", "language"} <= set(found)


def test_the_doctor_needs_no_more_libraries_than_any_command():
    script = (
        "import sys, storykit.cli.main\n"
        "def libraries(): return {name.partition('.')[0] for name in sys.modules}\n"
        "before = libraries(); import kit.doctor.examine\n"
        "print(sorted(libraries() - before - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_bug_report_is_english_and_names_no_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "jane"))
    monkeypatch.setenv("STORYKIT_MODELS", str(tmp_path / "jane" / "models"))
    kolors_in(tmp_path / "jane" / "models" / "Kolors", lacking="vae/config.json")
    for language in ("en", "zh"):
        monkeypatch.setenv("STORYKIT_LANG", language)
        machine = Machine(
            scorers=SCORERS, torch=torch_with, head=lambda _: HubAnswer("no route"), now=lambda: NOW
        )
        records = {one["id"]: one for one in (found.record() for found in examine(machine))}
        assert "jane" not in json.dumps(records)
        assert records["weights.kolors"]["told"] == "Kolors in ~/models/Kolors lacks vae/config.json"
        assert records["hub.modelscope"]["told"] == "ModelScope (www.modelscope.cn): no route"


@pytest.mark.parametrize(
    ("found", "code", "last"),
    [
        ([ok("clock", "it is noon"), note("gpu", "none", "buy one")], 0, "total   0 faults, 1 note"),
        ([fault("disk", "is full", "make room")], 1, "total   1 fault, 0 notes"),
    ],
)
def test_a_fault_alone_ends_the_command_with_1(found, code, last, capsys):
    with nullcontext() if code == 0 else pytest.raises(typer.Exit) as end:
        say_found(found, as_json=False)
    assert end is None or end.value.exit_code == code
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{one.status:8}{'; '.join(filter(None, (one.told, one.do)))}" for one in found] + [last]
    with suppress(typer.Exit):
        say_found(found, as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], len(report["checks"])) == (code == 0, len(found))


def test_other_bases_are_told_with_what_draws_them(tmp_path):
    assert told(bases_lines(tmp_path, lambda name: "0.35.2"))["bases"][0] == "ok"
    without = told(bases_lines(tmp_path, lambda name: None))["bases"]
    assert without[0] == "ok", "nobody needs them"
    assert (
        "cannot be drawn without diffusers, compel; to draw with them: `pip install storykit[bases]`"
        in without[1]
    )
    (tmp_path / "owner/model").mkdir(parents=True)
    index = '{"_class_name": "StableDiffusionXLPipeline"}'
    (tmp_path / "owner/model/model_index.json").write_text(index)
    (tmp_path / "owner/other").mkdir()
    (tmp_path / "owner/other/model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    assert told(bases_lines(tmp_path, lambda name: None))["bases"][0] == "note", "one was downloaded"
    found = told(bases_lines(tmp_path, {"diffusers": "0.35.2", "compel": "2.1.1"}.get))["bases"]
    assert found == (
        "ok",
        "SDXL, Stable Diffusion and Stable Cascade can be drawn; downloaded: owner/model; ",
    )
    assert "diffusers is 0.40.0, tested was 0.35.2" in str(
        told(bases_lines(tmp_path, {"diffusers": "0.40.0", "compel": "2.1.1"}.get))["library.diffusers"]
    )
