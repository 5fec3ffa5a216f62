import io
import json

import pytest
from bundles import PATHS, TOKENS, faults_told
from entries import KOLORS, forge, lora_bytes, picture_bytes, repack
from hostile import chunk
from PIL import Image

from kit.files.encodings import canonical_json, sha256_bytes
from kit.images.png_metadata import parameters_of


def test_a_picture_among_the_panels_that_is_none_is_named(bundle):
    repack(bundle, lambda files: files.update({"panels/mosaic.png": picture_bytes(9, {})}))
    assert "panels/mosaic.png: lies in the folder that the contest scores" in faults_told(bundle)


def test_a_panel_that_is_there_twice_is_named(bundle):
    def copy(files, manifest):
        files["panels/5.png"] = files["panels/2.png"]

    assert "panels/5.png: is the same picture as panels/2.png" in faults_told(forge(bundle, copy))


def test_everything_that_must_not_go_out_is_listed_at_once(bundle):
    def spoil(files, manifest):
        files["prompts.csv"] += TOKENS["ModelScope token"].encode()
        files["panels/1.png"] = picture_bytes(1, {"Software": PATHS[0]})
        files["panels/mosaic.png"] = picture_bytes(2, {})
        manifest["panels"].pop()
        del files["panels/8.png"]
        files["lora/ink.safetensors"] = lora_bytes(rank=4)
        manifest["introduction"] = "TODO: 介绍一下这个用四十张水墨画训练的 LoRA"

    said = faults_told(forge(bundle, spoil))
    for fault in (
        "prompts.csv, line 10: holds a ModelScope token",
        "panels/1.png text, line 2: holds an absolute path",
        "panels/mosaic.png: lies in the folder that the contest scores",
        "manifest.json: must have 8 panels, got 7",
        "lora/ink.safetensors: must have rank 2 as the manifest says, got 4",
        "introduction: still holds the placeholder 'TODO'",
    ):
        assert fault in said


# what a forger would do: hashes anew


def _prompt(files, manifest):
    manifest["panels"][0]["prompt"] = "another prompt"


def _seed(files, manifest):
    manifest["panels"][0]["seed"] = 4


def _big(files, manifest):
    files["panels/1.png"] = picture_bytes(1, {}, size=64)
    manifest["panels"][0]["sha256"] = sha256_bytes(files["panels/1.png"])


def _latin(files, manifest):
    files["NOTICE"] = b"\xff\xfe"


def _leak(files, manifest):
    files["README.md"] += TOKENS["Hugging Face token"].encode()


def _picture_leak(files, manifest):
    files["mosaic-2x4.png"] = picture_bytes(1, {"Author": TOKENS["e-mail address"]})


def _lora_leak(files, manifest):
    files["lora/ink.safetensors"] = lora_bytes({"ss_output_name": PATHS[0]})
    manifest["lora"]["sha256"] = sha256_bytes(files["lora/ink.safetensors"])


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


def _no_parameters(files, manifest):
    with Image.open(io.BytesIO(files["panels/1.png"])) as old:
        texts = {"storykit": old.info["storykit"]}
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


def _comparison(data):
    def forgery(files, manifest):
        files["comparison.json"] = data

    return forgery


OTHER = "panels/1.png: holds a recipe with another {} than the manifest's"


FORGED_FILES = [
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
    (
        _recipe({"sampler": "dpm++2m", "guidance_until": 0.6}),
        "panels/1.png: is a draft, by its recipe: sampler dpm++2m, guidance_until 0.6 (draw the finals with "
        "`storykit finish RUN` and pack those)",
    ),
    (_recipe({"cache_every": 2}), "panels/1.png: is a draft, by its recipe: cache_every 2"),
    (_recipe({"noise_size": 64}), "panels/1.png: is a draft, by its recipe: noise_size 64"),
    (_recipe({"negative": "cat"}), OTHER.format("negative")),
    (_comparison(b'{"a":"b\\u005f"}'), "comparison.json: is not JSON as storykit writes it"),
    (_comparison(b"no JSON"), "comparison.json: is not JSON as storykit writes it"),
    (_comparison(b'{\n  "a": 1,\n  "a": 1\n}\n'), "comparison.json: is not JSON as storykit writes it"),
    (_no_recipe, "panels/1.png: must hold its recipe"),
    (_odd_recipe, "panels/1.png: holds a recipe that is no JSON"),
    (_no_parameters, "panels/1.png: must hold its settings for galleries, the PNG text parameters"),
    (_other_parameters, "panels/1.png: says other settings in its parameters than in its recipe"),
    (_transparent, "panels/1.png: must be an RGB picture, got RGBA"),
    (_private_chunk, "mosaic-2x4.png: holds a chunk prVt, which no picture here needs"),
    (_moving, "mosaic-2x4.png: holds a chunk acTL, which no picture here needs"),
    (_prompt, OTHER.format("prompt")),
    (_prompt, "prompts.json: does not say what it must by the manifest"),
    (_seed, OTHER.format("seed")),
    (_big, "panels/1.png: must be 32 x 32 pixels, got 64 x 64"),
    (_latin, "NOTICE: must be UTF-8 text, byte 0 is none"),
    (_leak, "holds a Hugging Face token: hf_aB3aB…"),
    (_picture_leak, "mosaic-2x4.png text, line 2: holds an e-mail address"),
    (_lora_leak, "lora/ink.safetensors metadata, line 1: holds an absolute path"),
]


def _with_parameters(change, base):
    """Give the first panel, drawn with this base, A1111's parameters."""

    def forgery(files, manifest):
        manifest["base"] = base
        for number, panel in enumerate(manifest["panels"], 1):
            with Image.open(io.BytesIO(files[panel["file"]])) as old:
                made = json.loads(old.info["storykit"]) | {"base": base}
            shaping = {name: value for name, value in made.items() if name not in ("storykit", "key")}
            made["key"] = panel["key"] = sha256_bytes(canonical_json(shaping))
            texts = {"storykit": canonical_json(made).decode(), "parameters": change(parameters_of(shaping))}
            before, data = panel["sha256"], picture_bytes(number, texts)
            files[panel["file"]], panel["sha256"] = data, sha256_bytes(data)
            files["scores.csv"] = files["scores.csv"].replace(before.encode(), sha256_bytes(data).encode())

    return forgery


FULL = KOLORS | {"sha256": {"unet/config.json": "1" * 64, "unet/weights.safetensors": "2" * 64}}


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        (lambda text: text, True),
        (lambda text: text.replace("Model hash: 2222222222, ", ""), True),
        (lambda text: text.replace("2222222222", "1111111111"), False),
        (lambda text: text.replace("Steps: 2", "Steps: 50"), False),
    ],
    ids=["as drawn now", "as an older storykit drew", "another model", "other steps"],
)
def test_parameters_name_the_models_weights_or_as_once_no_model(bundle, change, holds):
    said = faults_told(forge(bundle, _with_parameters(change, FULL)))
    assert ("panels/1.png: says other settings in its parameters" not in said) is holds
    assert "recipe" not in said.replace("than in its recipe", "")


@pytest.mark.parametrize(
    ("change", "fault"), FORGED_FILES, ids=lambda value: getattr(value, "__name__", "fault")
)
def test_a_forged_file_is_found_out(bundle, change, fault):
    assert fault in faults_told(forge(bundle, change))
