import json
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import GOLDENS
from score_tables import TITLES, fixed_rows, scored_run, told

from eval.comparison.compare import compare, compare_scores
from eval.comparison.design import ComparisonDesign
from eval.metrics.registry import judgeable, judged
from eval.scoring.records import ScoredSet
from kit.errors import ComparisonError, InputError, RunError
from kit.experiment.config import load_experiment

GOLDEN = GOLDENS / "comparison.json"

JUDGED = judged()


GAINS = [0.05, 0.02, 0.04, 0.03, 0.07, 0.01, 0.06, 0.08, 0.05, 0.04]
TEXT = ("text_mean",)


def a_plan(candidates=("ink", "base"), orders=("authored",), stories=("cat",), seeds=8, metrics=TEXT):
    return ComparisonDesign(
        candidates=candidates,
        orders=orders,
        stories=stories,
        seeds=tuple(range(seeds)),
        metrics=metrics,
        declared=True,
    )


def scores_of(plan, score):
    """The same score in every metric: score(candidate, order, number of the replicate)."""
    cells = product(plan.candidates, plan.orders, enumerate(plan.stories), enumerate(plan.seeds))
    return {
        ScoredSet(name, order, story, seed): dict.fromkeys(
            TITLES, score(name, order, i if len(plan.stories) > 1 else j)
        )
        for name, order, (i, story), (j, seed) in cells
    }


def better_ink(name, order, replicate):
    return 0.3 + 0.01 * replicate + (GAINS[replicate % 10] if name == "ink" else 0.0)


def only(comparison, metric="text_mean", kind="candidate"):
    (found,) = [c for c in comparison.comparisons if (c.metric, c.kind) == (metric, kind)]
    return found


def test_a_candidate_that_is_better_with_every_seed_wins_in_plain_words():
    plan = a_plan()
    found = only(compare_scores(plan, scores_of(plan, better_ink)))
    assert found.verdict == "a"
    assert found.p == found.p_holm == 2 / 2**8
    assert found.differences == pytest.approx(GAINS[:8])
    assert found.mean_a - found.mean_b == pytest.approx(sum(GAINS[:8]) / 8)
    assert found.reason == (
        "ink is better than base in panel-text by 0.045 [0.02, 0.07], "
        "Holm p = 0.0078, 8 seeds; for this story"
    )


@pytest.mark.parametrize(("seeds", "candidates", "metrics"), [(6, 2, TEXT), (8, 2, JUDGED), (8, 4, TEXT)])
def test_the_smallest_designs_of_the_manual_reach_a_verdict(seeds, candidates, metrics):
    names = ("ink", "wash", "clay", "base")[-candidates:]
    plan = a_plan(candidates=names, seeds=seeds, metrics=metrics)
    scores = scores_of(plan, lambda name, _, i: GAINS[i] * (3 - ("ink", "wash", "clay", "base").index(name)))
    comparison = compare_scores(plan, scores)
    assert comparison.family.needed == seeds
    assert {c.verdict for c in comparison.comparisons if c.metric in metrics} == {"a"}
    assert comparison.tied_sets["text_mean"] == tuple((name,) for name in names)


def test_with_several_stories_a_pair_is_a_story_and_its_seeds_are_averaged():
    plan = a_plan(stories=tuple(f"story-{i}" for i in range(6)), seeds=3)
    scores = scores_of(plan, better_ink)
    comparison = compare_scores(plan, scores)
    found = only(comparison)
    assert (comparison.unit, comparison.replicates, found.n) == ("story", 6, 6)
    assert found.verdict == "a"
    assert found.reason.endswith("6 stories; for stories like these")


def test_too_few_stories_ask_for_stories_and_leave_the_tied_sets_open():
    plan = a_plan(stories=("cat", "dog"), seeds=20)
    comparison = compare_scores(plan, scores_of(plan, better_ink))
    assert only(comparison).reason.endswith(
        "2 pairs (one a story), at least 6 are needed: add 4 more stories"
    )
    assert comparison.tied_sets == {"text_mean": ()}


