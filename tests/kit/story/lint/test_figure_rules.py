import pytest
from stories import clause_story, plain_story

from kit.story.lint.lint import lint
from kit.story.story import Story

GIRL = "一个黑色长发的小女孩，穿着红色裙子"
TOM = "a boy with short blond hair in a blue shirt"
DIFFER, LOOKS = "words-differ", "looks-not-named"


def told(story: Story, rule: str) -> list[tuple[list[int], str]]:
    """Return the panels and the words to write of each finding of a rule."""
    return [(list(one.panels), one.instead) for one in lint(story) if one.rule == rule]


def hero(text: str, language: str = "zh") -> Story:
    """Return a story in clauses of one character in two panels."""
    return clause_story(
        {"hero": text}, "subject: @hero | action: 跑", "subject: @hero | action: 睡", language=language
    )


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("一个小女孩", GIRL),
        ("小男孩", "黑色短发的小男孩，穿着红色上衣"),
        ("一个黑发女孩", "一个黑色长发女孩，穿着红色裙子"),
        ("一个长发女孩，红色裙子", "一个黑色长发女孩，红色裙子"),
        ("双马尾女孩，穿裙子", "黑色双马尾女孩，穿红色裙子"),
        ("一个穿着白色裙子的可爱小女孩", "一个穿着白色裙子的可爱小女孩，黑色长发"),
        ("一位老爷爷", "一位白色短发的老爷爷，穿着红色上衣"),
        ("一隻小貓", "一隻橙色的小貓"),
        ("小狗", "棕色的小狗"),
        ("a girl", "a girl with long black hair in a red dress"),
        ("a boy in a blue shirt", "a boy with short black hair in a blue shirt"),
        ("a girl with long hair, in a green coat", "a girl with long black hair, in a green coat"),
        ("a woman with black hair in an apron", "a woman with long black hair in a red apron"),
        ("a red-haired girl in a blue dress", "a red-haired girl with long hair in a blue dress"),
        ("a girl with a ponytail in a blue dress", "a girl with a black ponytail in a blue dress"),
        ("a kitten", "an orange kitten"),
        ("an old dragon in a blue coat", "an old green dragon in a blue coat"),
    ],
)
def test_looks_that_are_not_named_get_an_example_and_what_is_named_stays(text, instead):
    language = "en" if text.isascii() else "zh"
    assert told(hero(text, language), LOOKS) == [([1, 2], f'[characters.hero] text = "{instead}"')]
    assert told(hero(instead, language), LOOKS) == [], "the example names all"
    lines = ["，在公园跑步", "，在家睡觉"] if language == "zh" else [", running", ", asleep"]
    assert told(plain_story(*(text + line for line in lines)), LOOKS) == [([1, 2], instead)]
    assert told(plain_story(*(instead + line for line in lines)), LOOKS) == []


@pytest.mark.parametrize(
    "text",
    [
        GIRL,
        "一个紫色中等长度头发小女孩穿着粉色吊带漏肩连衣裙",
        "扎着棕色马尾的女孩，蓝色校服",
        "一身白衣的黑长直少女",
        "光头的男人，黑色西装",
        "戴着头盔的女孩，灰色盔甲",
        "一个小女孩的剪影",
        "一位银发及腰的精灵少女，身披月白色长袍",
        "一个圆脸小男孩，黑色锅盖头，黄色背带裤",
        "一位穿蓝色工作服的白色短发木匠",
        "白色长耳兔，穿着蓝色马甲",
        "一个小机器人",
        "宇航员",
        "雪人",
        "一只橘猫",
        "三花猫",
        "熊猫",
        "一个会飞的茶壶",
        TOM,
        "a girl with braided red hair, dressed in green",
        "a brunette woman with a bob in a black suit",
        "a bald man in a striped shirt",
        "a hooded boy in a grey cloak",
        "the silhouette of a girl",
        "a woman with shoulder-length auburn hair and a mustard cardigan",
        "a girl with a purple undercut, ripped blue jeans and a black leather jacket",
        "a freckled girl with two ginger braids, denim dungarees and striped socks",
        "a brown and white beagle puppy",
        "a robot",
        "a knight in armour",
        "a snowman",
        "a tabby cat",
        "a dog with brown fur",
        "a penguin",
        "an elderly fisherman with a white beard and a yellow raincoat",
        "白胡子老爷爷，蓝色长袍",
        "a flying teapot",
    ],
)
def test_whose_looks_are_named_or_cannot_be_is_left_alone(text):
    assert told(hero(text, "en" if text.isascii() else "zh"), LOOKS) == []


