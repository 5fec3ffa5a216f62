import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from entries import (
    INTRODUCTION,
    KOLORS,
    MINI,
    STORY,
    draw_panel,
    forge,
    make_entry,
    make_scored_run,
    refusal,
    unpack,
    verified,
    write_scores,
)
from paths import GOLDENS, ROOT

from kit.errors import BundleError, RunError
from kit.files.encodings import sha256_of
from submissions.contest.rules import load_rules
from submissions.packing.entry import fitting_rules
from submissions.packing.pack import pack

GOLDEN = GOLDENS / "bundle_files.txt"


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


def test_a_file_that_is_no_bundle_is_never_replaced_and_a_bundle_is(packed, tmp_path):
    run, report = packed
    entry = make_entry(tmp_path)
    for foreign in (b"mine", other_zip(report.path)):
        entry.out.write_bytes(foreign)
        with pytest.raises(BundleError, match="is there and is no bundle: choose another --out, or move it"):
            pack(run, entry)
        assert entry.out.read_bytes() == foreign
    entry.out.write_bytes(report.path.read_bytes())
    assert pack(run, entry).sha256 == report.sha256


def test_another_entrys_bundle_is_replaced_only_when_asked(tmp_path):
    run = make_scored_run(tmp_path / "work", seeds=(3, 5))
    other = pack(run, make_entry(tmp_path, seeds=(5,) * 8)).path.read_bytes()
    entry = make_entry(tmp_path, title="another title")
    assert pack(run, entry).path.read_bytes() != other  # of the same pictures' story, so its own
    forge(entry.out, lambda _, told: told.update(candidate="wash"))
    theirs = entry.out.read_bytes()
    with pytest.raises(BundleError, match="is the bundle of another entry: choose another --out, or add"):
        pack(run, entry)
    assert entry.out.read_bytes() == theirs
    assert pack(run, replace(entry, overwrite=True)).path.read_bytes() != theirs


def other_zip(bundle) -> bytes:
    """Return a zip of something else."""
    other = bundle.with_name("photos.zip")
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("holiday.jpg", b"mine")
    return other.read_bytes()


def test_a_folder_in_the_bundles_place_is_told_with_a_name_that_works(packed, tmp_path):
    (tmp_path / "entry.zip").mkdir()
    with pytest.raises(
        BundleError, match=r"is a folder: name the zip file to write, such as --out .*/entry\.zip$"
    ):
        pack(packed[0], make_entry(tmp_path))


def test_a_run_copied_to_another_place_gives_the_same_bytes(packed, tmp_path):
    elsewhere = make_scored_run(tmp_path / "a" / "b")
    assert pack(elsewhere, make_entry(tmp_path)).sha256 == packed[1].sha256


def test_every_entry_has_the_same_time_and_permissions(packed):
    with zipfile.ZipFile(packed[1].path) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


def test_the_bare_base_is_packed_where_the_rules_ask_for_no_lora(tmp_path):
    run = make_scored_run(tmp_path / "work", base=MINI)
    report = pack(run, make_entry(tmp_path, candidate="base", rules=load_rules("practice")))
    assert not [name for name in report.files if name.startswith("lora/")]
    assert verified(report.path) == ()


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


def test_a_deadline_that_is_over_is_told_and_no_fault(run, tmp_path):
    rules = load_rules("kolors-2024")
    over = rules.deadline.model_copy(update={"at": datetime(2024, 8, 31, tzinfo=UTC)})
    report = pack(run, make_entry(tmp_path, rules=rules.model_copy(update={"deadline": over})))
    assert "the contest's deadline was 2024-08-31 00:00:00+00:00" in report.notes


def test_packing_and_verifying_import_no_torch():
    stages = "submissions.packing.pack, submissions.verification.verify"
    code = f"import sys, {stages}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


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


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rules": load_rules("practice")},
        {"introduction": INTRODUCTION * 40},
        {"title": "墨" * 60},
        {"title": "墨" * 61},
        {"team": "{team}"},
        {"candidate": "base"},
    ],
)
@pytest.mark.parametrize("base", [MINI, KOLORS], ids=["embedded", "kolors"])
def test_what_verify_refuses_is_never_packed(tmp_path, base, changes):
    run = make_scored_run(tmp_path / "work", base=base)
    entry = make_entry(tmp_path, **changes)
    try:
        pack(run, entry)
    except BundleError:
        assert not entry.out.exists()
        assert not list(tmp_path.glob(".*")), "nothing is left behind"
    else:
        assert verified(entry.out) == ()


def test_without_rules_pictures_of_the_embedded_base_are_packed_for_practice(tmp_path):
    assert fitting_rules(make_scored_run(tmp_path / "mini", base=MINI)).name == "practice"
    assert fitting_rules(make_scored_run(tmp_path / "kolors")).name == "kolors-2024"


def test_the_embedded_base_is_refused_for_the_contest_with_the_rules_to_name(tmp_path):
    said = refusal(make_scored_run(tmp_path / "work", base=MINI), make_entry(tmp_path))
    assert "(draw it with Kolors, or pack it with --rules practice)" in said


def test_a_predictor_of_another_name_does_not_open_the_contests_gate(tmp_path):
    run = make_scored_run(tmp_path / "work")
    path = run.folder / "scores.json"
    path.write_text(path.read_text("utf-8").replace("sac-logos-ava1-l14-linearMSE", "my own head"), "utf-8")
    said = refusal(run, make_entry(tmp_path))
    assert "gate: the contest scores with AI-ModelScope/aesthetics-predictor" in said
    assert "keep that predictor in a folder of its own name" in said
