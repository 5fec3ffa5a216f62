"""A bundle with repaired panels: packed, verified, drawn again, and forged."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from entries import SCORES, forge, make_entry, repack, unpack, verified, write_scores
from finished_entry import PLACE, SquarePainter, boxed, squares_run
from PIL import Image

from kit.errors import BundleError
from kit.experiment.run import Run, Slot
from kit.experiment.steps import Outpaint, Redraw, Refine, Step, Vary, mask_file
from kit.files.encodings import canonical_json, sha256_bytes
from kit.generation.generate import draw_experiment
from kit.generation.repair.repair import RepairWish, repair
from kit.images.png_metadata import encoded
from submissions.bundle.bundle import open_bundle
from submissions.packing.entry import Entry
from submissions.packing.pack import pack
from submissions.reproduction.reproduce import reproduce

WORDS = "墨韵，水墨风格，一只黑猫在雨里"


def repaired(run: Run, panel: int, step: Step, mask: Image.Image | None = None, seed: int = 3) -> int:
    """Repair a panel and return the number of the new picture."""
    wish = RepairWish(source=Slot(*PLACE, seed, panel), step=step, mask=mask)
    [done] = repair(run, SquarePainter(), wish)
    return done.repair.number


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Run, Entry]:
    """A run with panels redrawn in a box and once more, varied, redrawn with other words, and made larger."""
    folder = tmp_path_factory.mktemp("repaired")
    run = squares_run(folder)
    box = boxed((4, 4, 19, 27))
    first = repaired(run, 3, Redraw(seed=0, strength=0.5), box)
    refined = repaired(run, 8, Refine(seed=0, strength=0.5, size=64, tile=32))
    seeds = {
        3: repaired(run, 3, Redraw(seed=1, strength=0.25), seed=first),
        5: repaired(run, 5, Vary(seed=9, strength=0.2), seed=5),
        6: repaired(run, 6, Redraw(seed=2, strength=0.75, prompt=WORDS)),
        7: repaired(run, 7, Outpaint(seed=0, strength=0.8, left=32, top=8, bottom=24)),
        8: repaired(run, 8, Redraw(seed=9, strength=0.5), box.resize((64, 64)), seed=refined),
    }
    write_scores(run, SCORES)
    return run, make_entry(folder, seeds=tuple(seeds.get(panel, 3) for panel in range(1, 9)))


@pytest.fixture
def bundle(made, tmp_path) -> Path:
    run, entry = made
    return pack(run, replace(entry, out=tmp_path / "entry.zip")).path


def test_its_chains_are_packed_verified_and_drawn_again_to_the_byte(made, bundle):
    assert verified(bundle) == ()
    opened = open_bundle(bundle)
    chains = {panel.panel: panel.chain for panel in opened.sound_manifest.panels if panel.chain}
    assert {panel: [step.step for step in chain] for panel, chain in chains.items()} == {
        3: ["redraw", "redraw"],
        5: ["vary"],
        6: ["redraw"],
        7: ["outpaint"],
        8: ["refine", "redraw"],
    }
    sizes = [opened.panel_picture(panel).size[0] for panel in opened.sound_manifest.panels]
    assert sizes == [32] * 6 + [64] * 2
    painter = SquarePainter()
    again = reproduce(opened, painter)
    assert [panel.verdict for panel in again.panels] == ["identical"] * 8
    assert WORDS in painter.read_prompts
    assert {one.inpainting for one in painter.redrawn if one.mask} == {painter.inpainting}
    assert {one.inpainting for one in painter.redrawn if not one.mask} == {""}
    run, entry = made
    assert (
        pack(run, replace(entry, out=bundle, overwrite=True)).sha256
        == pack(run, replace(entry, out=bundle.with_name("twin.zip"))).sha256
    )


def test_that_its_panels_differ_in_size_is_told(made, tmp_path):
    run, entry = made
    packed = pack(run, replace(entry, out=tmp_path / "entry.zip"))
    assert any("panels differ in size, 32, 64 pixels a side" in note for note in packed.notes)


def test_its_card_and_its_pictures_say_what_was_done(bundle):
    files = unpack(bundle)
    card = files["README.md"].decode()
    mask = _first_mask(files)
    assert f"redraw, seed 0, strength 0.5, mask {mask}, inpainting {'9' * 64}; redraw, seed 1" in card
    assert "vary, seed 9, strength 0.2" in card
    assert "Denoising strength: 0.75" in files["panels/6.png"].decode("latin-1")
    assert "Variation seed: 9, Variation seed strength: 0.2" in files["panels/5.png"].decode("latin-1")
    graph = json.loads(files["comfyui/mz.json"])
    kinds = [node["type"] for node in graph["nodes"]]
    assert (kinds.count("KSampler"), kinds.count("LoadImageMask"), kinds.count("SaveImage")) == (13, 2, 8)
    assert kinds.count("ImageScale") == 1
    told = graph["nodes"][0]["widgets_values"][0]
    assert "Panels 3, 5, 6, 7, 8 were repaired" in told
    assert "Panels 5 begin from the mixed noise" in told
    assert "Panels 3, 8 were redrawn inside their mask by the UNet of Kolors-Inpainting" in told
    assert "Panels 7 were drawn on beyond their edges" in told
    assert "refine, seed 0, strength 0.5, size 64, tile 32" in card
    assert "Hires resize: 64x64" in files["panels/8.png"].decode("latin-1")
    assert "draws them as they were before" in files["comfyui/kijai.json"].decode()


def _first_mask(files: dict[str, bytes]) -> str:
    """Return the file of panel 3's mask."""
    [step, _] = json.loads(files["manifest.json"])["panels"][2]["chain"]
    return mask_file(step["mask"])


