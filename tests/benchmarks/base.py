"""Measures the embedded base with the judge, on prompts whose combinations no training has seen.

    python -m tests.benchmarks.base --judge judge.pt --out runs/base-bench --count 300

Drawn pictures stay in OUT and are not drawn again; OUT gets result.json and sheet.png. The judge is forced
to choose, so a malformed figure can pass; what it says of renders of the same scenes stands beside.
"""

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from eval.comparison.stats import sign_flip
from kit.files.encodings import sha256_of
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.painter import Painter
from kit.lora.lora import embedded_loras, find_lora
from kit.mini.training.shards import HELD_OUT_STYLES
from kit.world.render import render
from kit.world.scene import DEGRADATIONS, STYLES, Scene, Style
from tests.benchmarks.base_tables import markdown
from tests.benchmarks.judge import Judge, load, verdicts
from tests.benchmarks.machine import commit, cpu, today, versions
from tests.benchmarks.pictures import SETTINGS, PictureSet, distances, draw, sheet
from tests.benchmarks.prompts import NEGATIVE, Prompt, held_out_prompts, texts_of
from tests.benchmarks.tally import TARGETS, Seen, Share, content_right, read_verdicts, share_of, tally

STRENGTHS = (1.0, 0.5)
VARIED = 8
"""Prompts drawn from several seeds."""
SEEDS = 4
"""Seeds of each of those."""
STYLE_SHARE = 3
"""One prompt in so many is drawn in the styles."""
UNPROMPTED = 96
"""Pictures of the empty prompt; as in the training, one in ten of these can be spoilt."""
Json = dict[str, Any]


class Judged(NamedTuple):
    """A set of pictures and what the judge says of them."""

    pictures: Tensor
    seen: list[Seen]
    faults: Tensor
    """(n, 5): the probability of each fault."""
    styles: Tensor
    """(n, 6): log10 of the probability of each style."""


def judged(judge: Judge, pictures: Tensor) -> Judged:
    """Return the pictures with their verdicts."""
    heads, faults, styles = verdicts(judge, pictures)
    return Judged(pictures, read_verdicts(heads), faults, styles)


def rendered(scenes: Sequence[Scene]) -> Tensor:
    """Return the true pictures of the scenes."""
    return torch.from_numpy(np.stack([np.asarray(render(scene).picture) for scene in scenes]))


def told(share: Share) -> Json:
    """Return a share with its interval, for the JSON."""
    low, high = (round(end, 4) for end in share.interval)
    return {
        "right": share.right,
        "count": share.total,
        "share": round(share.share, 4),
        "low": low,
        "high": high,
    }


def attributes(prompts: Sequence[Prompt], plain: Judged, guided: Judged, truth: Judged) -> Json:
    """Return the table of what was asked for: without negative prompt, with it, and the judge on renders."""
    scenes = [prompt.scene for prompt in prompts]
    table, negative, ceiling = (tally(scenes, judgement.seen) for judgement in (plain, guided, truth))
    return {
        row: told(share)
        | {
            "with_negative": round(negative[row].share, 4),
            "judge_on_renders": round(ceiling[row].share, 4),
            "target": TARGETS.get(row),
        }
        for row, share in table.items()
    }


def by_language(prompts: Sequence[Prompt], plain: Judged) -> Json:
    """Return the share of pictures with the right place and kinds, by the prompt's language."""
    answers = [
        (prompt.language, content_right(prompt.scene, seen))
        for prompt, seen in zip(prompts, plain.seen, strict=True)
    ]
    languages = dict.fromkeys(language for language, _ in answers)
    return {
        name: told(share_of(right for language, right in answers if language == name)) for name in languages
    }


def degradation(sets: Mapping[str, Judged]) -> Json:
    """Return by set the mean probability of each fault, and the share of pictures with a likely one."""
    return {
        name: {
            "mean": round(judgement.faults.mean().item(), 4),
            **{fault: round(judgement.faults[:, i].mean().item(), 4) for i, fault in enumerate(DEGRADATIONS)},
            "spoilt": told(share_of((judgement.faults.amax(1) > 0.5).tolist())),
        }
        for name, judgement in sets.items()
    }


def lowered(without: Judged, guided: Judged) -> Json:
    """Return the mean change of the faults' probability, and the paired test of it."""
    differences = (guided.faults.mean(1) - without.faults.mean(1)).double().numpy()
    change = round(float(differences.mean()), 4)
    return {"change": change, "p": round(sign_flip(differences, np.random.default_rng(0)), 5)}


def misplaced(prompts: Sequence[Prompt], plain: Judged) -> Json:
    """Return how often each place was taken for which other one."""
    pairs = zip(prompts, plain.seen, strict=True)
    wrong = [f"{p.scene.place} as {seen.place}" for p, seen in pairs if p.scene.place != seen.place]
    return dict(Counter(wrong).most_common())


