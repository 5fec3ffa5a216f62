"""Characters that are drawn to match a picture, from the story to the bundle that is drawn again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import said, tree
from entries import SCORES, forge, make_entry, refusal, repack, verified, write_scores
from fakes import FakePainter, toy_base
from kept_cast import HEAD, written
from PIL import Image

from kit.experiment.config import load_experiment
from kit.experiment.notes import notes_on
from kit.experiment.references.image_prompt_record import reference_file
from kit.experiment.run import Run
from kit.files.encodings import sha256_bytes
from kit.generation.generate import generate
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import Painter
from kit.generation.recipe import plan_run
from kit.images.png_metadata import QUICK, encoded
from kit.models.base import load_base
from kit.world.render import render
from kit.world.scene import Character, Scene
from reports.run.report import write_report
from storykit.board.sheet.large_view import recipe_of
from submissions.bundle.bundle import open_bundle
from submissions.contest.rules import load_rules
from submissions.packing.entry import Entry
from submissions.packing.pack import pack
from submissions.reproduction.reproduce import reproduce
from submissions.verification import likeness_checks

GIRLS = [1, 3, 4, 7, 8]
"""Panels that show the girl."""


def portrait(path: Path, colour: str = "red") -> Path:
    girl = Character(kind="girl", colour=colour, hair="black", hair_length="long")
    render(Scene(characters=(girl,), place="park")).picture.save(path)
    return path


def experiment(folder: Path, *lines: str, head: str = "") -> Path:
    """Return an experiment whose girl has a picture; the head is the experiment's own."""
    portrait(folder / "girl.png")
    shown = HEAD.replace("一个小女孩", '一个小女孩"\nreference = "girl.png')
    path = written(folder, *lines, head=shown)
    path.write_text(head + path.read_text("utf-8"), encoding="utf-8")
    return path


def painter() -> KolorsPainter:
    return KolorsPainter(load_base(toy_base()), "cpu")


def drawn_run(folder: Path, by: Painter, head: str = "") -> Run:
    run = Run.create(folder / "run", load_experiment(experiment(folder, "consistency = 0.7", head=head)))
    generate(run, [by])
    return run


def entry_of(folder: Path, run: Run) -> Entry:
    write_scores(run, SCORES, embedded=True)
    rules = load_rules("practice")
    return make_entry(folder, candidate="ink", story="street", seeds=(0,) * 8, rules=rules)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return drawn_run(tmp_path_factory.mktemp("shown"), painter())


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    return pack(run := drawn_run(folder, FakePainter()), entry_of(folder, run)).path


@pytest.fixture
def bundle(packed: Path, tmp_path: Path) -> Path:
    path = tmp_path / "entry.zip"
    path.write_bytes(packed.read_bytes())
    return path


def told(path: Path) -> str:
    return "\n".join(map(str, verified(path)))


def a_picture(path: Path) -> str:
    return reference_file(open_bundle(path).sound_manifest.panels[0].anchors[0].picture)


def keys(run: Run) -> list[str]:
    return [row.key for row in sorted(run.rows(), key=lambda row: row.panel)]


def test_every_panel_that_shows_the_girl_matches_her_picture_and_no_other_panel_is_changed(run, tmp_path):
    [picture] = (run.folder / "references").iterdir()
    rows = sorted(run.rows(), key=lambda row: row.panel)
    assert [row.panel for row in rows if any(one.picture for one in row.anchors)] == GIRLS
    [shown] = {anchor for row in rows for anchor in row.anchors if anchor.picture}
    assert (shown.prompt, shown.subject, shown.picture) == ("一个小女孩", "一个小女孩", picture.stem)
    assert '"picture":' not in run.rows_path.read_text("utf-8").splitlines()[1]
    without = Run.planned(tmp_path, load_experiment(written(tmp_path, "consistency = 0.7")))
    before = [job.key for job in plan_run(without, painter()).jobs]
    assert [one + 1 for one in range(8) if keys(run)[one] != before[one]] == GIRLS


def test_another_picture_is_another_key_and_the_panels_that_show_it_are_drawn_again(tmp_path):
    painter = FakePainter()
    first = keys(drawn_run(tmp_path, painter))
    portrait(tmp_path / "girl.png", "blue")
    written_again = load_experiment(tmp_path / "a.toml")
    run = Run.create(tmp_path / "run", written_again, reworded=True)
    report = generate(run, [painter])
    assert (report.drawn, report.again) == (5, 5)
    assert [one + 1 for one in range(8) if keys(run)[one] != first[one]] == GIRLS


def test_the_page_and_the_board_show_whom_the_panels_match(run):
    page = write_report(run).read_text("utf-8")
    assert "the picture of 一个小女孩" in page
    assert "others match: 一只小猫" in page
    assert "others match: 一个小女孩" not in page
    row = next(row for row in run.rows() if row.panel == 1)
    assert ("Kept the same as a picture", reference_file(row.anchors[0].picture)) in recipe_of(run, row)


