"""An experiment of a girl and a cat whom panels show, for runs in which they stay the same."""

from pathlib import Path

from fakes import toy_base, toy_lora

CASTS = ("girl", "cat", "girl cat", "girl", "", "cat", "girl cat", "girl")
DONE = ("坐在沙发上", "睡觉", "在公园里", "夜晚", "下雪，夜晚", "穿着粉色裙子", "紫色短发，夜晚", "黄色")
BYSTANDER = "一个小男孩"
HEAD = 'title = "街"\n[characters.girl]\ntext = "一个小女孩"\n[characters.cat]\ntext = "一只小猫"\n'


def written(folder: Path, *lines: str, head: str = HEAD) -> Path:
    """Return an experiment on the toy base: a girl and a cat, apart and together.

    Args:
        folder: where it is written.
        lines: of its candidate.
        head: of its story.
    """
    panels = []
    for number, cast in enumerate(CASTS):
        subjects = [f'{{ role = "subject", character = "{name}" }}' for name in cast.split()]
        if number == len(CASTS) - 1:
            subjects.append(f'{{ role = "subject", text = "{BYSTANDER}" }}')
        clauses = [*subjects, f'{{ role = "action", text = "{DONE[number]}" }}']
        panels.append(f"[[panel]]\nclauses = [{', '.join(clauses)}]\n")
    (folder / "street.toml").write_text(head + "".join(panels), encoding="utf-8")
    toy_lora(folder / "ink.safetensors")
    shared = ('stories = ["street.toml"]', f'base = "{toy_base()}"', "seeds = [0]", "size = 64", "steps = 2")
    candidate = ("[[candidate]]", 'name = "ink"', 'lora = "ink.safetensors"')
    (folder / "a.toml").write_text("\n".join((*shared, "batch = 3", *candidate, *lines)), encoding="utf-8")
    return folder / "a.toml"
