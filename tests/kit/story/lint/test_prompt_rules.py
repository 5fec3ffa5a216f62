import pytest
from stories import clause_story, plain_story

from kit.models.sizes import PREFIX_TOKENS, TOKENS
from kit.story.lint.lint import lint
from kit.story.lint.prompt_rules import MOST_TOKENS
from kit.story.story import Story

GIRL = "一个黑色长发的小女孩，穿着红色裙子"
CAT = "一只橙色的小猫"
TOM = "a boy with short blond hair in a blue shirt"


def told(story: Story, rule: str, trigger: str = "") -> list[tuple[list[int], str]]:
    """Return the panels and the words to write of each finding of a rule."""
    found = lint(story, trigger=trigger, count=len)
    return [(list(one.panels), one.instead) for one in found if one.rule == rule]


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        (f"在公园里，{GIRL}，跑步", f"{GIRL}，跑步，在公园里"),
        (f"公园里的{GIRL}，跑步", f"{GIRL}，跑步，公园里"),
        (f"水彩画，在公园里，{GIRL}，跑步", f"水彩画，{GIRL}，跑步，在公园里"),
        (f"夜晚，星空下，{GIRL}许愿。", f"{GIRL}许愿，夜晚，星空下"),
        (f"特写，{GIRL}", f"{GIRL}，特写"),
        (f"{CAT}跑，{GIRL}笑", f"{GIRL}笑，{CAT}跑"),
        (f"In the park, {TOM} runs", f"{TOM} runs, in the park"),
        (f"In the park {TOM} runs", f"{TOM} runs, in the park"),
        (f"close-up of {TOM}, smiling", f"{TOM}, smiling, close-up"),
        (f"at night there is {TOM}", f"{TOM}, at night"),
        (f"ink wash painting, a street, {TOM}", f"ink wash painting, {TOM}, a street"),
    ],
)
def test_a_hero_who_comes_later_is_put_first_behind_the_style(line, instead):
    who = TOM if line.isascii() else GIRL
    story = plain_story(line, f"{who}, a" if line.isascii() else f"{who}，雨", f"{who}. b", f"{who} d")
    assert told(story, "not-first") == [([1], instead)]
    assert told(plain_story(instead, who, f"{who}, c"), "not-first") == []


def test_clauses_are_put_in_order_too():
    story = clause_story(
        {"girl": GIRL, "cat": CAT},
        "place: 公园里 | subject: @girl | action: 跑步",
        "subject: @girl | subject: @cat",
        "style: 水墨画风格 | subject: @girl",
        "subject: @cat | action: 睡觉",
    )
    assert told(story, "not-first") == [([1], f"{GIRL}，跑步，公园里")]


@pytest.mark.parametrize(
    "lines",
    [
        (f"{GIRL}，跑步", f"{GIRL}，睡觉", f"{CAT}，跑"),
        (f"水墨画风格，{GIRL}，跑步", f"水墨画风格，{GIRL}睡觉"),
        (f"二次元，日系动漫，{GIRL}", f"二次元，{GIRL}"),
        (f"童话里，{GIRL}，跑步", f"童话里，{GIRL}，睡觉"),
        (f"小满，{GIRL}，跑步", f"小满，{GIRL}，睡觉"),
        (f"小满，{GIRL}，跑步", f"{GIRL}，睡觉"),
        (f"Tom, {TOM}, runs", f"{TOM} sleeps"),
        ("巨龙给小女孩一朵花", "小女孩跑步"),
        ("the dragon gives the boy a flower", "the boy runs"),
        (f"{GIRL}和{CAT}", f"{GIRL}", f"{CAT}"),
        (f"水墨风格的{GIRL}", f"水墨风格的{GIRL}在家"),
        (f"{TOM}, runs", f"{TOM} sleeps", "In the park a dog"),
        (f"A photo of {TOM}", f"A photo of {TOM}, asleep"),
        (f"watercolour painting, {TOM}", f"watercolour painting, {TOM} asleep"),
        ("the little girl runs", "little girl sleeps"),
        ("山，水", "雨，一座桥"),
    ],
)
def test_equal_beginnings_and_figures_of_one_panel_are_left_alone(lines):
    assert told(plain_story(*lines), "not-first") == []


@pytest.mark.parametrize(
    ("styles", "panels", "instead"),
    [
        (["水墨画风格，"] * 7 + ["赛博朋克风格，"], [8], "水墨画风格，小猫 8"),
        (["水墨画风格，"] * 7 + [""], [8], "水墨画风格，小猫 8"),
        (["水彩画，"] * 5 + ["油画，"] * 3, [6, 7, 8], "水彩画，小猫 6"),
        ([""] * 7 + ["剪纸风格，"], [8], "小猫 8"),
        (["天空之城风格，"] * 7 + ["星夜画风，"], [8], "天空之城风格，小猫 8"),
        (["anime style, "] * 7 + ["oil painting, "], [8], "anime style, cat 8"),
        (["水墨风格的"] + [""] * 7, [1], "小猫 1"),
        (["watercolor painting, "] * 6 + ["", ""], [7, 8], "watercolor painting, cat 7"),
        ([""] * 6 + ["pixel art, ", ""], [7], "cat 7"),
    ],
)
def test_a_style_that_differs_is_made_the_others(styles, panels, instead):
    noun = "小猫" if not instead.isascii() else "cat"
    story = plain_story(*(f"{style}{noun} {panel}" for panel, style in enumerate(styles, 1)))
    assert told(story, "several-styles") == [(panels, instead)]