def test_a_missing_side_takes_its_pair_along_and_the_reason_says_so():
    plan = a_plan()
    scores = scores_of(plan, better_ink)
    del scores[ScoredSet("ink", "authored", "cat", 2)]
    scores[ScoredSet("base", "authored", "cat", 5)] = {}
    found = only(compare_scores(plan, scores))
    assert found.n == 6
    assert found.differences == pytest.approx([GAINS[i] for i in (0, 1, 3, 4, 6, 7)])
    assert found.mean_b == pytest.approx(sum(0.3 + 0.01 * i for i in (0, 1, 3, 4, 6, 7)) / 6)
    assert (
        "; 2 of 8 pairs of panel sets left out, a side is missing, faulty, holds copies or a panel below "
        "the floor; for this story" in found.reason
    )


def test_a_missing_order_does_not_shift_the_mean_of_a_candidate():
    plan = a_plan(orders=("reversed", "authored"))
    scores = scores_of(
        plan, lambda name, order, i: better_ink(name, order, i) + (9 if order == "reversed" else 0)
    )
    del scores[ScoredSet("ink", "reversed", "cat", 3)]
    found = only(compare_scores(plan, scores))
    assert (found.n, found.dropped, found.asked) == (8, 1, 16)
    assert found.differences == pytest.approx(GAINS[:8])


def test_a_candidate_without_any_panels_gets_no_numbers_and_keeps_its_place_in_the_family():
    plan = a_plan(candidates=("ink", "wash", "base"))
    scores = {cell: row for cell, row in scores_of(plan, better_ink).items() if cell.candidate != "wash"}
    comparison = compare_scores(plan, scores)
    lost = [c for c in comparison.comparisons if "wash" in (c.a, c.b) and c.metric == "text_mean"]
    assert [(c.n, c.mean_a, c.shift, c.p, c.verdict) for c in lost] == [(0, None, None, None, "none")] * 2
    assert "0 pairs (one a seed)" in lost[0].reason
    (kept,) = [c for c in comparison.comparisons if (c.a, c.b, c.metric) == ("ink", "base", "text_mean")]
    assert kept.p_holm == 3 * kept.p
    assert kept.verdict == "a"


def test_candidates_orders_and_interactions_are_families_of_their_own():
    plan = a_plan(orders=("reversed", "authored"))
    comparison = compare_scores(plan, scores_of(plan, better_ink))
    assert comparison.family.sizes == {"candidate": 1, "order": 1, "interaction": 1}
    assert only(comparison).p_holm == 2 / 2**8
    orders = only(comparison, kind="order")
    assert (orders.a, orders.b, orders.verdict) == ("reversed", "authored", "tied")


def test_an_order_that_helps_one_candidate_more_is_an_interaction_in_plain_words():
    plan = a_plan(orders=("scene-first", "authored"))

    def lifted(name, order, replicate):
        return 0.3 + 0.01 * replicate + (GAINS[replicate] if (name, order) == ("ink", "scene-first") else 0.0)

    found = only(compare_scores(plan, scores_of(plan, lifted)), kind="interaction")
    assert (found.a, found.b, found.step) == ("ink", "base", ("scene-first", "authored"))
    assert found.differences == pytest.approx(GAINS[:8])
    assert (found.mean_a, found.mean_b) == pytest.approx((sum(GAINS[:8]) / 8, 0.0))
    assert found.verdict == "a"
    assert found.reason.startswith(
        "scene-first instead of authored does ink more good than base in panel-text by 0.045 "
    )


def test_candidates_and_orders_that_add_up_do_not_interact():
    plan = a_plan(orders=("scene-first", "authored"))
    comparison = compare_scores(
        plan,
        scores_of(plan, lambda name, order, i: better_ink(name, order, i) + 0.1 * (order == "scene-first")),
    )
    found = only(comparison, kind="interaction")
    assert (found.verdict, set(found.differences)) == ("tied", {0.0})
    assert found.reason.startswith(
        "scene-first instead of authored does as much to ink as to base in panel-text: equal in all 8 seeds"
    )
    assert only(comparison, kind="order").verdict == "a"


