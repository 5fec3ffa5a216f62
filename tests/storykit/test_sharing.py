import random
from io import BytesIO
from pathlib import Path

import pytest
from command import tell
from made_run import Plan, make_run
from PIL import Image, ImageChops, ImageStat

from kit.experiment.run import Run
from kit.images.lettering import find_lettering
from storykit.sharing import MOST_BYTES, Layout, Wanted, chosen_story, post_picture
from submissions.bundle import mosaic
from submissions.packing.entry_file import Decisions, keep_decisions

needs_cjk = pytest.mark.skipif(not find_lettering(["汉字"]).captions, reason="no CJK font on this machine")

SIDE = 128
"""Of a panel in the pictures here: mosaics of other tests are smaller, and mostly margins."""


@pytest.fixture(autouse=True)
def wide_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mosaic, "CELL", SIDE)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("shared"), Plan(language="en", title="A cat's day"))


def named(folder: Path, title: str) -> Run:
    """Return a run whose story has this title."""
    return make_run(folder, Plan(language="en", title=title, candidates=("ink",), seeds=(0,), size=32))


@pytest.mark.parametrize(("layout", "rows", "columns"), [("4x2", 4, 2), ("2x4", 2, 4), ("strip", 8, 1)])
def test_a_layout_is_named_by_rows_and_columns(run: Run, layout: Layout, rows: int, columns: int) -> None:
    drawn = post_picture(run, chosen_story(run), Wanted(layout, captions=False))
    assert Image.open(BytesIO(drawn.jpeg)).size == (drawn.width, drawn.height)
    assert drawn.height / drawn.width == pytest.approx(rows / columns, rel=0.35)
    assert drawn.width > SIDE * columns


def test_without_captions_there_is_nothing_but_paper_between_the_pictures(run: Run) -> None:
    bare = post_picture(run, chosen_story(run), Wanted(captions=False))
    told = post_picture(run, chosen_story(run), Wanted())
    assert (bare.lettered, told.lettered) == (False, True)
    assert bare.height < told.height
    between = Image.open(BytesIO(bare.jpeg)).convert("L").crop((0, 0, bare.width, 40))
    assert between.getextrema()[0] > 230


@pytest.mark.parametrize("layout", ["4x2", "2x4", "strip"])
def test_a_picture_of_any_story_is_small_enough_for_a_chat(run: Run, tmp_path: Path, layout: Layout) -> None:
    noise = random.Random(0).randbytes(3 * 256 * 256)
    shot = run.panel_path("ink", "authored", "cat", 0, 1)
    before = shot.read_bytes()
    Image.frombytes("RGB", (256, 256), noise).save(shot)
    try:
        assert len(post_picture(run, chosen_story(run), Wanted(layout)).jpeg) <= MOST_BYTES
    finally:
        shot.write_bytes(before)


@pytest.mark.parametrize(
    ("title", "lettered", "left_out"),
    [
        ("A cat's day \N{BUTTERFLY}", True, "\N{BUTTERFLY}"),
        ("A day \N{HEAVY BLACK HEART}\ufe0f", True, "\N{HEAVY BLACK HEART}"),
        ("\N{EGYPTIAN HIEROGLYPH A001} day", False, ""),
        ("\u05d9\u05d5\u05dd \u05d0\u05d7\u05d3", False, ""),
        ("\u064a\u0648\u0645", False, ""),
        ("a\u202ed\u200bay\u0007", True, ""),
        ("two\nlines", True, ""),
        ("<b>&lt;</b> {braces} %s", True, ""),
        ("word " * 2000, True, ""),
        ("x" * 10_000, True, ""),
    ],
)
def test_words_that_no_font_here_can_write_are_left_out_and_told(
    tmp_path: Path, title: str, lettered: bool, left_out: str
) -> None:
    run = named(tmp_path, title)
    drawn = post_picture(run, chosen_story(run), Wanted())
    assert (drawn.lettered, drawn.left_out) == (lettered, left_out)


def test_emoji_that_are_left_out_are_named_on_the_terminal(tmp_path: Path) -> None:
    told = tell("share", named(tmp_path, "day \N{BUTTERFLY}").folder).out
    assert "the picture's words are without \N{BUTTERFLY}: no font here has them" in told


@needs_cjk
def test_chinese_words_are_written(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(candidates=("ink",), seeds=(0,), size=32))
    assert post_picture(run, chosen_story(run), Wanted()).lettered


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (Wanted(), "story.jpg"),
        (Wanted(layout="2x4"), "story-2x4.jpg"),
        (Wanted(layout="strip", captions=False), "story-strip-no-captions.jpg"),
    ],
)
def test_each_form_has_a_file_of_its_own(wanted: Wanted, name: str) -> None:
    assert wanted.picture_file == name


def test_the_command_writes_the_form_that_is_asked_for_and_says_how_wide_it_is(
    run: Run, tmp_path: Path
) -> None:
    told = tell("share", run.folder, "--out", tmp_path, "--layout", "2x4", "--no-captions", "--slides").out
    with Image.open(tmp_path / "story-2x4-no-captions.jpg") as picture:
        width = picture.width
    assert f"story-2x4-no-captions.jpg  {width} x " in told
    assert f"slides  {tmp_path / 'slides.html'}" in told
    assert "--layout must be 4x2, 2x4 or strip" in tell("share", run.folder, "--layout", "3x3").err


def test_what_the_team_decided_is_meant_unless_another_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(candidates=("ink", "wash"), size=32))
    keep_decisions(run, Decisions(candidate="wash", seed=1), "")
    assert (chosen_story(run).candidate, chosen_story(run).seeds) == ("wash", (1,) * 8)
    assert chosen_story(run, "ink").seeds == (0,) * 8


def test_the_panels_of_the_picture_are_enlarged_by_a_network_and_show_the_same(run: Run) -> None:
    chosen, plain = chosen_story(run), Wanted(captions=False)
    usual, finished = (
        Image.open(BytesIO(post_picture(run, chosen, wanted).jpeg)).convert("RGB")
        for wanted in (plain, plain._replace(upscale="mini"))
    )
    assert usual.size == finished.size
    assert usual.tobytes() != finished.tobytes()
    apart = ImageChops.difference(usual, finished).convert("L")
    assert ImageStat.Stat(apart).mean[0] < 8


def test_what_is_as_large_as_its_place_in_the_picture_is_not_enlarged(tmp_path: Path) -> None:
    plan = Plan(language="en", title="large", candidates=("ink",), seeds=(0,), size=SIDE)
    run, wanted = make_run(tmp_path, plan), Wanted(captions=False)
    usual, enlarged = (
        post_picture(run, chosen_story(run), one) for one in (wanted, wanted._replace(upscale="mini"))
    )
    assert usual.jpeg == enlarged.jpeg


def test_a_file_that_is_no_network_enlarges_nothing_and_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "words.pth").write_text("no network")
    answer = tell("share", run.folder, "--out", tmp_path / "out", "--upscale", tmp_path / "words.pth")
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "words.pth" in answer.err
    assert not (tmp_path / "out").exists()
