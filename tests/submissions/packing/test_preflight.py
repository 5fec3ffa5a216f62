import csv
import json

import pytest
from entries import (
    INTRODUCTION,
    edit_row,
    ink_panel,
    lora_bytes,
    make_entry,
    make_scored_run,
    picture_bytes,
    refusal,
    unpack,
    wear,
    write_scores,
)

from kit.files.encodings import sha256_bytes
from submissions.packing.pack import pack

HF = "hf_" + "Ab1" * 10
ASK = "me" + "@" + "example.org"


def test_the_bare_base_is_refused_where_the_rules_ask_for_a_lora(run, tmp_path):
    said = refusal(run, make_entry(tmp_path, candidate="base"))
    assert "lora: the contest asks for a LoRA, candidate 'base' has none" in said


def test_a_story_below_the_gate_is_refused_by_its_recorded_scores(run, tmp_path):
    write_scores(run, (5.9,) * 8)
    told = "gate: the pictures' mean aesthetic score is 5.90, the contest wants at least 6: "
    assert told in refusal(run, make_entry(tmp_path))


def test_a_story_exactly_at_the_gate_passes(run, tmp_path):
    write_scores(run, (5.0, 5.25, 5.5, 5.75, 6.25, 6.5, 6.75, 7.0))
    pack(run, make_entry(tmp_path))


def test_a_score_by_the_embedded_head_does_not_open_the_contests_gate(run, tmp_path):
    write_scores(run, (6.5,) * 8, embedded=True)
    said = refusal(run, make_entry(tmp_path))
    assert "gate: the contest scores with AI-ModelScope/aesthetics-predictor" in said


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"introduction": "  \n"}, "introduction: is empty"),
        (
            {"introduction": INTRODUCTION * 400},
            "introduction: must have at most 10000 characters, got 14400 (say the rest on the model page)",
        ),
        (
            {"introduction": INTRODUCTION + "\u200b"},
            "holds U+200B, which nobody sees, behind '合画夜晚的小猫。'",
        ),
        ({"introduction": "short"}, "introduction: must have at least 20 characters, got 5"),
        ({"introduction": INTRODUCTION + "TODO"}, "introduction: still holds the placeholder 'TODO'"),
        (
            {"introduction": "###### 该模型当前使用的是默认介绍模版，处于“预发布”阶段，页面仅限所有者可见。"},
            "introduction: still holds the placeholder '当前使用的是默认介绍模版', which counts as none",
        ),
        ({"title": "xxxxxx"}, "title: is still the placeholder 'xxxxxx'"),
        ({"team": ""}, "team: is empty (give the team)"),
        ({"team": "a\nb"}, "team: must be one line"),
        ({"link": "modelscope.cn/x"}, "link: must be an https:// address, got 'modelscope.cn/x'"),
        ({"introduction": INTRODUCTION + ASK}, "introduction, line 1: holds an e-mail address"),
        (
            {"introduction": INTRODUCTION + "\n" + HF},
            "introduction, line 2: holds a Hugging Face token: hf_Ab1Ab…",
        ),
        ({"introduction": INTRODUCTION + " /home/me/loras"}, "introduction, line 1: holds an absolute path"),
        ({"candidate": "wash"}, "candidate: the run has no candidate 'wash', it has base, ink"),
        ({"order": "reversed"}, "order: the run has no order 'reversed', it has authored"),
        ({"story": "sun"}, "story: the run has no story 'sun', it has moon"),
        ({"seeds": (3, 3, 4, 4, 3, 3, 3, 3)}, "seed: the run has no seed 4, it has 3"),
    ],
)
def test_an_entry_is_refused_with_its_fault(packed, tmp_path, changes, fault):
    assert fault in refusal(packed[0], make_entry(tmp_path, **changes))


def test_a_panel_that_is_no_picture_is_refused(run, tmp_path):
    ink_panel(run, 2).write_bytes(b"hello")
    edit_row(run, 2, sha256=sha256_bytes(b"hello"))
    assert "panels/2.png: is not a PNG picture" in refusal(run, make_entry(tmp_path))


def test_a_panel_of_another_size_is_refused(run, tmp_path):
    data = picture_bytes(1, {}, size=64)
    ink_panel(run, 2).write_bytes(data)
    edit_row(run, 2, sha256=sha256_bytes(data))
    assert "panels/2.png: must be 32 x 32 pixels, got 64 x 64" in refusal(run, make_entry(tmp_path))


def test_a_text_inside_a_panel_that_tells_too_much_is_refused(run, tmp_path):
    data = picture_bytes(1, {"Author": ASK})
    ink_panel(run, 1).write_bytes(data)
    edit_row(run, 1, sha256=sha256_bytes(data))
    assert "panels/1.png text, line 2: holds an e-mail address" in refusal(run, make_entry(tmp_path))


