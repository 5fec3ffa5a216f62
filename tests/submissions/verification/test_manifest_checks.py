import json
import random
import re

import pytest
from bundles import faults_told
from entries import forge, lora_bytes, picture_bytes, repack, unpack, verified

from kit.files.encodings import sha256_bytes, zip_bytes
from kit.files.safetensors_files import read_safetensors
from submissions.bundle.lora_files import lora_forms
from submissions.bundle.manifest import LoraRecord
from submissions.untrusted.lora_reader import LoraFile


@pytest.mark.parametrize(
    "name", ["README.md", "NOTICE", "panels/3.png", "scores.csv", "lora/ink.safetensors"]
)
def test_a_lost_file_is_named(bundle, name):
    repack(bundle, lambda files: files.pop(name))
    assert f"{name}: is in the manifest but not in the bundle" in faults_told(bundle)


def test_a_file_that_nobody_listed_is_named(bundle):
    repack(bundle, lambda files: files.update({"notes.txt": b"hello"}))
    assert faults_told(bundle) == "notes.txt: is in the bundle but not in the manifest"


def test_one_flipped_byte_of_any_file_is_found_and_the_file_named(light, tmp_path):
    bundle = tmp_path / "entry.zip"
    bundle.write_bytes(light)
    files = unpack(bundle)
    chance = random.Random(0)
    for name, data in files.items():
        spoilt = bytearray(data)
        spoilt[chance.randrange(len(data))] ^= chance.randrange(1, 256)
        bundle.write_bytes(zip_bytes(files | {name: bytes(spoilt)}))
        assert any(fault.place.startswith(name) for fault in verified(bundle)), name


def test_a_space_more_in_the_manifest_is_found(bundle):
    repack(bundle, lambda files: files.update({"manifest.json": files["manifest.json"] + b" "}))
    assert faults_told(bundle) == "manifest.json: is not as it was packed, its seal does not fit (pack again)"


def test_a_checkpoint_with_other_numbers_than_the_lora_is_found_without_opening_it(bundle):
    def change(files, manifest):
        data = files["lora/ink.ckpt"]
        files["lora/ink.ckpt"] = data[:-30] + b"\x00" + data[-29:]

    assert "lora/ink.ckpt: is not lora/ink.safetensors in another form, byte by byte" in faults_told(
        forge(bundle, change)
    )


def test_a_painted_over_panel_is_named(bundle):
    repack(bundle, lambda files: files.update({"panels/2.png": picture_bytes(9, {})}))
    assert "panels/2.png: is not the file in the manifest, its sha256 or size differs" in faults_told(bundle)


def test_every_fault_of_a_manifest_is_named_with_its_place(bundle):
    def spoil(files):
        manifest = json.loads(files["manifest.json"])
        manifest["panels"][2]["seed"] = "three"
        manifest["gate"]["score"] = None
        manifest["extra"] = 1
        files["manifest.json"] = json.dumps(manifest).encode()

    said = faults_told(repack(bundle, spoil))
    for place in ("manifest.json, panels[2].seed: ", "manifest.json, gate.score: ", "manifest.json, extra: "):
        assert place in said


def _score(files, manifest):
    manifest["gate"]["score"] = 9.0


def _scores(files, manifest):
    files["scores.csv"] = files["scores.csv"].replace(b",6.0,", b",5.0,")


def _seven(files, manifest):
    manifest["panels"].pop()
    del files["panels/8.png"]


def _rank(files, manifest):
    manifest["lora"]["rank"] = 3


def _other_lora(files, manifest):
    files["lora/ink.safetensors"] = lora_bytes({"rank": "2"})


def _truncated_lora(files, manifest):
    files["lora/ink.safetensors"] = lora_bytes()[:-4]


def _settings(files, manifest):
    files["settings.json"] = files["settings.json"].replace(b'"steps": 2', b'"steps": 50')


def _configuration(files, manifest):
    files["configuration.json"] = b"{}"


def _csv(files, manifest):
    files["prompts.csv"] = files["prompts.csv"].replace("第3幕".encode(), "第4幕".encode())


def _no_json(files, manifest):
    files["prompts.json"] = b"[" * 100_000


def _unknown_rules(files, manifest):
    manifest["rules"] = "../../etc/passwd"


def _infinite(files, manifest):
    manifest["base"]["dtype"] = float("inf")


