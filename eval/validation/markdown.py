"""A validation as Markdown: what is seen, what is minded, and every cell that fails."""

from collections.abc import Sequence

from eval.scorers.calibration import said_of
from eval.validation.validate import HELD_OUT, WHOLE, Validation
from kit.experiment.tables import LETTERS_EXTRA
from kit.messages import Message, joined, ptr, tr
from kit.retold import retold


def markdown(validation: Validation) -> str:
    """Return the tables of a validation."""
    parts = [
        tr(
            "{tales} locked stories, {pictures}, scored with {weights}.",
            tales=validation.tales,
            pictures=retold(validation.pictures),
            weights=validation.weights,
        ),
        *([] if validation.letters else [_letters_not_read()]),
        _said_of_severity(validation),
        _damages(validation),
        tr("AUC of every metric and control, two panels damaged; .50 sees nothing, below .50 is misled:"),
        _every(validation),
        tr("Changes that are no damage, AUC of before over after; .50 is best:"),
        _changes(validation),
        tr(
            "Selectivity, the mean loss on a metric's own damages over the largest on any other's: {values}.",
            values=", ".join(f"{metric} {value:.1f}" for metric, value in validation.selectivity.items()),
        ),
        *_attributes(validation),
        _failing(validation),
    ]
    return "\n\n".join(parts) + "\n"


def _letters_not_read() -> Message:
    return tr(
        "Letters were not read, so painted text is held against style; to read them install {extra}",
        extra=tr(LETTERS_EXTRA),
    )


def _said_of_severity(validation: Validation) -> str:
    others = [tr("localisation (one)"), tr("Spearman (one, two, four and seven)")]
    others += [tr("{damage} (seven)", damage=row.damage) for row in validation.damages if row.damage in WHOLE]
    named = joined([joined(others[:-1], tr(", ")), others[-1]], tr(" and "))
    return tr("Two of eight panels damaged, but for {others}:", others=named)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _damages(validation: Validation) -> str:
    heads = [
        ptr("table", "damage"),
        ptr("table", "seen by"),
        ptr("table", "AUC [lower]"),
        ptr("table", "beats its twin"),
        ptr("table", "localised"),
        "Spearman",
        ptr("table", "naive AUC"),
    ]
    return _table(
        heads,
        [
            [
                tr("{damage} (held out)", damage=row.damage) if row.damage == HELD_OUT else row.damage,
                row.metric,
                f"{row.auc:.2f} [{row.auc_low:.2f}]",
                f"{row.paired:.2f}",
                "" if row.localised is None else f"{row.localised:.2f}",
                f"{row.spearman:.2f}",
                f"{row.every['naive']:.2f}",
            ]
            for row in validation.damages
        ],
    )


def _every(validation: Validation) -> str:
    names = list(validation.damages[0].every)
    rows = [[row.damage, *(f"{row.every[name]:.2f}" for name in names)] for row in validation.damages]
    return _table([ptr("table", "damage"), *names], rows)


def _changes(validation: Validation) -> str:
    names = list(next(iter(validation.changes.values())))
    rows = [
        [change, *(f"{every[name]:.2f}" for name in names)] for change, every in validation.changes.items()
    ]
    return _table([ptr("table", "change"), *names], rows)


def _attributes(validation: Validation) -> list[str]:
    """Return how attributes are read, and what may be believed; nothing without a calibration."""
    calibration = validation.calibration
    if calibration is None:
        return []
    said = tr(
        "Told attributes, held against pictures of them and of other words, at thresholds"
        " chosen on {stories} other stories:",
        stories=calibration.stories,
    )
    heads = [
        ptr("table", "attribute"),
        ptr("table", "threshold"),
        ptr("table", "missing"),
        ptr("table", "shown"),
        ptr("table", "precision"),
        ptr("table", "recall"),
        ptr("table", "false alarms"),
    ]
    rows = [
        [row.attribute, f"{row.threshold:.3f}", str(row.missing), str(row.shown), f"{row.precision:.2f}",
         f"{row.recall:.2f}", f"{row.false_alarms:.3f}"]
        for row in validation.attributes
    ]  # fmt: skip
    table = [said, _table(heads, rows)] if rows else [tr("No attribute can be told from these weights.")]
    return [*table, f"{said_of(calibration)[0].upper()}{said_of(calibration)[1:]}."]


def _failing(validation: Validation) -> str:
    if not validation.failing:
        return tr("Every cell meets its mark.")
    return "\n".join(
        [
            tr("{n} cells miss their mark:", n=len(validation.failing)),
            "",
            *(f"- {c}" for c in validation.failing),
        ]
    )
