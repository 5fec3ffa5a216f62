"""Panels drawn after pictures by an IP-Adapter, from the experiment to the bundle that is drawn again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import refused
from entries import SCORES, forge, make_entry, refusal, verified, write_scores
from kept_cast import HEAD, written

from kit.errors import BundleError
from kit.experiment.config import load_experiment
from kit.experiment.references.image_prompt_record import reference_file
from kit.experiment.run import Run
from kit.generation.generate import generate
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.models.base import load_base
from kit.models.ip_adapter.adapter_files import open_ip_adapter
from storykit.board.sheet.large_view import recipe_of
from submissions.bundle.bundle import open_bundle
from submissions.contest.rules import load_rules
from submissions.packing.entry import Entry
from submissions.packing.pack import pack
from submissions.reproduction.controls import NetworkFolders
from submissions.reproduction.reproduce import reproduce
from submissions.verification import likeness_checks
from tests.support.kolors_ip_adapters import kolors_adapter, write_adapter
from tests.support.published_toy import SIZES, toy_published
from tests.support.toy_controlnets import shapes

GIRLS = [1, 3, 4, 7, 8]
"""Panels that show the girl."""


def experiment(folder: Path, adapter: Path, weight: float = 0.8) -> Path:
    """Return an experiment on a toy of Kolors whose girl has a picture that an adapter reads."""
    shapes(1, 300).save(folder / "girl.png")
    shown = HEAD.replace("一个小女孩", '一个小女孩"\nreference = "girl.png')
    path = written(folder, head=shown)
    table = (
        f'[ip_adapter]\nfolder = "{adapter}"\nweight = {weight}\nuntil = 0.9\n[[candidate]]\nname = "bare"\n'
    )
    head = path.read_text("utf-8").partition("[[candidate]]")[0].splitlines()
    kept = [f'base = "{toy_published()}"' if line.startswith("base") else line for line in head]
    path.write_text("\n".join([*kept, table]), encoding="utf-8")
    return path


def painter() -> KolorsPainter:
    return KolorsPainter(load_base(toy_published()), "cpu")


def entry_of(folder: Path, run: Run) -> Entry:
    write_scores(run, SCORES, embedded=True)
    rules = load_rules("practice")
    return make_entry(folder, candidate="bare", story="street", seeds=(0,) * 8, rules=rules)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prompted")
    run = Run.create(folder / "run", load_experiment(experiment(folder, kolors_adapter())))
    generate(run, [painter()])
    return folder


@pytest.fixture(scope="module")
def packed(home: Path) -> Path:
    run = Run.open(home / "run")
    with pytest.MonkeyPatch.context() as patch:  # pictures of a toy base may be alike
        alike = lambda looks, _: np.zeros((len(looks),) * 2, bool)  # noqa: E731
        patch.setattr(likeness_checks, "copied_pairs", alike)
        path = pack(run, entry_of(home, run)).path
        assert verified(path) == ()
    return path


def test_panels_that_show_the_girl_are_drawn_after_her_picture(home):
    run = Run.open(home / "run")
    rows = sorted(run.rows(), key=lambda row: row.panel)
    assert [row.panel for row in rows if row.image_prompts] == GIRLS
    [told] = {one for row in rows for one in row.image_prompts}
    assert (told.subject, told.weight, told.start, told.until) == ("一个小女孩", 0.8, 0.0, 0.9)
    assert (told.blocks, told.face) == (("down", "mid", "up"), False)
    assert told.adapter == open_ip_adapter(kolors_adapter()).identity
    assert (run.folder / reference_file(told.picture)).is_file()
    assert run.read_json("run.json")["ip_adapter"] == dict(open_ip_adapter(kolors_adapter()).sha256)
    said = dict(recipe_of(run, rows[0]))["A picture beside the prompt"]
    assert said == f"一个小女孩, weight 0.8, from 0% to 90% of the steps, {reference_file(told.picture)}"
    assert "image_prompts" not in run.rows_path.read_text("utf-8").splitlines()[1]


def test_another_weight_draws_the_panels_of_the_picture_again_and_no_others(home, tmp_path):
    before = {row.panel: row for row in Run.open(home / "run").rows()}
    run = Run.create(tmp_path / "run", load_experiment(experiment(tmp_path, kolors_adapter(), 0.3)))
    generate(run, [painter()])
    after = {row.panel: row for row in run.rows()}
    assert [panel for panel in range(1, 9) if after[panel].key != before[panel].key] == GIRLS
    moved = [panel for panel in range(1, 9) if after[panel].sha256 != before[panel].sha256]
    assert moved == GIRLS


def test_a_bundle_takes_the_picture_along_and_is_drawn_again_with_the_adapter(packed, tmp_path):
    bundle = open_bundle(packed)
    again = reproduce(bundle, painter(), networks=NetworkFolders(ip_adapter=kolors_adapter()))
    assert {panel.verdict for panel in again.panels} == {"identical"}
    assert again.reasons == ()
    with pytest.raises(BundleError, match="name it with --ip-adapter FOLDER"):
        reproduce(bundle, painter())
    other = write_adapter(tmp_path / "other", SIZES.unet, 90)
    moved = reproduce(bundle, painter(), networks=NetworkFolders(ip_adapter=other))
    assert moved.reasons == ("another IP-Adapter",)
    assert [one.panel for one in moved.panels if one.difference] == GIRLS


def test_a_bundle_that_says_another_weight_or_figure_than_its_panels_is_seen(packed, tmp_path):
    path = tmp_path / "entry.zip"

    def weigh(_files: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["panels"][0]["image_prompts"][0]["weight"] = 0.5

    def rename(_files: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["panels"][0]["image_prompts"][0]["subject"] = "一条龙"

    for change, fault in (
        (weigh, "panels/1.png: holds a recipe with another image_prompts than the manifest's"),
        (rename, "must read pictures of whom its prompt names, in some of its steps"),
    ):
        path.write_bytes(packed.read_bytes())
        assert fault in "\n".join(map(str, verified(forge(path, change))))


def test_a_table_that_was_changed_since_keeps_the_panels_from_being_packed(home, tmp_path):
    run = Run.open(home / "run")
    entry = replace(entry_of(home, run), out=tmp_path / "e.zip")
    whole = run.experiment_path.read_text("utf-8")
    try:
        run.experiment_path.write_text(whole.replace("weight = 0.8", "weight = 0.7"), encoding="utf-8")
        told = refusal(Run.open(run.folder), entry)
    finally:
        run.experiment_path.write_text(whole, encoding="utf-8")
    assert "panels/1.png: was not drawn with the pictures of characters that the story has now" in told
    assert "panels/2.png" not in told


def test_a_folder_that_holds_no_adapter_is_refused_before_a_run_exists(tmp_path):
    (tmp_path / "empty").mkdir()
    told = refused("generate", experiment(tmp_path, tmp_path / "empty"), "--out", tmp_path / "run")
    assert "holds no IP-Adapter" in told
    assert not (tmp_path / "run").exists()