@pytest.mark.parametrize("head", ["", "noise_per_panel = true\n"])
def test_a_bundle_holds_the_picture_and_is_drawn_again_to_the_last_bit(tmp_path, monkeypatch, head, run):
    # pictures of a toy base may be alike
    monkeypatch.setattr(likeness_checks, "copied_pairs", lambda looks, _: np.zeros((len(looks),) * 2, bool))
    made = drawn_run(tmp_path, painter(), head) if head else Run.open(copied(run, tmp_path))
    path = pack(made, entry_of(tmp_path, made)).path
    assert verified(path) == ()
    opened = open_bundle(path)
    assert a_picture(path) in opened.files
    assert f"({a_picture(path)})" in opened.files["README.md"].decode()
    assert "1, 3, 4, 7, 8 read pictures of characters" in opened.files["comfyui/mz.json"].decode()
    again = reproduce(opened, painter())
    assert {panel.verdict for panel in again.panels} == {"identical"}


def test_panels_of_equal_words_are_drawn_again_each_after_its_own_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(likeness_checks, "copied_pairs", lambda looks, _: np.zeros((len(looks),) * 2, bool))
    path = experiment(tmp_path, "consistency = 0.7")
    portrait(tmp_path / "twin.png", "green")
    story = (tmp_path / "street.toml").read_text("utf-8")
    twin = story.replace('text = "一只小猫"', 'text = "一个小女孩"\nreference = "twin.png"')
    (tmp_path / "street.toml").write_text(twin.replace('"睡觉"', '"坐在沙发上"'), "utf-8")
    run = Run.create(tmp_path / "run", load_experiment(path))
    generate(run, [painter()])
    first, second = sorted(run.rows(), key=lambda row: row.panel)[:2]
    assert (first.prompt, first.seed) == (second.prompt, second.seed)
    assert first.sha256 != second.sha256
    path = pack(run, entry_of(tmp_path, run)).path
    assert verified(path) == ()
    assert {one.verdict for one in reproduce(open_bundle(path), painter()).panels} == {"identical"}


def copied(run: Run, folder: Path) -> Path:
    for name, data in tree(run.folder).items():
        (folder / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "run" / name).write_bytes(data)
    return folder / "run"


def test_a_picture_that_is_another_or_not_there_is_named(bundle, packed):
    name = a_picture(bundle)

    def swap(files: dict[str, bytes]) -> None:
        files[name] = encoded(Image.effect_noise((64, 64), 50).convert("RGB"), level=QUICK)

    assert f"{name}: is not the picture that the panel was drawn with" in told(repack(bundle, swap))

    def lost(files: dict[str, bytes], _manifest: dict[str, object]) -> None:
        del files[name]

    bundle.write_bytes(packed.read_bytes())
    assert f"{name}: is missing, a panel was drawn with this picture" in told(forge(bundle, lost))


def test_forged_pictures_are_seen(bundle, packed):
    def other(files: dict[str, bytes], manifest: dict[str, object]) -> None:
        data = encoded(Image.effect_noise((1088, 1024), 50).convert("RGB"), level=QUICK)
        files[reference_file(sha256_bytes(data))] = data
        manifest["panels"][0]["anchors"][0]["picture"] = sha256_bytes(data)

    problems = told(forge(bundle, other))
    assert "panels/1.png: holds a recipe with another anchors than the manifest's" in problems
    assert "must be 1024 x 1024 pixels, got 1088 x 1024" in problems

    def lie(_files: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["panels"][0]["anchors"][0]["prompt"] = "一只小猫，一个小女孩"

    bundle.write_bytes(packed.read_bytes())
    assert "must be matched to a panel of the story" in told(forge(bundle, lie))

    def hide(_files: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["panels"][0]["anchors"][0]["picture"] = "../../etc/passwd"

    bundle.write_bytes(packed.read_bytes())
    assert "panels[0].anchors[0].picture" in told(forge(bundle, hide))


def test_a_picture_that_is_gone_or_renamed_in_the_run_keeps_it_from_being_packed(tmp_path):
    run = drawn_run(tmp_path, FakePainter())
    entry = replace(entry_of(tmp_path, run), out=tmp_path / "e.zip")
    story = run.folder / "stories" / "street.toml"
    whole = story.read_text("utf-8")
    story.write_text(whole.replace(".png", "0.png"), encoding="utf-8")
    problem = "panels/1.png: was not drawn from the story's prompt and negative prompt as they stand now"
    assert problem in refusal(Run.open(run.folder), entry)
    story.write_text(whole, encoding="utf-8")
    [picture] = (run.folder / "references").iterdir()
    picture.unlink()
    assert f"references/{picture.name}: does not exist" in refusal(Run.open(run.folder), entry)


def test_a_panel_is_repaired_beside_its_picture(run, tmp_path):
    folder = copied(run, tmp_path)
    lines = said("repair", folder, "--panel", 1, "--redraw", 0.5, "--prompt", "一个小女孩，睡觉")
    assert "1 picture" in lines or "seed" in lines
    repaired = next(row for row in Run.open(folder).rows() if row.chain)
    assert repaired.anchors == next(row for row in run.rows() if row.panel == 1).anchors


def test_a_picture_that_nobody_reads_is_noted(tmp_path):
    idle = "story street: the picture of girl shapes nothing"
    [note] = notes_on(load_experiment(experiment(tmp_path)))
    assert note == f"{idle} where consistency is 0: write consistency = 0.6 in the experiment"
    path = experiment(tmp_path, "consistency = 0.7")
    assert notes_on(load_experiment(path)) == []
    story = (tmp_path / "street.toml").read_text("utf-8").replace('character = "girl"', 'text = "一个小女孩"')
    (tmp_path / "street.toml").write_text(story, encoding="utf-8")
    [note] = notes_on(load_experiment(path))
    assert note == f"{idle}, no panel has a clause with character = 'girl'"