@pytest.mark.parametrize(
    "lines",
    [
        ["水墨画风格，小猫"] * 8,
        ["二次元，小猫", "日系动漫，小猫", *["二次元，日系动漫，小猫"] * 6],
        ["小猫看漫画", "墙上挂着油画", "小猫画水彩", *["小猫"] * 5],
        ["欧式风格的房子", "微风", "大风，小猫", *["小猫"] * 5],
        ["a cat reads a comic", "an oil painting on the wall", "a cartoon on television", *["a cat"] * 5],
        ["watercolour, a cat", "watercolour painting, a cat", *["a cat, watercolor style"] * 6],
        ["a cat"] * 8,
    ],
)
def test_one_style_and_pictures_in_the_picture_are_left_alone(lines):
    assert told(plain_story(*lines), "several-styles") == []


def test_a_trigger_wants_no_other_style_beside_it():
    story = plain_story(*["水彩画，小猫"] * 8)
    assert told(story, "several-styles", trigger="水墨画风格") == [(list(range(1, 9)), "小猫")]
    assert told(story, "several-styles", trigger="水彩画风格") == [], "the same is said twice, no harm"
    assert told(story, "several-styles", trigger="xqz") == [], "nobody knows which style that is"
    styled = plain_story(*["水彩画"] * 8)
    assert told(styled, "several-styles", trigger="水墨画风格") == [], "without it nothing would be left"
    roles = clause_story({}, *["style: 赛博朋克 | subject: 小猫"] * 8)
    assert told(roles, "several-styles", trigger="水墨画风格")[0][0] == list(range(1, 9))


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["小猫睡觉", "小猫睡觉"], [([2], "小猫睡觉，近景")]),
        (["小猫，睡觉", "山", "小猫 睡觉。"], [([3], "小猫 睡觉，近景")]),
        (["小猫睡觉"] * 3, [([2], "小猫睡觉，近景"), ([3], "小猫睡觉，远景")]),
        (["A cat sleeps.", "a cat sleeps"], [([2], "a cat sleeps, close-up")]),
        (["Ｃａｔ", "cat"], [([2], "cat, close-up")]),
        (["小猫睡觉", "小猫跑步"], []),
        (["小猫1", "小猫2"], []),
        (["a cat sleeps", "a cat slept"], []),
        (["小猫睡觉，近景", "小猫睡觉"], []),
    ],
)
def test_panels_that_say_the_same_are_told_apart(lines, found):
    assert told(plain_story(*lines), "same-panels") == found


def test_a_prompt_that_is_cut_is_shortened_by_its_last_clauses():
    long = "，".join([GIRL, "跑" * 120, "在" * 120, "雨"])
    assert told(plain_story(long), "too-long") == [([1], f"{GIRL}，{'跑' * 120}")]
    assert told(plain_story("跑" * MOST_TOKENS), "too-long") == []
    assert told(plain_story("跑" * MOST_TOKENS), "too-long", trigger="水墨")[0][0] == [1], (
        "the trigger counts"
    )
    assert MOST_TOKENS == TOKENS - PREFIX_TOKENS


def test_without_a_tokenizer_nothing_is_too_long():
    assert [one.rule for one in lint(plain_story("跑" * 2000))] == []


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        (f"{GIRL}，没有人", GIRL),
        (f"{GIRL}，街上没有其他人，夜晚", f"{GIRL}，街上，夜晚"),
        (f"{GIRL}，不要文字", GIRL),
        (f"{GIRL}没戴帽子，跑步", f"{GIRL}，跑步"),
        (f"{GIRL}，无水印", GIRL),
        (f"{GIRL}，没有星星的夜空", f"{GIRL}，夜空"),
        (f"{TOM}, no people", TOM),
        (f"{TOM} without a hat, running", f"{TOM}, running"),
        (f"{TOM}, street with no cars, night", f"{TOM}, street, night"),
    ],
)
def test_what_shall_not_be_seen_is_not_named(line, instead):
    assert told(plain_story(line), "negation") == [([1], instead)]


@pytest.mark.parametrize(
    "line",
    [
        "无人机在天上",
        "没有尽头的路",
        "小猫没有说话",
        "不远处的山",
        "不倒翁",
        "一个不高兴的小女孩",
        "the boy could not wait",
        "no longer alone",
        "a north wind, another day",
        "a boy without fear",
        "a knot in a rope",
    ],
)
def test_words_that_only_look_like_a_no_are_left_alone(line):
    assert told(plain_story(line), "negation") == []
