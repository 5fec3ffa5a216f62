import warnings

from reports.run.contact_sheets import representative_seed


def test_the_seed_shown_is_the_middle_one_and_never_one_with_panels_missing() -> None:
    scores = [{0: 5.0, 1: 6.0, 2: 7.0}, {0: 0.8, 1: 0.7, 2: 0.6}]
    assert representative_seed([0, 1, 2], {0: 8, 1: 8, 2: 8}, scores) == 1
    assert representative_seed([0, 1, 2], {0: 8, 1: 7, 2: 8}, scores) == 0


def test_a_score_that_no_seed_has_is_passed_over_in_silence():
    nothing = {0: float("nan"), 1: float("nan"), 2: float("nan")}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert representative_seed([0, 1, 2], dict.fromkeys(range(3), 8), [nothing]) == 0
        assert representative_seed([0, 1, 2], dict.fromkeys(range(3), 8), [nothing, {0: 1, 1: 5, 2: 2}]) == 2
