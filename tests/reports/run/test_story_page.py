import re
from io import BytesIO
from pathlib import Path

import pytest
from command import tell
from english_sentences import english_on_page
from made_run import Plan, make_run, words_of, write_made_up_scores
from PIL import Image

import storykit
from kit.errors import RunError
from kit.experiment.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(tmp_path, Plan(language="en", title="A cat's day"))


def shared(run: Run, **wanted: object) -> tuple[str, Image.Image]:
    done = storykit.share(storykit.open_run(run.folder), **wanted)
    return done.page.read_text(encoding="utf-8"), Image.open(BytesIO(done.picture.read_bytes()))


def test_a_shared_story_is_one_page_without_scripts_and_links_and_a_picture_for_a_phone(run: Run) -> None:
    page, picture = shared(run)
    assert page.count('<img src="data:image/webp;base64,') == 8
    assert re.findall(r"<script|href=|src=\"(?!data:)", page) == []
    assert "A cat's day" in words_of(page)
    assert picture.format == "JPEG"
    assert picture.height > picture.width


def test_scores_are_shown_when_they_are_asked_for_alone(run: Run) -> None:
    write_made_up_scores(run)
    assert 'shared-scores"' not in shared(run)[0]
    assert 'shared-scores"' in shared(run, scores=True)[0]


def test_what_the_embedded_base_drew_is_called_practice(run: Run) -> None:
    assert "practice, no entry" in words_of(shared(run)[0])


def test_a_shared_page_speaks_the_language_that_is_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    story = run.loaded.stories[0].story
    told = [story.title, *(text for one in story.panels for text in (one.caption, one.prompt) if text)]
    assert english_on_page(shared(run)[0], *told) == []


def test_whose_pictures_are_meant_must_be_clear(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(candidates=("ink", "wash", "base")))
    with pytest.raises(RunError, match="several candidates, name one: ink, wash, base"):
        shared(run)
    assert shared(run, candidate="wash")
    assert not list(run.folder.glob("share/*.tmp"))


def test_a_missing_picture_and_missing_scores_are_named_and_nothing_is_written(run: Run) -> None:
    with pytest.raises(RunError, match="has no scores; `storykit score` first"):
        shared(run, scores=True)
    run.panel_path("ink", "authored", "cat", 0, 3).unlink()
    with pytest.raises(RunError, match="panel 3 cannot be shown"):
        shared(run)
    assert not (run.folder / "share").exists()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"candidate": "nobody"}, "the run has no candidate 'nobody', it has ink, base"),
        ({"order": "x"}, "the run has no order 'x', it has authored"),
        ({"story": "dog"}, "the run has no story 'dog', it has cat"),
        ({"seed": 9}, "the run has no seed 9, it has 0, 1"),
        ({"candidate": "ikn"}, "did you mean ink?"),
    ],
)
def test_a_choice_that_the_run_does_not_have_is_answered_with_those_it_has(
    run: Run, wanted: dict[str, object], said: str
) -> None:
    with pytest.raises(RunError, match=re.escape(said)):
        shared(run, **wanted)
    assert not (run.folder / "share").exists()


def test_the_command_says_where_page_and_picture_are(run: Run, tmp_path: Path) -> None:
    told = tell("share", run.folder, "--out", tmp_path / "friends").out
    assert str(tmp_path / "friends" / "story.html") in told
    assert (tmp_path / "friends" / "story.jpg").is_file()


def test_a_picture_without_words_is_said(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(title="\N{BUTTERFLY}\N{EGYPTIAN HIEROGLYPH A001}"))
    assert "the picture has panel numbers only" in tell("share", run.folder, "--candidate", "ink").out
