"""A training file with a story to watch, and made-up scores of its steps."""

from pathlib import Path

import tomli_w
from fakes import TOY_PROMPTS, fake_picture, toy_base, write_story

from eval.checkpoint_selection import CheckpointScores


def scores_at(
    step: int, likeness: float, mrr: float = 1.0, panels: tuple[float, ...] = ()
) -> CheckpointScores:
    spread = panels or tuple(likeness + 0.01 * k for k in range(-4, 4))
    return CheckpointScores(
        step=step, likeness=likeness, mrr=mrr, text=0.3, aesthetic=6.0, identity=0.5, style=0.5, distance=0.1,
        panels=spread,
    )  # fmt: skip


def watched_training_file(folder: Path, watched: bool = True, **learn: object) -> Path:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    rows = []
    for number, caption in enumerate(TOY_PROMPTS[:2]):
        fake_picture(f"{number}{caption}", 48).save(folder / "data" / f"{number}.png")
        rows.append(f"{number}.png,{caption}\n")
    (folder / "data" / "metadata.csv").write_text(f"file_name,text\n{''.join(rows)}", encoding="utf-8-sig")
    write_story(folder / "story.toml", TOY_PROMPTS)
    watch = {"watch": {"story": "story.toml", "seeds": [3], "steps": 2}} if watched else {}
    small = {
        "rank": 2,
        "alpha": 2.0,
        "steps": 4,
        "batch": 2,
        "size": 64,
        "save_every": 2,
        "learning_rate": 0.01,
    }
    document = {"data": "data", "base": str(toy_base()), "learn": small | learn} | watch
    path = folder / "train.toml"
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    return path