def test_an_interaction_needs_all_four_sets():
    plan = a_plan(orders=("scene-first", "authored"))
    scores = scores_of(plan, better_ink)
    del scores[ScoredSet("base", "scene-first", "cat", 3)]
    found = only(compare_scores(plan, scores), kind="interaction")
    assert (found.n, found.dropped, found.asked) == (7, 1, 8)


def test_each_clause_is_shown_for_orders_and_judged_where_it_is_declared():
    plan = a_plan(orders=("scene-first", "authored"))
    comparison = compare_scores(plan, scores_of(plan, better_ink))
    clauses = [c for c in comparison.comparisons if c.metric == "text_place"]
    assert [(c.kind, c.p_holm) for c in clauses] == [("order", None)]
    declared = a_plan(orders=("scene-first", "authored"), metrics=("text_place",))
    judged = [
        c.kind
        for c in compare_scores(declared, scores_of(declared, better_ink)).comparisons
        if c.metric == "text_place"
    ]
    assert judged == ["candidate", "order", "interaction"]


def test_metrics_that_the_story_leaves_undefined_are_not_in_the_family(tmp_path):
    run = scored_run(tmp_path, fixed_rows())
    assert compare(run).family.metrics == ("aesthetic_mean", "text_mean", "mrr")


def test_only_declared_metrics_are_judged():
    plan = a_plan(metrics=("text_mean", "mrr"))
    comparison = compare_scores(plan, scores_of(plan, better_ink))
    assert {c.metric for c in comparison.comparisons} == {*JUDGED, "loo_mean", "naive"}
    assert {c.metric for c in comparison.comparisons if c.p_holm is not None} == {"text_mean", "mrr"}
    assert {c.metric for c in comparison.comparisons if c.verdict != "none"} == {"text_mean", "mrr"}
    assert set(comparison.tied_sets) == {"text_mean", "mrr"}


def test_a_middle_candidate_can_be_tied_with_two_that_differ():
    plan = a_plan(candidates=("ink", "wash", "base"))
    wobble = [0.09, -0.08, 0.1, -0.09, 0.08, -0.1, 0.09, 0.05]
    level = {"ink": 0.045, "wash": 0.0225, "base": 0.0}
    scores = scores_of(plan, lambda name, _, i: level[name] + (wobble[i] if name == "wash" else 0.001 * i))
    assert compare_scores(plan, scores).tied_sets == {"text_mean": (("ink", "wash"), ("wash", "base"))}


def test_one_candidate_and_one_order_leave_nothing_to_compare():
    plan = a_plan(candidates=("base",))
    comparison = compare_scores(plan, scores_of(plan, better_ink))
    assert comparison.comparisons == ()
    assert comparison.family.size == 0
    assert comparison.tied_sets == {"text_mean": (("base",),)}


tables = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=10)


@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_the_seeds_and_the_unit_of_the_score_do_not_matter(table, random):
    plan = a_plan(seeds=len(table))
    scores = scores_of(plan, lambda name, _, i: table[i][name == "base"] / 8)
    tenfold = {cell: {m: 16 * s for m, s in row.items()} for cell, row in scores.items()}
    mixed = replace(plan, seeds=tuple(random.sample(plan.seeds, len(plan.seeds))))
    one, other = only(compare_scores(plan, scores)), only(compare_scores(mixed, tenfold))
    assert (other.p, other.verdict, other.shift) == (one.p, one.verdict, 16 * one.shift)


def test_comparison_json_is_the_golden_one(tmp_path):
    run = scored_run(tmp_path, fixed_rows())
    compare(run)
    written = run.read_json("comparison.json")
    assert next(iter(written)) == "storykit"
    assert written | {"storykit": "any"} == json.loads(GOLDEN.read_text())


def test_a_run_that_is_not_scored_says_what_to_do(tmp_path):
    run = scored_run(tmp_path, [])
    (run.folder / "scores.stories.csv").unlink()
    with pytest.raises(RunError, match=r"scores\.stories\.csv does not exist; run `storykit score .*` first"):
        compare(run)
    (run.folder / "scores.json").unlink()
    with pytest.raises(RunError, match=r"run `storykit score .*` first"):
        compare(run)


