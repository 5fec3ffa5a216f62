"""What somebody has becomes a draft, or is refused in one line; what a stranger made does no harm."""

import io
import json
import tomllib
import zipfile

import pytest

from kit.errors import InputError
from kit.story.story import Story
from kit.writing.foreign_draft import PASTED, foreign_draft

PROMPTS = [
    f"一只橘色的小猫，{action}，在公园"
    for action in ("走路", "奔跑", "坐着", "睡觉", "跳跃", "吃鱼", "喝水", "微笑")
]
TABLE = "| 序号 | 旁白 | 提示词 |\n|---|---|---|\n" + "\n".join(
    f"| {at} | 第{at}句 | {prompt} |" for at, prompt in enumerate(PROMPTS, 1)
)
CSV = "旁白,提示词\n" + "\n".join(f"第{at}句,“{prompt}”" for at, prompt in enumerate(PROMPTS, 1))
OURS = "# mine\ntitle = 'x'\n" + "\n".join(f'[[panel]]\nprompt = "{one}"' for one in PROMPTS)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (PASTED, f"好的！\n\n{TABLE}\n\n不错吧？".encode()),
        ("story.csv", CSV.encode()),
        ("story.csv", CSV.encode("gbk")),
        ("story.csv", CSV.encode("utf-16")),
        ("lines.txt", "\n".join(PROMPTS).encode()),
        ("answer.json", json.dumps([{"prompt": one} for one in PROMPTS]).encode()),
        ("mine.toml", OURS.encode()),
    ],
)
def test_any_form_becomes_the_same_story(name: str, data: bytes) -> None:
    found = foreign_draft(data, name)
    story = Story.model_validate(tomllib.loads(found.source))
    assert found.kind == "story"
    assert len(story.panels) == 8


def test_a_file_of_ours_keeps_its_comments() -> None:
    assert foreign_draft(OURS.replace("\n", "\r\n").encode(), "mine.toml").source == OURS


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("../../etc/rain.txt", "rain"),
        ("C:\\Users\\me\\雨天.txt", "雨天"),
        ("<script>.txt", "script"),
        ("a\0b\nc.txt", "abc"),
        ("...txt", "story"),
        ("x" * 5000 + ".txt", "x" * 60),
        (PASTED, "story"),
    ],
)
def test_only_the_plain_part_of_a_strangers_name_counts(name: str, called: str) -> None:
    assert foreign_draft("\n".join(PROMPTS).encode(), name).name == called


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.toml", b"x" * 10_000_000)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("bomb.zip", zipped(), "zip archive"),
        ("story.txt", zipped(), "zip archive"),
        ("story.xlsx", zipped(), "save the sheet with the story as CSV UTF-8"),
        ("story.docx", zipped(), "copy its table or its lines"),
        ("story.txt", b"a" * 10_000_000, "must be at most 1,048,576 bytes"),
        ("story.txt", b"a" * 900_000, "has more than 50,000 letters"),
        ("story.txt", b"\xff\xfe\x00", "UTF-16"),
        ("story.txt", b"a\0b", "NUL byte"),
        ("story.json", b"[" * 100_000, ""),
        ("story.txt", b"", "is empty"),
        ("story.toml", b"x = 1", "is neither a story nor an experiment"),
        ("story.toml", b"learn = 1\ntitle = 'x'", "is neither a story nor an experiment"),
        ("story.toml", b"[[panel]", "is not TOML"),
        ("story.toml", b"a = " + b"[" * 5000, "at most 32 deep"),
        ("story.toml", b"#" * 100_000, "must be at most 65,536 bytes"),
        ("story.csv", "提示词\n".encode() + b"<script>alert(1)</script>\n" * 7, "must have exactly 8 rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "data",
)
def test_what_is_no_story_is_refused_in_one_line(name: str, data: bytes, told: str) -> None:
    with pytest.raises(InputError) as refused:
        foreign_draft(data, name)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
