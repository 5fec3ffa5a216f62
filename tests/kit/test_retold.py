import pytest

from kit.messages import tr
from kit.retold import retold


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("has one colour all over", "整格只有一种颜色"),
        ("must be 64 x 64 pixels, got 32 x 64", "应为 64 × 64 像素，实际是 32 × 64"),
        ("and 1,200 more faults", "另有 1,200 个问题"),
        ("calibrated on 12 stories rendered: believe text", "已标定（12 个故事，直接渲染）：可信的有 text"),
        (
            "drawn by the embedded base in 10 steps of 256 pixels",
            "由自带底模绘制，10 步，256 像素",
        ),
        ("3 pairs of candidates", "3 对候选"),
        ("1 pair of candidates", "1 对候选"),
        ("p.png: its file is gone; and 2 more faults", "p.png：文件不见了；另有 2 个问题"),
    ],
)
def test_what_a_file_says_in_english_is_told_in_chinese(english: str, chinese: str) -> None:
    told = retold(english, "zh")
    assert told == chinese
    assert told.english == english
    assert retold(english, "en") == english


@pytest.mark.parametrize(
    "text",
    [
        "",
        "一个女孩",
        "nobody of ours says this",
        "and many more faults",
        "ink by 3 of 4 or more",
        "a red panel",
        "{source}",
        "x" * 5000,
        ": ; " * 500,
    ],
)
def test_other_text_stays_as_it_is_but_for_its_punctuation(text: str) -> None:
    told = retold(text, "zh")
    assert told.replace("：", ": ").replace("；", "; ") == text


def test_the_language_is_the_readers_where_none_is_given(monkeypatch) -> None:
    assert retold("has one colour all over") == "has one colour all over"
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    assert retold("has one colour all over") == "整格只有一种颜色"


def test_a_sentence_of_now_needs_no_retelling(monkeypatch) -> None:
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    told = tr("and {more:,} more faults", more=3)
    assert retold(told) is told
    assert retold(told, "en") == "and 3 more faults"
