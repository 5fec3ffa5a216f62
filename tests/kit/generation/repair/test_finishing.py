import json
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import FakePainter, ink_run, make_run, no_editor
from finishing_networks import written
from PIL import Image, ImageChops, ImageDraw

from kit.errors import InputError
from kit.experiment.extras.extra_pictures import read_extras
from kit.experiment.run import Run, Slot
from kit.experiment.steps import Redraw, Restore, Upscale, network_file, side_after
from kit.files.encodings import canonical_json, sha256_bytes
from kit.finishing import finisher as finishers
from kit.finishing.finisher import Finisher, open_finisher
from kit.finishing.kept_networks import KeptNetwork, network_to_keep
from kit.finishing.network_files import LoadedNetwork, load_network
from kit.generation.generate import generate
from kit.generation.painter import DrawFailure
from kit.generation.repair.finishing import finished, seen_box
from kit.generation.repair.repair import RepairTry, RepairWish, repair
from kit.generation.repair.step_files import StepFiles, keep_network
from kit.images.decode import open_picture
from kit.images.png_metadata import PARAMETERS, RECIPE

PLACE = ("base", "authored", "cat")
SOURCE = Slot(*PLACE, 0, 3)
BOX = (6, 4, 21, 25)


class IdlePainter(FakePainter):
    """Fails where it is asked for anything that takes a UNet or a text encoder."""

    def encode_prompts(self, prompts):
        raise AssertionError(prompts)

    def set_lora(self, lora, strength):
        raise AssertionError(lora)

    def draw(self, requests, settings, plan=None):
        raise AssertionError(requests)

    redraw = draw


@pytest.fixture
def run(tmp_path) -> Run:
    run = make_run(tmp_path, "seeds = [0, 1]")
    generate(run, [FakePainter()])
    return run


def boxed(corners: tuple[int, int, int, int] = BOX, side: int = 32) -> Image.Image:
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).rectangle(corners, fill=255)
    return mask


def made(run: Run, network: KeptNetwork, size: int = 0, mask: Image.Image | None = None, **told) -> RepairTry:
    step = Upscale(finisher=network.sha256, size=size) if size else Restore(finisher=network.sha256)
    wish = RepairWish(**{"source": SOURCE, "step": step, "mask": mask, "network": network} | told)
    [done] = repair(run, IdlePainter(), wish)
    return done


def picture(run: Run, slot: Slot) -> Image.Image:
    return open_picture(run.panel_path(*slot)).convert("RGB")


def files(run: Run) -> dict[str, bytes]:
    kept = (path for path in run.folder.rglob("*") if path.is_file() and "cache" not in path.parts)
    return {path.relative_to(run.folder).as_posix(): path.read_bytes() for path in kept}


def test_an_enlarged_picture_is_what_the_network_makes_and_the_base_is_never_loaded(run, tmp_path):
    done = made(run, network_to_keep("mini"), 128)
    row, source = run.rows()[-1], picture(run, SOURCE)
    assert (row.slot, row.chain) == (SOURCE._replace(seed=1001), (done.repair.step,))
    enlarged = picture(run, done.repair.slot)
    assert enlarged.size == (128, 128) == (side_after(32, row.chain),) * 2
    assert enlarged.tobytes() == open_finisher("mini", "cpu").apply(source).tobytes()
    recipe = json.loads(open_picture(run.folder / row.file).info[RECIPE])
    shaping = {name: value for name, value in recipe.items() if name not in ("storykit", "key")}
    assert sha256_bytes(canonical_json(shaping)) == row.key
    assert recipe["chain"] == [{"step": "upscale", "finisher": done.repair.step.finisher, "size": 128}]
    assert not (run.folder / "finishers").exists()


def test_where_the_network_gives_another_side_lanczos_resizes_it(run, tmp_path):
    path = written(tmp_path, "swinir", ".safetensors")
    done = made(run, network_to_keep(str(path)), 64)
    tripled = open_finisher(path, "cpu").apply(picture(run, SOURCE))
    wanted = tripled.resize((64, 64), Image.Resampling.LANCZOS)
    assert picture(run, done.repair.slot).tobytes() == wanted.tobytes()
    assert (run.folder / network_file(done.repair.step.finisher)).read_bytes() == path.read_bytes()
    told = open_picture(run.panel_path(*done.repair.slot)).info[PARAMETERS]
    assert f"Postprocess upscale to: 64x64, Postprocess upscaler: {done.repair.step.finisher[:10]}" in told


