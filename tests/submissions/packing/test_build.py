import csv
import io
import json

from entries import MINI, SIZE, ink_panel, lora_bytes, make_entry, make_scored_run, unpack

from kit.files.encodings import sha256_bytes
from kit.files.safetensors_files import read_safetensors
from kit.lora.convert import shared_pieces
from submissions.bundle.bundle import open_bundle
from submissions.contest.rules import load_rules
from submissions.packing.pack import pack
from submissions.verification.verify import verify


def test_panels_are_those_of_the_run_byte_for_byte_and_the_lora_number_for_number(packed):
    run, report = packed
    files = unpack(report.path)
    for panel in range(1, 9):
        assert files[f"panels/{panel}.png"] == ink_panel(run, panel).read_bytes()
    shared = b"".join(shared_pieces(read_safetensors(lora_bytes()), 2, 4.0))
    assert files["lora/ink.safetensors"] == shared


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
        sha256_bytes(b"".join(shared_pieces(read_safetensors(lora_bytes()), 2, 4.0))),
        2,
        4.0,
        0.8,
    )
    rows = {row.panel: row for row in run.rows() if row.candidate == "ink"}
    for panel in manifest["panels"]:
        row = rows[panel["panel"]]
        told = (panel["prompt"], panel["negative"], panel["seed"], panel["key"], panel["sha256"])
        assert told == (row.prompt, row.negative, row.seed, row.key, row.sha256)


def test_of_a_gathered_run_all_machines_that_may_have_drawn_a_panel_are_named(tmp_path):
    run = make_scored_run(tmp_path / "work")
    identity = run.read_json("run.json")
    here = {name: identity.get(name) for name in ("device", "processor", "versions", "commit")}
    there = here | {"device": "NVIDIA H100"}
    newer = {"storykit": "0.2.0"}
    run.write_json("run.json", identity | {"gathered": [here, there, there | newer]})
    report = pack(run, make_entry(tmp_path))
    files = unpack(report.path)
    for name in ("manifest.json", "settings.json"):
        assert json.loads(files[name])["drawn_with"] == here | {"others": [there]}
    assert verify(open_bundle(report.path)) == ()


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
    report = pack(run, make_entry(tmp_path, rules=load_rules("practice")))
    files = unpack(report.path)
    words = "embedded base: not an entry for the contest, for practice"
    assert words in report.notes
    for name in ("README.md", "NOTICE", "post.txt", "manifest.json", "settings.json"):
        assert words in files[name].decode()
    assert "base_model" not in files["README.md"].decode()
