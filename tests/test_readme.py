"""The console blocks of the READMEs and the guide: each is executed, and says what the page shows."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from command import tell
from paths import ROOT

QUICK = "steps = 5\n"
"""Instead of the usual 25: enough for the practice contest's gate."""
SAMPLES = ROOT / "kit" / "starter" / "templates" / "pictures"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
_NUMBER = re.compile(r"\b[0-9a-f]{64}\b|(?<![\w.-])[+-]?\d[\d,.]*%?")
_METRIC = re.compile(r"\b(aesthetic|text|mrr|identity|style|place)\b(?= [+#-])")
_TIME = re.compile(r"# (?:s|min|h|秒|分钟|小时)\b")
_PADDING = re.compile(r"  +")


class Block(NamedTuple):
    """A command of a page and what the page says that it prints."""

    command: str
    shown: list[str]


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the commands of a page's console blocks, in their order."""
    for language, text in _FENCE.findall(page.read_text(encoding="utf-8")):
        if language != "console":
            continue
        for part in text.replace("\\\n", " ").split("$ ")[1:]:
            command, *shown = part.splitlines()
            yield Block(" ".join(command.split()), shown)


def files_of(page: Path) -> dict[str, str]:
    """Return the files that a page has its reader write, by the name that stands before each."""
    found: dict[str, str] = {}
    text = page.read_text(encoding="utf-8")
    for block in _FENCE.finditer(text):
        if block[1] not in ("text", "toml", "markdown"):
            continue
        named = re.findall(r"`(\w+\.(?:txt|toml|md))`", text[: block.start()][-400:])
        if named:
            found.setdefault(named[-1], quickened(block[2]) if "[[candidate]]" in block[2] else block[2])
    return found


def quickened(experiment: str) -> str:
    """Return an experiment with few steps and seeds."""
    fewer = experiment.replace("seeds = [0, 1, 2]", "seeds = [0, 1]")
    return QUICK + re.sub(r"^steps = .*", "", fewer, flags=re.M)


def shape_of(line: str) -> str:
    """Return a line without what differs from run to run: numbers, times, hashes, and the weakest metric."""
    numbered = _METRIC.sub("M", _NUMBER.sub("#", line))
    return _PADDING.sub(" ", _TIME.sub("# T", numbered)).strip()


def is_shown(shown: list[str], printed: list[str]) -> bool:
    """Has a command printed what the page shows; `...` stands for any lines?"""
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(is_shown(shown[1:], printed[at:]) for at in range(len(printed) + 1))
    return bool(printed) and shape_of(shown[0]) == shape_of(printed[0]) and is_shown(shown[1:], printed[1:])


def write_what_the_guide_says(command: str) -> None:
    """Make what the text around a block of the guide tells the reader to make."""
    if "answer.md" in command:
        Path("answer.md").write_text(files_of(ROOT / "README.md")["rain.txt"], encoding="utf-8")
    if "--introduction intro.txt" in command:
        Path("intro.txt").write_text(
            "水墨画风格的 LoRA，触发词是“水墨画风格”，照着绘制世界训练。", encoding="utf-8"
        )
    if command.startswith("storykit train style.toml") and not Path("style.toml").exists():
        training = files_of(ROOT / "README.md")["style.toml"]
        Path("style.toml").write_text(training.replace("my/pictures", "data/train"), encoding="utf-8")
    if "prepare pictures" in command:
        shutil.copytree(SAMPLES, "pictures")
        shutil.copy(SAMPLES.parent / "zh" / "metadata.csv", "pictures")


def prepare(command: str) -> None:
    """Make what the text around a block tells the reader to make, and have long commands be quick."""
    write_what_the_guide_says(command)
    for name in ("my/experiment.toml", "choose.toml"):
        path = Path(name)
        if path.is_file() and QUICK not in (text := path.read_text(encoding="utf-8")):
            path.write_text(quickened(text), encoding="utf-8")
    if command.startswith("storykit train my/train.toml"):
        path = Path("my/train.toml")
        path.write_text(path.read_text("utf-8").replace("# steps = 270", "steps = 2"), encoding="utf-8")
    if command.startswith("storykit leaderboard"):
        Path("entries").mkdir()
        shutil.copy("runs/rain/rain.zip", "entries/rain.zip")
        lantern = ("--title", "Lantern", "--introduction", "my/intro.txt", "--out", "entries/lantern.zip")
        made = tell("pack", "my/run", "--candidate", "ink", "--team", "Team42", *lantern)
        assert made.code == 0, made.err
        Path("entries/torn.zip").write_bytes(Path("entries/rain.zip").read_bytes()[:-100])


PAGES = [
    pytest.param("README.zh-CN.md", "zh", marks=pytest.mark.slow),
    pytest.param("README.md", "en", marks=pytest.mark.slow),
    pytest.param("docs/zh/contest-guide.md", "zh", marks=pytest.mark.slow),
    pytest.param("docs/contest-guide.md", "en", marks=pytest.mark.slow),
]
"""Each takes a minute or two, so they are run by hand; that the pages agree is tested every day."""


@pytest.mark.parametrize(("name", "language"), PAGES)
def test_every_console_block_says_what_the_page_shows(name, language, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("STORYKIT_LANG", language)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    page = ROOT / name
    for path, text in files_of(page).items():
        (tmp_path / path).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for command, shown in blocks_of(page):
        prepare(command)
        answer = tell(*shlex.split(command)[1:])
        assert not re.search(r"^(Error|错误)", answer.err, re.M), f"{command}: {answer.err}"
        assert is_shown(shown, answer.out.splitlines()), f"$ {command}\n{answer.out}"
