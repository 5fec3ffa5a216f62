import io
import json
import random
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from entries import (
    KOLORS,
    MINI,
    forge,
    lora_bytes,
    make_entry,
    make_scored_run,
    picture_bytes,
    repack,
    run_identity,
    unpack,
    verified,
)
from hostile import chunk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from kit.errors import BundleError
from kit.files.encodings import canonical_json, sha256_bytes, zip_bytes
from kit.files.safetensors_files import read_safetensors
from submissions.bundle.bundle import open_bundle
from submissions.bundle.lora_files import lora_forms
from submissions.bundle.manifest import LoraRecord
from submissions.contest.rules import load_rules
from submissions.faults import Fault
from submissions.packing.pack import pack
from submissions.untrusted.secret_scan import find_leaks
from submissions.untrusted.zip_reader import MAX_ENTRIES, read_zip
from submissions.verification.verify import verify

TOKENS = {
    "Hugging Face token": "hf_" + "aB3" * 11,
    "ModelScope token": "c1e8a4ea-36b5-4e62-" + "b20a-672b48361817",
    "OpenAI key": "sk-proj-" + "a1B2" * 8,
    "AWS key": "AKIA" + "ABCDEFGH12345678",
    "GitHub token": "ghp_" + "x1Y2" * 9,
    "private key": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
    "secret": 'api_key = "' + "abcdef0123456789abcd" + '"',
    "e-mail address": "someone" + "@" + "mail.example.org",
}
PATHS = (
    "/home/me/loras/ink.safetensors",
    "/root/work",
    "/mnt/workspace/kolors",
    "C:\\Users\\me\\ink",
    "D:/loras/ink",
    "\\\\server\\share\\ink",
    "~/loras/ink",
    "~me/loras/ink",
    "file:///tmp/x",
    '"path": "/Users/me/x"',
)
HARMLESS = (
    "https://modelscope.cn/models/team/ink",
    "男/女/老人/小孩",
    "style and/or mood, 1/2 light, 4x2, 24/7",
    "lora/ink.safetensors and panels/1.png",
    "a cat @ the bridge, ratio 16:9, (lantern:1.2)",
    '"tokenizer": "chatglm", "tokens": 77',
    "8d814ba79bc5571eb5bafd60f6a52b75f9e4ce9d4713d867659697b0877ac8b7",
    "</p> <br/> // comment",
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> bytes:
    """The bytes of a sound bundle whose mosaics are small."""
    folder = tmp_path_factory.mktemp("sound")
    path = pack(make_scored_run(folder / "work"), make_entry(folder)).path

    def shrink(files, manifest):
        files |= {name: picture_bytes(1, {}) for name in files if name.startswith("mosaic")}

    return forge(path, shrink).read_bytes()


@pytest.fixture
def bundle(sound, tmp_path) -> Path:
    (tmp_path / "entry.zip").write_bytes(sound)
    return tmp_path / "entry.zip"


def told(path: Path, **more: object) -> str:
    return "\n".join(map(str, verified(path, **more)))


def entry_of(name: str, data: bytes = b"x", **changes: object) -> tuple[zipfile.ZipInfo, bytes]:
    entry = zipfile.ZipInfo(name)
    for attribute, value in changes.items():
        setattr(entry, attribute, value)
    return entry, data


def hostile(path: Path, *entries: tuple[zipfile.ZipInfo, bytes]) -> Path:
    """Write a zip with hand-made entries beside a sound bundle's."""
    with zipfile.ZipFile(path, "a") as archive:
        for entry, data in entries:
            archive.writestr(entry, data)
    return path


def test_a_sound_bundle_has_no_fault(bundle):
    assert verified(bundle) == ()


def test_a_bundle_packed_anew_by_another_zip_tool_has_no_fault(bundle):
    files = unpack(bundle)
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("panels")
        for name, data in reversed(files.items()):
            archive.writestr(name, data)
    assert verified(bundle) == ()


def test_verifying_writes_nothing(bundle):
    before = sorted(bundle.parent.rglob("*"))
    verified(bundle)
    assert sorted(bundle.parent.rglob("*")) == before


def test_a_bundle_that_is_not_there_is_one_clear_error(tmp_path):
    with pytest.raises(BundleError, match=r"a bundle must be a zip file, there is none at none\.zip"):
        verified(tmp_path / "none.zip")


@pytest.mark.parametrize("data", [b"", b"PK", b"hello" * 100, b"\x89PNG\r\n\x1a\n" + b"0" * 50])
def test_a_file_that_is_no_zip_is_a_fault(tmp_path, data):
    (tmp_path / "entry.zip").write_bytes(data)
    assert "bundle: is damaged or not a zip" in told(tmp_path / "entry.zip")


def test_an_empty_zip_is_a_fault(tmp_path):
    (tmp_path / "entry.zip").write_bytes(zip_bytes({}))
    assert told(tmp_path / "entry.zip") == "bundle: is empty"


# files and hashes


@pytest.mark.parametrize(
    "name", ["README.md", "NOTICE", "panels/3.png", "scores.csv", "lora/ink.safetensors"]
)
def test_a_lost_file_is_named(bundle, name):
    repack(bundle, lambda files: files.pop(name))
    assert f"{name}: is in the manifest but not in the bundle" in told(bundle)


def test_a_file_that_nobody_listed_is_named(bundle):
    repack(bundle, lambda files: files.update({"notes.txt": b"hello"}))
    assert told(bundle) == "notes.txt: is in the bundle but not in the manifest"


def test_a_picture_among_the_panels_that_is_none_is_named(bundle):
    repack(bundle, lambda files: files.update({"panels/mosaic.png": picture_bytes(9, {})}))
    assert "panels/mosaic.png: lies in the folder that the contest scores" in told(bundle)


def test_a_panel_that_is_there_twice_is_named(bundle):
    def copy(files, manifest):
        files["panels/5.png"] = files["panels/2.png"]

    assert "panels/5.png: is the same picture as panels/2.png" in told(forge(bundle, copy))


def test_everything_that_must_not_go_out_is_listed_at_once(bundle):
    def spoil(files, manifest):
        files["prompts.csv"] += TOKENS["ModelScope token"].encode()
        files["panels/1.png"] = picture_bytes(1, {"Software": PATHS[0]})
        files["panels/mosaic.png"] = picture_bytes(2, {})
        manifest["panels"].pop()
        del files["panels/8.png"]
        files["lora/ink.safetensors"] = lora_bytes(rank=4)
        manifest["introduction"] = "TODO: 介绍一下这个用四十张水墨画训练的 LoRA"

    said = told(forge(bundle, spoil))
    for fault in (
        "prompts.csv, line 10: holds a ModelScope token",
        "panels/1.png text, line 2: holds an absolute path",
        "panels/mosaic.png: lies in the folder that the contest scores",
        "manifest.json: must have 8 panels, got 7",
        "lora/ink.safetensors: must have rank 2 as the manifest says, got 4",
        "introduction: still holds the placeholder 'TODO'",
    ):
        assert fault in said


@pytest.mark.parametrize("seed", range(3))
def test_one_flipped_byte_of_any_file_is_found_and_the_file_named(bundle, seed):
    files = unpack(bundle)
    chance = random.Random(seed)
    for name, data in files.items():
        spoilt = bytearray(data)
        spoilt[chance.randrange(len(data))] ^= chance.randrange(1, 256)
        bundle.write_bytes(zip_bytes(files | {name: bytes(spoilt)}))
        assert any(fault.place.startswith(name) for fault in verified(bundle)), name


def test_a_space_more_in_the_manifest_is_found(bundle):
    repack(bundle, lambda files: files.update({"manifest.json": files["manifest.json"] + b" "}))
    assert told(bundle) == "manifest.json: is not as it was packed, its seal does not fit (pack again)"


@pytest.mark.parametrize(
    "name", ["lora/ink.ckpt", "pytorch_lora_weights.safetensors", "lora/ink-comfyui.safetensors"]
)
def test_another_form_of_the_lora_with_other_numbers_is_found_without_opening_it(bundle, name):
    def change(files, manifest):
        files[name] = files[name][:-30] + b"\x00" + files[name][-29:]

    assert f"{name}: is not lora/ink.safetensors in another form, byte by byte" in told(forge(bundle, change))


def test_a_painted_over_panel_is_named(bundle):
    repack(bundle, lambda files: files.update({"panels/2.png": picture_bytes(9, {})}))
    assert "panels/2.png: is not the file in the manifest, its sha256 or size differs" in told(bundle)


def test_a_bundle_without_a_manifest_still_has_its_files_looked_at(bundle):
    def spoil(files):
        del files["manifest.json"]
        files["panels/1.png"] = b"no picture"

    said = told(repack(bundle, spoil))
    assert "manifest.json: is missing" in said
    assert "panels/1.png: is not a PNG picture" in said


def test_every_fault_of_a_manifest_is_named_with_its_place(bundle):
    def spoil(files):
        manifest = json.loads(files["manifest.json"])
        manifest["panels"][2]["seed"] = "three"
        manifest["gate"]["score"] = None
        manifest["extra"] = 1
        files["manifest.json"] = json.dumps(manifest).encode()

    said = told(repack(bundle, spoil))
    for place in ("manifest.json, panels[2].seed: ", "manifest.json, gate.score: ", "manifest.json, extra: "):
        assert place in said


def test_all_problems_are_told_at_once(bundle):
    def spoil(files):
        del files["NOTICE"]
        files["panels/1.png"] = b"no picture"
        files["panels/2.png"] = picture_bytes(9, {})
        files["post.txt"] = b"another title\n"

    said = told(repack(bundle, spoil))
    for fault in (
        "NOTICE: is in the manifest",
        "panels/1.png: is not a PNG",
        "panels/2.png: is not the file",
        "post.txt: is not the text",
    ):
        assert fault in said


# what a forger would do: hashes anew


def _prompt(files, manifest):
    manifest["panels"][0]["prompt"] = "another prompt"


def _seed(files, manifest):
    manifest["panels"][0]["seed"] = 4


def _score(files, manifest):
    manifest["gate"]["score"] = 9.0


def _scores(files, manifest):
    files["scores.csv"] = files["scores.csv"].replace(b",6.0,", b",5.0,")


def _low(files, manifest):
    files["scores.csv"] = files["scores.csv"].replace(b",6.", b",5.").replace(b",7.", b",5.")
    manifest["gate"]["score"] = (5.5 + 5.25 + 5.75 + 5.5 + 5.0 + 5.0 + 5.5 + 5.5) / 8


def _name(files, manifest):
    manifest["name"] = "best entry"


def _introduction(files, manifest):
    manifest["introduction"] = "TODO"


def _big(files, manifest):
    files["panels/1.png"] = picture_bytes(1, {}, size=64)
    manifest["panels"][0]["sha256"] = sha256_bytes(files["panels/1.png"])


def _seven(files, manifest):
    manifest["panels"].pop()
    del files["panels/8.png"]


def _rank(files, manifest):
    manifest["lora"]["rank"] = 3


def _other_lora(files, manifest):
    files["lora/ink.safetensors"] = lora_bytes({"rank": "2"})


def _second_lora(files, manifest):
    files["lora/wash.safetensors"] = lora_bytes()


def _no_lora(files, manifest):
    manifest["lora"] = None
    del files["lora/ink.safetensors"]


def _truncated_lora(files, manifest):
    files["lora/ink.safetensors"] = lora_bytes()[:-4]


def _settings(files, manifest):
    files["settings.json"] = files["settings.json"].replace(b'"steps": 2', b'"steps": 50')


def _configuration(files, manifest):
    files["configuration.json"] = b"{}"


def _csv(files, manifest):
    files["prompts.csv"] = files["prompts.csv"].replace("第3幕".encode(), "第4幕".encode())


def _card(files, manifest):
    files["README.md"] = b"# hello\n"


def _no_json(files, manifest):
    files["prompts.json"] = b"[" * 100_000


def _latin(files, manifest):
    files["NOTICE"] = b"\xff\xfe"


def _leak(files, manifest):
    files["README.md"] += TOKENS["Hugging Face token"].encode()


def _picture_leak(files, manifest):
    files["mosaic-2x4.png"] = picture_bytes(1, {"Author": TOKENS["e-mail address"]})


def _lora_leak(files, manifest):
    files["lora/ink.safetensors"] = lora_bytes({"ss_output_name": PATHS[0]})
    manifest["lora"]["sha256"] = sha256_bytes(files["lora/ink.safetensors"])


def _hidden_base(files, manifest):
    manifest["base"] = dict(MINI)


def _unknown_rules(files, manifest):
    manifest["rules"] = "../../etc/passwd"


def _infinite(files, manifest):
    manifest["base"]["dtype"] = float("inf")


def _endless_alpha(files, manifest):
    manifest["lora"]["alpha"] = 1e300


def _huge_scores(files, manifest):
    files["scores.csv"] = re.sub(rb",[67]\.[0-9]+,", b",1e308,", files["scores.csv"])


def _recipe(change):
    """Forge the recipe inside the first panel, its key and every hash."""

    def forgery(files, manifest):
        panel = manifest["panels"][0]
        with Image.open(io.BytesIO(files[panel["file"]])) as old:
            made = json.loads(old.info["storykit"])
        made |= change
        shaping = {name: value for name, value in made.items() if name not in ("storykit", "key")}
        made["key"] = panel["key"] = sha256_bytes(canonical_json(shaping))
        _panel(files, manifest, picture_bytes(1, {"storykit": canonical_json(made).decode()}))

    forgery.__name__ = f"_recipe_{next(iter(change))}"
    return forgery


def _panel(files, manifest, data):
    panel = manifest["panels"][0]
    before, panel["sha256"] = panel["sha256"], sha256_bytes(data)
    files[panel["file"]] = data
    files["scores.csv"] = files["scores.csv"].replace(before.encode(), panel["sha256"].encode())


def _no_recipe(files, manifest):
    _panel(files, manifest, picture_bytes(1, {}))


def _odd_recipe(files, manifest):
    _panel(files, manifest, picture_bytes(1, {"storykit": '{"cfg": NaN}'}))


def _other_parameters(files, manifest):
    with Image.open(io.BytesIO(files["panels/1.png"])) as old:
        texts = {"storykit": old.info["storykit"], "parameters": "a dog\nSteps: 1, Seed: 2, CFG scale: 3"}
    _panel(files, manifest, picture_bytes(1, texts))


def _transparent(files, manifest):
    picture = Image.open(io.BytesIO(files["panels/1.png"])).convert("RGBA")
    picture.putalpha(0)
    file = io.BytesIO()
    picture.save(file, "PNG")
    _panel(files, manifest, file.getvalue())


def _private_chunk(files, manifest):
    data = files["mosaic-2x4.png"]
    files["mosaic-2x4.png"] = data[:33] + chunk(b"prVt", b"anything") + data[33:]


def _moving(files, manifest):
    file = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    files["mosaic-2x4.png"] = file.getvalue()


def _lost_batch(files, manifest):
    manifest["batches"] = [{"seed": 3, "prompts": ["another prompt"], "compiled": False}]


def _many_batches(files, manifest):
    alone = {"seed": 9, "prompts": ["another prompt"], "compiled": False}
    prompts = [panel["prompt"] for panel in manifest["panels"]]
    manifest["batches"] = [{"seed": 3, "prompts": prompts, "compiled": False}, alone]


def _crowded_batch(files, manifest):
    manifest["batches"] = [{"seed": 3, "prompts": ["p"] * 9, "compiled": False}]


def _endless_seed(files, manifest):
    manifest["panels"][0]["seed"] = 2**70


def _endless_steps(files, manifest):
    manifest["settings"]["steps"] = 10**9


def _own_notice(files, manifest):
    manifest["notice"] = "\x1b[31mbuy this"


def _pickle(files, manifest):
    files["pytorch_lora_weights.bin"] = b"cos\nsystem\n(S'true'\ntR."


def _one_name_twice(files, manifest):
    manifest["lora"]["diffusers"] = manifest["lora"]["comfyui"]
    del files["pytorch_lora_weights.safetensors"]


def _lora(data):
    """Forge another LoRA in all its forms."""

    def forgery(files, manifest):
        manifest["lora"] |= {"sha256": sha256_bytes(data)}
        record = LoraRecord.model_validate({**manifest["lora"], "notes": manifest["lora"]["notes"]})
        files["lora/ink.safetensors"] = data
        files |= {name: form() for name, form in lora_forms(record, read_safetensors(data)).items()}

    return forgery


def _flat(data, value):
    return data[:-64] + value * (64 // len(value))


def _trigger(files, manifest):
    manifest["lora"]["trigger"] = "another word"


OTHER = "panels/1.png: holds a recipe with another {} than the manifest's"
FORGERIES = [
    (_infinite, "manifest.json: Invalid JSON"),
    (_endless_alpha, "manifest.json, lora.alpha: Input should be less than or equal to 1000000"),
    (_huge_scores, "scores.csv: must have aesthetic scores within 100"),
    (
        _recipe({"base": {"name": "mini"}}),
        "panels/1.png: holds a recipe with another base than the manifest's",
    ),
    (_recipe({"steps": 50}), OTHER.format("steps")),
    (_recipe({"cfg": 7.5}), OTHER.format("cfg")),
    (
        _recipe({"noise": "contest on cuda"}),
        "panels/1.png: holds a recipe with another noise than the manifest's",
    ),
    (_recipe({"lora": None}), OTHER.format("lora")),
    (_recipe({"negative": "cat"}), OTHER.format("negative")),
    (_no_recipe, "panels/1.png: must hold its recipe"),
    (_odd_recipe, "panels/1.png: holds a recipe that is no JSON"),
    (_other_parameters, "panels/1.png: says other settings in its parameters than in its recipe"),
    (_transparent, "panels/1.png: must be an RGB picture, got RGBA"),
    (_private_chunk, "mosaic-2x4.png: holds a chunk prVt, which no picture here needs"),
    (_moving, "mosaic-2x4.png: holds a chunk acTL, which no picture here needs"),
    (_lost_batch, "manifest.json, batches: must have each panel in one of the batches"),
    (_many_batches, "manifest.json, batches: must have each panel in one of the batches and a panel in each"),
    (_crowded_batch, "manifest.json, batches[0].prompts: Tuple should have at most 8 items"),
    (_endless_seed, "manifest.json, panels[0].seed: Input should be less than 9223372036854775808"),
    (_endless_steps, "manifest.json, settings.steps: Input should be less than or equal to 1000"),
    (_own_notice, "manifest.json, notice: Input should be '' or 'embedded base"),
    (_pickle, "pytorch_lora_weights.bin: is no part of a bundle"),
    (_one_name_twice, "pytorch_lora_weights.safetensors: is missing, the LoRA is handed in in this form too"),
    (_lora(_flat(lora_bytes(), b"\x00\x7c")), "lora/ink.safetensors: holds numbers that are not finite"),
    (_lora(_flat(lora_bytes(), b"\x00\x00")), "lora/ink.safetensors: changes nothing"),
    (
        _lora(lora_bytes({"alpha": "99"})),
        "lora/ink.safetensors: must have alpha 4.0 as the manifest says, got 99",
    ),
    (_lora(lora_bytes({"note": "x" * 70_000})), "lora/ink.safetensors: carries 70006 characters of metadata"),
    (_trigger, "manifest.json, lora.trigger: must stand in front of every prompt"),
    (_prompt, OTHER.format("prompt")),
    (_prompt, "prompts.json: does not say what it must by the manifest"),
    (_seed, OTHER.format("seed")),
    (_score, "scores.csv: has mean aesthetic score 6.5000, the manifest says 9.0000"),
    (_scores, "scores.csv: has mean aesthetic score 6.3750, the manifest says 6.5000"),
    (_low, "gate: mean aesthetic score must be at least 6, got 5.3750"),
    (_name, "manifest.json, name: must be '云上画师-可图Kolors训练-墨猫夜行记', got 'best entry'"),
    (_introduction, "introduction: still holds the placeholder 'TODO'"),
    (_introduction, "README.md: is not the text that follows from the manifest and the contest's rules"),
    (_big, "panels/1.png: must be 32 x 32 pixels, got 64 x 64"),
    (_seven, "manifest.json: must have 8 panels, got 7"),
    (_rank, "lora/ink.safetensors: must have rank 3 as the manifest says, got 2"),
    (_other_lora, "manifest.json, lora: has two different sha256"),
    (_second_lora, "lora/wash.safetensors: is no part of a bundle (take it out)"),
    (_no_lora, "lora: is missing, the contest asks for one"),
    (_truncated_lora, "lora/ink.safetensors: is not a whole safetensors file"),
    (_settings, "settings.json: does not say what it must by the manifest"),
    (_configuration, "configuration.json: does not say what it must by the manifest"),
    (_csv, "prompts.csv: does not give each panel the prompt it has in the manifest"),
    (_card, "README.md: is not the text that follows from the manifest and the contest's rules"),
    (_no_json, "prompts.json: does not say what it must by the manifest"),
    (_latin, "NOTICE: must be UTF-8 text, byte 0 is none"),
    (_leak, "holds a Hugging Face token: hf_aB3aB…"),
    (_picture_leak, "mosaic-2x4.png text, line 2: holds an e-mail address"),
    (_lora_leak, "lora/ink.safetensors metadata, line 1: holds an absolute path"),
    (_hidden_base, "manifest.json, notice: must say that the base is the embedded one exactly when it is"),
    (_unknown_rules, "manifest.json: is for the contest '../../etc/passwd', which storykit does not know"),
]


@pytest.mark.parametrize(
    ("change", "fault"), FORGERIES, ids=lambda value: getattr(value, "__name__", "fault")
)
def test_a_forged_bundle_is_found_out(bundle, change, fault):
    assert fault in told(forge(bundle, change))


@pytest.mark.parametrize("rule", load_rules("kolors-2024").files.required)
def test_each_file_that_the_rules_ask_for_is_missed(bundle, rule):
    if rule == "manifest.json":
        repack(bundle, lambda files: files.pop(rule))
    else:
        forge(bundle, lambda files, manifest: files.pop(rule))
    assert f"{rule}: is missing" in told(bundle)


def test_a_bundle_of_the_embedded_base_is_no_entry_for_the_contest(tmp_path):
    path = pack(make_scored_run(tmp_path / "work", base=MINI), make_entry(tmp_path)).path
    assert (
        told(path)
        == "manifest.json: embedded base: not an entry for the contest, for practice (draw it with Kolors)"
    )


def test_an_organisers_own_rules_decide(bundle):
    rules = load_rules("kolors-2024")
    strict = rules.model_copy(update={"gate": rules.gate.model_copy(update={"threshold": 6.6})})
    assert told(bundle, rules=strict).startswith(
        "gate: mean aesthetic score must be at least 6.6, got 6.5000"
    )


# hostile zips


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../evil.txt", "../evil.txt: leads out of the bundle"),
        ("panels/../../evil.txt", "leads out of the bundle"),
        ("/etc/evil.txt", "/etc/evil.txt: has an absolute name"),
        ("C:/evil.txt", "C:/evil.txt: has an absolute name"),
        ("panels/~evil", "has a name other than letters, digits, dots, dashes and slashes"),
        ("panels/\x1b[31m.txt", "panels/\\x1b[31m.txt: has a name other than letters"),
        ("panels//1.png", "has a name other than letters"),
        ("a/" * 60 + "x", "has a name other than letters"),
    ],
)
def test_a_name_that_could_do_harm_is_a_fault_and_not_read(bundle, name, problem):
    hostile(bundle, entry_of(name))
    assert problem in told(bundle)
    assert len(read_zip(bundle).files) == 26


