import ast
import re
import shlex
from collections.abc import Iterator
from contextlib import chdir
from functools import cache
from os.path import relpath
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from typer.core import TyperGroup
from typer.main import get_command

import storykit
from kit.experiment.config import LoadedExperiment, load_experiment
from kit.lora.lora import embedded_loras
from kit.story.story import load_story
from storykit.cli.experiment import DEMO
from storykit.cli.main import app

ROOT = Path(storykit.__file__).parents[1]
READMES = [path for path in (ROOT / "README.md", ROOT / "README.zh-CN.md") if path.exists()]
PAGES = [*READMES, *sorted((ROOT / "docs").rglob("*.md"))]
CHINESE = ROOT / "docs" / "zh"
PAIRS = [
    *([(READMES[0], READMES[1])] if len(READMES) == 2 else []),
    *(
        (ROOT / "docs" / page.name, page)
        for page in sorted(CHINESE.glob("*.md"))
        if page.name != "glossary.md"
    ),
]
"""Pages in English and in Chinese that say the same; the glossary is in both by itself."""
NOTEBOOKS = sorted((ROOT / "docs").glob("*.ipynb"))
EXAMPLES = sorted((ROOT / "kit" / "examples").glob("*.toml"))

_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.M | re.S)
_FOREIGN = re.compile(r"([\"'])[^\"'\n]*[^\x00-\x7f\"'\n][^\"'\n]*\1")
"""Quoted words that are not English."""
_FENCE = re.compile(r"^ *```.*?\n(.*?)^ *```", re.M | re.S)
_SPAN = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"(?:^|[\s(/$])storykit((?: +[^\s|>#;&`]+)*)")
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:src|href|srcset)=\"([^\"\s]+)")
_ELSEWHERE = re.compile(r"[a-z]+:|//|#")


def name_of(page: Path) -> str:
    """Return what a page is called in a test's name."""
    return page.relative_to(ROOT).as_posix()


def code_of(page: Path) -> list[str]:
    """Return the lines of a page's code blocks, continued ones joined, comments cut, and its code spans."""
    text = page.read_text(encoding="utf-8")
    blocks = "\n".join(_FENCE.findall(text)).replace("\\\n", " ")
    lines = [re.sub(r"(^|\s)#.*", "", line) for line in blocks.splitlines()]
    return lines + _SPAN.findall(_FENCE.sub("", text))


def commands_of(page: Path) -> Iterator[list[str]]:
    """Yield the words behind each `storykit` in a page's code."""
    for line in code_of(page):
        for found in _COMMAND.finditer(line):
            words = shlex.split(found[1], posix=False)
            if words and re.fullmatch(r"[a-z]+", words[0]):
                yield words


@cache
def whole_command() -> TyperGroup:
    """Return `storykit` with all its commands, built once: that takes hundredths of a second."""
    return get_command(app)


def meant(words: list[str]) -> tuple[str, list[str]]:
    """Return the name of the command that words begin with, groups joined, and the options they give it."""
    command, name = whole_command(), []
    for word in words:
        children = getattr(command, "commands", None)
        if children is None or not re.fullmatch(r"[a-z]+", word):
            break
        assert word in children, f"storykit {' '.join([*name, word])}: there is no such command"
        command, name = children[word], [*name, word]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    options = [word.partition("=")[0].strip("[]") for word in words if word.strip("[]").startswith("--")]
    assert set(options) <= known, f"storykit {' '.join(words)}: {' '.join(name)} has {sorted(known)}"
    return " ".join(name), options


def leaves(command, *words: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the first line of help of each command."""
    for name, child in command.commands.items():
        if hasattr(child, "commands"):
            yield from leaves(child, *words, name)
        else:
            yield " ".join((*words, name)), child.help.splitlines()[0]


def links_of(page: Path) -> list[str]:
    """Return the relative links and pictures of a page."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    prose = _SPAN.sub("", _FENCE.sub("", text))
    found = [markdown or html for markdown, html in _LINK.findall(prose)]
    return [link.partition("#")[0] for link in found if not _ELSEWHERE.match(link)]


def prose_of(page: Path) -> str:
    """Return a page without its code blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def headings_of(page: Path) -> list[str]:
    """Return a page's headings with the signs before them."""
    return re.findall(r"^#+ .+", prose_of(page), re.M)


def tables_of(page: Path) -> list[tuple[int, set[int]]]:
    """Return of each table its rows and how many columns they have."""
    found = re.findall(r"(?:^\|.*\n?)+", prose_of(page), re.M)
    tables = [table.splitlines() for table in found]
    return [(len(rows), {len(re.findall(r"(?<!\\)\|", row)) - 1 for row in rows}) for rows in tables]


def blocks_of(page: Path) -> list[tuple[str, list[str]]]:
    """Return of each code block its language and what is typed: no comments, output or foreign words."""
    blocks = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(language, list(_typed(language, code))) for language, code in blocks]


