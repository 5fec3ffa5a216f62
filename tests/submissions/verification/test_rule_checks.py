import pytest
from bundles import faults_told
from entries import MINI, forge, lora_bytes, make_entry, make_scored_run, repack

from submissions.contest.rules import load_rules
from submissions.packing.pack import pack
from submissions.verification.rule_checks import words_faults


def _low(files, manifest):
    files["scores.csv"] = files["scores.csv"].replace(b",6.", b",5.").replace(b",7.", b",5.")
    manifest["gate"]["score"] = (5.5 + 5.25 + 5.75 + 5.5 + 5.0 + 5.0 + 5.5 + 5.5) / 8


def _name(files, manifest):
    manifest["name"] = "best entry"


def _introduction(files, manifest):
    manifest["introduction"] = "TODO"


def _second_lora(files, manifest):
    files["lora/wash.safetensors"] = lora_bytes()


def _no_lora(files, manifest):
    manifest["lora"] = None
    del files["lora/ink.safetensors"]


def _card(files, manifest):
    files["README.md"] = b"# hello\n"


def _hidden_base(files, manifest):
    manifest["base"] = dict(MINI)


def _pickle(files, manifest):
    files["pytorch_lora_weights.bin"] = b"cos\nsystem\n(S'true'\ntR."


FORGED_AGAINST_RULES = [
    (_pickle, "pytorch_lora_weights.bin: is no part of a bundle"),
    (_low, "gate: mean aesthetic score must be at least 6, got 5.3750"),
    (_name, "manifest.json, name: must be '云上画师-可图Kolors训练-墨猫夜行记', got 'best entry'"),
    (_introduction, "introduction: still holds the placeholder 'TODO'"),
    (_introduction, "README.md: is not the text that follows from the manifest and the contest's rules"),
    (_second_lora, "lora/wash.safetensors: is no part of a bundle (take it out)"),
    (_no_lora, "lora: is missing, the contest asks for one"),
    (_card, "README.md: is not the text that follows from the manifest and the contest's rules"),
    (_hidden_base, "manifest.json, notice: must say that the base is the embedded one exactly when it is"),
]


@pytest.mark.parametrize(
    ("change", "fault"), FORGED_AGAINST_RULES, ids=lambda value: getattr(value, "__name__", "fault")
)
def test_a_forgery_against_the_rules_is_found_out(bundle, change, fault):
    assert fault in faults_told(forge(bundle, change))


@pytest.mark.parametrize("rule", load_rules("kolors-2024").files.required)
def test_each_file_that_the_rules_ask_for_is_missed(bundle, rule):
    if rule == "manifest.json":
        repack(bundle, lambda files: files.pop(rule))
    else:
        forge(bundle, lambda files, manifest: files.pop(rule))
    assert f"{rule}: is missing" in faults_told(bundle)


def test_a_bundle_of_the_embedded_base_is_no_entry_for_the_contest(tmp_path):
    entry = make_entry(tmp_path, rules=load_rules("practice"))
    path = pack(make_scored_run(tmp_path / "work", base=MINI), entry).path
    assert faults_told(path) == ""
    assert (
        "manifest.json: embedded base: not an entry for the contest, for practice (draw it with Kolors, or "
        "pack it with --rules practice)"
    ) in faults_told(path, rules=load_rules("kolors-2024"))


def test_an_organisers_own_rules_decide(bundle):
    rules = load_rules("kolors-2024")
    strict = rules.model_copy(update={"gate": rules.gate.model_copy(update={"threshold": 6.6})})
    assert faults_told(bundle, rules=strict).startswith(
        "gate: mean aesthetic score must be at least 6.6, got 6.5000"
    )


def words_told(introduction: str) -> str:
    return "\n".join(map(str, words_faults(load_rules("kolors-2024"), "云上画师", "墨猫", introduction, "")))


@pytest.mark.parametrize(
    "introduction",
    ["a" * 40, "哈" * 20, "测试" * 20, "asdf" * 10, "…" * 30, "1234567 " * 9, "Aa" * 20],
)
def test_an_introduction_of_few_letters_over_and_over_is_none(introduction):
    assert "introduction: must say something" in words_told(introduction)


@pytest.mark.parametrize(
    "introduction",
    [
        "Ink cats at night, trained on 40 scans.",
        "水墨猫的风格模型，训练图四十张，我自己画的。",
        "夜の水墨画風の猫を描くためのモデルです、自作四十枚。",
    ],
)
def test_a_short_introduction_in_any_language_is_one(introduction):
    assert words_told(introduction) == ""