def test_a_backslash_does_not_lead_out_either(bundle):
    hostile(bundle, entry_of("AAAevil.txt"))
    bundle.write_bytes(bundle.read_bytes().replace(b"AAAevil.txt", b"..\\evil.txt"))
    assert "leads out of the bundle" in told(bundle)


def test_a_link_is_a_fault(bundle):
    hostile(bundle, entry_of("link.txt", b"/etc/passwd", external_attr=(stat.S_IFLNK | 0o777) << 16))
    assert "link.txt: is a link or another special file" in told(bundle)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["README.md", "readme.md"])
def test_a_name_that_is_there_twice_is_a_fault(bundle, name):
    hostile(bundle, entry_of(name))
    assert f"{name}: is there twice" in told(bundle)


def test_too_many_entries_are_a_fault(bundle):
    hostile(bundle, *(entry_of(f"f{number}.txt") for number in range(MAX_ENTRIES)))
    assert f"bundle: lists {MAX_ENTRIES + 26} entries" in told(bundle)
    assert not read_zip(bundle).files


def test_a_zip_bomb_is_a_fault_before_it_is_unpacked(bundle):
    hostile(bundle, entry_of("bomb.safetensors", bytes(20_000_000), compress_type=zipfile.ZIP_DEFLATED))
    assert "bomb.safetensors: is a zip bomb" in told(bundle)