def _typed(language: str, code: str) -> Iterator[str]:
    if language in ("text", "markdown"):
        return
    for line in code.replace("\\\n", " ").splitlines():
        typed = re.sub(r"(^|\s)#.*", "", line).split()
        if typed and (language != "console" or typed[0] == "$"):
            yield re.sub(r"--language \w+", "--language", _FOREIGN.sub('""', " ".join(typed)))


def targets_of(page: Path) -> set[str]:
    """Return where a page's relative links lead, a page of the other language being the same page."""
    led = {relpath((page.parent / link).resolve(), ROOT) for link in links_of(page)}
    same = {"docs/zh/": "docs/", "README.zh-CN.md": "README.md", ".zh.ipynb": ".en.ipynb"}
    for ours, other in same.items():
        led = {path.replace(ours, other) for path in led}
    return led


def slug(heading: str) -> str:
    """Return what a heading is called in a link, as GitHub does.

    >>> slug("## What `may` be believed, 可信吗？")
    'what-may-be-believed-可信吗'
    """
    return re.sub(r"[^\w\- ]", "", heading.lstrip("#").strip().lower()).replace(" ", "-")


def shipped_styles(loaded: LoadedExperiment) -> set[str]:
    loras = {candidate.lora for candidate in loaded.experiment.candidates if candidate.lora}
    return {lora.removeprefix("mini:") for lora in loras}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_that_a_page_names_exists_with_its_options(page):
    for words in commands_of(page):
        meant(words)


@pytest.mark.parametrize("page", READMES, ids=name_of)
def test_a_readme_names_every_command(page):
    named = {meant(words)[0] for words in commands_of(page)}
    assert {name for name, _ in leaves(whole_command())} <= named


@pytest.mark.parametrize("page", [page for page in READMES if page.name == "README.md"], ids=lambda p: p.name)
def test_the_readme_says_of_each_command_what_its_help_says(page):
    text = " ".join(page.read_text(encoding="utf-8").split())
    missing = [name for name, line in leaves(whole_command()) if line.rstrip(".") not in text]
    assert missing == []


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=name_of)
def test_every_relative_link_and_picture_of_a_page_is_there(page):
    assert [link for link in links_of(page) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_to_a_heading_of_a_page_finds_it(page):
    for link in re.findall(r"\]\(([^)\s]*#[^)\s]+)\)", prose_of(page)):
        path, _, heading = link.partition("#")
        if not re.match(r"[a-z]+:", link):
            led = page.parent / path if path else page
            assert heading in map(slug, headings_of(led)), link


@pytest.mark.parametrize("shape", [headings_of, tables_of, blocks_of, targets_of])
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: name_of(pair[1]))
def test_a_page_in_two_languages_has_the_same_parts(pair, shape):
    english, chinese = map(shape, pair)
    if shape is headings_of:
        english, chinese = ([line.partition(" ")[0] for line in told] for told in (english, chinese))
    assert chinese == english


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: name_of(pair[1]))
def test_a_page_leads_to_the_other_language_at_its_top(pair):
    for page, other in (pair, pair[::-1]):
        top = page.read_text(encoding="utf-8").partition("\n## ")[0]
        assert f"]({relpath(other, page.parent)})" in top


@pytest.mark.parametrize(
    ("english", "chinese", "shape"),
    [
        ("# A\n## B\n", "# 甲\n### 乙\n", headings_of),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n", "| 甲 | 乙 |\n|---|---|\n", tables_of),
        ("| a | b |\n|---|---|\n", "| 甲 |\n|---|\n", tables_of),
        ("```console\n$ storykit score a\n```\n", "```console\n$ storykit score b\n```\n", blocks_of),
        ("```sh\nmake --fast\n```\n", "```sh\nmake\n```\n", blocks_of),
        ("[a](b.md)\n", "[甲](c.md)\n", targets_of),
    ],
)
def test_pages_that_differ_are_found_out(tmp_path, english, chinese, shape):
    pages = (tmp_path / "a.md", tmp_path / "b.md")
    for page, text in zip(pages, (english, chinese), strict=True):
        page.write_text(text, encoding="utf-8")
    one, other = (
        [line.partition(" ")[0] for line in shape(page)] if shape is headings_of else shape(page)
        for page in pages
    )
    assert one != other


