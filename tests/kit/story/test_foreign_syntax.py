"""Marks of other programs are told from ordinary words."""

import pytest

from kit.story.foreign_syntax import foreign_marks

FOREIGN = {
    "names a LoRA": (
        "<lora:ink:0.8>", "<lora:ink>", "<lora:ink", "< LoRA:ink:1>",
        "＜lora：a：0.8＞", "<lyco:a>",
    ),
    "is a weight": (
        "(word:1.3)", "(red hair:1.05)", "(word:1)", "(word: 1.3)", "(word :1.2)", "（红伞：1.3）",
        "(一只小猫:1.3)，坐着", "[word:0.5]", "word:1.3, cat", "小猫:1.3", "(word:.5)", "(word:-1.0)",
        "(cat)1.3", "(a cat)++", "cat++", "a cat::2 dog",
    ),
    "is emphasis": ("((word))", "(((masterpiece)))", "（（红伞））"),
    "is less emphasis or a switch": ("[word]", "[[word]]", "[cat|dog]", "[cat:dog:5]"),
    "chooses or stresses": ("{word}", "{{word}}", "{cat|dog}", "{红伞|蓝伞}"),
    "joins prompts": ("a cat BREAK a dog", "BREAK", "a cat AND a dog", "一只猫 BREAK 一只狗", "小猫AND小狗"),
    "is a wildcard": ("a __animal__ in snow",),
    "is an option of Midjourney": ("a cat --ar 16:9", "a cat --no hat", "--v 6", "a cat —ar 16:9"),
    "names an embedding": ("embedding:easynegative",),
    "is a bracket": (r"saber \(fate\)",),
    "begins a negative prompt": ("Negative prompt: blurry", "negative prompt：模糊"),
    "are settings": ("Steps: 20, Sampler: Euler a, CFG scale: 7",),
}  # fmt: skip
INNOCENT = (
    "（微笑）",
    "a cat (orange)", "16:9", "(16:9)", "(2:30 pm)", "at 7:30", "(at 7:30)", "比例3:4",
    "(score 3:1)", "3:0 win", "他笑了（很开心（真的））", "a girl (red dress, hair (black))",
    "1,000 balloons",
    "1:1.5 scale", "scene 3: a cat", "第3幕：小猫", "C++", "a - b -- c", "《西游记》", "身高：1.7米",
    "height: 1.7 m", "(scene: night)", "time:12:30", "猫:黑色", "[1]", "【微笑】", "［微笑］",
    'a sign that says "STOP AND GO"', "the word “BREAK”", "TOM AND JERRY", "COFFEE BREAK at noon",
    "R AND B", "a band and a dog",
    "BREAKFAST", "小猫——睡觉", "<3", "5 < 6 > 4", "v1.5", "(No.5)",
    "(年龄:5岁)", "（第3章：雨）", "a_b", "😀", "half-open door", "a cat, a dog.", "",
)  # fmt: skip


@pytest.mark.parametrize(
    ("means", "text"), [(means, text) for means, texts in FOREIGN.items() for text in texts]
)
def test_a_mark_of_another_program_is_named_with_what_to_do(means: str, text: str) -> None:
    told = list(foreign_marks(text))
    assert any(means in one for one in told), told
    assert all("; " in one for one in told)


@pytest.mark.parametrize("text", INNOCENT)
def test_ordinary_words_brackets_and_numbers_are_innocent(text: str) -> None:
    assert list(foreign_marks(text)) == []


def test_several_marks_of_one_text_are_all_named() -> None:
    told = list(foreign_marks("(一只橙色的小猫:1.3)，坐着 <lora:ink:0.8> BREAK"))
    assert [one.split("'")[1] for one in told] == ["<lora:ink:0.8>", "(一只橙色的小猫:1.3)", "BREAK"]
