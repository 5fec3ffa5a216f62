"""The base's result as Markdown."""

from typing import Any

from kit.world.scene import DEGRADATIONS
from tests.benchmarks.tables import table

Json = dict[str, Any]


def markdown(result: Json) -> str:
    """Return the result as Markdown tables."""
    faults = result["faults"]
    missed = "; ".join(f"{pair} {count}" for pair, count in result["misplaced"].items())
    parts = [
        _attribute_table(result["attributes"]),
        table(
            ["place and kinds right, by language", "n", "share", "95 % interval"],
            [[name, cell["count"], f"{cell['share']:.3f}", _between(cell)]
             for name, cell in result["place_and_kinds"].items()],
        ),
        f"Places missed: {missed or 'none'}.",
        table(
            ["drawn from", "spoilt", "95 % interval", "mean p", *(f"p({fault})" for fault in DEGRADATIONS)],
            [[name, f"{row['spoilt']['share']:.3f}", _between(row["spoilt"]),
              *(f"{row[fault]:.3f}" for fault in ("mean", *DEGRADATIONS))] for name, row in faults.items()],
        ),
        table(
            ["negative prompt, paired over seeds", "change of mean p", "p"],
            [[name, f"{row['change']:+.4f}", f"{row['p']:g}"] for name, row in result["negative"].items()],
        ),
        table(
            ["mean distance of two pictures", "% of the range", "pairs"],
            [[name, row["mean"], row["pairs"]] for name, row in result["diversity"].items()],
        ),
        table(
            ["style", "n", "in the style", "95 % interval", "mean log10 p(style)", "place and kinds right",
             "95 % interval"],
            [[name, row["content"]["count"], *_share(row["in_style"]), row["log10_p"],
              *_share(row["content"])] for name, row in result["styles"].items()],
        ),
    ]  # fmt: skip
    return "\n\n".join(parts)


def _attribute_table(attributes: Json) -> str:
    heads = [
        "asked for",
        "n",
        "share",
        "95 % interval",
        "with negative",
        "judge on renders",
        "target",
        "verdict",
    ]
    rows = []
    for name, cell in attributes.items():
        target, share = cell["target"], cell["share"]
        verdict = ["", ""] if target is None else [target, "reached" if share >= target else "short"]
        others = (f"{cell[key]:.3f}" for key in ("with_negative", "judge_on_renders"))
        rows.append([name, cell["count"], f"{share:.3f}", _between(cell), *others, *verdict])
    return table(heads, rows)


def _share(cell: Json) -> tuple[str, str]:
    return f"{cell['share']:.3f}", _between(cell)


def _between(cell: Json) -> str:
    return f"{cell['low']:.3f} to {cell['high']:.3f}"
