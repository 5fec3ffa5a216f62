"""What the columns of a foreign table, and the labels of a foreign list, are called."""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from kit.messages import tr
from kit.story.importing.foreign_story import one_line

Column = Literal["prompt", "caption", "negative", "number", "title", "picture", "other"]
"""What a column holds; `picture` is a picture told in words, which may be meant for people."""

_NAMES: tuple[tuple[Column, re.Pattern[str]], ...] = (
    ("negative", re.compile(r"负面|負面|负向|負向|反向|反面|逆向|不希望|negative|^neg\b|\buc$")),
    (
        "number",
        re.compile(
            r"^(?:#|no|nr|id|index|panel|page|p|scene|shot|step|frame|image|picture|页|页码|格|格子|镜头|镜号|分镜"
            r"|图|图号|图片|幕|张|组图|步骤|画格|面板|场次|镜)(?: ?(?:no|number|num|#|id))?$"
            r"|序号|序號|编号|編號|序列|^第.{0,3}[格幕页张镜图]$|\bnumber$|[号號]$"
        ),
    ),
    (
        "prompt",
        re.compile(
            r"提示[词詞语語]|咒语|prompt|正[向面]词|^正[向面]$|^pos(?:itive)?$|生图词|绘图词|绘画词|关键词"
        ),
    ),
    (
        "caption",
        re.compile(
            r"旁白|文案|故事|情节|情節|剧情|劇情|解说|台词|字幕|配文|对白|说明文字|caption|story|plot|narrat|subtitle"
            r"|voice ?over|dialogue|^text$|^line$|中文描述|文字"
        ),
    ),
    ("title", re.compile(r"^(?:小?标题|主题|名称|title|name|heading)$")),
    (
        "picture",
        re.compile(r"画面|畫面|场景|場景|描述|内容|图像|图片|构图|scene|descri|visual|picture|image|content"),
    ),
)
"""Names of columns, the first that fits counts; a prompt's own name is looked for before a picture's."""
_LABEL = re.compile(
    r"(?:画面|畫面|场景|場景|图像|图片|镜头|故事|情节|情節|剧情|劇情|内容|配图)?"
    r"(?:描述|内容|说明|文字|文案|旁白|故事|情节|情節|剧情|劇情|解说|台词|字幕|配文|对白|画面|畫面|场景"
    r"|場景)"
    r"|(?:scene|image|visual|picture|panel)? ?(?:description|content|caption|text|narration|narrator|story"
    r"|plot|scene|visual|visuals|subtitle|dialogue)"
)
_SENTENCE = re.compile(r"以下|下面|如下|这|条|\b(?:here|following|these|are|is)\b", re.IGNORECASE)
"""What a name of prompts has that opens a list of them."""
_BEST = (
    re.compile(r"中文|chinese|\bzh\b|\bcn\b|正向|正面|positive"),
    re.compile(r"^(?:ai)?(?:绘画|绘图|生图|画面|图像|图片|文生图)?提示词$|^(?:image )?prompt$"),
    re.compile(r"^(?!.*(?:英文|english|\ben\b))"),
)
"""Which column is taken where several hold prompts: one of an earlier pattern first."""
_BEST_CAPTION = (
    re.compile(r"旁白|文案|配文|字幕|caption|narrat"),
    re.compile(r"故事|情节|情節|剧情|劇情|story|plot"),
)
MARKS = re.compile(r"[*_`~#]+|[（(【\[][^）)】\]]{0,60}[）)】\]]|[:：.。]+$")
_PICTURED = re.compile(
    r"^(?:\s|[\u2190-\u23ff\u25a0-\u2775\u2794-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\ufe0f\u200d])+"
)
"""Signs and emoji, but for circled numbers."""
_LONGEST = 100
"""Letters of a header that are looked at."""
LONGEST_NAME = 30
"""Letters of a column's name where no line below tells that it is one."""
_SHOWN = 12
"""Headers that a message lists, and letters of each times two."""