def test_a_panel_drawn_from_another_prompt_is_refused(run, tmp_path):
    edit_row(run, 4, prompt="另一只猫")
    assert "panels/4.png: was not drawn from the story's prompt" in refusal(run, make_entry(tmp_path))


def test_a_panel_drawn_from_other_noise_than_the_experiment_gives_it_is_refused(run, tmp_path):
    edit_row(run, 4, noise_seed=34)
    assert "panels/4.png: was not drawn from the story's prompt" in refusal(run, make_entry(tmp_path))


def test_scores_of_pictures_that_were_drawn_anew_are_refused(run, tmp_path):
    data = picture_bytes(5, {})
    ink_panel(run, 5).write_bytes(data)
    edit_row(run, 5, sha256=sha256_bytes(data))
    assert "scores.panels.csv, panel 5: is the score of another picture" in refusal(run, make_entry(tmp_path))


def test_a_mean_that_the_panels_do_not_have_is_refused(run, tmp_path):
    path = run.folder / "scores.stories.csv"
    path.write_text(path.read_text("utf-8").replace("6.5", "9.5"), encoding="utf-8")
    assert "scores.stories.csv: says mean 9.5000, the panels' scores have mean 6.5000" in refusal(
        run, make_entry(tmp_path)
    )


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("ss_sd_model_name", "D:\\models\\kolors.safetensors", "holds an absolute path"),
        ("base_model", "/mnt/weights/kolors", "holds an absolute path"),
        ("author", "me@example.org", "holds an e-mail address"),
        ("comment", "h\u200bi", "holds U+200B, which nobody sees"),
        ("captions", "a cat " * 10_000, "has 60000 characters, 2000 are the most"),
    ],
)
def test_notes_that_a_bundle_must_not_hold_stay_behind_and_are_named(run, tmp_path, name, text, why):
    data = lora_bytes({"rank": "2", "alpha": "4", "ss_steps": "500", name: text})
    (run.folder / "loras" / "ink.safetensors").write_bytes(data)
    wear(run, sha256_bytes(data))
    report = pack(run, make_entry(tmp_path))
    assert [
        note for note in report.notes if f"not packed with the LoRA: the note {name}, which {why}" in note
    ]
    notes = json.loads(unpack(report.path)["manifest.json"])["lora"]["notes"]
    assert (name in notes, notes["ss_steps"]) == (False, "500")


def test_a_damaged_lora_is_refused(run, tmp_path):
    (run.folder / "loras" / "ink.safetensors").write_bytes(lora_bytes()[:-8])
    assert "lora: is not a whole safetensors file" in refusal(run, make_entry(tmp_path))


def test_all_faults_are_told_at_once(run, tmp_path):
    ink_panel(run, 3).unlink()
    ink_panel(run, 4).write_bytes(b"no picture")
    write_scores(run, (5.0,) * 8)
    said = refusal(run, make_entry(tmp_path, team="", introduction=""))
    for fault in (
        "team: is empty",
        "introduction: is empty",
        "panels/3.png",
        "panels/4.png: is not a PNG",
        "gate: ",
    ):
        assert fault in said
    assert "6 faults" in said


def test_a_lora_that_other_tools_have_no_name_for_is_refused_with_its_layer(run, tmp_path):
    name = "blocks.7.transformer_blocks.0.attn1.to_q"
    data = lora_bytes().replace(name.encode(), b"blocks.3.transformer_blocks.0.attn1.to_q")
    (run.folder / "loras" / "ink.safetensors").write_bytes(data)
    wear(run, sha256_bytes(data))
    said = refusal(run, make_entry(tmp_path))
    assert (
        "lora: holds the layer blocks.3.transformer_blocks.0.attn1.to_q, for which ComfyUI and diffusers have"
        in said
    )


def test_a_lora_with_a_tensor_that_loads_nowhere_is_refused(run, tmp_path):
    data = lora_bytes().replace(b"attn1.to_q.lora_B.default", b"attn1.to_q.lora_B.default"[::-1])
    (run.folder / "loras" / "ink.safetensors").write_bytes(data)
    assert "lora: has 0 of 2 tensors that load as a LoRA, all must, the first that is none: " in refusal(
        run, make_entry(tmp_path)
    )


def test_the_scores_of_cast_panels_must_be_those_of_their_seeds(tmp_path):
    run = make_scored_run(tmp_path / "work", seeds=(3, 5))
    table = run.folder / "scores.panels.csv"
    rows = list(csv.DictReader(table.read_text("utf-8").splitlines()))
    kept = [row for row in rows if (row["seed"], row["panel"]) != ("5", "2")]
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(kept)
    reason = refusal(run, make_entry(tmp_path, seeds=(3, 5, 3, 3, 3, 3, 3, 3)))
    assert "must score panels 1 to 8 of the story once, got 7 rows" in reason
    pack(run, make_entry(tmp_path, seeds=(3,) * 8))