def test_words_in_quotes_comments_and_output_may_be_in_another_language(tmp_path):
    english, chinese = tmp_path / "a.md", tmp_path / "b.md"
    english.write_text(
        '```console\n$ storykit pack r --title "雨夜"\nnote    a\n```\n```sh\nmake  # all\n```\n',
        encoding="utf-8",
    )
    chinese.write_text(
        '```console\n$ storykit pack r --title "夜雨"\n提示    甲\n```\n```sh\nmake  # 全部\n```\n',
        encoding="utf-8",
    )
    assert blocks_of(english) == blocks_of(chinese)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_example_that_a_page_names_is_there(page):
    named = re.findall(r"\bkit/examples/[\w./-]*\w", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", READMES, ids=name_of)
def test_the_first_story_of_a_readme_is_a_story_and_its_experiment_an_experiment(page, tmp_path):
    text = page.read_text(encoding="utf-8")
    story, *_ = re.findall(r"^```text\n(.*?)^```", text, re.M | re.S)
    experiment, *_ = re.findall(r"^```toml\n(.*?)^```", text, re.M | re.S)
    (tmp_path / "rain.txt").write_text(story, encoding="utf-8")
    (tmp_path / "rain.toml").write_text(experiment, encoding="utf-8")
    loaded = load_experiment(tmp_path / "rain.toml")
    assert [told.name for told in loaded.stories] == ["rain"]
    assert shipped_styles(loaded) <= set(embedded_loras())


def test_the_readmes_python_draws_scores_compares_and_shows(tmp_path):
    texts = [page.read_text(encoding="utf-8") for page in READMES]
    codes = [re.findall(r"^```python\n(.*?)^```", text, re.M | re.S) for text in texts]
    assert len({ast.dump(ast.parse(code)) for (code,) in codes}) == 1
    story, *_ = re.findall(r"^```text\n(.*?)^```", texts[0], re.M | re.S)
    experiment, *_ = re.findall(r"^```toml\n(.*?)^```", texts[0], re.M | re.S)
    (tmp_path / "rain.txt").write_text(story, encoding="utf-8")
    (tmp_path / "rain.toml").write_text(f"steps = 1\nsize = 64\n{experiment}", encoding="utf-8")
    with chdir(tmp_path):
        exec(codes[0][0])
    assert (tmp_path / "runs" / "rain" / "comparison.json").is_file()


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_stored_without_outputs(path):
    assert [cell for cell in code_cells(path) if cell.outputs or cell.execution_count] == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_notebook_for_other_machines_differs_by_its_first_cell(language):
    ours, other = (
        code_cells(ROOT / "docs" / f"{name}.{language}.ipynb") for name in ("contest", "contest-colab")
    )
    assert [cell.source for cell in ours[1:]] == [cell.source for cell in other[1:]]
    assert ours[0].source != other[0].source


@pytest.mark.slow
def test_the_contests_notebook_runs_from_top_to_bottom_and_goes_on_when_run_again(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(ROOT / "docs" / "contest.zh.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    quick = f'WORK = "{tmp_path}/story"; LEARN_STEPS, DRAW_STEPS, SEEDS = 2, 5, [0, 1]'
    code[0].source += f"\n{quick}"
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    told = "".join(output.get("text", "") for cell in code for output in cell.outputs)
    assert (tmp_path / "story" / "entry.zip").is_file()
    assert [kind for cell in code for output in cell.outputs for kind in output.get("data", ())].count(
        "image/png"
    ) == 1
    assert "蜡笔" in told


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_can_be_read_and_has_its_loras(path):
    if "[[candidate]]" not in path.read_text(encoding="utf-8"):
        assert load_story(path).story.panels[7].caption
        return
    assert shipped_styles(load_experiment(path)) <= set(embedded_loras())


def test_the_demo_has_its_experiment():
    assert DEMO in EXAMPLES


def test_reading_a_page_finds_its_commands_links_and_pictures(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "storykit is a tool; `storykit score RUN` scores, [a](b.md#c) ![d](e.png) [f](https://g) [h](#i)\n"
        '<img src="j.png"> `[k](l)`\n'
        "```sh\n.venv/bin/storykit pack RUN \\\n  --team T  # storykit is fun\n"
        "storykit demo && echo done\n```\n",
        encoding="utf-8",
    )
    assert list(commands_of(page)) == [["pack", "RUN", "--team", "T"], ["demo"], ["score", "RUN"]]
    assert links_of(page) == ["b.md", "e.png", "j.png"]


@pytest.mark.parametrize(
    "words", [["draw"], ["lora", "sell"], ["score", "RUN", "--fast"], ["run", "E", "--o"]]
)
def test_a_command_that_does_not_exist_is_found_out(words):
    with pytest.raises(AssertionError):
        meant(words)


def test_options_in_brackets_are_known_too():
    assert meant(["lora", "inspect", "FILE", "[--json]"]) == ("lora inspect", ["--json"])
    assert meant(["verify", "F.zip", "--json"])[0] == "verify"
