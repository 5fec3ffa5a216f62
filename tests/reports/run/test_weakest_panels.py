import csv
from pathlib import Path

import pytest
from made_run import Plan, make_run, page_of, words_of, write_made_up_scores

from eval.scoring.records import PanelScore
from reports.run.weakest_panels import reasons


def panel_row(panel: int, **numbers: float) -> PanelScore:
    """Return a panel's scores."""
    return PanelScore(
        candidate="ink", order="authored", story="cat", seed=0, panel=panel, status="ok", values=numbers
    )


def test_the_strongest_reason_comes_first_and_small_ones_are_not_named() -> None:
    panels = [panel_row(k, loo=0.8, text=0.3 + k / 1000, aesthetic=5.0 + k % 2) for k in range(1, 8)]
    found = reasons(8, [*panels, panel_row(8, loo=0.2, text=0.303, aesthetic=5.4)])
    assert [reason.column for reason in found] == ["loo"]
    assert (found[0].value, found[0].others) == pytest.approx((0.2, 0.8))


def test_a_panel_that_is_behind_in_nothing_has_no_reason() -> None:
    assert reasons(1, [panel_row(k, loo=0.8) for k in range(1, 9)]) == ()
    assert reasons(1, [panel_row(1, loo=0.9), panel_row(2, loo=0.8)]) == ()
    assert reasons(1, []) == ()


def test_likeness_to_others_is_no_reason_for_a_panel_whose_cast_stands_alone() -> None:
    panels = [panel_row(k, identity=0.8, loo=0.8) for k in range(1, 8)] + [
        panel_row(8, identity=0.2, loo=0.5)
    ]
    assert [reason.column for reason in reasons(8, panels)] == ["identity", "loo"]
    assert [reason.column for reason in reasons(8, panels, alone=True)] == ["loo"]


def test_a_set_in_which_little_happens_is_named_on_the_page(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan())
    write_made_up_scores(run)
    table = run.folder / "scores.stories.csv"
    rows = list(csv.DictReader(table.read_text("utf-8").splitlines()))
    for row in rows:
        row["staging"] = "0.2" if row["candidate"] == "ink" else "0.6"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    page = words_of(page_of(run))
    assert page.count("整组画面变化很少：动作、表情和景别的变化 0.20，其余候选平均 0.60") == 1
    assert page.count("整组画面变化很少") == 1
