"""Entries of many teams for the course's contest, and scorers that rank them at once."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eval.scorers.load import Scorers
from eval.scorers.protocols import Metric, Stamp
from kit.files.encodings import sha256_bytes
from submissions.bundle.manifest import Manifest
from submissions.bundle.texts import texts_of
from submissions.contest.rules import RankingPart, RankingRule, Rules, load_rules
from submissions.leaderboard.intake import bundles_in
from submissions.leaderboard.leaderboard import Board, leaderboard
from submissions.leaderboard.scored_entry import ScoredEntry
from submissions.leaderboard.table import board_csv

COURSE = load_rules("course-example")


class Brightness:
    """Scores 5 (black) to 10.1 (white) by the mean grey level."""

    def __init__(self, embedded: bool = False) -> None:
        self.metric = Metric(
            name="aesthetic",
            title="Brightness",
            direction="higher",
            range=(5.0, 10.1),
            unit="points",
            source="test",
            stamp=Stamp(weights="fake", weights_sha256="b" * 64, preprocessing="p", embedded=embedded),
        )

    def score(self, panels: Sequence[Image.Image]) -> list[float]:
        return [5 + float(np.asarray(panel.convert("L")).mean()) / 50 for panel in panels]


class Squares:
    """Sees a picture as its 4 x 4 mean colours, and each text as a direction of its own."""

    stamp = Stamp(weights="squares", weights_sha256="c" * 64, preprocessing="p", embedded=False)

    def pictures(self, panels: Sequence[Image.Image]) -> NDArray[np.float32]:
        small = [np.asarray(panel.resize((4, 4), Image.Resampling.BOX), np.float32) for panel in panels]
        return unit_rows(np.stack([one.ravel() - one.mean() for one in small]))

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        seeds = [int(sha256_bytes(text.encode())[:8], 16) for text in texts]
        return unit_rows(np.stack([np.random.default_rng(seed).normal(size=48) for seed in seeds]))


def unit_rows(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def course_scorers(embedded: bool = False) -> Scorers:
    return Scorers(aesthetic=Brightness(embedded), encoder=Squares())


def no_tools() -> Scorers:
    raise AssertionError("nothing is to be scored, so nothing is to be loaded")


def retell(files: dict[str, bytes], told: dict) -> None:
    """Write the texts anew that follow from the manifest."""
    files |= texts_of(Manifest.model_validate_json(json.dumps(told)), COURSE)


def rank_all(paths: Sequence[Path], rules: Rules | None = None, embedded: bool = False) -> Board:
    return leaderboard(bundles_in(paths), rules, lambda: course_scorers(embedded))


def rows_of(board: Board) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(board_csv(board).decode("utf-8-sig"))))


def ranked_by(*parts: tuple[str, float, str | None]) -> Rules:
    """Return the course's rules with another ranking."""
    named = tuple(RankingPart(name=name, weight=weight, metric=metric) for name, weight, metric in parts)
    return COURSE.model_copy(update={"ranking": RankingRule(source="test", part=named)})


def scored_entry(name: str, **more: object) -> ScoredEntry:
    told = {
        "file": f"{name}.zip",
        "team": name,
        "title": "t",
        "prompts": ("p",) * 8,
        "lora_sha256": "",
        "aesthetics": (6.0,) * 8,
        "embeddings": np.eye(8, dtype=np.float32),
        "pixels": tuple(f"{name}{panel}" for panel in range(8)),
        "thumbs": ("data:,",) * 8,
        "blank": (),
    }
    return ScoredEntry(**{**told, **more})