def _endless_alpha(files, manifest):
    manifest["lora"]["alpha"] = 1e300


def _huge_scores(files, manifest):
    files["scores.csv"] = re.sub(rb",[67]\.[0-9]+,", b",1e308,", files["scores.csv"])


def _lost_batch(files, manifest):
    manifest["batches"] = [{"seed": 3, "prompts": ["another prompt"], "compiled": False}]


def _many_batches(files, manifest):
    alone = {"seed": 9, "prompts": ["another prompt"], "compiled": False}
    prompts = [panel["prompt"] for panel in manifest["panels"]]
    manifest["batches"] = [{"seed": 3, "prompts": prompts, "compiled": False}, alone]


def _crowded_batch(files, manifest):
    manifest["batches"] = [{"seed": 3, "prompts": ["p"] * 9, "compiled": False}]


def _short_of_seeds(files, manifest):
    manifest["batches"] = [{"seed": [31, 32], "prompts": ["p"] * 3, "compiled": False}]


def _seeds_twice(files, manifest):
    manifest["batches"] = [{"seed": [31, 31], "prompts": ["p", "q"], "compiled": False}]


def _seeds_of_one(files, manifest):
    manifest["batches"] = [{"seed": [31], "prompts": ["p"], "compiled": False}]


def _worded_seeds(files, manifest):
    manifest["batches"] = [{"seed": "31, 32", "prompts": ["p", "q"], "compiled": False}]


def _endless_seed(files, manifest):
    manifest["panels"][0]["seed"] = 2**70


def _endless_steps(files, manifest):
    manifest["settings"]["steps"] = 10**9


def _own_notice(files, manifest):
    manifest["notice"] = "\x1b[31mbuy this"


def _one_name_twice(files, manifest):
    manifest["lora"]["checkpoint"] = manifest["lora"]["file"]
    del files["lora/ink.ckpt"]


def _lora(data, **said):
    """Forge another LoRA in all its forms, as if the manifest said something else of it."""

    def forgery(files, manifest):
        record = LoraRecord.model_validate(manifest["lora"] | said)
        files |= {name: b"".join(form()) for name, form in lora_forms(record, LoraFile(data=data)).items()}
        manifest["lora"]["sha256"] = sha256_bytes(files["lora/ink.safetensors"])

    return forgery


