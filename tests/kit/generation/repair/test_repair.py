import json
import weakref
from dataclasses import replace

import pytest
from fakes import FakePainter, fake_picture, make_run
from PIL import Image, ImageChops, ImageDraw
from stories import clause_story

from kit.errors import InputError, RunError
from kit.experiment.extras.extra_pictures import Repair, keep_repair, read_extras
from kit.experiment.run import Run, Slot
from kit.experiment.steps import Outpaint, Redraw, Vary, mask_file
from kit.files.encodings import canonical_json, sha256_bytes
from kit.generation.generate import draw_experiment, generate
from kit.generation.repair.repair import RepairWish, repair
from kit.images.decode import open_picture
from kit.images.png_metadata import RECIPE
from kit.story.structure.story_text import story_toml

PLACE = ("base", "authored", "cat")
SOURCE = Slot(*PLACE, 0, 3)
HALF = Redraw(seed=0, strength=0.5)
FIRST = replace(HALF, seed=1)
"""The first try: seed 0 is the picture's own."""


@pytest.fixture
def run(tmp_path) -> Run:
    run = make_run(tmp_path, "seeds = [0, 1]")
    generate(run, [FakePainter()])
    return run


def box(run: Run, corners: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", (run.loaded.settings.size,) * 2)
    ImageDraw.Draw(mask).rectangle(corners, fill=255)
    return mask


def wish(source: Slot = SOURCE, step: Vary | Redraw = HALF, **told) -> RepairWish:
    return RepairWish(source=source, step=step, **told)


def files(run: Run) -> dict[str, bytes]:
    kept = (path for path in run.folder.rglob("*") if path.is_file() and path.suffix in (".png", ".json"))
    return {path.relative_to(run.folder).as_posix(): path.read_bytes() for path in kept}


def test_a_repair_is_one_more_picture_of_its_panel_and_all_others_stay(run):
    before = files(run)
    [done] = repair(run, FakePainter(), wish())
    assert (done.repair.number, done.repair.source, done.reason) == (1001, 0, "")
    row = run.rows()[-1]
    assert row.slot == Slot(*PLACE, 1001, 3)
    assert (row.recipe_seed, row.chain) == (0, (FIRST,))
    after = files(run)
    assert {name: after[name] for name in before if name != "run.json"} == {
        name: data for name, data in before.items() if name != "run.json"
    }
    recipe = json.loads(open_picture(run.folder / row.file).info[RECIPE])
    assert recipe["chain"] == [{"step": "redraw", "seed": 1, "strength": 0.5}]
    source = next(one for one in run.rows() if one.slot == SOURCE)
    shaping = {name: value for name, value in recipe.items() if name not in ("storykit", "key", "chain")}
    assert sha256_bytes(canonical_json(shaping)) == source.key
    assert sha256_bytes(canonical_json(shaping | {"chain": recipe["chain"]})) == row.key


def test_what_is_redrawn_begins_with_the_picture_and_has_its_own_noise_and_words(run):
    painter = FakePainter()
    repair(run, painter, wish(step=Redraw(seed=5, strength=0.25, prompt="a cat in the rain")))
    [asked] = painter.redrawn
    assert (asked.strength, asked.request.seed, asked.request.prompt) == (0.25, 5, "a cat in the rain")
    assert not ImageChops.difference(asked.picture, open_picture(run.panel_path(*SOURCE))).getbbox()
    assert "a cat in the rain" in painter.read_prompts
    assert next(row for row in run.rows() if row.chain).prompt != "a cat in the rain"


def test_what_is_varied_is_drawn_from_mixed_noise(run):
    painter = FakePainter()
    repair(run, painter, wish(step=Vary(seed=0, strength=0.2), tries=2))
    asked = [request.variation for batch in painter.batches for request in batch]
    assert [(one.seed, one.strength) for one in asked] == [(1, 0.2), (2, 0.2)]  # 0 is its own


def test_tries_go_on_where_the_last_ones_ended_and_have_numbers_of_their_own(run):
    first = repair(run, FakePainter(), wish(tries=2))
    [third] = repair(run, FakePainter(), wish())
    told = [(one.repair.number, one.repair.step.seed) for one in [*first, third]]
    assert told == [(1001, 1), (1002, 2), (1003, 3)]
    [other] = repair(run, FakePainter(), wish(source=SOURCE._replace(panel=4)))
    assert (other.repair.number, other.repair.step.seed) == (1004, 1)


def test_outside_a_mask_every_pixel_stays_and_the_mask_is_kept_with_the_run(run):
    mask = box(run, (8, 8, 23, 31))
    [done] = repair(run, FakePainter(), wish(mask=mask))
    source, made = (open_picture(run.panel_path(*slot)) for slot in (SOURCE, done.repair.slot))
    changed = ImageChops.difference(source, made).convert("L").point(lambda level: 255 * (level > 0))
    assert changed.getbbox()
    assert not ImageChops.subtract(changed, mask).getbbox()
    kept = run.folder / mask_file(done.repair.step.mask)
    assert not ImageChops.difference(open_picture(kept).convert("L"), mask).getbbox()
    assert run.rows()[-1].chain == (replace(FIRST, mask=sha256_bytes(kept.read_bytes())),)


def test_what_a_mask_names_is_drawn_by_the_unet_for_inpainting_that_is_there(run):
    painter, part = FakePainter(), box(run, (8, 8, 23, 31))
    painter.inpainting = "7" * 64
    around = Outpaint(seed=0, strength=0.8, left=32, top=32)
    wishes = [wish(mask=part), wish(), wish(step=Vary(seed=4, strength=0.2)), wish(step=around)]
    steps = [done.repair.step for one in wishes for done in repair(run, painter, one)]
    assert [step.inpainting for step in steps] == ["7" * 64, "", "", "7" * 64]
    assert [one.inpainting for one in painter.redrawn][:2] == ["7" * 64, ""]
    assert {one.inpainting for one in painter.redrawn[2:]} == {"7" * 64}
    [by_base] = repair(run, FakePainter(), wish(mask=part))
    recipe = json.loads(open_picture(run.panel_path(*by_base.repair.slot)).info[RECIPE])
    assert set(recipe["chain"][0]) == {"step", "seed", "strength", "mask"}


class HeldPainter(FakePainter):
    """Notes how many of the pictures that it redrew are still held when it redraws the next."""

    def __init__(self) -> None:
        super().__init__()
        self.redrawings: list[weakref.ref[Image.Image]] = []
        self.held: list[int] = []

    def redraw(self, requests, settings):
        self.held.append(sum(one() is not None for one in self.redrawings))
        pictures = super().redraw(requests, settings)
        self.redrawings += [weakref.ref(one) for one in pictures]
        return pictures


def test_pictures_of_many_tries_are_not_all_held_at_once(run):
    painter = HeldPainter()
    repair(run, painter, wish(tries=12))
    assert len(painter.held) == 12
    assert max(painter.held) < 6


def test_behind_the_largest_seed_comes_the_first(run):
    done = repair(run, FakePainter(), wish(step=replace(HALF, seed=2**63 - 1), tries=2))
    assert [one.repair.step.seed for one in done] == [2**63 - 1, 1]  # 0 is its own
    assert len(read_extras(run).repairs) == 2


class WatchingPainter(FakePainter):
    """Notes for which words it is asked where a picture shows them."""

    words: tuple[str, ...] = ()

    def mask_of(self, request, picture, words, settings):
        assert request.prompt in self.read_prompts
        self.words = tuple(words)
        return super().mask_of(request, picture, words, settings)


def test_whom_a_panel_shows_is_drawn_again_or_all_but_them(tmp_path):
    story = clause_story(
        {"cat": "一只橙色的小猫"}, "place: 河边", "subject: @cat | subject: 一个老人 | place: 森林里"
    )
    (tmp_path / "cat.toml").write_bytes(story_toml(story).encode())
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    shown = SOURCE._replace(panel=2)
    painter = WatchingPainter()
    [figures] = repair(run, painter, wish(source=shown, part="character"))
    assert painter.words == ("一只橙色的小猫", "一个老人")
    [place] = repair(run, painter, wish(source=shown, part="place"))
    masks = [
        open_picture(run.folder / mask_file(one.repair.step.mask)).convert("L") for one in (figures, place)
    ]
    assert masks[0].getbbox() == (0, 0, 32, 32)  # the middle and the margin that its edge fades over
    assert ImageChops.invert(masks[1]).getbbox() == (8, 8, 24, 24)
    with pytest.raises(InputError, match="does not say who is in panel 1"):
        repair(run, painter, wish(source=SOURCE._replace(panel=1), part="character"))


class SeeingPainter(FakePainter):
    """Sees figures everywhere."""

    def mask_of(self, request, picture, words, settings):
        return Image.new("L", picture.size, 255)


def test_where_figures_are_everywhere_there_is_no_place_to_draw_and_nothing_is_written(tmp_path):
    story = clause_story({"cat": "一只橙色的小猫"}, "place: 河边", "subject: @cat | place: 森林里")
    (tmp_path / "cat.toml").write_bytes(story_toml(story).encode())
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    before = files(run)
    with pytest.raises(InputError, match="the mask is empty"):
        repair(run, SeeingPainter(), wish(source=SOURCE._replace(panel=2), part="place"))
    assert files(run) == before


def test_a_repaired_picture_is_repaired_again_and_its_chain_grows(run):
    [first] = repair(run, FakePainter(), wish(mask=box(run, (0, 0, 9, 9))))
    painter = FakePainter()
    [second] = repair(run, painter, wish(source=first.repair.slot, step=Redraw(seed=9, strength=0.3)))
    row = run.rows()[-1]
    assert row.chain == (first.repair.step, Redraw(seed=9, strength=0.3))
    assert row.recipe_seed == 0
    begun = open_picture(run.panel_path(*first.repair.slot))
    assert not ImageChops.difference(painter.redrawn[0].picture, begun).getbbox()
    assert second.repair.source == first.repair.number


def test_a_repair_that_was_killed_before_it_was_drawn_is_gone_on_with(run, tmp_path):
    mask = box(run, (0, 0, 9, 9))
    whole = repair(run, FakePainter(), wish(mask=mask, tries=2))
    wanted = files(run)
    for one in whole:  # as if the power failed when they had been written down
        run.panel_path(*one.repair.slot).unlink()
    lines = run.rows_path.read_bytes().splitlines(keepends=True)
    run.rows_path.write_bytes(b"".join(lines[:-2]))
    assert [one.repair for one in repair(run, FakePainter(), wish(mask=mask, tries=2))] == [
        one.repair for one in whole
    ]
    assert files(run) == wanted
    run.panel_path(*whole[0].repair.slot).unlink()
    generate(run, [FakePainter()])  # so does drawing the run again
    assert files(run) == wanted


def test_a_picture_that_cannot_be_repaired_is_a_fault_of_its_own(run):
    painter = FakePainter()
    painter.fail_on = "cat in the rain"
    [done] = repair(run, painter, wish(step=replace(HALF, prompt="cat in the rain")))
    assert "finite" in done.reason
    assert len(run.rows()) == 16


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"tries": 0}, "tries"),
        ({"tries": 65}, "tries"),
        ({"source": SOURCE._replace(seed=7)}, "no picture of panel 3, seed 7"),
        ({"mask": Image.new("L", (24, 24), 255)}, "the mask has 24 x 24"),
        ({"mask": Image.new("L", (32, 32))}, "the mask is empty"),
        ({"step": Redraw(seed=0, strength=1.5)}, "strength"),
        ({"step": replace(HALF, prompt="x" * 1001)}, "254 tokens"),
        ({"step": replace(HALF, prompt="x" * 4097)}, "at most 4096 characters"),
        ({"step": replace(HALF, prompt="x\udcff")}, "prompt"),
        ({"step": replace(HALF, seed=2**63)}, "seed: must be at most"),
        ({"step": replace(HALF, mask="../x")}, "mask"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(run, asked, said):
    before = files(run)
    with pytest.raises((InputError, RunError), match=said):
        repair(run, FakePainter(), wish(**asked))
    assert files(run) == before
    assert read_extras(run).repairs == ()


def test_a_repaired_picture_has_no_noise_of_its_own_to_vary(run):
    [done] = repair(run, FakePainter(), wish())
    with pytest.raises(RunError, match="no noise of its own"):
        repair(run, FakePainter(), wish(source=done.repair.slot, step=Vary(seed=1, strength=0.1)))


def test_a_picture_that_is_gone_changed_or_drawn_otherwise_is_refused(run):
    with pytest.raises(RunError, match="other weights"):
        repair(run, FakePainter("another"), wish())
    run.panel_path(*SOURCE).write_bytes(b"scribbled over")
    with pytest.raises(RunError, match="not there as it was drawn"):
        repair(run, FakePainter(), wish())


def test_drafts_are_finished_first(tmp_path):
    run = make_run(tmp_path, 'quality = "draft"')
    generate(run, [FakePainter()])
    with pytest.raises(RunError, match="storykit finish"):
        repair(run, FakePainter(), wish())


def test_a_lost_mask_is_named_and_nothing_is_drawn_without_it(run):
    [done] = repair(run, FakePainter(), wish(mask=box(run, (0, 0, 9, 9))))
    run.panel_path(*done.repair.slot).unlink()
    (run.folder / mask_file(done.repair.step.mask)).write_bytes(b"another")
    run.panel_path(*SOURCE).unlink()
    [other] = repair(run, FakePainter(), wish(source=SOURCE._replace(panel=4)))
    run.panel_path(*other.repair.slot).unlink()
    [(file, reason)] = generate(run, [FakePainter()]).faults.items()
    assert (run.folder / file, mask_file(done.repair.step.mask) in reason) == (
        run.panel_path(*done.repair.slot),
        True,
    )
    assert run.panel_path(*SOURCE).is_file()
    assert run.panel_path(*other.repair.slot).is_file()


def test_a_mask_that_no_longer_fits_is_a_fault_of_its_picture_alone(run):
    [done] = repair(run, FakePainter(), wish(mask=box(run, (0, 0, 9, 9))))
    experiment = run.loaded.experiment.model_copy(update={"size": 64})
    _, told = draw_experiment(
        replace(run.loaded, experiment=experiment), run.folder, [FakePainter()], again=True
    )
    assert told.drawn == 16
    [(file, reason)] = told.faults.items()
    assert run.folder / file == run.panel_path(*done.repair.slot)
    assert "the mask has 32 x 32 pixels" in reason


def test_words_that_change_redraw_the_picture_and_what_was_made_of_it(tmp_path):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    [done] = repair(run, FakePainter(), wish())
    before = run.panel_path(*done.repair.slot).read_bytes()
    story = next((run.folder / "stories").glob("*.toml"))
    story.write_text(story.read_text("utf-8").replace("panel", "panel", 1), "utf-8")
    again = Run.open(run.folder)
    told = again.loaded.stories[0].story
    panels = list(told.panels)
    panels[2] = panels[2].model_copy(update={"prompt": "quite another cat", "clauses": ()})
    loaded = replace(
        again.loaded,
        stories=(replace(again.loaded.stories[0], story=told.model_copy(update={"panels": tuple(panels)})),),
    )
    after, _ = draw_experiment(loaded, run.folder, [FakePainter()])
    assert after.panel_path(*done.repair.slot).read_bytes() != before
    assert {row.slot: row.prompt for row in after.rows()}[done.repair.slot] == "quite another cat"


def test_a_seed_that_is_the_number_of_a_repair_is_refused_and_nothing_is_lost(tmp_path):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    [done] = repair(run, FakePainter(), wish())
    before = files(run)
    experiment = run.loaded.experiment.model_copy(update={"seeds": (0, done.repair.number)})
    with pytest.raises(RunError, match="numbers of repaired pictures"):
        draw_experiment(replace(run.loaded, experiment=experiment), run.folder, [FakePainter()])
    assert files(run) == before


def test_a_chain_that_is_too_long_is_refused(run):
    for number in range(16):
        keep_repair(
            run,
            Repair(
                **dict(zip(("candidate", "order", "story"), PLACE, strict=True)),
                panel=3,
                number=number + 2,
                source=number + 1 if number else 0,
                step=HALF,
            ),
        )
    generate(run, [FakePainter()])
    with pytest.raises(RunError, match="16 steps"):
        repair(run, FakePainter(), wish(source=SOURCE._replace(seed=17)))


def noted(number: int, source: int, step: dict[str, object] | None = None) -> dict[str, object]:
    place = dict(zip(("candidate", "order", "story"), PLACE, strict=True))
    told = step or {"step": "redraw", "seed": 0, "strength": 0.5}
    return {**place, "panel": 3, "number": number, "source": source, "step": told}


VARIED = {"step": "vary", "seed": 5, "strength": 0.5}


@pytest.mark.parametrize(
    ("repairs", "said"),
    [
        ([noted(7, 7)], "7 must stand behind what it is made of, 7"),
        ([noted(7, 8), noted(8, 7)], "7 must stand behind what it is made of, 8"),
        ([noted(7, 0), noted(7, 1)], "7 must be the number of one picture"),
        ([noted(7, 0), noted(8, 7, VARIED)], "8 must be made by a step that can follow those of 7"),
        ([noted(2 + k, 1 + k if k else 0) for k in range(3000)], "18 must be made by a step that can follow"),
        ([noted(1, 0)], "1 are numbers of repaired pictures"),
    ],
)
def test_a_strangers_list_that_makes_no_chains_is_refused_and_no_picture_is_lost(run, repairs, said):
    run.write_json("extras.json", {"spendings": [], "repairs": repairs})
    before = files(run)
    with pytest.raises(RunError, match=said):
        generate(Run.open(run.folder), [FakePainter()])
    assert files(run) == before


def test_pictures_depend_on_their_key_alone_in_these_tests():
    assert fake_picture("a", 32).tobytes() != fake_picture("b", 32).tobytes()


def test_more_seeds_are_drawn_beside_repairs(tmp_path):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    [done] = repair(run, FakePainter(), wish())
    kept = run.panel_path(*done.repair.slot).read_bytes()
    experiment = run.loaded.experiment.model_copy(update={"seeds": (0, 1, 2)})
    after, _ = draw_experiment(replace(run.loaded, experiment=experiment), run.folder, [FakePainter()])
    assert len(after.rows()) == 25
    assert after.panel_path(*done.repair.slot).read_bytes() == kept
