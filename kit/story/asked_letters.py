"""Whether the words of a picture ask for letters in it."""

import re

from kit.story.lexicon import LETTERS, NO_LETTERS, simplified

_ANY = (
    r"(?:text|letters?|lettering|words?|writing|captions?|subtitles?|watermarks?|logos?|signs?|signatures?)"
)
_REFUSED = (
    r"(?:没有|没|无|不要|不含|不带|不出现|不写|禁止|去掉|避免)(?:任何|出现|有|的)*"
    r"(?:文字|汉字|字母|数字|字幕|水印|签名|标语|字)(?:[、和或及与](?:文字|汉字|字母|数字|字幕|水印|签名|标语|字))*"
    rf"|(?<![a-z])(?:no|not|without|free of|avoid)(?: (?:any|visible|readable))* {_ANY}"
    rf"(?:(?:,? (?:or|and|nor)|,) (?:any )?{_ANY})*(?![a-z])"
    rf"|(?<![a-z])(?:text|watermark|logo)-(?:free|less)(?![a-z])"
)
_QUOTED = (
    r"“[^“”\n]+”|「[^「」\n]+」|『[^『』\n]+』|《[^《》\n]+》|\"[^\"\n]+\""
    r"|(?<![a-z])‘[^‘’\n]+’|(?<![a-z0-9])'[^'\n]+'(?![a-z])"
)
_NAME = r"(?:名叫|名为|叫做|叫作|叫|名字是|昵称|外号|(?<![a-z])(?:named|called|nicknamed) )"
_ASKED = re.compile(f"(?P<none>{_REFUSED}|{_NAME}(?:{_QUOTED})|{NO_LETTERS})|(?P<some>{LETTERS}|{_QUOTED})")


def asks_for_letters(prompt: str) -> bool:
    """Return whether a prompt asks for letters: names what bears them, or quotes what is written.

    >>> [asks_for_letters(one) for one in ("门上写着“生日快乐”", "a shop sign", "十字路口的小猫", "no text")]
    [True, True, False, False]
    """
    return any(found["some"] for found in _ASKED.finditer(simplified(prompt)))