def test_a_text_larger_than_any_text_is_a_fault(bundle):
    hostile(bundle, entry_of("notes.txt", bytes(1 << 21)))
    assert "notes.txt: unpacks to 2097152 bytes, 1048576 are the most" in told(bundle)


def test_a_size_that_lies_is_a_fault(bundle):
    hostile(bundle, entry_of("lie.txt", bytes(100_000), compress_type=zipfile.ZIP_DEFLATED))
    data = bundle.read_bytes()
    bundle.write_bytes(data.replace(struct.pack("<L", 100_000), struct.pack("<L", 10)))
    assert "lie.txt: is damaged" in told(bundle)


def test_a_huge_total_is_a_fault_before_it_is_unpacked(bundle):
    hostile(bundle, *(entry_of(f"{number}.txt", b"x" * 5000) for number in range(4)))
    data = bundle.read_bytes()
    bundle.write_bytes(data.replace(struct.pack("<2L", 5000, 5000), struct.pack("<2L", 5000, 0x7FFFFFFF)))
    assert "are the most for a zip of its size" in told(bundle)


def test_a_zip64_is_a_fault(bundle):
    data = bundle.read_bytes()
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    bundle.write_bytes(data[:-22] + locator + data[-22:])
    assert "bundle: is a zip64, which no bundle needs" in told(bundle)


