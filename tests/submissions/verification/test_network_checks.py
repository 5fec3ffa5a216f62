"""A bundle whose panels were finished by networks: packed, verified, drawn again, and forged."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from entries import forge, make_entry, refusal, repack, unpack, verified
from finished_entry import BOX, PLACE, SquarePainter, finished, finished_entry
from finishing_networks import weights, written
from hostile import Evil
from PIL import ImageChops
from safetensors.torch import save

from kit.embedded import FINISHER, LORAS
from kit.experiment.run import Run, Slot
from kit.experiment.steps import Redraw, network_file
from kit.files.encodings import sha256_bytes, sha256_of
from kit.generation.repair.repair import RepairWish, repair
from kit.images.decode import open_picture
from submissions.bundle.bundle import open_bundle
from submissions.contest.rules import Rules, StepsRule, load_rules
from submissions.packing.entry import Entry
from submissions.packing.pack import pack
from submissions.reproduction.reproduce import reproduce
from submissions.untrusted import zip_list


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Run, Entry]:
    return finished_entry(tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="module")
def packed(made) -> Path:
    run, entry = made
    report = pack(run, entry)
    assert any("finishers/: the networks" in note and "licences" in note for note in report.notes)
    return report.path


@pytest.fixture
def bundle(packed, tmp_path) -> Path:
    return Path((tmp_path / "entry.zip").write_bytes(packed.read_bytes()) and tmp_path / "entry.zip")


def networks(path: Path) -> list[str]:
    """The bundle's own: what enlarges panel 4, and what restores panel 6."""
    manifest = open_bundle(path).sound_manifest
    return [network_file(manifest.panels[panel].chain[0].finisher) for panel in (3, 5)]


def told(path: Path, rules: Rules | None = None) -> str:
    return "\n".join(map(str, verified(path, rules)))


def test_finished_panels_are_packed_verified_and_made_again_to_the_byte(made, packed):
    run, entry = made
    assert verified(packed) == ()
    opened = open_bundle(packed)
    sizes = {panel.panel: opened.panel_picture(panel).width for panel in opened.sound_manifest.panels}
    assert sizes == dict.fromkeys(range(1, 9), 32) | {3: 128, 4: 96}
    assert [name for name in opened.files if name.startswith("finishers/")] == networks(packed)
    again = reproduce(opened, SquarePainter())
    assert [panel.verdict for panel in again.panels] == ["identical"] * 8
    before, after = (open_picture(run.panel_path(*PLACE, seed, 6)) for seed in (3, entry.seeds[5]))
    left, top, right, bottom = ImageChops.difference(before, after).getbbox()
    assert BOX[0] <= left < right <= BOX[2] + 1
    assert BOX[1] <= top < bottom <= BOX[3] + 1


def test_its_card_pictures_and_graph_say_what_was_done(packed):
    files = unpack(packed)
    card = files["README.md"].decode()
    enlarging, restoring = networks(packed)
    [mask] = (name for name in files if name.startswith("masks/"))
    assert "upscale, finisher storykit mini, size 128" in card
    assert f"upscale, finisher {enlarging}, size 96" in card
    assert f"restore, finisher {restoring}, mask {mask}" in card
    assert f"Postprocess upscale to: 128x128, Postprocess upscaler: {sha256_of(FINISHER)[:10]}" in files[
        "panels/3.png"
    ].decode("latin-1")
    graph = json.loads(files["comfyui/mz.json"])
    shown = [(node["type"], node["widgets_values"]) for node in graph["nodes"]]
    assert ("UpscaleModelLoader", [enlarging.rpartition("/")[2]]) in shown
    assert [values for kind, values in shown if kind == "ImageScale"] == [
        ["lanczos", side, side, "disabled"] for side in (128, 96)
    ]
    note = shown[0][1][0]
    assert "Panels 4 were enlarged by a network" in note
    assert "Panels 3 were enlarged by storykit's own network, which this graph leaves out" in note
    assert "Panels 6 were restored by a network, which this graph leaves out" in note
    assert "folder masks" not in note


def exchanged(path: Path, data: bytes) -> Path:
    """Put another file in the place of panel 4's network, and name it as a forger would."""

    def change(files, manifest) -> None:
        del files[networks(path)[0]]
        manifest["panels"][3]["chain"][0]["finisher"] = sha256_bytes(data)
        place = list(files).index("prompts.csv")
        kept = list(files.items())
        files.clear()
        files.update([*kept[:place], (network_file(sha256_bytes(data)), data), *kept[place:]])

    return forge(path, change)


