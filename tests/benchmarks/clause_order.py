"""What the embedded base draws of each clause, by the clauses' order, and what negative prompts keep away.

`python -m tests.benchmarks.clause_order --judge tests/benchmarks/judge.pt` draws held-out prompts and has the
judge of the base read them; docs/prompts.md holds its tables.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from kit.generation.devices.multi_gpu import load_painter
from kit.generation.painter import Painter
from kit.messages import Language
from kit.story.prompt import COMMAS
from kit.world import words
from kit.world.scene import ALWAYS_NIGHT, PEOPLE
from tests.benchmarks.base import Json, Judged, judged, told
from tests.benchmarks.judge import Judge, load
from tests.benchmarks.machine import commit, today
from tests.benchmarks.pictures import PictureSet, draw, sheet
from tests.benchmarks.prompts import NEGATIVE, Prompt, held_out_prompts
from tests.benchmarks.tables import table
from tests.benchmarks.tally import Share, share_of, tally

ROWS = ("place", "time", "figures", "kind", "hair", "clothes", "fur", "pose", "both kinds")
FILLER: Mapping[Language, Sequence[str]] = {
    "zh": ("高清", "细节丰富", "大师作品", "杰作", "电影感光影", "构图完美"),
    "en": (
        "high resolution",
        "rich details",
        "masterpiece",
        "best quality",
        "cinematic light",
        "perfect view",
    ),
}
"""What people put behind every prompt, and what says nothing of the scene."""
_GIRL = "一个黑色长发的小女孩，穿着红色裙子，在演唱会观众席"
_SINGER = "一个金色短发的年轻女人，在舞台上唱歌"
AUDIENCE = {"girl first": f"{_GIRL}，{_SINGER}", "singer first": f"{_SINGER}，{_GIRL}", "girl alone": _GIRL}
"""One scene told in two orders, and as a panel of its own."""
SEEDS = 8


def arranged(prompt: Prompt) -> dict[str, str]:
    """Return a prompt in several orders, and with clauses that say nothing of the scene."""
    *figures, place, last = prompt.clauses if timed(prompt) else (*prompt.clauses, "")
    where = [clause for clause in (place, last) if clause]
    style = words.STYLES[prompt.language]["flat"][0]
    swapped = [*figures[2:], *figures[:2]]
    filler = FILLER[prompt.language]
    orders = {
        "figure, action, place, time": [style, *figures, *where],
        "place and time first": [style, *where, *figures],
        "reversed": [style, *reversed([*figures, *where])],
        "actions first": [style, *figures[1::2], *figures[::2], *where],
        "other figure first": [style, *swapped, *where],
        "style last": [*figures, *where, style],
        "six words of praise behind": [style, *figures, *where, *filler],
        "six words of praise before": [style, *filler, *figures, *where],
    }
    return {name: COMMAS[prompt.language].join(clauses) for name, clauses in orders.items()}


def timed(prompt: Prompt) -> bool:
    """Is a time of day told behind the place?"""
    return prompt.scene.place not in ALWAYS_NIGHT


def by_order(painter: Painter, judge: Judge, prompts: Sequence[Prompt], out: Path) -> Json:
    """Return for each order the share of what is told that is drawn."""
    rows: Json = {}
    scenes = [prompt.scene for prompt in prompts]
    for name in arranged(prompts[0]):
        texts = [arranged(prompt)[name] for prompt in prompts]
        wanted = PictureSet(name=name.replace(" ", "-"), prompts=texts, seeds=range(len(texts)))
        seen = judged(judge, draw(painter, wanted, out)).seen
        rows[name] = {row: told(share) for row, share in tally(scenes, seen).items() if row in ROWS}
    return rows


def by_negative(painter: Painter, judge: Judge, prompts: Sequence[Prompt], out: Path) -> Json:
    """Return how often what no prompt tells is drawn, by negative prompt: night, black hair, a fault."""
    told_of = [prompt for prompt in prompts if prompt.scene.characters[0].kind in PEOPLE]
    texts, languages = [], [prompt.language for prompt in told_of]
    for prompt in told_of:
        kind = words.KINDS[prompt.language][prompt.scene.characters[0].kind][0]
        place = words.PLACES[prompt.language][prompt.scene.place][0]
        texts.append(COMMAS[prompt.language].join((words.STYLES[prompt.language]["flat"][0], kind, place)))
    negatives: dict[str, Mapping[Language, str]] = {
        "none": {"zh": "", "en": ""},
        "night": {"zh": "夜晚", "en": "at night"},
        "black hair": {"zh": "黑色头发", "en": "black hair"},
        "the contest's five words": {"zh": NEGATIVE, "en": NEGATIVE},
    }
    rows: Json = {}
    for name, said in negatives.items():
        seen: list[Judged] = []
        for language in ("zh", "en"):
            own = [text for text, of in zip(texts, languages, strict=True) if of == language]
            wanted = PictureSet(
                name=f"without-{name.replace(' ', '-')}-{language}",
                prompts=own,
                seeds=range(len(own)),
                negative=said[language],
            )
            seen.append(judged(judge, draw(painter, wanted, out)))
        pictures = [picture for one in seen for picture in one.seen]
        ordered = sorted(told_of, key=lambda prompt: prompt.language == "en")
        places = [prompt.scene.place for prompt in ordered]
        seen_where = zip(pictures, places, strict=True)
        nights = [picture.time == "night" for picture, place in seen_where if place not in ALWAYS_NIGHT]
        black = [any(figure.hair == "black" for figure in picture.figures) for picture in pictures]
        rows[name] = {
            "night": told(share_of(nights)),
            "black hair": told(share_of(black)),
            "spoilt": told(Share(sum(int((one.faults > 0.5).any(1).sum()) for one in seen), len(pictures))),
        }
    return rows


def audience(painter: Painter, judge: Judge, out: Path) -> Json:
    """Draw a girl in the audience and a singer in both orders, and the girl alone; return what is seen."""
    rows: Json = {}
    for name, text in AUDIENCE.items():
        wanted = PictureSet(name=name.replace(" ", "-"), prompts=[text] * SEEDS, seeds=range(SEEDS))
        found = judged(judge, draw(painter, wanted, out))
        sheet(found.pictures, [True] * SEEDS, columns=SEEDS).save(out / f"{wanted.name}.png")
        rows[name] = [
            [one.place, *(f"{f.kind} {f.hair} {f.pose}" for f in one.figures)] for one in found.seen
        ]
    return rows


def markdown(result: Json) -> str:
    """Return the two tables."""
    orders = table(
        ["order", *ROWS],
        [
            [name, *(f"{row[one]['share']:.3f}" if one in row else "" for one in ROWS)]
            for name, row in result["orders"].items()
        ],
    )
    kinds = list(result["negatives"]["none"])
    negatives = table(
        ["negative prompt", *kinds],
        [
            [
                name,
                *(
                    f"{row[one]['share']:.3f} ({row[one]['low']:.2f} to {row[one]['high']:.2f})"
                    for one in kinds
                ),
            ]
            for name, row in result["negatives"].items()
        ],
    )
    return f"{orders}\n\n{negatives}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/clause-order"))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    painter = load_painter("mini", given.device)
    judge = load(given.judge, painter.device)
    prompts = held_out_prompts(given.count, seed=20)
    result = {
        "date": today(),
        "commit": commit(),
        "count": given.count,
        "orders": by_order(painter, judge, prompts, given.out),
        "negatives": by_negative(painter, judge, prompts, given.out),
        "audience": audience(painter, judge, given.out),
    }
    (given.out / "result.json").write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(markdown(result))


if __name__ == "__main__":
    main()