def _flat(data, value):
    return data[:-64] + value * (64 // len(value))


def _header(change):
    """Write the LoRA's header otherwise, so that it says the same to whoever parses it."""

    def forgery(files, manifest):
        data = files["lora/ink.safetensors"]
        end = 8 + int.from_bytes(data[:8], "little")
        header = change(data[8:end].rstrip())
        header += b" " * (-len(header) % 8)
        files["lora/ink.safetensors"] = len(header).to_bytes(8, "little") + header + data[end:]
        assert read_safetensors(files["lora/ink.safetensors"])[:2] == read_safetensors(data)[:2]
        manifest["lora"]["sha256"] = sha256_bytes(files["lora/ink.safetensors"])

    return forgery


def _twice(header):
    """Say the first tensor's place twice; parsers take the last."""
    first = header.index(b'"lora_unet')
    entry = header[first : header.index(b"}", first) + 1]
    return header[:first] + entry.replace(b"F16", b"F32").replace(b"F32", b"F16") + b"," + header[first:]


def _checkpoint(change):
    def forgery(files, manifest):
        files["lora/ink.ckpt"] = change(files["lora/ink.ckpt"])

    return forgery


def _table(change):
    def forgery(files, manifest):
        files["prompts.csv"] = change(files["prompts.csv"])

    return forgery


def _long(files, manifest):
    manifest["lora"]["notes"] = {f"note {number}": "" for number in range(40_000)}


HIDING = [
    *(
        (_header(change), "lora/ink.safetensors: is not in the one form that pack writes")
        for change in (
            lambda header: header + b" \t\n" * 300,
            lambda header: header + b" " * 8,
            lambda header: header.replace(b",", b", ", 1),
            lambda header: header.replace(b"rank", b"\\u0072ank"),
            lambda header: header.replace(b'"rank":"2"', b'"rank":"hf_","rank":"2"'),
            _twice,
        )
    ),
    *(
        (_checkpoint(change), "lora/ink.ckpt: is not lora/ink.safetensors in another form, byte by byte")
        for change in (
            lambda data: data + b"hidden",
            lambda data: data.replace(b"cpu", b"CPU", 1),
            lambda data: data[:-2] + b"\6\0hidden",
        )
    ),
    *(
        (
            _table(change),
            "prompts.csv: does not give each panel the prompt it has in the manifest (pack again)",
        )
        for change in (
            lambda data: data.replace(b"\n", b"\r\n"),
            lambda data: data.replace(b"\n1,", b'\n"1",'),
            lambda data: data.removeprefix(b"\xef\xbb\xbf"),
            lambda data: data + b"\n",
            lambda data: data + 400_000 * b"1\n",
        )
    ),
]
"""What says the same to whoever reads it, and could say more to whoever knows where to look."""


def _trigger(files, manifest):
    manifest["lora"]["trigger"] = "another word"


FORGERIES = [
    *HIDING,
    (_long, " bytes, 524288 are the most (pack again)"),
    (_infinite, "manifest.json: Invalid JSON"),
    (_endless_alpha, "manifest.json, lora.alpha: must be at most 1000000"),
    (_huge_scores, "scores.csv: line 2: aesthetic must be from -10 to 10, got '1e308'"),
    (_lost_batch, "manifest.json, batches: must have each panel in one of the batches"),
    (_many_batches, "manifest.json, batches: must have each panel in one of the batches and a panel in each"),
    (_crowded_batch, "manifest.json, batches[0].prompts: must have at most 8 items"),
    (_short_of_seeds, "manifest.json, batches[0]: seed must be one of all pictures, or one each"),
    (_seeds_twice, "manifest.json, batches[0]: seed must be one of all pictures, or one each"),
    (_seeds_of_one, "manifest.json, batches[0]: seed must be one of all pictures, or one each"),
    (_worded_seeds, "manifest.json, batches[0].seed"),
    (_endless_seed, "manifest.json, panels[0].seed: must be less than 9223372036854775808"),
    (_endless_steps, "manifest.json, settings.steps: must be at most 1000"),
    (_own_notice, "manifest.json, notice: must be '' or 'embedded base"),
    (_one_name_twice, "lora/ink.ckpt: is missing, the LoRA is handed in in this form too"),
    (_lora(_flat(lora_bytes(), b"\x00\x7c")), "lora/ink.safetensors: holds numbers that are not finite"),
    *(
        (
            _lora(_flat(lora_bytes(), text)),
            "lora/ink.safetensors: holds numbers beyond 1024, which no training",
        )
        for text in (b"hf_a", b"AKIAABCDEFGHIJqx", b"\x01\x64", b"\x01\xe4")
    ),
    (_lora(_flat(lora_bytes(), b"\x00\x00")), "lora/ink.safetensors: changes nothing"),
    (
        _lora(lora_bytes(), alpha=99.0),
        "lora/ink.safetensors: must have alpha 4.0 as the manifest says, got 99.0",
    ),
    (
        _lora(lora_bytes(), alpha=99.0),
        "lora/ink.safetensors: is not in the one form that pack writes, with the alpha of the manifest",
    ),
    (_lora(lora_bytes({"note": "x" * 70_000})), "lora/ink.safetensors: carries 7"),
    (_trigger, "manifest.json, lora.trigger: must stand in front of every prompt"),
    (_score, "scores.csv: has mean aesthetic score 6.5000, the manifest says 9.0000"),
    (_scores, "scores.csv: has mean aesthetic score 6.3750, the manifest says 6.5000"),
    (_seven, "manifest.json: must have 8 panels, got 7"),
    (_rank, "lora/ink.safetensors: must have rank 3 as the manifest says, got 2"),
    (_other_lora, "manifest.json, lora: has two different sha256"),
    (_truncated_lora, "lora/ink.safetensors: is not a whole safetensors file"),
    (_settings, "settings.json: does not say what it must by the manifest"),
    (_configuration, "configuration.json: does not say what it must by the manifest"),
    (_csv, "prompts.csv: does not give each panel the prompt it has in the manifest"),
    (_no_json, "prompts.json: does not say what it must by the manifest"),
    (_unknown_rules, "manifest.json: is for the contest '../../etc/passwd', which storykit does not know"),
]


@pytest.mark.parametrize(
    ("change", "fault"), FORGERIES, ids=lambda value: getattr(value, "__name__", "fault")
)
def test_a_forged_bundle_is_found_out(bundle, change, fault):
    assert fault in faults_told(forge(bundle, change))