def test_another_a_lost_or_a_further_network_is_a_fault(bundle, packed):
    enlarging, restoring = networks(bundle)
    other = unpack(bundle)[restoring]
    assert "is not the file in the manifest" in told(
        repack(bundle, lambda files: files.update({enlarging: other}))
    )
    bundle.write_bytes(packed.read_bytes())
    assert f"{enlarging}: is not the network that a panel was finished with" in told(
        forge(bundle, lambda files, _: files.update({enlarging: other}))
    )
    bundle.write_bytes(packed.read_bytes())
    assert f"{enlarging}: is missing, a panel was finished with this network" in told(
        forge(bundle, lambda files, _: files.pop(enlarging))
    )
    bundle.write_bytes(packed.read_bytes())
    extra = network_file("0" * 64)
    assert f"{extra}: is no part of a bundle" in told(
        forge(bundle, lambda files, _: files.update({extra: other}))
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pickle.dumps({"body.0.weight": Evil()}), "is not a whole safetensors file"),
        (b"", "is not a whole safetensors file"),
        ((LORAS / "ink.safetensors").read_bytes(), "is no network that finishes pictures: it is a LoRA"),
        (save(weights("five")), "for 5 times the side"),
        (save(weights("restorer")), "panels/4.png: the network makes pictures cleaner and not larger"),
        (save(weights("compact"), {"at": "/home/me/x"}), "metadata"),
        (save(weights("compact"), {"note": "x" * 70_000}), "characters of metadata"),
        (FINISHER.read_bytes(), "is no part of a bundle"),
    ],
)
def test_a_forged_network_is_a_fault_and_runs_nothing(bundle, monkeypatch, tmp_path, data, said):
    monkeypatch.chdir(tmp_path)
    assert said in told(exchanged(bundle, data))
    assert not Path("pwned").exists()


def test_a_torch_file_under_the_name_of_safetensors_is_never_opened(bundle, tmp_path):
    data = written(tmp_path, "compact", ".pth").read_bytes()
    assert "is not a whole safetensors file" in told(exchanged(bundle, data))


def test_an_enlarging_network_restores_nothing(bundle):
    def change(_, manifest) -> None:
        manifest["panels"][2]["chain"][0] = {"step": "restore", "finisher": sha256_of(FINISHER)}

    assert "panels/3.png: the network makes pictures 4 times larger" in told(forge(bundle, change))


@pytest.mark.parametrize(
    "wrong",
    [{"size": 100}, {"size": 4096}, {"size": 0}, {"finisher": ""}, {"finisher": "../x"}, {"mask": "0" * 64}],
)
def test_a_step_that_cannot_be_is_a_fault_of_the_manifest(bundle, wrong):
    forged = forge(bundle, lambda _, manifest: manifest["panels"][2]["chain"][0].update(wrong))
    assert "manifest.json, panels[2].chain" in told(forged)


def test_networks_that_are_too_large_together_are_told_in_one_line(made, packed, tmp_path, monkeypatch):
    run, entry = made
    monkeypatch.setattr(zip_list, "MAX_NETWORKS_BYTES", 1000)
    said = "holds 0 MiB of networks that finish pictures, 0 are the most"
    assert said in refusal(run, replace(entry, out=tmp_path / "entry.zip"))
    assert said in told(packed)


def test_a_network_that_is_gone_from_the_run_is_named(made, tmp_path):
    run, entry = made
    for kept in (run.folder / "finishers").iterdir():
        data = kept.read_bytes()
        kept.unlink()
        try:
            said = refusal(run, replace(entry, out=tmp_path / "entry.zip"))
            assert f"finishers/{kept.name}: cannot be read" in said
            assert "repair the panel with another network" in said
        finally:
            kept.write_bytes(data)


def forbidding() -> Rules:
    return load_rules("kolors-2024").model_copy(
        update={"steps": StepsRule(finish=False, source="the organisers' page")}
    )


def test_a_contest_that_wants_pictures_as_drawn_gets_no_others(made, packed, tmp_path):
    run, entry = made
    title = load_rules("kolors-2024").title
    said = f"panels: 3, 4, 6 were made larger or cleaner after they were drawn, which {title} does not allow"
    again = finished(run, 3, "mini", 256, seed=entry.seeds[2])
    seeds = (*entry.seeds[:2], again, *entry.seeds[3:])
    refused = refusal(run, replace(entry, seeds=seeds, rules=forbidding(), out=tmp_path / "entry.zip"))
    assert said in refused
    place = "--candidate ink --order authored --story moon"
    assert f"storykit cast {run.folder} {place} --keep 3=3 --keep 4=3 --keep 6=3`" in refused
    assert f"{said} (pack the pictures as they were drawn)" in told(packed, forbidding())
    redrawn = Redraw(seed=0, strength=0.5)
    [after] = repair(run, SquarePainter(), RepairWish(source=Slot(*PLACE, again, 3), step=redrawn))
    seeds = (*entry.seeds[:2], after.repair.number, *entry.seeds[3:])
    refused = refusal(run, replace(entry, seeds=seeds, rules=forbidding(), out=tmp_path / "entry.zip"))
    assert "--keep 3=3 --keep 4=3" in refused
    allowing = forbidding().model_copy(update={"steps": StepsRule(finish=True, source="the same")})
    assert said not in told(packed, allowing)


def test_pictures_as_drawn_may_go_everywhere(made, tmp_path):
    run, _ = made
    assert Slot(*PLACE, 3, 1) in {row.slot for row in run.rows()}
    plain = make_entry(tmp_path, rules=forbidding(), seeds=(3,) * 8)
    report = pack(run, plain)
    assert told(report.path, forbidding()) == ""
    assert not any("finishers/" in note for note in report.notes)
