import csv
import io
import json
import subprocess
import sys
import tomllib
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import tomli_w
from entries import (
    INTRODUCTION,
    MINI,
    SIZE,
    STORY,
    draw_panel,
    edit_row,
    lora_bytes,
    make_entry,
    make_scored_run,
    picture_bytes,
    unpack,
    verified,
    wear,
    write_scores,
)

from kit.errors import BundleError, RunError
from kit.experiment.run import Run
from kit.files.encodings import sha256_bytes, sha256_of
from submissions.contest.rules import load_rules
from submissions.packing.pack import pack

GOLDEN = Path(__file__).parent / "golden" / "bundle_files.txt"
HF = "hf_" + "Ab1" * 10
ASK = "me" + "@" + "example.org"


def ink_panel(run, panel):
    return run.panel_path("ink", "authored", "moon", 3, panel)


def refusal(run, entry) -> str:
    """Return what pack says when it refuses, having made sure that nothing was written."""
    before = sorted(entry.out.parent.iterdir())
    with pytest.raises(BundleError) as caught:
        pack(run, entry)
    assert sorted(entry.out.parent.iterdir()) == before
    return str(caught.value)


@pytest.fixture
def run(tmp_path):
    return make_scored_run(tmp_path / "work")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """One sound bundle, for tests that only look at it."""
    folder = tmp_path_factory.mktemp("packed")
    run = make_scored_run(folder / "work")
    return run, pack(run, make_entry(folder))


def test_a_bundle_holds_the_files_of_the_golden_list_in_that_order(packed):
    _, report = packed
    assert "\n".join(unpack(report.path)) + "\n" == GOLDEN.read_text("utf-8")
    assert report.files == tuple(unpack(report.path))


def test_what_pack_wrote_verify_accepts(packed):
    _, report = packed
    assert verified(report.path) == ()


def test_the_report_tells_name_hash_and_size(packed):
    _, report = packed
    assert report.name == "云上画师-可图Kolors训练-墨猫夜行记"
    assert report.sha256 == sha256_of(report.path)
    assert report.size_bytes == report.path.stat().st_size


def test_the_same_run_packed_twice_gives_the_same_bytes(packed, tmp_path):
    run, report = packed
    again = pack(run, make_entry(tmp_path, out=tmp_path / "other-name.zip"))
    assert again.sha256 == report.sha256
    assert again.path.read_bytes() == report.path.read_bytes()


def test_a_run_copied_to_another_place_gives_the_same_bytes(packed, tmp_path):
    elsewhere = make_scored_run(tmp_path / "a" / "b")
    assert pack(elsewhere, make_entry(tmp_path)).sha256 == packed[1].sha256


def test_every_entry_has_the_same_time_and_permissions(packed):
    with zipfile.ZipFile(packed[1].path) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


def test_panels_and_lora_are_those_of_the_run_byte_for_byte(packed):
    run, report = packed
    files = unpack(report.path)
    for panel in range(1, 9):
        assert files[f"panels/{panel}.png"] == ink_panel(run, panel).read_bytes()
    assert files["lora/ink.safetensors"] == lora_bytes()


def test_the_manifest_holds_all_that_drawing_a_panel_again_needs(packed):
    run, report = packed
    manifest = json.loads(unpack(report.path)["manifest.json"])
    assert manifest["settings"] == {
        "steps": 2,
        "cfg": 4.0,
        "size": SIZE,
        "noise": "portable",
        "memory": "auto",
        "scheduler": {"name": "ddim"},
    }
    assert manifest["base"]["sha256"] == {"unet": "1" * 64}
    lora = manifest["lora"]
    assert (lora["sha256"], lora["rank"], lora["alpha"], lora["strength"]) == (
        sha256_bytes(lora_bytes()),
        2,
        4.0,
        0.8,
    )
    rows = {row.panel: row for row in run.rows() if row.candidate == "ink"}
    for panel in manifest["panels"]:
        row = rows[panel["panel"]]
        told = (panel["prompt"], panel["negative"], panel["seed"], panel["key"], panel["sha256"])
        assert told == (row.prompt, row.negative, row.seed, row.key, row.sha256)


