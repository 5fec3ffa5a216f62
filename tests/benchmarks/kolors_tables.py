"""The full-size results as Markdown."""

from typing import Any

from tests.benchmarks.tables import table

Json = dict[str, Any]
PANELS = 8


def markdown(found: dict[str, Json]) -> str:
    """Return the tables of the parts that were run."""
    parts = [
        _speed(found), _parity(found.get("ours", {})), _memory(found.get("memory", {}), found.get("low", {}))
    ]  # fmt: skip
    about = next(iter(found.values()))["about"]
    parts.append("; ".join(about[key] for key in ("machine", "commit", "versions", "date")))
    return "\n\n".join(part for part in parts if part)


def _speed(found: dict[str, Json]) -> str:
    rows: list[list[object]] = []
    if contest := found.get("contest"):
        a_picture = sum(contest["seconds"]) / len(contest["seconds"])
        rows.append(
            [
                "DiffSynth, the contest's loop (text encoder resident)",
                f"{a_picture:.2f}",
                contest["peak_gib"],
                "",
            ]
        )
    if peer := found.get("diffusers"):
        rows.append(
            ["diffusers' UNet, 8 panels, no VAE", f"{peer['eager_s'] / PANELS:.3f}", peer["peak_gib"], ""]
        )
        memory = peer["compiled_memory"]["peak_gib"]
        rows.append(["the same, compiled", f"{peer['compiled_s'] / PANELS:.3f}", memory, peer["compiling_s"]])
    if ours := found.get("ours"):
        rows.append(
            ["storykit, 8 panels, VAE included", f"{ours['eager_s'] / PANELS:.3f}", ours["peak_gib"], ""]
        )
        memory = ours["compiled_memory"]["peak_gib"]
        a_picture = f"{ours['compiled_again_s'] / PANELS:.3f}"
        rows.append(["storykit, compiled", a_picture, memory, ours["compiling_s"]])
    return (
        table(["50 steps, cfg 4, 1024 pixels", "s a picture", "peak GiB", "compiling s"], rows)
        if rows
        else ""
    )


def _parity(ours: Json) -> str:
    rows = [
        [name.removeprefix("latents_"), f"{cell['ours']:.1e}", f"{cell['bf16']:.1e}"]
        for name, cell in ours.items() if name.startswith("latents_")
    ]  # fmt: skip
    heads = ["steps", "ours against DiffSynth, both fp16", "DiffSynth in bf16 against itself in fp16"]
    return table(heads, rows) if rows else ""


def _memory(memory: Json, low: Json) -> str:
    cells = [(f'{count}, memory = "low"', cell) for count, cell in low.items() if count.isdigit()]
    cells += [(count, cell) for count, cell in memory.items() if count.isdigit()]
    rows = [
        [name, cell["s_a_picture_10_steps"], cell["peak_gib"], cell["reserved_gib"]] for name, cell in cells
    ]
    return (
        table(["panels at once", "s a picture, 10 steps", "peak GiB", "reserved GiB"], rows) if rows else ""
    )
