from dataclasses import replace

import pytest
from watched_training import scores_at

from eval.checkpoint_selection import KEPT, best_step
from kit.errors import ScoreError


def test_of_level_steps_the_earliest_is_picked():
    assert (
        best_step([scores_at(0, 0.3), scores_at(100, 0.5), scores_at(200, 0.7), scores_at(300, 0.7)]) == 200
    )


def test_a_step_that_is_clearly_less_near_is_not_picked():
    assert best_step([scores_at(0, 0.3), scores_at(100, 0.69), scores_at(200, 0.7)]) == 200


def test_a_step_whose_difference_is_within_its_error_is_level():
    first = scores_at(100, 0.69, panels=(0.9, 0.5) * 4)
    second = scores_at(200, 0.7, panels=(0.5, 0.92) * 4)
    assert best_step([scores_at(0, 0.3), first, second]) == 100


def test_a_step_that_draws_whatever_is_asked_for_is_not_picked_however_near_it_is():
    overtrained = scores_at(300, 0.9, mrr=KEPT - 0.01)
    assert best_step([scores_at(0, 0.3), scores_at(100, 0.5), scores_at(200, 0.6), overtrained]) == 200


def test_what_counts_is_the_share_of_the_bases_own_mrr():
    assert best_step([scores_at(0, 0.3, mrr=0.5), scores_at(100, 0.6, mrr=0.41)]) == 100


def test_without_a_fit_step_the_error_says_what_to_do():
    with pytest.raises(ScoreError, match=r"no saved step keeps 80% of the base's mrr .* fewer steps"):
        best_step([scores_at(0, 0.3), scores_at(100, 0.9, mrr=0.5)])


def test_the_base_is_never_picked_and_must_be_whole():
    with pytest.raises(ScoreError, match="no saved step"):
        best_step([scores_at(0, 0.9)])
    with pytest.raises(ScoreError, match="bare base's panels are not all there"):
        best_step([scores_at(100, 0.9)])


def test_missing_pictures_are_not_called_a_bad_training():
    broken = replace(scores_at(100, 0.5), panels=(), likeness=None)
    with pytest.raises(ScoreError, match="no saved step has all its panels"):
        best_step([scores_at(0, 0.3), broken])
