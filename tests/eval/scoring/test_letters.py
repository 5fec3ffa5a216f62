import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_run import page_of
from PIL import Image
from stripes import Brightness, Columns, RedLetters, fill, new_run, put_panel, reddened, stripe_scorers

from eval.scorers.load import Scorers
from eval.scorers.protocols import Inscription
from eval.scoring.letters import covered, from_row, to_row
from eval.scoring.records import panels_frame, read_scores, stories_frame
from eval.scoring.score import score
from eval.scoring.summary import faults_said
from kit.errors import ScoreError
from kit.experiment.config import load_experiment
from kit.experiment.run import Run, Slot


def reading(reader: RedLetters) -> Scorers:
    return Scorers(aesthetic=Brightness(), encoder=Columns(), reader=reader)


def lettered_run(folder: Path, panels: Sequence[int] = (3,), **more: int) -> Run:
    run = fill(new_run(folder, **more))
    for panel in panels:
        put_panel(run, Slot("ink", "authored", "story", 0, panel), reddened(panel))
    return run


def test_letters_are_a_column_of_panels_and_sets_and_the_panel_is_named_with_what_is_read(
    tmp_path: Path,
) -> None:
    run = lettered_run(tmp_path, [3])
    scores = score(run, reading(RedLetters()))
    panels, stories = panels_frame(run), stories_frame(run)
    shares = panels[panels["candidate"] == "ink"].set_index("panel")["letters"]
    assert shares[3] == 0.25
    assert shares.drop(3).eq(0).all()
    assert stories.set_index("candidate")["letters"].to_dict() == {"base": 0.0, "ink": 0.25 / 8}
    assert json.loads((run.folder / "scores.json").read_text("utf-8"))["letters"] == [
        {"candidate": "ink", "order": "authored", "story": "story", "seed": 0, "panel": 3, "read": "HELLO"}
    ]
    said = "panel 3: letters 'HELLO' are in the picture and the story asks for none"
    assert [line for line in faults_said(scores) if "letters" in line] == [
        f"letters ink authored story seed 0, {said}"
    ]
    assert read_scores(run) is not None


def test_where_nobody_asked_there_is_no_column_and_asking_later_changes_and_measures_nothing_else(
    tmp_path: Path,
) -> None:
    run, columns, reader = lettered_run(tmp_path), Columns(), RedLetters()
    scores = score(run, stripe_scorers())
    before = panels_frame(run), stories_frame(run)
    assert "letters" not in {*before[0], *before[1], *(metric.name for metric in scores.metrics)}
    assert scores.letters == ()
    assert 'id="letters"' not in page_of(run)
    score(run, Scorers(aesthetic=Brightness(), encoder=columns, reader=reader))
    assert (columns.seen, reader.seen) == (0, 16)
    assert panels_frame(run).drop(columns="letters").equals(before[0])
    assert stories_frame(run).drop(columns="letters").equals(before[1])


@pytest.mark.parametrize(
    ("clause", "flagged"),
    [
        ("门上写着“地方2”", False),
        ("地方2的十字路口", True),
    ],
)
def test_a_panel_whose_words_ask_for_letters_is_not_named_and_keeps_its_number(
    tmp_path: Path, clause: str, flagged: bool
) -> None:
    new_run(tmp_path)
    story = tmp_path / "story.toml"
    story.write_text(story.read_text("utf-8").replace('"地方2"', f"'{clause}'"), "utf-8")
    again = Run.create(tmp_path / "again", load_experiment(tmp_path / "experiment.toml"))
    run = fill(again)
    put_panel(run, Slot("base", "authored", "story", 0, 3), reddened(3))
    put_panel(run, Slot("base", "authored", "story", 0, 4), reddened(4))
    scores = score(run, reading(RedLetters()))
    assert [one.panel for one in scores.letters] == ([3, 4] if flagged else [4])
    assert scores.panels[2].values["letters"] == 0.25


def test_a_set_with_a_faulty_panel_keeps_the_letters_of_the_others(tmp_path: Path) -> None:
    run = lettered_run(tmp_path, [3])
    run.panel_path("ink", "authored", "story", 0, 5).unlink()
    scores = score(run, reading(RedLetters()))
    panels = [one for one in scores.panels if one.candidate == "ink"]
    assert [one.values.get("letters") for one in panels] == [0, 0, 0.25, 0, None, 0, 0, 0]
    assert next(one for one in scores.stories if one.candidate == "ink").values.get("letters") is None
    assert [one.panel for one in scores.letters] == [3]


def test_a_picture_is_read_once_for_each_reader_and_says_the_same_from_the_cache(tmp_path: Path) -> None:
    run, first, second = lettered_run(tmp_path), RedLetters("你好 €𝄞"), RedLetters("never asked")
    before = score(run, reading(first))
    again = score(run, reading(second))
    assert (first.seen, second.seen, again.encoded) == (16, 0, 0)
    assert again == replace(before, encoded=0)
    assert again.letters[0].read == "你好 €𝄞"
    other = RedLetters("another", weights="e" * 64)
    assert score(run, reading(other)).letters[0].read == "another"
    assert other.seen == 16


def test_a_reader_that_leaves_pictures_out_is_refused(tmp_path: Path) -> None:
    class Forgetful(RedLetters):
        def read(self, panels: Sequence[Image.Image]) -> list[tuple[Inscription, ...]]:
            return super().read(panels)[1:]

    with pytest.raises(ScoreError, match="each of 16 pictures, got 15"):
        score(lettered_run(tmp_path), reading(Forgetful()))


def test_the_page_names_the_panel_and_what_is_read_and_escapes_it(tmp_path: Path) -> None:
    run = lettered_run(tmp_path, [3])
    score(run, reading(RedLetters("<b>SALE</b>" + "x" * 90)))
    page = page_of(run)
    assert "没有要求却出现的文字" in page
    assert "第 3 格: 图里有“&lt;b&gt;SALE&lt;/b&gt;" in page
    assert "<b>SALE" not in page
    assert "x" * 90 not in page, "a long one is cut"
    assert "画中文字" in page


@pytest.mark.parametrize(
    "found",
    [(), (Inscription("A", 0.5),), (Inscription("你好", 0.25), Inscription("", 0), Inscription("𝄞", 1))],
)
def test_what_was_read_is_kept_as_numbers_and_comes_back(found: tuple[Inscription, ...]) -> None:
    row = to_row(found)
    assert row.dtype == np.float32
    assert from_row(np.frombuffer(row.tobytes(), "<f4")) == found


def test_letters_never_cover_more_than_the_picture() -> None:
    assert covered(()) == 0
    assert covered([Inscription("AB", 0.7), Inscription("CD", 0.7)]) == 1
