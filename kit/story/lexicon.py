"""Words of picture stories: who is named in a text, and patterns for looks and styles.

`lexicon.toml` holds the words. A text is looked through whatever its language. What the words do not know is
nobody's fault, so what stands on them stays silent there.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

_TRADITIONAL = str.maketrans(
    "隻條個貓龍馬鳥魚雞鴨鵝豬獅長髮紅黃藍綠銀褲襯圍著頭辮師醫騎國媽爺孫親學畫風動電樣聖"
    "誕鬆飛機沒開園裡兩們兒這對來時說點寶貝龜鯨鷹鴿遊戲樹葉橋燈籠爾賓奧戰鬥與還從後過寫書標語報紙聯簽題額門廣臉龐雙證顏",
    "只条个猫龙马鸟鱼鸡鸭鹅猪狮长发红黄蓝绿银裤衬围着头辫师医骑国妈爷孙亲学画风动电样圣"
    "诞松飞机没开园里两们儿这对来时说点宝贝龟鲸鹰鸽游戏树叶桥灯笼尔宾奥战斗与还从后过写书标语报纸联签题额门广脸庞双证颜",
)
_TABLES: Final[Mapping[str, Mapping[str, str]]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


def simplified(text: str) -> str:
    """Return a text in small letters and simplified Chinese, letter for letter, so that places stay.

    >>> simplified("一隻小貓, A Cat")
    '一只小猫, a cat'
    """
    small = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)
    return small.translate(_TRADITIONAL)


def _words(table: str, key: str) -> list[str]:
    return [word.strip() for word in _TABLES[table][key].split("|")]


def any_of(words: Iterable[str]) -> str:
    """Return a pattern for any of some words, the longest first; an English word must be whole."""
    ordered = sorted(set(words), key=lambda word: (-len(word), word))
    latin = [re.escape(word) for word in ordered if word.isascii()]
    others = [re.escape(word) for word in ordered if not word.isascii()]
    parts = [rf"(?<![a-z])(?:{'|'.join(latin)})(?![a-z])"] if latin else []
    return f"(?:{'|'.join([*others, *parts])})"


def _any(key: str) -> str:
    return any_of(_words("words", key))


_KANA = re.compile(r"[\u3040-\u30ff]")


class NamedFigure(NamedTuple):
    """Someone named in a text."""

    kind: str
    """Such as girl or cat."""
    start: int
    end: int


SORT_OF: Mapping[str, str] = {
    kind: sort for sort in ("people", "faceless", "animals", "known_animals") for kind in _TABLES[sort]
}
"""Which table a kind is in."""
_KINDS = {word: kind for kind, sort in SORT_OF.items() for word in _words(sort, kind)}
_AFTER_FIGURE = (
    r"(?!子?们|儿?们|玩偶|玩具|公仔|布偶|雕像|雕塑|图案|图样|形状|形的|形风|耳|尾巴|爪|窝|笼|粮|灯|风筝|饼干|蛋糕"
    r"|帽|服|衣|袍|鞋|包|家(?=$|[，,里门的])|面具|头套|的照片|画像|的?房间|贴纸|海报|书包|-?(?:shaped|like|themed)|['’]s?(?![a-z])"
    r"| (?:toy|plush|doll|ears?|tail|statue|sculpture|mask|costume|food|bowl|cage|house|poster|puppet|lantern"
    r"|kite|cake|cookie|print|pattern|sticker|figurine)(?![a-z]))"
)
"""Behind the name of a figure there is none: "cat ears", "the girl's room"; 们 makes it several."""
_FIGURE = re.compile(f"(?P<none>{_any('no figure')})|(?P<who>{any_of(_KINDS)}){_AFTER_FIGURE}")


def figures_in(text: str) -> list[NamedFigure]:
    """Return who is named in a text, one at a time, from left to right; crowds and toys are nobody.

    Of two names in a row one figure is made: "猫妈妈" and "mother cat" are a cat.

    >>> [figure.kind for figure in figures_in("小女孩抱着小猫，马路边，猫耳帽")]
    ['girl', 'cat']
    """
    low = simplified(text)
    found: list[NamedFigure] = []
    if _KANA.search(text):  # Japanese, whose words these are not
        return found
    for one in _FIGURE.finditer(low):
        if not one["who"]:
            continue
        figure = NamedFigure(_KINDS[one["who"]], one.start(), one.end())
        if found and low[found[-1].end : figure.start] == "的":  # 小女孩的小猫 shows the cat
            found.pop()
        if found and _one_name(low, found[-1], figure):
            first = found.pop()
            figure = NamedFigure(_joined_kind(first, figure), first.start, figure.end)
        found.append(figure)
    return found


def _one_name(low: str, first: NamedFigure, second: NamedFigure) -> bool:
    between = low[first.end : second.start]
    return between in (" ", "-") or (not between and not low[first.start].isascii())


def _joined_kind(first: NamedFigure, second: NamedFigure) -> str:
    animals = [one.kind for one in (first, second) if SORT_OF[one.kind] in ("animals", "known_animals")]
    return animals[0] if animals else second.kind


COLOUR = (
    r"(?:(?:深|浅|淡|亮|暗|墨|天|宝石|藏|玫|酒|米|奶|鹅|橄榄|薄荷|草|湖|雪|乌)?[黑白灰棕褐金银红橙橘黄绿蓝青紫粉]"
    r"(?:白|红|黄|绿|蓝|灰)?|咖啡|卡其|驼|彩虹|彩|五彩)色?"
    r"|(?<![a-z])(?:(?:light|dark|pale|bright|deep|sky|navy|royal|baby|strawberry|platinum|golden|rose|forest"
    r"|olive|mint|jet|snow)[ -])?"
    r"(?:black|white|gr[ea]y|brown|blonde?|golden|gold|silver|red|orange|ginger|auburn|chestnut|brunette|yellow"
    r"|green|teal|turquoise|cyan|blue|navy|indigo|purple|violet|lavender|lilac|pink|magenta|beige|cream|maroon"
    r"|mustard|burgundy|wine|plum|peach|coral|salmon|rust|charcoal|ivory|bronze|chocolate|caramel|honey|azure|cobalt"
    r"|ochre|mauve|fuchsia|aqua|jade|lime|crimson|scarlet|olive|mint|emerald|khaki|tan|platinum|raven|copper|rainbow|dark|fair|redhead)(?![a-z])"
)
"""A colour; 色 belongs to it."""
PATTERN = _any("pattern")
"""What stands for a colour."""
GARMENT = rf"(?<![洗更试晾脱换浴大]){_any('garment')}(?![柜架间机领摆角袖务])"
"""A garment that dresses a person."""
OWN_COLOUR = _any("own colour")
"""Garments whose colour goes without saying."""
ACCESSORY = _any("accessory")
"""What people wear beside clothes."""
HAIR = (
    r"(?:(?:长|短|齐肩|披肩|及腰|过肩|齐耳|中长|中等长度|中短|卷曲|卷|直|碎|波浪|蓬松|柔顺|凌乱){0,4}的?"
    r"(?:头发|秀发|卷发|直发|碎发|发丝|发髻|发辫"
    r"|(?<=[长短卷直碎肩腰耳浪黑白灰棕褐金银红橙橘黄绿蓝青紫粉色的])发"
    r"(?!光|呆|现|出|着|亮|芽|夹|带|饰|卡|箍|型|抖|言|射|怒|烧|生|动)))"
    r"|长直(?!发)|双马尾|高马尾|马尾辫|马尾|麻花辫|双辫子|双辫|辫子|丸子头|波波头|寸头|平头|板寸|蘑菇头|锅盖头"
    r"|爆炸头|脏辫|大波浪|公主切"
    r"|(?<![a-z])(?:hair(?:ed|cut|style)?|ponytails?|pigtails?|braids?|(?:hair )?bun|buns|bob|curls|locks"
    r"|mohawk|undercut|topknot|cornrows|afro|dreadlocks"
    r"|buzz cut|pixie cut|crew cut|brunette|redhead|blonde?(?! hair|-hair))(?![a-z])"
)
"""Hair, with what stands before it about its length."""
HAIR_LENGTH = (
    r"长|短|肩|腰|齐耳|中等|马尾|辫|丸子|发髻|波波头|寸头|平头|板寸|蘑菇头|锅盖头|爆炸头|大波浪|公主切"
    r"|(?<![a-z])(?:long|short|shoulder|medium|waist|chin|cropped|ponytails?|pigtails?|braids?|braided|buns?|bob"
    r"|bobbed|mohawk|undercut|topknot|cornrows|afro|dreadlocks|buzz|pixie|crew|shaggy|tied|shaved)(?![a-z])"
)
"""What tells how long it is."""
HIDDEN_HAIR = _any("hidden hair")
"""Where hair is not seen."""
UNSEEN = _any("unseen")
"""Where no look is seen."""
AGE = _any("age")
"""Age and size, which draw another figure."""
FUR = _any("fur")
"""The outside of an animal."""
LETTERS = _any("letters")
"""What has letters on it, or makes them."""
NO_LETTERS = _any("no letters")
"""What only sounds so."""
FACES = _any("faces")
"""A face, what it shows, or a picture of one."""
NO_FACES = _any("no faces")
"""What only sounds so."""
SIDES = _any("sides")
"""Left and right."""
STYLES: Mapping[str, str] = {
    word: family for family in _TABLES["styles"] for word in _words("styles", family)
}
"""Words for styles of pictures, and the family of each."""
NOT_NAMES = frozenset(_words("names", "none"))
"""Beginnings of usual words that look like Chinese names."""
FIRST_NAMES = frozenset(_words("names", "first"))
"""Lily and Rose are flowers elsewhere, so only who opens several prompts is taken for somebody."""
