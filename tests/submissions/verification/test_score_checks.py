import json

import pytest

from submissions.bundle.manifest import MANIFEST, Manifest
from submissions.verification.score_checks import score_faults


def faults(opened, change, claimed: float | None = None) -> str:
    told = json.loads(opened.files[MANIFEST])
    told["gate"]["score"] = told["gate"]["score"] if claimed is None else claimed
    table = change(opened.files["scores.csv"].decode("utf-8-sig")).encode("utf-8-sig")
    manifest = Manifest.model_validate_json(json.dumps(told))
    return "\n".join(map(str, score_faults({"scores.csv": table}, manifest)))


def swap(old: str, new: str):
    return lambda text: text.replace(old, new)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (swap(",6.25,", ",99.0,"), "scores.csv: line 3: aesthetic must be from -10 to 10, got '99.0'"),
        (swap(",6.25,", ",-10.5,"), "line 3: aesthetic must be from -10 to 10, got '-10.5'"),
        (swap(",6.25,", ",nan,"), "line 3: aesthetic must be from -10 to 10, got 'nan'"),
        (swap(",6.25,", ",,"), "line 3: aesthetic must be from -10 to 10, got ''"),
        (swap("ok", "wonderful"), "line 2: status must be ok, got 'wonderful'"),
        (swap("0.25", "9.99"), "line 2: text must be from -1 to 1, got '9.99'"),
        (swap("0.75", "-1.5"), "line 2: loo must be from -1 to 1, got '-1.5'"),
        (swap(",1.0,", ",9.0,"), "line 2: text_rank must be from 1 to 8, got '9.0'"),
        (swap(",1.0,", ",1.3,"), "line 2: text_rank must be a place, or half way between two, got '1.3'"),
        (swap(",1.0,", ",,"), "line 2: text and text_rank must both be there or both be empty"),
        (swap(",6.25,", ",6.250,"), "must have the columns panel, file"),
        (swap(",6.25,", ", 6.25,"), "must have the columns panel, file"),
        (swap("loo", "praise"), "must have the columns panel, file"),
        (swap("panels/2.png", "panels/3.png"), "does not score the panels of the manifest"),
        (swap(",6.25,", ",6.5,"), "has mean aesthetic score 6.5312, the manifest says 6.5000"),
        (lambda text: text + text.splitlines()[-1] + "\n", "has more than 8 rows"),
        (lambda text: text + 400_000 * "1\n", "has more than 8 rows"),
        (lambda text: "", "does not score the panels of the manifest"),
    ],
)
def test_scores_that_no_head_gives_or_that_are_not_those_claimed_are_named(opened, change, fault):
    assert fault in faults(opened, change)


def test_a_claimed_mean_other_than_the_tables_is_named(opened):
    assert "the manifest says 9.0000" in faults(opened, lambda text: text, claimed=9.0)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        swap("0.25,1.0", ","),
        swap("0.75", ""),
        swap(",1.0,", ",4.5,"),
        swap("0.25", "-0.031415"),
    ],
)
def test_scores_as_storykit_writes_them_are_let_through(opened, change):
    assert faults(opened, change) == ""


def one_score(count: int):
    """Return a change that gives the first panels one score; the mean is told as well."""

    def change(text: str) -> str:
        head, *rows = text.splitlines()
        cells = [row.split(",") for row in rows]
        for row in cells[:count]:
            row[4] = "6.5"
        return "\n".join([head, *(",".join(row) for row in cells)]) + "\n"

    return change


def test_one_score_for_most_of_the_panels_is_named(opened):
    told = faults(opened, one_score(8), claimed=6.5)
    assert told.startswith("scores.csv: gives 8 different panels one aesthetic score, 6.5, which no scorer")
