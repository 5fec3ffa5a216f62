"""Checks of a bundle's scores: can a run have given them, and do they give the score that is claimed."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from kit.files.encodings import csv_bytes, csv_rows
from kit.messages import joined, mark, tr
from submissions.bundle.manifest import SCORE_COLUMNS, Manifest
from submissions.faults import Fault

SCORES = "scores.csv"
_RANGES = {"aesthetic": (-10.0, 10.0), "text": (-1.0, 1.0), "text_rank": (1.0, 8.0), "loo": (-1.0, 1.0)}
"""What each number can be: the top of the aesthetic scale, below whose end a linear head may fall; cosines;
places among eight panels."""
_CLOSE = 1e-6
"""How far the recorded mean may be from the mean of the recorded scores: rounding only."""
_PACK = mark("score and pack again")


def score_faults(files: Mapping[str, bytes], manifest: Manifest) -> Iterator[Fault]:
    """Yield what in scores.csv no run can have written, or disagrees with the manifest."""
    if SCORES not in files:
        return
    try:
        problem = _table_problem(csv_rows(files[SCORES], len(manifest.panels)), files[SCORES], manifest)
    except ValueError as error:
        problem = str(error)
    if problem:
        yield Fault(SCORES, problem, tr(_PACK))


def _table_problem(rows: Sequence[dict[str, str]], data: bytes, manifest: Manifest) -> str:
    """Return what is wrong with the table; empty when nothing is."""
    wanted = [(str(panel.panel), panel.file, panel.sha256) for panel in manifest.panels]
    if [(row.get("panel"), row.get("file"), row.get("sha256")) for row in rows] != wanted:
        return tr("does not score the panels of the manifest")
    for line, row in enumerate(rows, 2):
        if row.get("status") != "ok":
            return tr(
                "line {line}: status must be ok, got {got!r}", line=line, got=row.get("status", "")[:20]
            )
        for column in _RANGES:
            if problem := _number_problem(column, row.get(column, "")):
                return tr("line {line}: {column} {problem}", line=line, column=column, problem=problem)
        alone = row.get("text") and not row.get("loo")  # a picture beside whole sets has no place in one
        if bool(row.get("text")) != bool(row.get("text_rank")) and not alone:
            return tr("line {line}: text and text_rank must both be there or both be empty", line=line)
    if data != _as_written(rows):
        return tr(
            "must have the columns {columns} and each number as storykit writes it",
            columns=joined(SCORE_COLUMNS, tr(", ")),
        )
    scores = [float(row["aesthetic"]) for row in rows]
    return _mean_problem(scores, manifest.gate.score) or _sameness_problem(scores)


def _number_problem(column: str, cell: str) -> str:
    """Return why a cell holds no number that its column can have; empty when it does."""
    least, most = _RANGES[column]
    if not cell and column != "aesthetic":
        return ""
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        return tr("must be from {least:g} to {most:g}, got {got!r}", least=least, most=most, got=cell[:20])
    if column == "text_rank" and 2 * number % 1:
        return tr("must be a place, or half way between two, got {got!r}", got=cell[:20])
    return ""


def _as_written(rows: Sequence[dict[str, str]]) -> bytes:
    """Return the table as storykit writes it."""
    numbers = [{column: float(row[column]) for column in _RANGES if row.get(column)} for row in rows]
    return csv_bytes(SCORE_COLUMNS, [{**row, **told} for row, told in zip(rows, numbers, strict=True)])


def _sameness_problem(scores: Sequence[float]) -> str:
    """Return whether most panels have one score, which no head gives different pictures; else nothing."""
    [(score, often)] = Counter(scores).most_common(1)
    if len(scores) == 1 or 2 * often <= len(scores):
        return ""
    return tr(
        "gives {number} different panels one aesthetic score, {score:g}, which no scorer does",
        number=often,
        score=score,
    )


def _mean_problem(scores: Sequence[float], claimed: float) -> str:
    """Return how the mean of the scores differs from the score that is claimed; empty when it does not."""
    mean = math.fsum(scores) / len(scores) if scores else math.nan
    if abs(mean - claimed) <= _CLOSE:
        return ""
    return tr(
        "has mean aesthetic score {mean:.4f}, the manifest says {claimed:.4f}", mean=mean, claimed=claimed
    )