def test_the_manifest_vouches_for_every_other_file(packed):
    files = unpack(packed[1].path)
    listed = json.loads(files.pop("manifest.json"))["files"]
    assert {name: record["sha256"] for name, record in listed.items()} == {
        name: sha256_bytes(data) for name, data in files.items()
    }


def test_the_prompts_stand_beside_the_panels_in_csv_and_json(packed):
    files = unpack(packed[1].path)
    assert files["prompts.csv"].startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(files["prompts.csv"].decode("utf-8-sig"))))
    assert rows[2]["prompt"] == "墨韵，水墨风格，一只黑猫，第3幕"
    assert [row["prompt"] for row in rows] == [row["prompt"] for row in json.loads(files["prompts.json"])]


def test_the_scores_are_those_of_the_chosen_story_alone(packed):
    rows = list(csv.DictReader(io.StringIO(unpack(packed[1].path)["scores.csv"].decode("utf-8-sig"))))
    assert [row["panel"] for row in rows] == [str(panel) for panel in range(1, 9)]
    assert rows[5]["aesthetic"] == "7.0"


def test_a_bundle_of_the_embedded_base_says_so_wherever_one_looks(tmp_path):
    run = make_scored_run(tmp_path / "work", base=MINI)
    report = pack(run, make_entry(tmp_path))
    files = unpack(report.path)
    words = "embedded base: not an entry for the contest, for practice"
    assert words in report.notes
    for name in ("README.md", "NOTICE", "post.txt", "manifest.json", "settings.json"):
        assert words in files[name].decode()
    assert "base_model" not in files["README.md"].decode()


def test_the_bare_base_is_packed_where_the_rules_ask_for_no_lora(tmp_path):
    run = make_scored_run(tmp_path / "work", base=MINI)
    report = pack(run, make_entry(tmp_path, candidate="base", rules=load_rules("practice")))
    assert not [name for name in report.files if name.startswith("lora/")]
    assert verified(report.path) == ()


def test_the_bare_base_is_refused_where_the_rules_ask_for_a_lora(run, tmp_path):
    said = refusal(run, make_entry(tmp_path, candidate="base"))
    assert "lora: the contest asks for a LoRA, candidate 'base' has none" in said


def test_a_story_below_the_gate_is_refused_by_its_recorded_scores(run, tmp_path):
    write_scores(run, (5.9,) * 8)
    assert "gate: mean aesthetic score must be at least 6, got 5.9000" in refusal(run, make_entry(tmp_path))


def test_a_story_exactly_at_the_gate_passes(run, tmp_path):
    write_scores(run, (6.0,) * 8)
    pack(run, make_entry(tmp_path))


def test_a_score_by_the_embedded_head_does_not_open_the_contests_gate(run, tmp_path):
    write_scores(run, (6.5,) * 8, embedded=True)
    said = refusal(run, make_entry(tmp_path))
    assert "gate: the contest scores with AI-ModelScope/aesthetics-predictor" in said


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"introduction": "  \n"}, "introduction: is empty"),
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


def test_a_missing_panel_is_refused(run, tmp_path):
    ink_panel(run, 3).unlink()
    assert "panels/3.png: cannot be read from the run: No such file" in refusal(run, make_entry(tmp_path))


def test_a_panel_that_was_never_drawn_is_refused(run, tmp_path):
    lines = run.rows_path.read_text("utf-8").splitlines(keepends=True)
    run.rows_path.write_text("".join(line for line in lines if '"panel":8' not in line), encoding="utf-8")
    assert "panels/8.png: is not drawn (run `storykit generate`" in refusal(run, make_entry(tmp_path))


