from dataclasses import replace

import pytest
from score_tables import fixed_rows, scored_run

from eval.comparison.compare import compare, good_sets
from eval.comparison.design import design_of
from eval.metrics.registry import judged
from eval.scoring.records import stories_frame
from kit.errors import ComparisonError
from kit.experiment.config import load_experiment
from kit.experiment.tables import CompareTable

JUDGED = judged()


def test_the_baseline_is_what_others_are_compared_with(tmp_path):
    run = scored_run(tmp_path, fixed_rows())
    assert {(c.a, c.b) for c in compare(run).comparisons} == {("ink", "base")}
    other = load_experiment(tmp_path / "experiment.toml")
    table = other.experiment.compare.model_copy(update={"baseline": "ink"})
    swapped = replace(other, experiment=other.experiment.model_copy(update={"compare": table}))
    assert design_of(swapped, {}).candidates == ("base", "ink")


def declaring(run, *metrics):
    experiment = run.loaded.experiment.model_copy(update={"compare": CompareTable(metrics=metrics)})
    return design_of(replace(run.loaded, experiment=experiment), good_sets(stories_frame(run)))


def test_the_experiment_declares_what_decides(tmp_path):
    run = scored_run(tmp_path, fixed_rows())
    plan = declaring(run, "text_mean", "loo_mean")
    assert (plan.metrics, plan.declared) == (("text_mean", "loo_mean"), True)
    plan = declaring(run)
    assert (plan.metrics, plan.declared) == (("aesthetic_mean", "text_mean", "mrr"), False)


def test_what_a_calibration_does_not_believe_decides_nothing_unless_it_is_declared(tmp_path):
    run = scored_run(tmp_path, fixed_rows())
    scores = good_sets(stories_frame(run))
    assert design_of(run.loaded, scores, ("aesthetic", "style")).metrics == ("aesthetic_mean",)
    with pytest.raises(ComparisonError, match=r"believes no metric, .*name under \[compare\] the metrics"):
        design_of(run.loaded, scores, ())
    experiment = run.loaded.experiment.model_copy(update={"compare": CompareTable(metrics=("mrr",))})
    assert design_of(replace(run.loaded, experiment=experiment), scores, ()).metrics == ("mrr",)


def test_what_can_be_declared_is_what_is_judged_and_never_the_naive_consistency(tmp_path):
    run = scored_run(tmp_path, fixed_rows())
    assert declaring(run, *JUDGED).metrics == JUDGED
    with pytest.raises(ComparisonError, match=r"compare\.metrics: must be .* or 'text_detail', got 'naive'"):
        declaring(run, "mrr", "naive")