def without_pictures_in_front(text: str) -> str:
    """Return a text without the small pictures that chat models put before names.

    >>> without_pictures_in_front("🎬 第1格"), without_pictures_in_front("①小猫 ❤")
    ('第1格', '①小猫 ❤')
    """
    return _PICTURED.sub("", text).strip()


def plain_name(header: str) -> str:
    """Return a header as it is compared: small, without marks and what stands in brackets.

    >>> plain_name("**提示词（Prompt）**："), plain_name("No.")
    ('提示词', 'no')
    """
    header = header[:_LONGEST]
    header = without_pictures_in_front(header)
    bare = one_line(MARKS.sub("", header)).casefold()
    return bare or one_line(re.sub(r"[*_`~（()）【】\[\]:：]", " ", header)).casefold()


def column_of(header: str) -> Column:
    """Return what a column of this name holds.

    >>> [column_of(name) for name in ("序号", "画面描述", "画面（Prompt）", "反向提示词", "Caption")]
    ['number', 'picture', 'prompt', 'negative', 'caption']
    """
    whole, name = header[:_LONGEST].casefold(), plain_name(header)
    return next(
        (
            column
            for column, pattern in _NAMES
            if pattern.search(whole if column in ("negative", "prompt") else name)
        ),
        "other",
    )


def label_of(name: str) -> Column:
    """Return what stands behind a label in a list; a name that only holds such a word is no label.

    >>> label_of("画面描述"), label_of("Image prompt"), label_of("故事开始")
    ('picture', 'prompt', 'other')
    """
    column = column_of(name)
    named = _LABEL.fullmatch(plain_name(name)) is not None
    asked = column == "prompt" and not _SENTENCE.search(name)
    sure = named or asked or column in ("negative", "title")
    return column if sure else "other"


class Chosen(NamedTuple):
    """Which columns of a table are read, by their positions; None where there is none."""

    prompt: int
    caption: int | None
    negative: int | None
    left_out: Sequence[str]


def choose(headers: Sequence[str]) -> Chosen | None:
    """Return which columns hold prompt, caption and negative prompt; None where none holds prompts."""
    columns = [column_of(header) for header in headers]
    prompts = [at for at, column in enumerate(columns) if column == "prompt"]
    if not prompts:
        return None
    captions = [at for at, column in enumerate(columns) if column == "caption"]
    others = [columns.index(column) for column in ("picture", "title") if column in columns]
    prompt = best_prompt(headers, prompts)
    caption = _first(headers, captions, _BEST_CAPTION) if captions else next(iter(others), None)
    negative = next((at for at, column in enumerate(columns) if column == "negative"), None)
    used = {prompt, caption, negative, *(at for at, column in enumerate(columns) if column == "number")}
    left = [header for at, header in enumerate(headers) if at not in used and header.strip()]
    return Chosen(prompt, caption, negative, left)


def best_prompt(headers: Sequence[str], among: Sequence[int]) -> int:
    """Return which of several columns of prompts is taken, by its position: the Chinese one."""
    return _first(headers, among, _BEST)


def _first(headers: Sequence[str], among: Sequence[int], patterns: Sequence[re.Pattern[str]]) -> int:
    for pattern in patterns:
        for at in among:
            if pattern.search(plain_name(headers[at])) or pattern.search(headers[at].casefold()):
                return at
    return among[0]


def no_prompts(headers: Sequence[str]) -> str:
    """Return that none of these columns holds prompts, and how to name the one that does."""
    shown = ", ".join(one_line(header)[: 2 * _SHOWN] for header in headers[:_SHOWN] if header.strip())
    picture = next((one for one in headers if column_of(one) == "picture"), None)
    name = one_line(picture)[: 2 * _SHOWN] if picture else ""
    if not name:
        return tr("no column is called 提示词 or Prompt, it has {names}", names=shown or tr("no names"))
    return tr(
        "no column is called 提示词 or Prompt, it has {names}; if {picture} is what shall be drawn, call "
        "that column 提示词",
        names=shown,
        picture=name,
    )
