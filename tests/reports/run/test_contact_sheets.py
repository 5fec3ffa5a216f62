from reports.run.contact_sheets import representative_seed


def test_the_seed_shown_is_the_middle_one_and_never_one_with_panels_missing() -> None:
    scores = [{0: 5.0, 1: 6.0, 2: 7.0}, {0: 0.8, 1: 0.7, 2: 0.6}]
    assert representative_seed([0, 1, 2], {0: 8, 1: 8, 2: 8}, scores) == 1
    assert representative_seed([0, 1, 2], {0: 8, 1: 7, 2: 8}, scores) == 0
