import re
from dataclasses import replace
from pathlib import Path

from made_run import Plan, make_run, page_of, words_of, write_made_up_scores

from eval.casting.decisions import PlaceState, keep_cast
from eval.casting.picks import Picks
from eval.casting.selection import PanelChoice, RatedSeed, Selection, SetQuality
from kit.experiment.run import Run, Slot


def cast(run: Run) -> None:
    """Write a made-up selection: seeds 0 and 1 in turn."""
    hashes = {row.slot: row.sha256 for row in run.rows()}
    good = SetQuality(
        values={"text": 0.31, "aesthetic": 6.1}, deviations={"text": 1.5, "aesthetic": 0.8},
        mean=1.15, weakest="aesthetic",
    )  # fmt: skip
    less = replace(good, deviations={"text": -0.3, "aesthetic": 0.9}, mean=0.3, weakest="text")
    parts = tuple(
        PanelChoice(
            panel=panel,
            seed=panel % 2,
            sha256=hashes[Slot("ink", "authored", "cat", panel % 2, panel)],
            kept=panel == 3,
            swap=None if panel == 3 else RatedSeed(seed=1 - panel % 2, standing=less),
        )
        for panel in range(1, 9)
    )
    chosen = Selection(
        candidate="ink", order="authored", story="cat", sets=256, standing=good, parts=parts,
        single=RatedSeed(seed=1, standing=less),
    )  # fmt: skip
    keep_cast(run, [PlaceState(picks=Picks.none(chosen.place), selection=chosen)], {})


def test_what_was_cast_is_shown_with_its_seeds_and_the_next_best(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(language="en", title="A cat's day"))
    write_made_up_scores(run)
    assert "The best set of panels" not in page_of(run)
    cast(run)
    page = page_of(run)
    shots = page[page.index('data-strip="cast"') :]
    assert re.findall(r'data-title="ink · Seed (\d) · Panel (\d)"', shots) == [
        (str(panel % 2), str(panel)) for panel in range(1, 9)
    ]
    text = words_of(page)
    assert "the best of 256 sets" in text
    assert "Chosen 0.310 +1.50 sd 6.10 +0.80 sd · weakest" in text
    assert "Best single seed, 1 0.310 −0.30 sd · weakest" in text
    assert "3 1 by hand —" in text
    assert "4 0 1 −0.30 Agreement with text" in text
    assert "Pictures have changed since these were chosen." not in text


def test_a_selection_of_pictures_that_have_changed_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan())
    write_made_up_scores(run)
    cast(run)
    row = next(row for row in run.rows() if row.candidate == "ink" and (row.seed, row.panel) == (0, 2))
    run.append(replace(row, sha256="0" * 64))
    assert "选定之后，有的图又变了。" in words_of(page_of(run))
