"""What scoring, comparing and casting say, asked for in Chinese, holds no English sentence."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from english_sentences import english_sentences
from PIL import Image
from score_tables import fixed_rows, scored_run
from stripes import Brightness, fill, new_run, stripe_scorers

from eval.casting.cast import CastRequest, cast
from eval.checkpoint_selection import best_step, rule
from eval.comparison.compare import compare
from eval.comparison.racing import race
from eval.comparison.stats import holm, shift_interval, sign_flip, smallest_p
from eval.comparison.summary import summary_lines
from eval.comparison.verdict import Paired, Place, Question, judged, measured
from eval.gate.gate import gate
from eval.metrics.consistency import consistency, leave_one_out, mrr
from eval.scorers.aesthetic import AestheticScorer
from eval.scorers.calibration import EMBEDDED_CALIBRATION, Calibration, calibration_of, said_of
from eval.scorers.clip import ClipEncoder
from eval.scoring.panel_file import read_panel
from eval.scoring.records import UnaskedLetters, stories_frame
from eval.scoring.score import score
from eval.scoring.summary import faults_said, missing_said, undefined_said
from eval.validation.attribute_readings import AttributeRow
from eval.validation.markdown import markdown
from eval.validation.validate import DamageRow, Validation
from kit.errors import StorykitError
from kit.files.encodings import sha256_bytes
from kit.messages import Message

GAINS = (0.04, 0.05, 0.03, 0.06, 0.02, 0.07, 0.05, 0.04)


@pytest.fixture(autouse=True)
def _in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYKIT_LANG", "zh")


def without_seeds(folder: Path) -> None:
    cast(fill(new_run(folder)), CastRequest(), stripe_scorers())


def by_hand_for_many(folder: Path) -> None:
    cast(fill(new_run(folder, seeds=2)), CastRequest(keep={1: 0}), stripe_scorers())


def another_seed(folder: Path) -> None:
    cast(fill(new_run(folder, seeds=2)), CastRequest(candidate="ink", keep={1: 7}), stripe_scorers())


def all_banned(folder: Path) -> None:
    ban = frozenset({(1, 0), (1, 1)})
    cast(fill(new_run(folder, seeds=2)), CastRequest(candidate="ink", ban=ban), stripe_scorers())


def torn_table(folder: Path) -> None:
    run = scored_run(folder, fixed_rows())
    (run.folder / "scores.stories.csv").write_text("a,b\n1,2,3\n", "utf-8")
    stories_frame(run)


def no_number(folder: Path) -> None:
    run = scored_run(folder, fixed_rows())
    path = run.folder / "scores.stories.csv"
    head, first, *rest = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([head, ",".join([*first.split(",")[:-1], "x"]), *rest]) + "\n", "utf-8")
    stories_frame(run)


def short_race(folder: Path) -> None:
    race(new_run(folder).loaded, "mrr", lambda _: pytest.fail("drawn"), stripe_scorers())


def folder_without_config(folder: Path) -> None:
    AestheticScorer.load(folder)


def no_such_folder(folder: Path) -> None:
    AestheticScorer.load(folder / "nowhere")


def clip_without_config(folder: Path) -> None:
    ClipEncoder.load(folder)


def others_calibration(_: Path) -> None:
    calibration_of(Brightness().metric.stamp, path=EMBEDDED_CALIBRATION)


REFUSALS: dict[str, Callable[[Path], object]] = {
    "one seed to cast from": without_seeds,
    "a choice by hand for many sets": by_hand_for_many,
    "a seed that the run has not": another_seed,
    "every seed banned": all_banned,
    "a torn table": torn_table,
    "a cell that is no number": no_number,
    "a race of one": short_race,
    "no predictor": folder_without_config,
    "no folder of a predictor": no_such_folder,
    "no such candidate": lambda folder: cast(
        fill(new_run(folder)), CastRequest(candidate="inc"), stripe_scorers()
    ),
    "no folder at the gate": lambda folder: gate(folder / "nowhere", Brightness()),
    "no encoder": clip_without_config,
    "a calibration of other weights": others_calibration,
    "an empty folder at the gate": lambda folder: gate(folder, Brightness()),
    "no steps": lambda _: best_step([]),
    "one panel alone": lambda _: consistency([[1.0]]),
    "panels that cancel out": lambda _: leave_one_out([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]),
    "no ranks": lambda _: mrr([]),
    "few pairs": lambda _: shift_interval([1.0]),
    "no differences": lambda _: sign_flip([]),
    "wild p": lambda _: holm([2.0]),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_chinese_and_known_in_english(name: str, tmp_path: Path) -> None:
    with pytest.raises(StorykitError) as refused:
        REFUSALS[name](tmp_path)
    told, english = str(refused.value), refused.value.message.english
    assert english_sentences(told.replace("authored", "")) == []
    assert told != english
    assert english.isascii(), "a Chinese half is left in the English"


def outcomes(step: tuple[str, str] | None) -> list[str]:
    """Return a reason of every kind."""
    alike = tuple((1 if k % 2 else -1) * gain for k, gain in enumerate(GAINS))
    reasons = []
    for gains in (GAINS, tuple(-gain for gain in GAINS), alike, (0.0,) * 8, GAINS[:3], ()):
        for metric, size, dropped in (("mrr", 1, 0), ("naive", 40, 2)):
            pairs = Paired(tuple((gain, 0.0) for gain in gains), dropped, 8)
            kind = "interaction" if step else "candidate"
            found = measured(Question(kind, metric, "ink", "base", step), pairs)
            holm_p = min(1.0, size * (found.p or 1.0))
            place = Place(size, holm_p, min(1.0, size * smallest_p(len(gains))))
            for unit, at, lower in product(("seed", "story"), (place, None), (False, True)):
                reasons.append(judged(found, at, unit, lower).reason)
    return reasons


@pytest.mark.parametrize("step", [None, ("reversed", "authored")])
def test_every_reason_of_a_verdict_is_chinese(step: tuple[str, str] | None) -> None:
    for reason in outcomes(step):
        assert english_sentences(reason) == []
        assert isinstance(reason, Message)
        assert reason.english.isascii()


def test_a_scoring_says_its_faults_and_notes_in_chinese(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    flat, small = (run.panel_path(*slot) for slot in list(run.wanted())[:2])
    Image.new("RGB", (32, 32)).save(flat)
    small.unlink()
    scores = score(run, stripe_scorers())
    place = {"candidate": "ink", "order": "authored", "story": "s", "seed": 0}
    letters = (UnaskedLetters(**place, panel=1, read="SALE"),)
    stories = tuple(
        replace(one, values={**one.values, "copies": 0.1, "below_floor": 0.1}) for one in scores.stories
    )
    gate_of_floor = replace(scores.gate, floor=3.0)
    shown = replace(scores, letters=letters, stories=stories, gate=gate_of_floor)
    lines = [*faults_said(shown), *missing_said(shown), *undefined_said(scores)]
    assert len(lines) > 5
    for line in lines:
        assert english_sentences(line.replace("authored", "")) == []
    assert [fault["reason"] for fault in json.loads((run.folder / "scores.json").read_bytes())["faults"]] == [
        "its file has changed since it was drawn",
        "its file is gone",
    ]


def test_a_gate_names_its_faults_in_chinese(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    for name in ("a.png", "b.png"):
        picture.save(tmp_path / name)
    Image.new("RGB", (48, 32)).save(tmp_path / "c.png")
    picture.convert("L").save(tmp_path / "d.png")
    Image.fromarray(noise[:16]).save(tmp_path / "e.png")
    Image.fromarray(noise[..., 0].astype(np.uint16) * 256).save(tmp_path / "f.png")
    (tmp_path / "g.png").write_bytes(b"no picture")
    (tmp_path / "h.png").write_bytes((tmp_path / "a.png").read_bytes()[:900])
    found = gate(tmp_path, Brightness())
    assert len(found.faults) == 7
    for told in (*found.faults, *found.elsewhere):
        assert english_sentences(told) == []
        assert not told.isascii()


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_what_a_comparison_says_is_chinese_and_its_file_is_the_same_in_both(tmp_path, monkeypatch) -> None:
    lines = summary_lines(compare(run := scored_run(made(tmp_path / "zh"), fixed_rows())))
    chinese = (run.folder / "comparison.json").read_bytes()
    assert [english for line in lines for english in english_sentences(line)] == []
    monkeypatch.setenv("STORYKIT_LANG", "en")
    compare(other := scored_run(made(tmp_path / "en"), fixed_rows()))
    assert (other.folder / "comparison.json").read_bytes() == chinese


def test_a_missing_panel_says_why_in_both_languages(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"no picture")
    known = sha256_bytes(b"no picture")
    found = [
        read_panel(tmp_path / name, sha256, 32)
        for name, sha256 in (("q.png", known), ("p.png", None), ("p.png", known))
    ]
    for reading in found:
        assert english_sentences(reading.reason) == []
        assert not reading.reason.isascii()


def test_what_is_believed_and_the_rule_of_steps_are_chinese() -> None:
    known = Calibration(
        weights="w",
        encoder_sha256="a",
        aesthetic_sha256="b",
        pictures="drawn by the embedded base in 10 steps of 256 pixels",
        stories=12,
        believed=("text",),
        aesthetic_floor=3.0,
    )
    for told in (said_of(known), said_of(None), rule()):
        assert english_sentences(told) == []
        assert not told.isascii()


def test_the_tables_of_a_validation_are_chinese() -> None:
    row = DamageRow(
        damage="untold-looks",
        metric="identity",
        auc=0.9,
        auc_low=0.8,
        paired=0.9,
        spearman=0.8,
        localised=None,
        every={"identity": 0.9, "naive": 0.5},
    )
    known = Calibration(
        weights="w", encoder_sha256="a", aesthetic_sha256="b", stories=12, pictures="rendered"
    )
    read = AttributeRow(
        attribute="hair", threshold=-0.1, missing=3, shown=4, precision=0.9, recall=0.8, false_alarms=0.01
    )
    found = Validation(
        tales=12,
        pictures="rendered",
        weights="w",
        damages=(row,),
        changes={"other-seed": {"identity": 0.5}},
        selectivity={"identity": 3.0},
        failing=(),
        attributes=(read,),
        calibration=known,
        letters=True,
    )
    assert english_sentences(markdown(found)) == []
    assert english_sentences(markdown(replace(found, attributes=(), failing=("x",)))) == []