def test_a_panel_painted_over_after_the_run_is_refused(run, tmp_path):
    ink_panel(run, 2).write_bytes(picture_bytes(99, {}))
    assert "panels/2.png: is not the picture that the run recorded" in refusal(run, make_entry(tmp_path))


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


def test_scores_of_pictures_that_were_drawn_anew_are_refused(run, tmp_path):
    data = picture_bytes(5, {})
    ink_panel(run, 5).write_bytes(data)
    edit_row(run, 5, sha256=sha256_bytes(data))
    assert "scores.panels.csv, panel 5: is the score of another picture" in refusal(run, make_entry(tmp_path))


def test_an_unscored_run_is_refused_with_the_command_to_run(run, tmp_path):
    for name in ("scores.json", "scores.panels.csv", "scores.stories.csv"):
        (run.folder / name).unlink()
    said = refusal(run, make_entry(tmp_path))
    assert "scores.json: does not exist; run `storykit score` first" in said
    assert "scores.panels.csv: does not exist; run `storykit score` first" in said


def test_a_mean_that_the_panels_do_not_have_is_refused(run, tmp_path):
    path = run.folder / "scores.stories.csv"
    path.write_text(path.read_text("utf-8").replace("6.5", "9.5"), encoding="utf-8")
    assert "scores.stories.csv: says mean 9.5000, the panels' scores have mean 6.5000" in refusal(
        run, make_entry(tmp_path)
    )


def test_a_lora_other_than_the_one_drawn_with_is_refused(run, tmp_path):
    (run.folder / "loras" / "ink.safetensors").write_bytes(lora_bytes({"rank": "2", "alpha": "8"}))
    assert "lora: is not the file that the panels were drawn with" in refusal(run, make_entry(tmp_path))


def test_a_lora_whose_metadata_tells_a_home_path_is_refused(run, tmp_path):
    data = lora_bytes({"ss_output_name": "/home/me/out/ink"})
    (run.folder / "loras" / "ink.safetensors").write_bytes(data)
    wear(run, sha256_bytes(data))
    assert "lora metadata, line 1: holds an absolute path" in refusal(run, make_entry(tmp_path))


def test_a_damaged_lora_is_refused(run, tmp_path):
    (run.folder / "loras" / "ink.safetensors").write_bytes(lora_bytes()[:-8])
    assert "lora: is not a whole safetensors file" in refusal(run, make_entry(tmp_path))


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
        content_bytes("kohya", {name: LoraPair(down, down.T.contiguous())}, 4.0, {"trigger": "水墨"})
    )
    wear(run, sha256_of(file))

    report = pack(Run.open(run.folder), make_entry(tmp_path))

    packed = load(unpack(report.path)["lora/ink.safetensors"])
    assert set(packed) == {f"{name}.lora_A.default.weight", f"{name}.lora_B.default.weight"}
    assert torch.equal(packed[f"{name}.lora_A.default.weight"], down)
    assert verified(report.path) == ()


def test_a_checkpoint_that_holds_no_lora_is_refused(run, tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"weight": torch.zeros(2)}, run.folder / "loras" / "ink.ckpt")
    text = run.experiment_path.read_text("utf-8").replace("ink.safetensors", "ink.ckpt")
    run.experiment_path.write_text(text, encoding="utf-8")
    assert "lora: ink.ckpt: 0 of 1 keys match" in refusal(Run.open(run.folder), make_entry(tmp_path))


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


def test_a_refused_entry_leaves_an_older_bundle_as_it_was(run, tmp_path):
    entry = make_entry(tmp_path)
    pack(run, entry)
    before = entry.out.read_bytes()
    write_scores(run, (5.0,) * 8)
    refusal(run, entry)
    assert entry.out.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_one_clear_error(packed, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunError, match="cannot be written"):
        pack(packed[0], make_entry(tmp_path, out=tmp_path / "file" / "entry.zip"))


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


