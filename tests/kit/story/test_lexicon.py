import pytest

from kit.story.lexicon import figures_in, simplified


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("一个小女孩和一个小男孩", ["girl", "boy"]),
        ("小姑娘抱着小猫咪", ["girl", "cat"]),
        ("一隻小貓和一條小龍", ["cat", "dragon"]),
        ("猫妈妈", ["cat"]),
        ("小龙宝宝", ["dragon"]),
        ("猫头鹰，熊猫，长颈鹿，斑马", ["owl", "panda", "giraffe", "zebra"]),
        ("A Girl and her DOG", ["girl", "dog"]),
        ("an old man with a baby dragon", ["grandfather", "dragon"]),
        ("a cat detective", ["cat"]),
        ("a boy king", ["king"]),
    ],
)
def test_who_is_named_is_found(text, kinds):
    assert [figure.kind for figure in figures_in(text)] == kinds


@pytest.mark.parametrize(
    "text",
    [
        "马路上的汽车",
        "水龙头",
        "龙卷风",
        "牛奶和鸡蛋",
        "飞机",
        "女孩们",
        "孩子们",
        "猫耳帽，兔子灯，小熊玩偶的照片",
        "girls and boys",
        "cattle, concatenate, dogma",
        "a teddy bear toy",
        "cat ears",
        "a bird's-eye view",
        "the girl's bedroom",
        "a dragon kite",
        "children, people",
    ],
)
def test_crowds_toys_and_words_that_hold_a_name_are_nobody(text):
    assert figures_in(text) == []


def test_places_in_a_text_stay_where_they_were():
    text = "İ一隻貓，A CAT"
    assert len(simplified(text)) == len(text)
    assert [text[one.start : one.end] for one in figures_in(text)] == ["貓", "CAT"]
