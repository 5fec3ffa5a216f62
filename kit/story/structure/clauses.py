"""The clauses of a plain prompt and what each is about; they join to the prompt again, letter by letter."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kit.messages import Language
from kit.story.lexicon import figures_in, simplified
from kit.story.story import Role
from kit.story.structure.clause_words import clause_words, figure_of, tells_clothes

_PIECE = re.compile(
    r"""(?: \([^()\n]*\) | （[^（）\n]*） | "[^"\n]*" | “[^“”\n]*” | 「[^「」\n]*」 | 《[^《》\n]*》
          | (?<=[0-9]),(?=[0-9]{3}(?![0-9])) | [^，,] )+ | [，,]""",
    re.VERBOSE,
)
"""A comma, or a stretch without commas, but for those in brackets, in quotes and in 1,000."""
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_EDGES = " 。.！!？?；;…~～"
_SOME = r"^(?:[一两二三四五几]|这|那|有一?)"
_MEASURE = re.compile(rf"{_SOME}(?:[个只位名条头匹对群棵朵艘辆座片间轮颗家双把张])")
_LIVING = re.compile(rf"{_SOME}(?:只|位|名|头|匹)")
_ADVERB = re.compile(
    r"^(?:正在|正|一起|独自|一边|很|十分|非常|有点|又|也|却|便|就|静静|轻轻|慢慢|紧紧|[^，]{1,4}地)"
)
_FEELS = re.compile(r"^(?:很|十分|非常|有点|感到|显得).{1,6}$")
_SIDE = "里面|外面|上面|下面|旁边|前面|后面|中间|深处|之中|之上|之间|里|中|上|下|边|旁|前|后|外|内|间|处"
_WHERE = rf"(?:{_SIDE})?"
_ENDS_WHERE = re.compile(rf"(?:{_SIDE})$")
_BEHIND_PLACE = re.compile(rf"^{_WHERE}(?:的?背景)?$")
_NO_ACTION = re.compile(
    r"^(?:画[面质架廊布笔]|向日葵|飞[机船碟鸟鱼]|看[台板]|朝[霞阳]|被[子窝]|说明|推车|拉面|打雷|听众|游[泳船乐]|骑士|往[事昔]|从前)"
)
_PREPOSITION = re.compile(
    r"^(?:in|at|on|inside|outside|under|near|beside|by|next to|behind|in front of|among|along|through|across"
    r"|over|from|into|beneath|around)\b",
)
_ARTICLE = re.compile(r"^(?:and )?(?:a|an|the|one|two|three|her|his|their|same|\d+)\b")
_STYLED = ("style", "illustration", "artwork", "aesthetic", "art")
_LOOKS_BEHIND = re.compile(r"\b(?:with|in an?|wearing|named|called|from)\b")
_PLURAL = re.compile(r"(?<=[a-z]{2})s(?![a-z'])")
_NAME = re.compile(r"(?![和与跟同及抱牵拉的])[\u3400-\u9fff]{1,3}")
"""A name behind a figure."""
_GERUND = re.compile(r"^(?:is |are |and |then |gently |happily |slowly |quietly )*[a-z]{2,}ing\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class RoledClause:
    """A clause as it was written, and what it is about."""

    role: Role
    text: str


def comma_clauses(prompt: str) -> list[str]:
    """Return what stands between the commas of a prompt; a piece without words stays with its neighbour.

    >>> comma_clauses("小女孩,长发（黑，直），、在公园里。")
    ['小女孩', '长发（黑，直）', '、在公园里。']
    >>> comma_clauses("a cat, , 1,000 stars,")
    ['a cat,', '1,000 stars,']
    """
    clauses: list[str] = []
    current, comma = "", ""
    for found in _PIECE.finditer(prompt):
        if found[0] in ("，", ","):
            current, comma = (current + comma, found[0]) if comma else (current, found[0])
            continue
        piece = found[0].strip()
        if _has_words(piece) and _has_words(current):
            clauses.append(current)
            current, comma = piece, ""
        else:
            current, comma = current + comma + piece, ""
    current += comma
    if clauses and not _has_words(current):
        current = f"{clauses.pop()}{comma_of(prompt)}{current}"
    return [*clauses, current]


def comma_of(text: str) -> str:
    """Return the first comma of a text."""
    return next((letter for letter in text if letter in "，,"), ",")


def _has_words(text: str) -> bool:
    return any(letter.isalnum() for letter in text)


def same_but_commas(text: str) -> str:
    """Return a text as two prompts are compared: commas of one width, no spaces around them, single spaces.

    >>> same_but_commas("小猫， 跑,  a  b") == same_but_commas("小猫,跑，a b")
    True
    """
    return re.sub(r"\s*[，,]\s*", ",", " ".join(text.split()))


def language_of_prompts(prompts: Sequence[str]) -> Language:
    """Return "zh" where there are more Chinese letters than English words."""
    text = "\n".join(prompts)
    return "zh" if len(_CHINESE.findall(text)) > len(re.findall(r"[A-Za-z]+", text)) else "en"


def role_of(text: str) -> Role:
    """Return what a clause is about; "unknown" where its words do not tell.

    >>> [role_of(one) for one in ("水彩风格", "一只橘猫", "坐在窗边", "在公园里", "傍晚", "人山人海")]
    ['style', 'subject', 'action', 'place', 'detail', 'unknown']
    >>> [role_of(one) for one in ("watercolor style", "a little girl", "running", "in the park", "at night")]
    ['style', 'subject', 'action', 'place', 'detail']
    """
    bare = simplified(text.strip(_EDGES))
    return _chinese(bare) if _CHINESE.search(bare) else _english(bare)


def _chinese(bare: str) -> Role:
    words, measured = clause_words(), _MEASURE.match(bare)
    if words.roles["looks_begin"].begins(bare) and not bare.startswith("穿过"):
        return "subject" if _ends_in_someone(bare) else "detail"
    if not measured and _acts(bare):
        return "action"
    if bare.startswith(("在", "于", "背景")):
        return "place" if bare.startswith("背景") else _where(bare[1:])
    return _named(bare, measured is not None)


def _named(bare: str, measured: bool) -> Role:
    """Return the role of a Chinese clause that begins as a noun."""
    words = clause_words()
    someone, style = figure_of(bare), words.roles["style"].last(bare)
    if style and style.end == len(bare):
        return "style"
    if someone and (measured or _begins_with_someone(bare) or "的" in bare):
        return "subject"
    if someone and _is_name(bare[someone.end :]):
        return "subject"
    if style or (bare.endswith("风") and len(bare) <= 6):
        return "style"
    place = words.places.last(bare)
    if place and _BEHIND_PLACE.match(bare[place.end :]) and "在" not in bare:
        return "place"
    if _LIVING.match(bare):
        return "subject"
    return _detail(bare)


def _is_name(rest: str) -> bool:
    """Return whether what stands behind a Chinese figure is nothing or its name, as 小满 in 短发女孩小满."""
    return not rest or (_NAME.fullmatch(rest) is not None and role_of(rest) == "unknown")


def _ends_in_someone(bare: str) -> bool:
    """Return whether looks are those of a figure that ends the clause, as in 穿红裙的女孩."""
    someone = figure_of(bare)
    return someone is not None and "的" in bare[: someone.start] and _is_name(bare[someone.end :])


def _begins_with_someone(bare: str) -> bool:
    return any(figure.start == 0 for figure in figures_in(bare)[:1])


def _acts(bare: str) -> bool:
    """Return whether a Chinese clause begins as what somebody does or feels."""
    if _FEELS.match(bare):
        return True
    words = clause_words()
    core = _ADVERB.sub("", bare)
    starts = (core, core[1:]) if core.startswith("在") else (core,)
    named = any(words.roles[name].begins(core) for name in ("style", "detail")) or words.places.begins(core)
    named = named or _begins_with_someone(core)
    return not named and any(
        words.roles["action_begins"].begins(one) and not _NO_ACTION.match(one) for one in starts
    )


def _where(rest: str) -> Role:
    """Return the role of a Chinese clause by what stands behind its 在."""
    words = clause_words()
    if place := words.places.first(rest):
        behind = re.sub(f"^{_WHERE}", "", rest[place.end :])
        return "action" if words.roles["action_begins"].first(behind) else "place"
    if words.roles["detail"].first(rest):
        return "detail"
    if rest.endswith(("着", "了")):
        return "action"
    return "place" if _ENDS_WHERE.search(rest) else "unknown"


def _detail(bare: str) -> Role:
    roles = clause_words().roles
    return "detail" if roles["detail"].first(bare) or tells_clothes(bare) else "unknown"


def _english(bare: str) -> Role:
    words = clause_words()
    someone = figure_of(_PLURAL.sub("", bare))
    if words.roles["looks_begin"].begins(bare):
        return "detail"
    if _PREPOSITION.match(bare):
        return _located(bare)
    known = any(words.roles[name].begins(bare) for name in ("style", "detail"))
    if not known and (_GERUND.match(bare) or words.roles["action_words"].begins(bare)):
        return "action"
    if someone and not bare.endswith(_STYLED):
        return "subject"
    if words.roles["style"].first(bare):
        return "style"
    place = words.places.last(bare)
    if place and (bare[place.end :].strip() in ("", "background") or _ARTICLE.match(bare)):
        return "place"
    return _detail(bare)


def _located(bare: str) -> Role:
    """Return the role of an English clause that begins with a preposition."""
    words = clause_words()
    if words.roles["style"].first(bare):
        return "style"
    if words.places.first(bare):
        return "place"
    return _detail(bare)


def is_pure(text: str) -> bool:
    """Return whether a subject clause names somebody and nothing that they do.

    >>> is_pure("一个紫色短发小女孩"), is_pure("小女孩小满"), is_pure("小女孩在跑步")
    (True, True, False)
    >>> is_pure("a girl with red hair"), is_pure("young girl Lily"), is_pure("a girl reading in the park")
    (True, True, False)
    """
    written = text.strip(_EDGES)
    bare = simplified(written)
    someone = figure_of(bare)
    if _CHINESE.search(bare):
        return _is_name(bare[someone.end :]) if someone else len(bare) <= 10
    if someone is None:
        return len(bare.split()) <= 3
    behind = _LOOKS_BEHIND.split(bare[someone.end :], maxsplit=1)[0].strip()
    return not behind or (behind.isalpha() and behind.capitalize() in written)


def tells_looks(text: str) -> bool:
    """Return whether a clause tells clothes, hair or fur."""
    roles = clause_words().roles
    bare = simplified(text.strip(_EDGES))
    return roles["looks_begin"].begins(bare) or tells_clothes(bare)
