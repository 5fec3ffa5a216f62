"""Eight prompts become clauses, characters and places; what is drawn stays what was written."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.files.text.toml_text import parse_toml
from kit.story.importing.foreign_story import DrawingCall, ForeignPanel, ForeignStory
from kit.story.prompt import prompt_of
from kit.story.story import Story
from kit.story.structure.story_text import story_toml
from kit.story.structure.structured_story import StructuredStory, structured

CONTEST = """
二次元，一个紫色短发小女孩，在家中沙发上坐着，双手托着腮，很无聊，全身，粉色连衣裙
二次元，日系动漫，音乐会的观众席，一个紫色短发小女孩穿着白裙坐在观众席，舞台上歌手们在唱歌
二次元，一个紫色短发小女孩穿着白裙坐在观众席，露出憧憬的神情
二次元，一个紫色短发小女孩穿着白裙坐在观众席，露出憧憬的神情
二次元，一个紫色短发小女孩，对着流星许愿，闭着眼睛，侧面
二次元，一个紫色短发小女孩，在练习室练习唱歌
二次元，紫色长发少女，穿着黑色礼服，试衣间，心情忐忑
二次元，紫色长发少女，穿着黑色礼服，在台上唱歌
"""
BLOCK = """
一个黑色长发的小女孩，穿着红色裙子，坐在沙发上，微笑，在家里客厅，傍晚
一个黑色长发的小女孩，穿着红色裙子，推开门，在门口
一个黑色长发的小女孩，穿着红色裙子，提着灯笼，在街上，夜晚
一只橙色的小猫，奔跑，在森林，夜晚
一个黑色长发的小女孩，穿着红色裙子，蹲下，一只橙色的小猫，坐着，在森林里
一个黑色长发的小女孩，穿着红色裙子，许愿，一只橙色的小猫，坐着，在森林
一只橙色的小猫，睡觉，在家里客厅
一个黑色长发的小女孩，穿着红色裙子，拥抱，一只橙色的小猫，在家里客厅，白天
"""
ENGLISH = """
A little girl with purple hair, sitting on the sofa, in the living room, watercolor style
a little girl with purple hair, opening the door, at the doorway, watercolor style
the little girl with purple hair, walking in the rain, on the street, watercolor style
an orange cat, hiding in a box, on the street, watercolor style
a little girl with purple hair, kneeling, an orange cat, looking up, watercolor style
a little girl with purple hair, running, in the park, watercolor style
an orange cat, drinking milk, in the living room, watercolor style
a little girl with purple hair, an orange cat, sleeping together, in the living room, watercolor style.
"""
NAMES = """
小满，坐在沙发上，在家里客厅
小满，推开门，在门口
小满，撑着伞，在街上
小橘，躲在纸箱里，在街上
小满，蹲下，在街上
小满，奔跑，在公园
小橘，喝牛奶，在家里客厅
小满，睡着了，在家里客厅
"""
SENTENCES = """
一个小女孩坐在窗边看雨。
她推开门，走进了雨里。
街上没有人，只有一只小猫。
小猫抬头看着她、喵喵叫。
小女孩蹲下来摸了摸小猫；小猫笑了。
她们一起跑回家，水花四溅！
小猫喝着牛奶...
夜深了，她们睡着了。
"""
JAMMED = """
1girl,solo,masterpiece,best quality,night,
1girl,,solo,masterpiece, best quality ,night
，1girl，solo
1girl, 1,000 stars (red, blue), solo
1girl, ！, solo
！！1girl
1girl、solo、夜晚
a
"""
STORIES = {
    "contest": CONTEST,
    "block": BLOCK,
    "English": ENGLISH,
    "names": NAMES,
    "sentences": SENTENCES,
    "jammed": JAMMED,
    "one line eight times": "小猫，睡觉\n" * 8,
}


def letters(text: str) -> str:
    """Return a text without spaces, its commas of one width."""
    return "".join(text.split()).replace("，", ",")


def rows(text: str, negatives: Sequence[str] = ("",) * 8) -> ForeignStory:
    prompts = text.strip().splitlines()
    return ForeignStory(
        rows=[
            ForeignPanel(at=f"line {at}", prompt=prompt, negative=negative, caption=f"第{at}句，“他说”\\")
            for at, (prompt, negative) in enumerate(zip(prompts, negatives, strict=True), 1)
        ]
    )


def made(text: str, negatives: Sequence[str] = ("",) * 8) -> StructuredStory:
    return structured(rows(text, negatives), "story")


def told(text: str) -> dict[str, list[int]]:
    """Return who and what comes back, with the panels, from 1."""
    story = made(text)
    return {one.id: [at + 1 for at in one.everywhere] for one in (*story.characters, *story.places)}


@pytest.mark.parametrize("name", STORIES)
def test_every_prompt_stays_what_was_written_but_for_commas_and_spaces(name: str) -> None:
    story = made(STORIES[name]).story
    prompts = [prompt_of(story, panel, "authored") for panel in range(8)]
    assert [letters(one) for one in prompts] == [letters(one) for one in STORIES[name].strip().splitlines()]


WORDS = "一个小女孩|小女孩|一只橘猫|小满|跑|在公园里|公园|水彩风格|红裙|夜晚|a girl|in the park"
MARKS = "!|。|“好，走”|(a, b)|1,000|、|；|❤|\\|\"|'|#|{}| |\t|"
PROMPT = st.builds(
    lambda comma, parts: f"{comma.join(parts)}x",
    st.sampled_from([",", "，", ", ", " ， "]),
    st.lists(st.sampled_from([*WORDS.split("|"), *MARKS.split("|")]), max_size=7),
)


@given(st.lists(PROMPT, min_size=8, max_size=8))
def test_whatever_the_prompts_are_nothing_is_lost_or_moved_and_the_file_reads_back(
    prompts: list[str],
) -> None:
    found = ForeignStory(rows=[ForeignPanel(at="line 1", prompt=prompt) for prompt in prompts])
    story = structured(found, "story").story
    assert [letters(prompt_of(story, at, "authored")) for at in range(8)] == [letters(one) for one in prompts]
    assert Story.model_validate(parse_toml(story_toml(story, ["a\nb", "\x1b"]))) == story


def test_characters_and_places_that_come_back_are_found() -> None:
    assert told(BLOCK) == {
        "girl": [1, 2, 3, 5, 6, 8],
        "cat": [4, 5, 6, 7, 8],
        "living_room": [1, 7, 8],
        "forest": [4, 5, 6],
    }


def test_a_characters_clothes_that_always_follow_belong_to_it() -> None:
    assert made(BLOCK).story.characters["girl"].text == "一个黑色长发的小女孩，穿着红色裙子"


def test_who_always_stands_behind_another_stays_a_character() -> None:
    text = "小满，一只戴帽子的小猫，跑\n" * 5 + "小满，一只戴帽子的小猫，睡觉\n" * 3
    assert {name: one.text for name, one in made(text).story.characters.items()} == {
        "character1": "小满",
        "cat": "一只戴帽子的小猫",
    }


def test_names_are_characters() -> None:
    found = told(NAMES)
    assert found == {
        "character1": [1, 2, 3, 5, 6, 8],
        "character2": [4, 7],
        "living_room": [1, 7, 8],
        "street": [3, 4, 5],
    }
    english = NAMES.replace("小满", "Lily").replace("小橘", "Mr Tom")
    assert list(told(english))[:2] == ["lily", "mr_tom"]


def test_a_figure_with_its_name_behind_is_one_character() -> None:
    acts = ("推开门", "走在雨中", "蹲下", "奔跑", "看书", "许愿", "睡觉", "微笑")
    girl = made("\n".join(f"8岁短发女孩小满，{act}" for act in acts)).story
    assert {name: one.text for name, one in girl.characters.items()} == {"girl": "8岁短发女孩小满"}
    lily = made("\n".join(f"young girl Lily, {act}" for act in ("running", "reading") * 4)).story
    assert [one.text for one in lily.characters.values()] == ["young girl Lily"]


@pytest.mark.parametrize("first", ["樱花飘落", "人山人海", "Paris", "樱花"])
def test_what_only_stands_first_is_nobodys_name(first: str) -> None:
    assert not made(f"{first}，在公园，小猫\n" * 4 + "一只小狗，跑\n" * 4).story.characters.keys() - {
        "cat",
        "dog",
    }


def test_english_stories_have_english_commas() -> None:
    story = made(ENGLISH).story
    assert story.language == "en"
    assert told(ENGLISH) == {
        "girl": [1, 2, 3, 5, 6, 8],
        "cat": [4, 5, 7, 8],
        "living_room": [1, 7, 8],
        "street": [3, 4],
    }


def test_another_wording_of_a_character_stays_and_is_told() -> None:
    text = BLOCK.replace("一个黑色长发的小女孩，穿着红色裙子，许愿", "黑色长发小女孩，许愿")
    story = made(text)
    assert story.story.panels[5].clauses[0].text == "黑色长发小女孩"
    assert (
        'character girl is "一个黑色长发的小女孩"; kept as written, '
        'and somebody else until it says the same: panel 6 "黑色长发小女孩"'
    ) in story.notes


def test_who_only_opens_longer_clauses_is_told_with_what_would_make_a_character() -> None:
    text = "".join(f"卡通，一个戴帽子的青年{act}，很开心\n" for act in "跑坐睡笑哭走跳唱")
    story = made(text)
    assert list(story.notes) == [
        '"一个戴帽子的青年" stands in panels 1, 2, 3, 4, 5, 6, 7, 8 with more words behind it: '
        "a comma between them would make it a character"
    ]


def test_two_of_a_kind_are_two_characters() -> None:
    text = "一只橘猫，一只黑猫，坐着\n一只橘猫，跑\n一只黑猫，跑\n" + "一只橘猫，一只黑猫，睡觉\n" * 5
    assert told(text) == {"cat": [1, 2, 4, 5, 6, 7, 8], "cat2": [1, 3, 4, 5, 6, 7, 8]}


def test_style_that_stands_in_every_panel_stays_and_is_told() -> None:
    story = made(CONTEST)
    assert story.style == ["二次元"]
    assert all(panel.clauses[0].role == "style" for panel in story.story.panels)


def test_a_trigger_nobody_knows_is_style_where_every_panel_begins_with_it() -> None:
    story = made("".join(f"mystyle01，一只小猫，跑{at}\n" for at in range(8)))
    assert story.style == ["mystyle01"]


def test_a_name_that_begins_every_panel_is_no_style() -> None:
    story = made("小满，坐在沙发上\n小满，跑\n" * 4)
    assert (story.style, list(story.story.characters)) == ([], ["character1"])


def test_prompts_of_unknown_words_stay_plain() -> None:
    story = made("樱花飘落\n" * 8)
    assert story.plain == list(range(1, 9))
    assert {panel.prompt for panel in story.story.panels} == {"樱花飘落"}


def test_captions_and_titles_are_kept() -> None:
    story = made(BLOCK).story
    assert story.panels[2].caption == "第3句，“他说”\\"
    assert story.title == "story"
    assert structured(ForeignStory(rows=rows(BLOCK).rows, title="红帽子"), "x").story.title == "红帽子"
    assert structured(rows(BLOCK), "...").story.title == "story"


@pytest.mark.parametrize(
    ("negatives", "kept", "notes"),
    [
        (["模糊"] * 8, "模糊", []),
        ([""] * 8, "", []),
        (
            ["模糊"] * 7 + ["模糊，手"],
            "模糊",
            ["panel 8 had another negative prompt, a story has one: 模糊，手"],
        ),
        (["模糊"] * 6 + [""] * 2, "模糊", ["panels 7, 8 had no negative prompt, a story has one for all"]),
    ],
)
def test_a_story_has_one_negative_prompt_and_others_are_told(
    negatives: list[str], kept: str, notes: list[str]
) -> None:
    story = made(NAMES, negatives)
    assert story.story.negative == kept
    assert list(story.notes) == notes


def test_what_a_notebook_drew_with_stays_out_of_a_story() -> None:
    row = ForeignPanel(at="line 1", prompt="小猫", drawn=DrawingCall(seed=3))
    assert "seed" not in story_toml(structured(ForeignStory(rows=[row] * 8), "x").story)
