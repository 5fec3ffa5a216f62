"""What no run can have: each row a lie that is sealed again, beside twins that must stay sound."""

import copy
import json

import pytest

from kit.experiment.identity import embedded_sha256
from submissions.bundle.manifest import EMBEDDED_NOTICE, MANIFEST, Manifest
from submissions.verification.origin_checks import origin_faults


@pytest.fixture
def told(opened) -> dict:
    return json.loads(opened.files[MANIFEST])


def faults(told: dict) -> str:
    manifest = Manifest.model_validate_json(json.dumps(told))
    return "\n".join(map(str, origin_faults(manifest)))


def changed(told: dict, place: str, value: object) -> dict:
    """Return a manifest with another value at `a.b`; in `panels.*.a` with one in each panel."""
    told = copy.deepcopy(told)
    *way, last = place.split(".")
    tables = [told]
    for name in way:
        tables = tables[0] if name == "*" else [table[name] for table in tables]
    for number, table in enumerate(tables, 1):
        table[last] = value(number) if callable(value) else value
    return told


MACHINE = {"device": "NVIDIA H100", "versions": {"torch": "2.12.1"}}
LIES = [
    ("order", "<script>alert(1)</script>", "manifest.json, order: must be one of authored"),
    ("order", "shuffle-", "manifest.json, order: must be one of authored"),
    ("story", "../../../etc/passwd", "manifest.json, story: must hold letters, digits"),
    ("story", "s" * 101, "manifest.json, story: must have at most 100"),
    ("candidate", "Ink Cat", "manifest.json, candidate: must be lower-case letters"),
    ("storykit", "999", "says that storykit 999 packed it"),
    ("storykit", "of my own", "manifest.json, storykit: must be a version"),
    ("base.name", "mini", "manifest.json, base: is called mini and has other weights"),
    ("base.name", "mini", "must say that the base is the embedded one exactly when it is"),
    ("base.sha256", {}, "manifest.json, base.sha256: must have at least 1"),
    (
        "base.sha256",
        {"unet": "of my own fine-tuning"},
        "manifest.json, base.sha256.unet: must match",
    ),
    ("base.sha256", {"../unet": "1" * 64}, "manifest.json, base.sha256"),
    ("base.sha256", dict(embedded_sha256()), "must say that the base is the embedded one exactly when it is"),
    ("base.dtype", "float7", "manifest.json, base.dtype: must be 'float16'"),
    ("base.note", "x" * 3000, "manifest.json, base.note: unknown key"),
    ("base.scheduler", {"name": "x" * 3000}, "scheduler must have at most 2000 characters"),
    ("settings.scheduler", {"name": "euler"}, "manifest.json, settings.scheduler: must be the base's own"),
    ("drawn_with.note", "x" * 3000, "manifest.json, drawn_with.note: unknown key"),
    ("drawn_with.device", "a\x1b[31mpencil", "manifest.json, drawn_with.device: must be one line"),
    ("drawn_with.device", "p" * 101, "manifest.json, drawn_with.device: must have at most 100"),
    ("drawn_with.versions", {}, "manifest.json, drawn_with.versions: must say the version of torch"),
    ("drawn_with.versions", {"torch": "the newest"}, "versions.torch: must be a version such as"),
    ("drawn_with.others", [{"device": "cpu"}], "manifest.json, drawn_with.others.0.versions: is missing"),
    ("drawn_with.others", [MACHINE | {"others": []}], "drawn_with.others.0.others: unknown key"),
    ("drawn_with.others", [MACHINE] * 101, "manifest.json, drawn_with.others: must have at most 100"),
    ("drawn_with.commit", "a pencil", "manifest.json, drawn_with.commit: must match"),
    ("mosaic", "my own hand", "manifest.json, mosaic: must be a font that storykit letters with"),
    ("panels.*.prompt", "墨韵，一只猫", "must have at least 4 different prompts, got 1"),
    ("panels.*.prompt", lambda n: "墨韵，一只猫" + "。" * n, "must have at least 4 different prompts, got 1"),
    ("panels.*.prompt", lambda n: f"墨韵，猫{n % 3}", "must have at least 4 different prompts, got 3"),
    ("panels.*.prompt", lambda n: f"墨韵，猫{n % 7}", "1 and 8 have one prompt and one seed"),
    ("panels.*.prompt", "墨韵，", "manifest.json, lora.trigger: must stand in front of every prompt"),
    ("panels.*.negative", lambda n: f"模糊{n}", "must have one negative prompt"),
    ("lora.trigger", "another word", "manifest.json, lora.trigger: must stand in front of every prompt"),
    ("lora.trigger", "墨", "manifest.json, lora.trigger: must stand in front of every prompt"),
    ("lora.trigger", "墨" * 201, "manifest.json, lora.trigger: must be one line of at most 200"),
]
TWINS = [
    ("order", "shuffle-12"),
    ("order", "scene-first"),
    ("story", "墨猫 夜行-1.2"),
    ("candidate", "ink-80"),
    ("storykit", "not installed"),
    ("storykit", "0.0.9.dev1+local"),
    (
        "base.sha256",
        {"unet/diffusion_pytorch_model.fp16.safetensors": "4" * 64, "tokenizer/t.model": "5" * 64},
    ),
    ("base.dtype", "float16"),
    ("base.dtype", None),
    ("drawn_with.device", "NVIDIA GeForce RTX 4090"),
    ("drawn_with.versions", {"torch": "2.12.1+cu128", "diffsynth": "1.1.9", "numpy": None}),
    ("drawn_with.commit", "a" * 40),
    ("drawn_with.others", [MACHINE, MACHINE | {"processor": "Another CPU, threads: 64"}]),
    ("mosaic", "Noto Sans CJK SC"),
    ("lora.strength", 0.05),
    ("lora.trigger", ""),
    ("panels.*.prompt", lambda n: f"墨韵，猫{n % 4}" if n < 5 else f"墨韵，狗{n}"),
    ("panels.*.prompt", lambda n: f"墨韵, a cat walks {n} steps"),
]


