"""What a contest's notebook draws is read from its code, which is never run."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from kit.errors import InputError
from kit.story.importing.foreign_story import ForeignStory
from kit.story.importing.read_story import read_foreign_story

PROMPTS = tuple(f"二次元，一个穿白裙的小女孩，第{number}天，在海边" for number in range(1, 9))
NEGATIVE = "模糊，多余的手指"
LISTED = f"prompts = {list(PROMPTS)!r}\n"
SETUP = [
    "!pip install diffsynth\n%cd work\nimport torch\n",
    "%%bash\necho prompt=\n",
    "pipe = Pipeline.load(m)\npipe.to('cuda')\n",
]


def drawing(prompt: str, seed: int = 0, file: str = "", negative: str = NEGATIVE) -> str:
    """Return a cell as the contest's notebook has it."""
    call = f'pipe(\n    prompt="{prompt}",  # what is seen\n    negative_prompt="{negative}",\n'
    call += "    cfg_scale=4,\n"
    call += "    num_inference_steps=50, height=1024, width=1024,\n)\n"
    save = f'image.save("{file}")\n' if file else ""
    return f"torch.manual_seed({seed})\nimage = {call}{save}"


def drawings(prompts: Sequence[str] = PROMPTS) -> str:
    return "\n".join(drawing(one, at, f"{at}.jpg") for at, one in enumerate(prompts, 1))


def notebook(*cells: str, listed: bool = True) -> str:
    sources = [cell.splitlines(keepends=True) if listed else cell for cell in cells]
    code = [{"cell_type": "code", "source": source, "outputs": [{"data": "x" * 99}]} for source in sources]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": ["# 故事"]}, *code], "nbformat": 4})


def read(folder: Path, text: str, name: str = "contest.ipynb") -> ForeignStory:
    (folder / name).write_text(text, encoding="utf-8")
    return read_foreign_story(folder / name)


def refusal(folder: Path, text: str, name: str = "contest.ipynb") -> str:
    with pytest.raises(InputError) as caught:
        read(folder, text, name)
    return str(caught.value).partition(f"{name}: ")[2]


HERO = 'style = "二次元"\nhero = "一个穿白裙的小女孩"\n'
EACH = "for i in range(1, 9):\n"


def each(form: str) -> str:
    """Return a line a panel; {n} is its number from 1, {p} its prompt in quotes."""
    return "".join(
        form.replace("{n}", str(at)).replace("{p}", repr(one)) for at, one in enumerate(PROMPTS, 1)
    )