def test_an_encrypted_entry_is_a_fault(bundle):
    with zipfile.ZipFile(bundle) as archive:
        at = archive.start_dir
    data = bytearray(bundle.read_bytes())
    data[at + 8] |= 1
    bundle.write_bytes(bytes(data))
    assert "README.md: is encrypted" in told(bundle)


def test_an_unknown_packing_is_a_fault(bundle):
    hostile(bundle, entry_of("packed.txt", b"x" * 100, compress_type=zipfile.ZIP_BZIP2))
    assert "packed.txt: is packed in a way other than stored or deflated" in told(bundle)


def _png(width: int, height: int) -> bytes:
    """Return a PNG that states a size and holds next to nothing."""
    head = struct.pack(">2L5B", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    made = (struct.pack(">L", len(d)) + n + d + struct.pack(">L", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def test_a_huge_picture_is_a_fault_and_not_decoded(bundle):
    repack(bundle, lambda files: files.update({"panels/1.png": _png(60_000, 60_000)}))
    assert "panels/1.png: has 60000 x 60000 pixels, 16777216 are the most" in told(bundle)


def test_a_picture_with_too_little_in_it_is_a_fault(bundle):
    repack(bundle, lambda files: files.update({"panels/1.png": _png(32, 32)}))
    assert "panels/1.png: is a damaged picture" in told(bundle)


def test_another_kind_of_picture_under_a_png_name_is_a_fault(bundle):
    file = io.BytesIO()
    Image.new("RGB", (32, 32)).save(file, "JPEG")
    repack(bundle, lambda files: files.update({"panels/1.png": file.getvalue()}))
    assert "panels/1.png: is not a PNG picture" in told(bundle)


def test_a_fault_never_carries_control_characters_to_the_terminal(bundle):
    def spoil(files):
        manifest = json.loads(files["manifest.json"])
        manifest["\x1b[2J"] = 1
        files["manifest.json"] = json.dumps(manifest).encode()

    said = told(repack(bundle, spoil))
    assert "\\x1b[2J" in said
    assert "\x1b" not in said


# damage of any kind


def damaged(data: bytes) -> Iterator[st.SearchStrategy[bytes]]:
    """Yield ways to damage a file: flipped bytes, a cut end, a lost or doubled middle, appended bytes."""
    place = st.integers(0, len(data) - 1)
    yield st.lists(st.tuples(place, st.integers(1, 255)), min_size=1, max_size=8).map(
        lambda flips: bytes(flip(bytearray(data), flips))
    )
    yield place.map(lambda end: data[:end])
    yield st.tuples(place, place).map(lambda cut: data[: min(cut)] + data[max(cut) :])
    yield st.tuples(place, place).map(lambda twice: data[: max(twice)] + data[min(twice) :])
    yield st.binary(min_size=1, max_size=64).map(lambda more: data + more)


def flip(data: bytearray, flips: list[tuple[int, int]]) -> bytearray:
    for place, bits in flips:
        data[place] ^= bits
    return data


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_zip_gives_faults_and_never_a_crash(sound, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    spoilt = data.draw(st.one_of(*damaged(sound)))
    path.write_bytes(spoilt)
    faults = verified(path)
    assert all(isinstance(fault, Fault) and str(fault) for fault in faults)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_cut_zip_always_has_a_fault(sound, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "cut.zip"
    path.write_bytes(sound[: data.draw(st.integers(0, len(sound) - 1))])
    assert verified(path)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_inside_any_file_gives_a_fault_and_never_a_crash(sound, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "inside.zip"
    path.write_bytes(sound)
    files = unpack(path)
    name = data.draw(st.sampled_from(sorted(files)))
    spoilt = data.draw(st.one_of(*damaged(files[name])))
    path.write_bytes(zip_bytes(files | {name: spoilt}))
    faults = verified(path)
    assert all(str(fault) for fault in faults)
    assert spoilt == files[name] or any(fault.place.startswith(name) for fault in faults)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_with_all_hashes_made_anew_never_crashes(sound, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "forged.zip"
    path.write_bytes(sound)
    files = unpack(path)
    name = data.draw(st.sampled_from(sorted(set(files) - {"manifest.json"})))
    spoilt = data.draw(st.one_of(*damaged(files[name])))
    forge(path, lambda inner, manifest: inner.update({name: spoilt}))
    assert all(str(fault) for fault in verified(path))


# leaks


@pytest.mark.parametrize("name", TOKENS)
def test_a_secret_is_found_by_its_shape_and_not_repeated_whole(name):
    faults = find_leaks("README.md", f"first line\nsee {TOKENS[name]} there")
    assert [fault.place for fault in faults] == ["README.md, line 2"]
    assert name in faults[0].problem
    assert TOKENS[name] not in faults[0].problem


@pytest.mark.parametrize("path", PATHS)
def test_a_path_of_this_machine_is_found(path):
    assert any("path" in fault.problem for fault in find_leaks("x", f"trained from {path}"))
    assert any("path" in fault.problem for fault in find_leaks("x", json.dumps({"file": path})))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_belongs_in_a_bundle_is_no_leak(text):
    assert find_leaks("x", text) == []


@given(st.text(max_size=400))
def test_looking_for_leaks_never_crashes(text):
    for fault in find_leaks("x", text):
        assert str(fault).isprintable()


# reading a bundle to draw it again


def test_a_bundle_read_back_gives_what_drawing_again_needs(bundle):
    opened = open_bundle(bundle)
    manifest, files = opened.sound_manifest, opened.files
    assert manifest.base == KOLORS
    assert manifest.lora is not None
    assert sha256_bytes(files[manifest.lora.file]) == run_identity(KOLORS)["candidates"]["ink"]["lora_sha256"]


def test_panels_and_lora_are_decoded_once_whoever_asks_and_the_file_is_needed_no_more(bundle):
    opened = open_bundle(bundle)
    bundle.unlink()
    assert verify(opened) == ()
    for panel in opened.sound_manifest.panels:
        assert opened.picture(panel.file)[0] is opened.picture(panel.file)[0]
    lora = opened.lora_file(opened.sound_manifest.lora.file)
    assert lora is opened.lora
    assert lora.content is opened.lora.content
    assert verify(opened) == ()


def test_mosaics_and_the_other_forms_of_the_lora_are_not_kept(bundle):
    opened = open_bundle(bundle)
    assert opened.picture("mosaic-2x4.png")[0] is not opened.picture("mosaic-2x4.png")[0]
    other = opened.sound_manifest.lora.diffusers
    assert opened.lora_file(other) is not opened.lora_file(other)


def test_a_bundle_that_cannot_be_read_back_says_why(bundle):
    repack(bundle, lambda files: files.pop("manifest.json"))
    with pytest.raises(BundleError, match=r"1 fault: manifest\.json: is missing"):
        _ = open_bundle(bundle).sound_manifest