@pytest.mark.parametrize(
    "lines",
    [
        ("一个小女孩，黑色长发，红色裙子，在公园跑步", "一个小女孩，黑色长发，红色裙子，在家睡觉"),
        ("小女孩在跑步，黑色长发，红色裙子", "小女孩在睡觉，黑色长发，红色裙子"),
        ("a girl running, long black hair, red dress", "a girl asleep, long black hair, red dress"),
        ("一个小女孩在跑步",),
        ("a girl running",),
        ("两个女孩在跑步", "两个女孩在睡觉"),
        ("a poster of cats, cat ears", "a cat statue in the park"),
        ("马路上的雨", "鸡蛋和牛奶"),
    ],
)
def test_looks_in_other_clauses_count_and_who_is_there_once_or_not_at_all_needs_none(lines):
    assert told(plain_story(*lines), LOOKS) == []


def test_examples_give_each_figure_a_colour_of_its_own():
    both = clause_story({"a": "小女孩", "b": "女人"}, *["subject: @a | subject: @b | action: 跑"] * 2)
    assert [instead for _, instead in told(both, LOOKS)] == [
        '[characters.a] text = "黑色长发的小女孩，穿着红色裙子"',
        '[characters.b] text = "棕色长发的女人，穿着蓝色裙子"',
    ]


def test_what_only_some_panels_say_of_the_looks_is_to_be_said_in_all():
    some = plain_story(
        "一个黑色长发的小女孩，坐着，红色裙子", "一个黑色长发的小女孩，跑步", "一个黑色长发的小女孩，跳舞"
    )
    assert told(some, LOOKS) == [([2, 3], "一个黑色长发的小女孩，红色裙子")]
    both = plain_story(
        "一个小女孩，紫色短发，粉色裙子，坐着", "一个小女孩，紫色短发，跑步", "一个小女孩，跳舞"
    )
    character = clause_story(
        {"girl": "一个小女孩"},
        "subject: @girl | detail: 紫色短发 | detail: 粉色裙子 | action: 坐着",
        "subject: @girl | detail: 紫色短发 | action: 跑步",
        "subject: @girl | action: 跳舞",
    )
    whole = "一个小女孩，紫色短发，粉色裙子"
    assert {instead for _, instead in told(both, DIFFER)} == {whole}
    assert told(character, LOOKS) == [
        ([2, 3], f'[characters.girl] text = "{whole}"'),
        ([3], f'[characters.girl] text = "{whole}"'),
    ], "whichever is written, nothing is lost"
    english = plain_story("a cat with a bell, sitting, black fur", "a cat with a bell, running")
    assert told(english, LOOKS) == [([2], "a cat, black fur")]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((f"{GIRL}，红色围巾", f"{GIRL}，跑步，红色围巾", f"{GIRL}，睡觉"), [([3], f"{GIRL}，红色围巾")]),
        ((f"{TOM}, red hat", f"{TOM}, red hat, running", f"{TOM}, asleep"), [([3], f"{TOM}, red hat")]),
        (("一只小狐狸，跑步，绿色围巾", "一只小狐狸，睡觉"), [([2], "一只小狐狸，绿色围巾")]),
        ((f"{GIRL}，红色围巾", f"{GIRL}，跑步，红色围巾"), []),
        ((f"{GIRL}，雨中，穿着黄色雨衣", f"{GIRL}，跑步", f"{GIRL}，睡觉"), []),
        ((f"{GIRL}，戴着帽子", f"{GIRL}，跑步", f"{GIRL}，睡觉"), []),
        ((f"{GIRL}，手里一把红伞", f"{GIRL}，跑步，红伞", f"{GIRL}，睡觉"), []),
        ((f"{TOM}, red balloon", f"{TOM}, red balloon, running", f"{TOM}, asleep"), []),
    ],
)
def test_what_somebody_wears_in_some_panels_is_worn_in_all(lines, found):
    assert told(plain_story(*lines), LOOKS) == found


@pytest.mark.parametrize(
    ("lines", "panels", "instead"),
    [
        (("一个小女孩在跑步", "一个女孩在睡觉", "一个小女孩在唱歌"), [2], "一个小女孩"),
        (("小女孩跑步", "女孩睡觉", "紫色短发小女孩唱歌"), [1, 2], "紫色短发小女孩"),
        (("一只橙色的小猫，睡觉", "一只小猫，跑步", "小猫咪，吃鱼"), [2, 3], "一只橙色的小猫"),
        (("一个紫色短发女孩，跑步", "一个紫色长发女孩，睡觉"), [2], "一个紫色短发女孩"),
        (("一个女孩，红色裙子，跑步", "一个女孩，蓝色裙子，睡觉"), [2], "一个女孩，红色裙子"),
        (("小男孩跑步", "孩子睡觉", "小男孩唱歌"), [2], "小男孩"),
        ((f"{TOM} running", "a boy asleep", "the boy singing"), [2, 3], TOM),
        (("a little girl runs", "a girl sleeps", "a little girl sings"), [2], "a little girl"),
        (("a girl in a red dress runs", "a girl in a blue dress sleeps"), [2], "a girl in a red dress"),
        (("an orange kitten asleep", "the cat running"), [2], "an orange kitten"),
        (("a blue dragon flies", "a baby dragon sleeps", "a blue dragon sings"), [2], "a blue dragon"),
    ],
)
def test_other_words_for_one_character_are_replaced_by_the_fullest(lines, panels, instead):
    assert told(plain_story(*lines), DIFFER) == [(panels, instead)]