CODES = {
    "eight calls": drawings(),
    "a loop": LISTED + "for p in prompts:\n    image = pipe(prompt=p, num_inference_steps=30)\n",
    "a counted loop": LISTED
    + "for i in range(len(prompts)):\n    pipe(prompts[i]).images[0].save(f'{i}.png')\n",
    "enumerate and zip": LISTED
    + "for i, (p, s) in enumerate(zip(prompts, range(8)), 1):\n    pipe(prompt=p, seed=s)\n",
    "a comprehension": LISTED + "images = [pipe(prompt=p, steps=9).images[0] for p in prompts]\n",
    "a batch": LISTED + "images = pipe(prompt=prompts, num_inference_steps=30).images\n",
    "a function": "def draw(prompt, seed=0):\n    return pipe(prompt=prompt, seed=seed)\n"
    + each("draw({p}, {n})\n"),
    "a function with names": "def draw(*, prompt, name):\n    pipe(prompt=prompt).save(name)\n"
    + each("draw(prompt={p}, name='{n}.png')\n"),
    "main": f"{LISTED}if __name__ == '__main__':\n    for p in prompts:\n        pipe(prompt=p)\n",
    "a list that grows": "prompts = []\n"
    + each("prompts.append({p})\n")
    + "for p in prompts:\n    pipe(prompt=p)\n",
    "dicts": f"panels = {[{'prompt': one, 'seed': at} for at, one in enumerate(PROMPTS)]!r}\n"
    + "for panel in panels:\n    pipe(prompt=panel['prompt'], seed=panel['seed'])\n",
    "settings in a dict": f"{LISTED}settings = dict(num_inference_steps=30, cfg_scale=4)\n"
    + "for p in prompts:\n    pipe(prompt=p, **settings)\n",
    "f-strings": HERO + each('pipe(prompt=f"{style}，{hero}，第{n}天，在海边")\n'),
    "sums": HERO + each('pipe(prompt=style + "，" + hero + "，第{n}天，在海边")\n'),
    "joins": HERO + EACH + "    pipe(prompt='，'.join([style, hero, f'第{i}天', '在海边']))\n",
    "format": HERO + EACH + "    pipe(prompt='{}，{}，第{day}天，在海边'.format(style, hero, day=i))\n",
    "adjacent texts": each('pipe(prompt="二次元，一个穿白裙的小女孩，"\n  "第{n}天，在海边")\n'),
    "added texts": HERO
    + EACH
    + "    p = style + '，' + hero\n    p += f'，第{i}天'\n    p += '，在海边'\n    pipe(prompt=p)\n",
    "percent signs": HERO + EACH + "    pipe(prompt='%s，%s，第%s天，在海边' % (style, hero, i))\n",
    "prompts made of a list": HERO
    + f"days = {[f'第{at}天，在海边' for at in range(1, 9)]!r}\n"
    + "prompts = [f'{style}，{hero}，{day}' for day in days]\nfor p in prompts:\n    pipe(prompt=p)\n",
    "a part of a list": f"prompts = {[*PROMPTS, 'x', 'y']!r}\nfor p in prompts[:8]:\n    pipe(prompt=p)\n",
    "lines taken apart": 'text = """\n'
    + "\n".join(PROMPTS)
    + '\n"""\nfor p in text.strip().split("\\n"):\n    pipe(prompt=p)\n',
    "lines in a text": "".join(f'pipe(prompt="""\n{one}\n""")\n' for one in PROMPTS),
    "torch.no_grad": LISTED + "with torch.no_grad():\n    for p in prompts:\n        pipe(prompt=p)\n",
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", ["contest.ipynb", "contest.py"])
def test_code_gives_the_prompts_that_it_draws(tmp_path: Path, code: str, name: str) -> None:
    text = notebook(*SETUP, CODES[code]) if name.endswith(".ipynb") else f"import torch\n{CODES[code]}"
    assert [row.prompt for row in read(tmp_path, text, name).rows] == list(PROMPTS)


def test_a_notebooks_code_in_a_text_is_read_too(tmp_path: Path) -> None:
    text = (
        f"# 学习笔记\n\n```python\n{drawings(PROMPTS[:4])}```\n\n然后：\n\n```\n{drawings(PROMPTS[4:])}```\n"
    )
    story = read(tmp_path, text, "notes.md")
    assert [row.prompt for row in story.rows] == list(PROMPTS)


def test_only_lines_that_are_the_notebooks_own_are_skipped(tmp_path: Path) -> None:
    prompts = [f'"""\n小猫，第{at}天\n在哪里?\n%在家\n"""' for at in range(1, 9)]
    code = "".join(f"pipe(prompt={one})\n" for one in prompts)
    magics = "!nvidia-smi\nif True:\n    !ls\n%matplotlib inline\npipe?\n"
    rows = read(tmp_path, notebook(magics, code)).rows
    assert [row.prompt for row in rows] == [f"小猫，第{at}天 在哪里? %在家" for at in range(1, 9)]


def test_sources_may_be_one_text_or_lines(tmp_path: Path) -> None:
    assert len(read(tmp_path, notebook(drawings(), listed=False)).rows) == 8


def test_seeds_steps_cfg_and_size_are_told(tmp_path: Path) -> None:
    drawn = [row.drawn for row in read(tmp_path, notebook(drawings())).rows]
    assert [one.seed for one in drawn] == list(range(1, 9))
    assert {(one.steps, one.cfg, one.size) for one in drawn} == {(50, 4, 1024)}


def test_a_generators_seed_is_the_pictures(tmp_path: Path) -> None:
    code = "".join(
        f'pipe(prompt={one!r}, generator=torch.Generator("cuda").manual_seed({at}))\n'
        for at, one in enumerate(PROMPTS)
    )
    assert [row.drawn.seed for row in read(tmp_path, notebook(code)).rows] == list(range(8))


def test_of_pictures_saved_under_one_name_the_last_counts(tmp_path: Path) -> None:
    story = read(tmp_path, notebook(drawing("二次元，试画", 3, "1.jpg"), drawings()))
    assert [row.prompt for row in story.rows] == list(PROMPTS)
    assert story.notes == ["left out: cell 2, line 2, 1.jpg is drawn anew further below"]


def test_no_call_of_a_later_cell_is_taken_for_one_that_drew_a_picture(tmp_path: Path) -> None:
    for count in range(120):  # cells whose calls may come to lie where earlier ones did
        called = ", ".join(f"other({number})" for number in range(count // 2))
        others = f"one = {'(((1)))' if count % 2 else 1}\nothers = [{called}]\n"
        cells = [drawing("二次元，试画", 3, "1.jpg")]
        for at, one in enumerate(PROMPTS, 1):
            cells += [others, drawing(one, at, f"{at}.jpg")]
        assert [row.prompt for row in read(tmp_path, notebook(*cells)).rows] == list(PROMPTS)


def test_of_more_pictures_those_saved_as_1_to_8_count(tmp_path: Path) -> None:
    story = read(tmp_path, notebook(drawing("二次元，试画", 3, "example.png"), drawings()))
    assert [row.prompt for row in story.rows] == list(PROMPTS)
    assert story.notes == ["left out: cell 2, line 2, example.png is none of 1 to 8"]


def test_code_without_fences_is_read_where_it_is_indented_or_the_whole_text(tmp_path: Path) -> None:
    indented = "".join(f"    {line}\n" if line else "\n" for line in drawings().split("\n"))
    for text in (f"# 笔记\n说明\n\n{indented}\n完\n", drawings()):
        assert [row.prompt for row in read(tmp_path, text, "notes.txt").rows] == list(PROMPTS)


def test_a_list_beside_code_that_draws_one_picture_is_read(tmp_path: Path) -> None:
    listed = "\n".join(f"* 正向提示词：{one}\n* 负面提示词：{NEGATIVE}\n" for one in PROMPTS)
    text = f"# 笔记\n\n```python\n# 正面提示词：要画的\n{drawing(PROMPTS[0])}```\n\n{listed}"
    assert [row.prompt for row in read(tmp_path, text, "notes.md").rows] == list(PROMPTS)


def test_eight_pictures_saved_under_one_name_are_eight(tmp_path: Path) -> None:
    code = "".join(drawing(one, 0, "out.png") for one in PROMPTS)
    assert len(read(tmp_path, notebook(code)).rows) == 8


def test_the_negative_prompt_is_read_and_one_that_code_makes_is_told(tmp_path: Path) -> None:
    assert {row.negative for row in read(tmp_path, notebook(drawings())).rows} == {NEGATIVE}
    code = LISTED + "for p in prompts:\n    pipe(prompt=p, negative_prompt=ask())\n"
    assert (
        read(tmp_path, notebook(code)).notes[0].startswith("left out: the negative prompt of cell 2, line 3")
    )


MADE = "the prompt is made by code, which is not run here; write its words there"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("print(1)\n", "holds no call that draws, such as pipe(prompt=…); give the notebook that draws"),
        ("generator = pipeline('text-to-image', model='x')\n", "holds no call that draws, "),
        (drawings(PROMPTS[:3]), "must draw exactly 8 pictures, draws 3 (cell 2, line 2, cell 2, line 11, "),
        (drawings() + drawing("二次元，多一张", 9, "9.jpg"), "must draw exactly 8 pictures, draws 9 "),
        (drawings(PROMPTS[:7]) + "pipe(prompt=ask())\n", f"cell 2, line 63: {MADE}"),
        (drawings(PROMPTS[:7]) + "pipe(prompt=f'{name}，在海边')\n", f"cell 2, line 63: {MADE}"),
        (LISTED + "shuffle(prompts)\nfor p in prompts:\n    pipe(prompt=p)\n", f"cell 2, line 4: {MADE}"),
        (LISTED + "prompts[at] = 'x'\nfor p in prompts:\n    pipe(prompt=p)\n", f"cell 2, line 4: {MADE}"),
        ("p = 'a'\nif dark:\n    p = 'b'\npipe(prompt=p)\n", f"cell 2, line 4: {MADE}"),
        ("p = 'a'\np *= 3\npipe(prompt=p)\n", f"cell 2, line 3: {MADE}"),
        ("pipe(negative_prompt='模糊', num_inference_steps=3)\n", f"cell 2, line 1: {MADE}"),
        ("pipe(prompt='a', prompt='b')\n", f"cell 2, line 1: {MADE}"),
        ("while True:\n    pipe(prompt='小猫')\n", f"cell 2, line 2: {MADE}"),
        ("pipe(prompt='小猫'\n", "cell 2, line 1: is not Python that can be read; mend it, or delete it"),
        ("pipe(prompt='')\n" * 8, "cell 2, line 1, cell 2, line 2, "),
    ],
)  # fmt: skip
def test_what_only_running_the_code_would_tell_is_refused_with_cell_and_line(
    tmp_path: Path, code: str, told: str
) -> None:
    assert refusal(tmp_path, notebook(code)).startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"cells": []}', "holds no call that draws"),
        ('{"cells": 3}', "holds no call that draws"),
        (
            '{"cells": [3, {"cell_type": "code"}, {"cell_type": "code", "source": [3]}]}',
            "holds no call that draws",
        ),
        ("[1]", "holds no call that draws"),
        ('{"cells": [', "is no notebook, "),
        ('{"cells": ' + "[" * 100_000, "is no notebook, it is nested too deep; save it again in Jupyter"),
        (
            notebook("a = 1\n" * 50_000),
            "must hold at most 262,144 letters of code; ",
        ),
    ],
    ids=lambda text: text[:20],
)
def test_a_notebook_that_is_none_is_told(tmp_path: Path, text: str, told: str) -> None:
    assert refusal(tmp_path, text).startswith(told)


def test_code_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = f"open({str(mark)!r}, 'w').write('x')\n__import__('os').mkdir({str(mark)!r} + '2')\n" + drawings()
    read(tmp_path, notebook(code))
    assert not mark.exists()
    assert not (tmp_path / "mark2").exists()
