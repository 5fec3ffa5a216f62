import pytest
from stories import clause_story, plain_story

from kit.story.lint.lint import lint
from kit.story.story import Story

GIRL = "一个黑色长发的小女孩，穿着红色裙子"
TOM = "a boy with short blond hair in a blue shirt"


def told(story: Story, rule: str) -> list[tuple[list[int], str]]:
    """Return the panels and the words to write of each finding of a rule."""
    return [(list(one.panels), one.instead) for one in lint(story) if one.rule == rule]


@pytest.mark.parametrize(
    ("lines", "panel", "instead"),
    [
        ((GIRL + "，跑步", "她在睡觉"), 2, GIRL + "在睡觉"),
        (("她在睡觉", GIRL + "，跑步"), 1, GIRL + "在睡觉"),
        (("一只橙色的小猫，睡觉", "它在公园，追蝴蝶"), 2, "一只橙色的小猫在公园，追蝴蝶"),
        ((GIRL, TOM, "他在公园"), 3, TOM + "在公园"),
        (("我在公园跑步", GIRL), 1, GIRL + "在公园跑步"),
        ((GIRL, "夜晚，她许愿"), 2, f"夜晚，{GIRL}许愿"),
        ((TOM, "He sleeps in a bed"), 2, TOM + " sleeps in a bed"),
        ((TOM, "at night, he is alone"), 2, f"at night, {TOM} is alone"),
        (("a black cat asleep", "It jumps on a table"), 2, "a black cat jumps on a table"),
        (("a girl with long red hair in green robes", TOM, "She waves"), 3,
         "a girl with long red hair in green robes waves"),
        ((TOM, "They dance"), 2, TOM + " dance"),
        ((TOM, "a black cat", "They dance"), 3, TOM + " and a black cat dance"),
        ((GIRL, "一只橙色的小猫", "夜晚，她们睡着了"), 3, f"夜晚，{GIRL}和一只橙色的小猫睡着了"),
    ],
)  # fmt: skip
def test_a_pronoun_is_replaced_by_whom_it_means(lines, panel, instead):
    assert told(plain_story(*lines), "pronoun") == [([panel], instead)]


@pytest.mark.parametrize(
    "lines",
    [
        (GIRL + "，她在睡觉",),
        (GIRL + "抱着她的猫",),
        (GIRL, "下雨了，其他人都走了"),
        (f"{TOM}, he sleeps",),
        (f"{TOM} with his mother",),
        ("It is raining, a valley", "it snows on the hills"),
        ("it looks like rain", "the sea, it was night"),
        ("heath and shells", "island in the theyard"),
        ("吉他在墙上", "其它的山"),
    ],
)
def test_a_pronoun_beside_whom_it_means_and_one_that_means_nobody_are_left_alone(lines):
    assert told(plain_story(*lines), "pronoun") == []


@pytest.mark.parametrize(
    ("lines", "panels", "name"),
    [
        (("小满在跑步", "小满在睡觉", "一座山"), [1, 2], "小满"),
        (("水彩画，小满坐在沙发上", "水彩画，小满，夜晚"), [1, 2], "小满"),
        (("阿宝抱着伞", "阿宝看书"), [1, 2], "阿宝"),
        (("Tom runs in the park", "Tom asleep", "a hill"), [1, 2], "Tom"),
        (("Lily in the rain", "Lily, dancing"), [1, 2], "Lily"),
    ],
)
def test_a_name_alone_is_told_to_be_unknown(lines, panels, name):
    [(found, instead)] = told(plain_story(*lines), "name-alone")
    assert found == panels
    assert instead.startswith(f"{name}，一个" if not name.isascii() else f"{name}, a child with")


def test_a_character_that_is_only_a_name_is_told_to_be_unknown():
    for text in ("小满", "Tom"):
        story = clause_story({"hero": text}, "subject: @hero | action: 跑", "subject: @hero | action: 睡")
        [(panels, instead)] = told(story, "name-alone")
        assert panels == [1, 2]
        assert instead.startswith(f'[characters.hero] text = "{text}')


@pytest.mark.parametrize(
    "lines",
    [
        ("小满，一个黑色长发的小女孩，穿着红色裙子，跑步", "小满，一个黑色长发的小女孩，穿着红色裙子，睡觉"),
        ("小路在雨中", "小路在雪中"),
        ("小船在海上", "小船在岸边"),
        ("老街，雨", "老街，雪"),
        ("Tom, " + TOM, "Tom, " + TOM + ", asleep"),
        ("Tom runs", "a hill", "a river"),
        ("Rain in the park", "Rain on the sea"),
        ("Paris in spring", "Paris at night"),
        ("Rose petals on the sea", "a valley"),
    ],
)
def test_names_with_looks_and_things_are_left_alone(lines):
    assert told(plain_story(*lines), "name-alone") == []


@pytest.mark.parametrize(
    ("lines", "panel", "instead"),
    [
        ((GIRL, GIRL + "跑步", "一个小男孩睡觉"), 3, GIRL),
        ((GIRL, GIRL + "跑步", GIRL + "和一只小狗"), 3, "一只小狗"),
        (("一只橙色的小猫", "一只橙色的小猫跑步", "一只小狗跑步"), 3, "一只橙色的小猫"),
        ((GIRL, "一只橙色的小猫", "一个男孩", GIRL, "一只橙色的小猫，跑"), 3, GIRL),
        ((TOM, TOM + " running", "a girl asleep"), 3, TOM),
        ((TOM, TOM + " and a dog", TOM + " asleep"), 2, "a dog"),
    ],
)
def test_who_is_in_one_panel_only_may_be_a_slip(lines, panel, instead):
    assert told(plain_story(*lines), "one-panel-figure") == [([panel], instead)]


def test_a_slip_in_the_name_of_a_character_is_written_as_the_one_who_was_meant():
    both = {"tom": "一个男孩", "tim": "一个男孩", "cat": "一只猫"}
    story = clause_story(both, "subject: @tom", "subject: @tim", "subject: @tom", *["subject: @cat"] * 4)
    assert told(story, "one-panel-figure") == [([2], '{ role = "subject", character = "tom" }')]
    bystander = clause_story(both, "subject: @tom", "subject: @tom | subject: 一个女人", "subject: @tom")
    assert told(bystander, "one-panel-figure") == [], "a bystander is no character"


@pytest.mark.parametrize(
    "lines",
    [
        (GIRL, GIRL + "跑步", GIRL + "看着一只鸟飞过"),
        (GIRL, GIRL + "抱着猫玩偶", GIRL + "，墙上有龙的图案"),
        (GIRL, GIRL + "，孩子们在远处", "两个男孩"),
        (TOM, TOM + " looks at a bird", TOM + " in a crowd of people"),
        (TOM, TOM + " with a toy", "dogs in the snow"),
        (GIRL, "一只小狗"),
        ("山", "海"),
        ("一个茶壶", "茶壶"),
    ],
)
def test_who_is_only_looked_at_and_crowds_and_stories_without_a_hero_are_left_alone(lines):
    assert told(plain_story(*lines), "one-panel-figure") == []
