from pathlib import Path

from made_run import Plan, make_run

from eval.comparison.racing import Eliminated, Race
from reports.run.race_losers import race_losers


def test_who_left_is_shown_with_the_panels_of_its_first_seed(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(candidates=("ink", "base"), seeds=(4, 5)))
    left = Eliminated(candidate="ink", leader="base", seeds=2, behind=0.1, chance=0.01)
    gone = Eliminated(candidate="never-drawn", leader="base", seeds=0, behind=0.2, chance=0.0)
    race = Race(metric="text_mean", seeds=12, risk=0.05, left=("base",), out=(gone, left))
    first, second = race_losers(run, race)
    assert (first.out, first.seed, [shot.panel for shot in first.shots]) == (left, 4, list(range(1, 9)))
    assert all(shot.picture for shot in first.shots)
    assert (second.out, second.shots) == (gone, ())
    assert race_losers(run, None) == ()