def diversity(painter: Painter, prompts: Sequence[Prompt], plain: Judged, out: Path) -> Json:
    """Return how far pictures of one prompt are apart, beside renders of one scene and different prompts."""
    varied = prompts[:VARIED]
    more = [k + 10_000 * turn for turn in range(1, SEEDS) for k in range(len(varied))]
    wanted = PictureSet(name="seeds", prompts=texts_of(varied) * (SEEDS - 1), seeds=more)
    drawn = torch.cat([plain.pictures[: len(varied)], draw(painter, wanted, out)])
    scenes = [
        replace(prompt.scene, seed=prompt.scene.seed + turn) for turn in range(SEEDS) for prompt in varied
    ]
    truths = rendered(scenes)
    same, true = (
        [d for k in range(len(varied)) for d in distances(list(pictures[k :: len(varied)]))]
        for pictures in (drawn, truths)
    )
    others = distances(list(plain.pictures[: len(varied)]))
    rows = {"same prompt": same, "same scene, renders": true, "different prompts": others}
    return {
        name: {"mean": round(float(np.mean(row)), 2), "pairs": len(row)} for name, row in rows.items() if row
    }


def styles(painter: Painter, judge: Judge, prompts: Sequence[Prompt], plain: Judged, out: Path) -> Json:
    """Return for each LoRA that is there how often its style is seen, and what becomes of place and kinds."""
    few = prompts[: max(1, len(prompts) // STYLE_SHARE)]
    table: Json = {"base, flat": _style_row("flat", few, plain)}
    for style in [style for style in HELD_OUT_STYLES if style in embedded_loras()]:
        name = f"mini:{style}"
        texts = texts_of(few, find_lora(name).trigger)
        asked = PictureSet(name=f"base-{style}", prompts=texts, seeds=range(len(few)))
        table[f"base, trigger of {style}"] = _style_row(style, few, judged(judge, draw(painter, asked, out)))
        for strength in STRENGTHS:
            worn = PictureSet(
                name=f"{style}-{strength}", prompts=texts, seeds=range(len(few)), lora=name, strength=strength
            )
            table[f"{name} at {strength}"] = _style_row(style, few, judged(judge, draw(painter, worn, out)))
    return table


def _style_row(style: Style, prompts: Sequence[Prompt], judgement: Judged) -> Json:
    seen = judgement.seen[: len(prompts)]
    content = [content_right(prompt.scene, picture) for prompt, picture in zip(prompts, seen, strict=True)]
    likely = judgement.styles[: len(prompts), STYLES.index(style)]
    return {
        "in_style": told(share_of(one.style == style for one in seen)),
        "log10_p": round(likely.mean().item(), 2),
        "content": told(share_of(content)),
    }


def measure(painter: Painter, judge: Judge, count: int, out: Path) -> Json:
    """Draw what is missing and return all tables; writes the sheet of the first 64."""
    prompts = held_out_prompts(count)
    texts, seeds = texts_of(prompts), range(count)
    plain = judged(judge, draw(painter, PictureSet(name="plain", prompts=texts, seeds=seeds), out))
    wanted = PictureSet(name="negative", prompts=texts, seeds=seeds, negative=NEGATIVE)
    guided = judged(judge, draw(painter, wanted, out))
    nothing = PictureSet(name="unprompted", prompts=[""] * UNPROMPTED, seeds=range(UNPROMPTED))
    unasked = judged(judge, draw(painter, nothing, out))
    averted = judged(judge, draw(painter, replace(nothing, name="averted", negative=NEGATIVE), out))
    truth = judged(judge, rendered([prompt.scene for prompt in prompts]))
    right = [content_right(prompt.scene, seen) for prompt, seen in zip(prompts, plain.seen, strict=True)]
    sheet(plain.pictures[:64], right[:64]).save(out / "sheet.png")
    return {
        "date": today(),
        "commit": commit(),
        "machine": cpu() if painter.device == "cpu" else torch.cuda.get_device_name(),
        "versions": versions(),
        "base": dict(painter.identity),
        "settings": {"steps": SETTINGS.steps, "cfg": SETTINGS.cfg, "size": SETTINGS.size, "prompts": count},
        "attributes": attributes(prompts, plain, guided, truth),
        "place_and_kinds": by_language(prompts, plain),
        "misplaced": misplaced(prompts, plain),
        "faults": degradation(
            {
                "prompt": plain,
                "prompt, negative": guided,
                "no prompt": unasked,
                "no prompt, negative": averted,
                "clean renders": truth,
            }
        ),
        "negative": {"prompt": lowered(plain, guided), "no prompt": lowered(unasked, averted)},
        "diversity": diversity(painter, prompts, plain, out),
        "styles": styles(painter, judge, prompts, plain, out),
        "prompts": texts,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--judge", type=Path, required=True, help="the trained judge's weights")
    parser.add_argument("--out", type=Path, default=Path("runs/base-bench"))
    parser.add_argument("--count", type=int, default=300, help="held-out prompts")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    painter = load_painter("mini", given.device)
    result = measure(painter, load(given.judge, painter.device), given.count, given.out)
    result["judge"] = sha256_of(given.judge)
    (given.out / "result.json").write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(markdown(result))
    print(f"\n{result['machine']}; commit {result['commit']}; {result['versions']}; {result['date']}")


if __name__ == "__main__":
    main()