def test_a_set_with_a_faulty_panel_is_not_compared_even_where_it_has_numbers(tmp_path):
    rows = [row | ({"panels_ok": 7} if number == 11 else {}) for number, row in enumerate(fixed_rows())]
    found = only(compare(scored_run(tmp_path, rows)), "aesthetic_mean")
    assert (found.n, found.dropped) == (7, 1)


@pytest.mark.parametrize("gate", ["copies", "below_floor"])
def test_sets_that_a_gate_leaves_out_win_nothing_however_good_they_are(tmp_path, gate):
    rows = [row | ({gate: 1} if row["candidate"] == "ink" else {}) for row in fixed_rows()]
    found = only(compare(scored_run(tmp_path, rows, '[compare]\nmetrics = ["text_mean"]')))
    assert (found.n, found.dropped, found.verdict) == (0, 8, "none")
    assert "8 of 8 pairs of panel sets left out, a side is missing, faulty, holds copies" in found.reason
    assert "no pair of panel sets is whole, mend them first" in found.reason
    assert "draw" not in found.reason, "more seeds of the same would be no help"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text_mean": "nan"}, r"line 4: text_mean must be a finite number, got 'nan'"),
        ({"text_mean": "good"}, r"line 4: text_mean must be a finite number, got 'good'"),
        ({"seed": ""}, r"line 4: seed must be a finite number, got ''"),
        ({"seed": 0}, r"must hold a set once, got base authored cat 0 twice"),
    ],
)
def test_a_table_that_cannot_be_trusted_is_refused_with_its_line(tmp_path, change, said):
    rows = [row | (change if number == 2 else {}) for number, row in enumerate(fixed_rows())]
    with pytest.raises(RunError, match=said):
        compare(scored_run(tmp_path, rows))


def test_a_table_without_a_metric_names_the_column(tmp_path):
    run = scored_run(tmp_path, [])
    path = run.folder / "scores.stories.csv"
    path.write_text("candidate,order,story,seed,panels_ok,copies,aesthetic_mean,loo_mean,text_mean,naive\n")
    with pytest.raises(ComparisonError, match="must have a column mrr"):
        compare(run)


def test_an_experiment_file_that_declares_an_unknown_metric_is_refused_with_its_place(tmp_path):
    scored_run(tmp_path, [], '[compare]\nmetrics = ["mrr", "naive"]')
    with pytest.raises(InputError, match=r"compare\.metrics\[2\]: must be 'aesthetic_mean', .*got 'naive'"):
        load_experiment(tmp_path / "experiment.toml", judgeable())


def test_identity_style_and_place_are_judged_where_they_are_declared():
    plan = a_plan(metrics=("identity", "place"))
    comparison = compare_scores(plan, scores_of(plan, better_ink))
    assert {c.metric for c in comparison.comparisons} == {*JUDGED, "loo_mean", "naive"}
    assert {c.metric for c in comparison.comparisons if c.p_holm is not None} == {"identity", "place"}
    assert comparison.family.metrics == ("identity", "place")


@pytest.mark.parametrize(
    ("content", "lacks"),
    [({}, "metrics: is missing"), ([], "must be"), (told("up"), "direction"), ({"metrics": None}, "metrics")],
)
def test_scores_without_their_metrics_are_refused(tmp_path, content, lacks):
    run = scored_run(tmp_path, fixed_rows())
    run.write_json("scores.json", content)
    with pytest.raises(
        RunError, match=rf"the scores file must be readable, got .*{lacks}.*`storykit score .*` again"
    ):
        compare(run)


def test_the_direction_of_a_metric_is_the_one_in_scores_json(tmp_path):
    run = scored_run(tmp_path, fixed_rows())
    assert only(compare(run), "mrr").verdict == "b"
    run.write_json("scores.json", told("lower"))
    assert only(compare(run), "mrr").verdict == "a"
