from dataclasses import replace

from made_run import comparisons_of

from reports.run.verdicts import pairs_of


def test_a_pair_stands_where_its_verdicts_stand() -> None:
    def stance(*given: tuple[str, str]) -> str:
        return pairs_of(comparisons_of(*given))[0].stance

    assert stance(("loo_mean", "a"), ("mrr", "tied")) == "a"
    assert stance(("loo_mean", "b"), ("mrr", "none")) == "b"
    assert stance(("loo_mean", "b"), ("mrr", "a")) == "mixed"
    assert stance(("loo_mean", "tied"), ("mrr", "none")) == "tied"
    assert stance(("loo_mean", "none"), ("mrr", "none")) == "none"


def test_the_naive_metric_never_decides_a_pair() -> None:
    [pair] = pairs_of(comparisons_of(("naive", "a"), ("loo_mean", "tied")))
    assert pair.stance == "tied"
    assert [one.metric for one in pair.others] == ["naive"]


def test_a_metric_outside_the_declared_family_is_shown_and_not_counted() -> None:
    told = comparisons_of(("mrr", "a"), ("loo_mean", "tied"))
    told = replace(told, family=replace(told.family, metrics=("loo_mean",)))
    [pair] = pairs_of(told)
    assert (pair.stance, [one.metric for one in pair.others]) == ("tied", ["mrr"])
