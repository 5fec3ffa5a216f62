import json
from collections.abc import Callable

import pytest
from entries import make_scored_run, write_comparison

from kit.files.encodings import json_bytes
from submissions.verification.comparison_checks import comparison_problem

SEEDS = tuple(range(1, 9))


@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> bytes:
    run = make_scored_run(tmp_path_factory.mktemp("run") / "work", seeds=SEEDS)
    write_comparison(run)
    return (run.folder / "comparison.json").read_bytes()


def test_a_comparison_as_storykit_writes_it_is_let_through(compared):
    assert json.loads(compared)["comparisons"][0]["verdict"] == "a"
    assert comparison_problem(compared, "ink", "authored") == ""


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda told: {"verdict": "mine is better", "p": 0}, "is no comparison that storykit has written"),
        (lambda told: [], "is no comparison that storykit has written"),
        (lambda told: told | {"praise": "best of all"}, "is not as storykit writes a comparison"),
        (lambda told: _first(told, a="mine"), "compares candidates, and not the entry's own, ink"),
        (lambda told: _first(told, metric="beauty"), "knows a metric 'beauty' that storykit has not"),
        (lambda told: _first(told, n=400, asked=400), "says 400 pairs for aesthetic_mean of ink and base"),
        (lambda told: _first(told, mean_a=9.5), "says means or p of aesthetic_mean of ink and base"),
        (lambda told: _first(told, p=1e-9), "says means or p of aesthetic_mean of ink and base"),
        (lambda told: _first(told, p_holm=0.5), "gives a verdict on aesthetic_mean of ink and base"),
        (lambda told: _first(told, p_holm=1e-9), "says means or p of aesthetic_mean of ink and base"),
    ],
)
def test_a_comparison_of_lies_is_named(compared, change: Callable[[dict], object], problem):
    assert problem in comparison_problem(json_bytes(change(json.loads(compared))), "ink", "authored")


def _first(told: dict, **changes: object) -> dict:
    told["comparisons"][0] |= changes
    return told


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, b"1e999", b'{"comparisons": 1}'])
def test_what_is_no_json_of_ours_is_no_comparison(data):
    assert comparison_problem(data, "ink", "authored") == "is no comparison that storykit has written"