def test_a_subject_in_other_words_than_its_character_is_written_as_the_character():
    story = clause_story(
        {"girl": GIRL},
        "subject: @girl | action: 跑",
        "subject: 小女孩 | action: 睡",
        "subject: @girl | place: 家",
    )
    assert told(story, DIFFER) == [([2], '{ role = "subject", character = "girl" }')]
    fuller = clause_story({"girl": "小女孩"}, f"subject: {GIRL}", "subject: @girl", "subject: @girl")
    assert told(fuller, DIFFER) == [([2, 3], f'[characters.girl] text = "{GIRL}"')]
    chinese = clause_story({"小满": "小女孩"}, f"subject: {GIRL}", "subject: @小满")
    assert told(chinese, DIFFER) == [([2], f'[characters."小满"] text = "{GIRL}"')]
    worn = clause_story(
        {"girl": "一个黑色长发的小女孩"},
        "subject: @girl | detail: 穿着红色裙子",
        "subject: @girl | detail: 穿着蓝色裙子",
    )
    assert told(worn, DIFFER) == [([2], GIRL)]
    texts = clause_story(
        {}, "subject: 会飞的茶壶 | action: 跑", "subject: 茶壶 | action: 睡", "subject: 小女孩"
    )
    assert told(texts, DIFFER) == [([2], "会飞的茶壶")]


def test_the_words_of_a_character_are_the_same_in_whatever_role_they_stand():
    story = clause_story(
        {"girl": GIRL},
        "subject: @girl | action: 跑",
        f"subject: {GIRL}在睡觉",
        f"unknown: {GIRL}看雨",
        f"action: 夜晚，{GIRL}看雨",
        "subject: 孩子们 | action: 跑",
        "subject: 两个女孩 | action: 跑",
    )
    assert [one.rule for one in lint(story)] == ["not-first"]


@pytest.mark.parametrize(
    "lines",
    [
        (f"{GIRL}，在公园", f"{GIRL}在家", f"水墨画，{GIRL}，雨"),
        ("一个开心的小女孩", "一个难过的小女孩", "小女孩，微笑"),
        ("a happy girl runs", "a sad girl sleeps", "the girl sings"),
        (f"{TOM} with a kite", f"{TOM}, asleep", f"In spring, {TOM}"),
        ("一个红发女孩和一个黑发女孩", "一个黑发女孩，跑步"),
        ("a girl waves to another girl", "a tall girl runs"),
        ("一个小女孩，妈妈", "一个小女孩，一个小男孩"),
        (f"{GIRL}，穿着红色雨衣", f"{GIRL}，戴着帽子"),
        (f"{GIRL}和一只橙色的小猫在公园", f"{GIRL}抱着一只橙色的小猫"),
        ("小女孩，猫耳帽，兔子灯", "小女孩，马路边"),
    ],
)
def test_the_same_words_and_moods_and_two_of_a_kind_are_left_alone(lines):
    assert told(plain_story(*lines), DIFFER) == []


@pytest.mark.parametrize(
    ("lines", "panels", "instead"),
    [
        (
            (
                "A girl named Lily with curly red hair, in a yellow raincoat, waves",
                "Lily runs",
                "Lily sleeps",
            ),
            [2, 3],
            "A girl named Lily with curly red hair, in a yellow raincoat",
        ),
        (
            ("小满，一个黑色长发的小女孩，穿着红色裙子", "小满在跑步"),
            [2],
            "一个黑色长发的小女孩，穿着红色裙子",
        ),
        (("一个名叫小满的黑发小女孩在跑步", "夜晚，小满睡着了"), [2], "一个名叫小满的黑发小女孩"),
        (("一只戴着绿色围巾的小狐狸在走路", "小狐狸睡觉"), [2], "一只戴着绿色围巾的小狐狸"),
    ],
)
def test_a_name_stands_for_the_words_that_another_panel_has_for_it(lines, panels, instead):
    assert told(plain_story(*lines), DIFFER) == [(panels, instead)]
    assert told(plain_story(*lines), "name-alone") == []


def test_japanese_is_not_read_as_chinese():
    assert lint(plain_story("黒髪の少女が公園で走る", "少女が寝る", "猫と少女")) == []