def test_a_restorer_makes_all_of_a_picture_or_what_a_mask_says(run, tmp_path):
    network, before = network_to_keep(str(written(tmp_path, "restorer", ".pth"))), picture(run, SOURCE)
    cleaner = open_finisher(tmp_path / "restorer.pth", "cpu")
    assert picture(run, made(run, network).repair.slot).tobytes() == cleaner.apply(before).tobytes()
    done = made(run, network, mask=boxed())
    assert (done.repair.step.mask, done.reason) == (run.rows()[-1].chain[0].mask, "")
    after = picture(run, done.repair.slot)
    changed = ImageChops.difference(before, after).convert("L").point(lambda level: 255 * (level > 0))
    assert changed.getbbox()
    assert not ImageChops.subtract(changed, boxed()).getbbox()
    left, top, right, bottom = BOX
    seen = cleaner.apply(before.crop((left, top, right + 1, bottom + 1)))
    middle = ((left + right) // 2, (top + bottom) // 2)
    assert after.getpixel(middle) == seen.getpixel((middle[0] - left, middle[1] - top))


@pytest.mark.parametrize(
    ("marked", "seen"),
    [
        ((10, 12, 14, 28), (4, 12, 20, 28)),
        ((0, 2, 4, 18), (0, 2, 16, 18)),
        ((28, 2, 32, 18), (16, 2, 32, 18)),
        ((3, 30, 23, 32), (3, 12, 23, 32)),
        ((0, 0, 32, 32), (0, 0, 32, 32)),
    ],
)
def test_of_a_face_a_square_within_the_picture_is_seen(marked, seen):
    mask = Image.new("L", (32, 32))
    mask.paste(255, marked)
    assert seen_box(mask, square=False) == marked
    assert seen_box(mask, square=True) == seen


def faced(tmp_path: Path) -> tuple[Finisher, list[tuple[int, ...]]]:
    """Return a restorer that says it is for faces, and the shapes of what it sees from now on."""
    shapes: list[tuple[int, ...]] = []
    descriptor = load_network(written(tmp_path, "restorer", ".safetensors")).descriptor
    descriptor.model.register_forward_pre_hook(lambda _, inward: shapes.append(tuple(inward[0].shape)))
    return Finisher("face", "6" * 64, LoadedNetwork(descriptor, for_faces=True), "cpu"), shapes


def test_a_face_is_restored_inside_its_mask_alone_and_never_without_one(tmp_path):
    finisher, shapes = faced(tmp_path)
    step_files = StepFiles(lambda _: b"", lambda _: b"", no_editor, "cpu")
    step_files._finishers[finisher.sha256] = finisher
    before = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    alone = finished(before, Restore(finisher=finisher.sha256), step_files)
    assert isinstance(alone, DrawFailure)
    assert "with --mask X,Y,WIDTH,HEIGHT" in alone.reason
    mask = boxed((40, 10, 49, 29), 64)
    step_files.mask = lambda sha256: mask
    after = finished(before, Restore(finisher=finisher.sha256, mask="5" * 64), step_files)
    assert shapes == [(1, 3, 512, 512)]
    changed = ImageChops.difference(before, after).convert("L").point(lambda level: 255 * (level > 0))
    assert changed.getbbox()
    assert not ImageChops.subtract(changed, mask).getbbox()


def test_the_same_wish_again_makes_nothing_new(run, tmp_path):
    network = network_to_keep(str(written(tmp_path, "restorer", ".pth")))
    first, before = made(run, network, mask=boxed()), files(run)
    assert made(run, network, mask=boxed()).repair == first.repair
    assert files(run) == before
    assert made(run, network, mask=boxed((0, 0, 9, 9))).repair.number == first.repair.number + 1


def test_what_was_killed_before_it_was_made_is_gone_on_with_and_ends_in_the_same_bytes(run, tmp_path):
    network = network_to_keep(str(written(tmp_path, "compact", ".pth")))
    done, wanted = made(run, network, 64), files(run)
    run.panel_path(*done.repair.slot).unlink()
    lines = run.rows_path.read_bytes().splitlines(keepends=True)
    run.rows_path.write_bytes(b"".join(lines[:-1]))
    generate(run, [IdlePainter()])
    told = {name: data for name, data in files(run).items() if name != "panels.jsonl"}
    assert told == {name: wanted[name] for name in told}


def test_a_network_is_opened_once_for_many_pictures_and_chains_go_on_behind_it(run, tmp_path, monkeypatch):
    network = network_to_keep(str(written(tmp_path, "compact", ".pth")))
    first = made(run, network, 64)
    second = made(run, network, 128, source=first.repair.slot)
    other = made(run, network, 96, source=SOURCE._replace(panel=4))
    painter = FakePainter()
    wish = RepairWish(source=other.repair.slot, step=Redraw(seed=7, strength=0.5))
    [redrawn] = repair(run, painter, wish)
    assert [asked.picture.size for asked in painter.redrawn] == [(96, 96)]
    slots = [one.repair.slot for one in (first, second, other, redrawn)]
    pictures = {slot: run.panel_path(*slot).read_bytes() for slot in slots}
    for slot in slots:
        run.panel_path(*slot).unlink()
    opened = []
    kept = finishers.Finisher.__init__
    monkeypatch.setattr(
        finishers.Finisher, "__init__", lambda self, *told: opened.append(told[0]) or kept(self, *told)
    )
    generate(run, [FakePainter()])
    assert opened == [network_file(network.sha256)]
    assert {slot: run.panel_path(*slot).read_bytes() for slot in slots} == pictures


def test_a_lora_is_worn_for_what_is_drawn_again_alone(tmp_path):
    run = ink_run(tmp_path)
    generate(run, [FakePainter()])
    source = SOURCE._replace(candidate="ink")
    made(run, network_to_keep("mini"), 128, source=source)
    painter = FakePainter()
    repair(run, painter, RepairWish(source=source, step=Redraw(seed=7, strength=0.5)))
    assert len(painter.worn) == 1


def test_a_lost_or_a_spoilt_network_is_a_fault_of_its_picture_alone(run, tmp_path):
    network = network_to_keep(str(written(tmp_path, "restorer", ".pth")))
    done = made(run, network)
    kept, file = run.folder / network_file(network.sha256), run.panel_path(*done.repair.slot)
    for spoil in (kept.unlink, lambda: kept.write_bytes(b"words")):
        spoil()
        file.unlink(missing_ok=True)
        [(named, reason)] = generate(run, [IdlePainter()]).faults.items()
        assert run.folder / named == file
        assert f"{network_file(network.sha256)}: is not the network that it is finished with" in reason
    keep_network(run, network)
    assert not generate(run, [IdlePainter()]).faults
    assert file.is_file()


def test_a_network_whose_pixels_are_no_numbers_is_a_fault(run, tmp_path):
    path = written(tmp_path, "restorer", ".pth")
    told = torch.load(path, weights_only=True)
    next(iter(told["params_ema"].values())).fill_(float("nan"))
    torch.save(told, path)
    assert "pixels that are no numbers: get the file again" in made(run, network_to_keep(str(path))).reason


@pytest.mark.parametrize(
    ("name", "told", "said"),
    [
        ("compact", {"size": 100}, "must be a multiple of 32, got 100"),
        ("compact", {"size": 4096}, "must be at most 2048, got 4096"),
        ("compact", {"size": 32}, "the picture has 32 pixels a side and would have 32: give a larger --size"),
        ("restorer", {"size": 64}, "not larger: give it with --restore"),
        ("compact", {"size": 0}, "2 times larger: give it with --upscale"),
        ("restorer", {"size": 0, "tries": 2}, "ask for one try"),
        ("restorer", {"size": 0, "mask": Image.new("L", (24, 24), 255)}, "the mask has 24 x 24 pixels"),
        ("restorer", {"size": 0, "mask": Image.new("L", (32, 32))}, "the mask is empty"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(run, tmp_path, name, told, said):
    before = files(run)
    with pytest.raises(InputError, match=said):
        made(run, network_to_keep(str(written(tmp_path, name, ".pth"))), **told)
    assert files(run) == before
    assert read_extras(run).repairs == ()


def test_a_network_in_a_chain_written_by_hand_that_cannot_do_it_is_a_fault(run, tmp_path):
    network = network_to_keep(str(written(tmp_path, "restorer", ".pth")))
    keep_network(run, network)
    source = picture(run, SOURCE)
    step_files = StepFiles(lambda _: b"", lambda _: network.data, no_editor, "cpu")
    done = finished(source, Upscale(finisher=network.sha256, size=64), step_files)
    assert isinstance(done, DrawFailure)
    assert "not larger" in done.reason