def test_a_lora_that_other_tools_have_no_name_for_is_refused_with_its_layer(run, tmp_path):
    name = "blocks.7.transformer_blocks.0.attn1.to_q"
    data = lora_bytes().replace(name.encode(), b"blocks.3.transformer_blocks.0.attn1.to_q")
    (run.folder / "loras" / "ink.safetensors").write_bytes(data)
    wear(run, sha256_bytes(data))
    said = refusal(run, make_entry(tmp_path))
    assert (
        "lora: holds the layer blocks.3.transformer_blocks.0.attn1.to_q, for which diffusers has no name"
        in said
    )


def test_a_lora_with_a_tensor_that_loads_nowhere_is_refused(run, tmp_path):
    data = lora_bytes().replace(b"attn1.to_q.lora_B.default", b"attn1.to_q.lora_B.default"[::-1])
    (run.folder / "loras" / "ink.safetensors").write_bytes(data)
    assert "lora: has 0 of 2 tensors that load as a LoRA, all must, the first that is none: " in refusal(
        run, make_entry(tmp_path)
    )


def test_the_runs_comparison_goes_into_the_bundle(tmp_path):
    run = make_scored_run(tmp_path / "work")
    run.write_json("comparison.json", {"comparisons": []})
    files = unpack(pack(run, make_entry(tmp_path)).path)
    assert files["comparison.json"] == (run.folder / "comparison.json").read_bytes()


def test_the_batches_of_the_panels_go_into_the_manifest(tmp_path):
    run = make_scored_run(tmp_path / "work", seeds=(3, 5))
    run.write_json("batching.json", {"settled": {"panels": 5, "compiled": True}})
    manifest = json.loads(
        unpack(pack(run, make_entry(tmp_path, seeds=(3,) * 7 + (5,))).path)["manifest.json"]
    )
    told = [(batch["seed"], len(batch["prompts"]), batch["compiled"]) for batch in manifest["batches"]]
    assert told == [(3, 5, True), (3, 3, True), (5, 3, True)], "the first five panels of seed 5 are not in it"


def test_a_deadline_that_is_over_is_told_and_no_fault(run, tmp_path):
    rules = load_rules("kolors-2024")
    over = rules.deadline.model_copy(update={"at": datetime(2024, 8, 31, tzinfo=UTC)})
    report = pack(run, make_entry(tmp_path, rules=rules.model_copy(update={"deadline": over})))
    assert "the contest's deadline was 2024-08-31 00:00:00+00:00" in report.notes


def test_packing_and_verifying_import_no_torch():
    stages = "submissions.packing.pack, submissions.verification.verify"
    code = f"import sys, {stages}; sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=False).returncode
        == 0
    )


def test_a_panel_drawn_again_in_the_same_way_changes_nothing(packed, tmp_path):
    run = make_scored_run(tmp_path / "work", story=STORY)
    draw_panel(run, json.loads((run.folder / "run.json").read_text("utf-8"))["base"], "ink", 1)
    assert pack(run, make_entry(tmp_path)).sha256 == packed[1].sha256


def test_panels_of_several_seeds_are_packed_as_they_were_cast(tmp_path):
    run = make_scored_run(tmp_path / "work", seeds=(3, 5))
    seeds = (3, 5, 5, 3, 3, 3, 5, 3)
    report = pack(run, make_entry(tmp_path, seeds=seeds))
    assert "panels of the seeds 3 5 5 3 3 3 5 3, as cast" in report.notes
    files = unpack(report.path)
    panels = json.loads(files["manifest.json"])["panels"]
    assert tuple(panel["seed"] for panel in panels) == seeds
    for panel, seed in enumerate(seeds, 1):
        assert (
            files[f"panels/{panel}.png"]
            == run.panel_path("ink", "authored", "moon", seed, panel).read_bytes()
        )
    assert verified(report.path) == ()


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