def test_a_picture_of_another_size_than_its_steps_make_is_a_fault(bundle):
    def swap(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
        files["panels/1.png"], files["panels/7.png"] = files["panels/7.png"], files["panels/1.png"]

    told = "\n".join(map(str, verified(forge(bundle, swap))))
    assert "must be 32 x 32 pixels, got 64 x 64" in told
    assert "must be 64 x 64 pixels, got 32 x 32" in told


def test_another_a_lost_or_a_further_mask_is_a_fault(bundle):
    mask = _first_mask(unpack(bundle))
    whole = bundle.read_bytes()
    other = unpack(bundle)["mosaic-2x4.png"]

    def told(change) -> str:
        bundle.write_bytes(whole)
        return "\n".join(map(str, verified(forge(bundle, change))))

    assert "is not the mask that the panel was repaired with" in told(
        lambda files, _: files.update({mask: other})
    )
    assert mask in told(lambda files, _: files.pop(mask))
    extra = f"masks/{'0' * 64}.png"
    assert extra in told(lambda files, _: files.update({extra: other}))
    bundle.write_bytes(whole)
    assert verified(repack(bundle, lambda files: files.update({mask: other})))


def test_a_mask_must_fit_every_picture_that_it_is_of(bundle):
    def share(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
        chains = [panel.get("chain") for panel in manifest["panels"]]
        del files[mask_file(chains[7][1]["mask"])]
        chains[7][1]["mask"] = chains[2][0]["mask"]

    mask = _first_mask(unpack(bundle))
    assert f"{mask}: must be 64 x 64 pixels, got 32 x 32" in "\n".join(
        map(str, verified(forge(bundle, share)))
    )


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 0, 0)])
def test_a_mask_that_marks_nothing_or_in_colours_is_a_fault(bundle, colour):
    data = encoded(Image.new("RGB", (32, 32), colour))
    sha256 = sha256_bytes(data)

    def exchange(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
        del files[mask_file(manifest["panels"][2]["chain"][0]["mask"])]
        manifest["panels"][2]["chain"][0]["mask"] = sha256
        files[mask_file(sha256)] = data

    told = "\n".join(map(str, verified(forge(bundle, exchange))))
    assert f"{mask_file(sha256)}: must be a mask of greys, white where the panel is drawn again" in told


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda panel: panel["chain"].append({"step": "vary", "seed": 1, "strength": 0.1}), "first step"),
        (lambda panel: panel.pop("chain"), "a recipe that is not written as storykit writes it"),
        (lambda panel: panel["chain"][0].update(strength=0.4), "another chain than the manifest's"),
        (lambda panel: panel["chain"][0].update(strength=1.5), "panels[2].chain"),
        (lambda panel: panel["chain"][0].update(secret="x"), "panels[2].chain"),
        (lambda panel: panel.update(chain=panel["chain"] * 9), "panels[2].chain"),
        (lambda panel: panel["chain"][0].update(mask="../../etc/passwd"), "panels[2].chain"),
        (lambda panel: panel["chain"][0].update(step="paint"), "panels[2].chain"),
        (
            lambda panel: panel["chain"].append(
                {"step": "refine", "seed": 0, "strength": 1.0, "size": 2048, "tile": 32}
            ),
            "must have at most 4 parts side by side, got parts of 32 in 2048 pixels",
        ),
        (
            lambda panel: panel["chain"].append(
                {"step": "outpaint", "seed": 0, "strength": 0.8, "left": 64, "top": 64}
            ),
            "panels/3.png: may add 32 pixels in one step, got 64",
        ),
    ],
)
def test_a_forged_chain_is_a_fault(bundle, change, said):
    forged = forge(bundle, lambda _, manifest: change(manifest["panels"][2]))
    assert said in "\n".join(map(str, verified(forged)))


def test_an_entry_that_was_repaired_otherwise_than_it_says_cannot_be_packed(made, tmp_path):
    run, entry = made
    kept = run.rows_path.read_bytes()
    row = json.loads(kept.splitlines()[-1])
    run.rows_path.write_bytes(kept + canonical_json(row | {"chain": row["chain"] * 2}) + b"\n")
    try:
        with pytest.raises(BundleError, match=r"panels/8.png: was repaired otherwise than extras.json says"):
            pack(run, replace(entry, out=tmp_path / "entry.zip"))
    finally:
        run.rows_path.write_bytes(kept)


def test_what_was_repaired_from_a_seed_that_the_run_dropped_cannot_be_packed(made, tmp_path):
    run, entry = made
    fewer = Run.open(Path(shutil.copytree(run.folder, tmp_path / "fewer")))
    experiment = fewer.loaded.experiment.model_copy(update={"seeds": (3,)})
    draw_experiment(replace(fewer.loaded, experiment=experiment), fewer.folder, [SquarePainter()])
    write_scores(fewer, SCORES)
    with pytest.raises(BundleError, match=r"panels/5.png: was repaired from a picture of seed 5"):
        pack(Run.open(fewer.folder), replace(entry, out=tmp_path / "entry.zip"))


def test_an_entry_whose_mask_is_gone_cannot_be_packed(made, tmp_path):
    run, entry = made
    mask = min((run.folder / "masks").iterdir())
    kept = mask.read_bytes()
    mask.unlink()
    try:
        with pytest.raises(Exception, match=r"masks/.*does not exist"):
            pack(run, replace(entry, out=tmp_path / "entry.zip"))
    finally:
        mask.write_bytes(kept)