@pytest.mark.parametrize(("place", "value", "fault"), LIES)
def test_what_no_run_can_have_is_named(told, place, value, fault):
    told["batches"] = []
    assert fault in faults(changed(told, place, value))


@pytest.mark.parametrize(("place", "value"), TWINS)
def test_what_a_run_can_have_is_let_through(told, place, value):
    told["batches"] = []
    assert faults(changed(told, place, value)) == ""


@pytest.mark.parametrize("note", ["trigger", "modelspec.trigger_phrase"])
@pytest.mark.parametrize(
    ("noted", "holds"), [("墨韵", False), ("墨", True), ("水墨画风格", True), ("", True)]
)
def test_a_trigger_that_the_file_names_and_every_prompt_begins_with_is_not_left_out(told, note, noted, holds):
    told["lora"] |= {"trigger": "", "notes": {note: noted}}
    said = "manifest.json, lora.trigger: is empty, and every prompt begins with the file's own trigger"
    assert faults(told).startswith("" if holds else said)
    assert bool(faults(told)) != holds


def test_the_embedded_base_with_its_own_weights_and_notice_is_let_through(told):
    told["base"] |= {"name": "mini", "sha256": dict(embedded_sha256())}
    assert faults(told | {"notice": EMBEDDED_NOTICE}) == ""


def own_noise(told: dict, seeds: list[int]) -> dict:
    """Return a manifest whose panels have these seeds, in batches of four."""
    for panel, seed in zip(told["panels"], seeds, strict=True):
        panel["seed"] = seed
    said = [panel["prompt"] for panel in told["panels"]]
    halves = (slice(0, 4), slice(4, 8))
    return told | {
        "batches": [{"seed": seeds[half], "prompts": said[half], "compiled": False} for half in halves]
    }


def test_panels_with_noise_of_their_own_are_let_through_though_their_words_are_the_same(told):
    told["panels"][3]["prompt"] = told["panels"][0]["prompt"]
    assert faults(own_noise(told, [31, 32, 33, 34, 35, 36, 37, 38])) == ""
    assert faults(own_noise(told, [31, 52, 33, 34, 5, 36, 17, 38])) == "", "of a cast"


def test_a_seed_that_is_not_the_panels_own_is_named(told):
    said = faults(own_noise(told, [31, 32, 34, 33, 35, 36, 37, 38]))
    for panel, seed in ((3, 34), (4, 33)):
        assert (
            f"panel {panel}, seed: must end in the panel's number, each panel has its own noise, got {seed}"
            in said
        )


def test_one_prompt_with_several_seeds_is_a_cast_and_let_through(told):
    prompts = ["墨韵，猫", "墨韵，狗", "墨韵，鸟", "墨韵，鱼"] * 2
    for number, panel in enumerate(told["panels"]):
        panel |= {"prompt": prompts[number], "seed": number}
    assert faults(told | {"batches": []}) == ""
