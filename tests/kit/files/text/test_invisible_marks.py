"""Marks that nobody sees are told from what languages and emoji need."""

import pytest

from kit.files.text.invisible_marks import invisible_mark

UNSEEN = (
    "\0", "\x07", "\x1b", "\x7f", "\x85", "a\rb", "\xad", "\u034f", "\u061c", "\u115f", "\u180e", "\u200b",
    "\u200c", "\u200d", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202e", "\u2060", "\u2064",
    "\u2066", "\u2069", "\u206f", "\u2800", "\u3164", "\ufe00", "\ufe0f", "\ufeff", "\uffa0", "\ufff9",
    "\uffff", "\U0001bca0", "\U0001d173", "\U000e0001", "\U000e0041", "\U000e0100", "\U000e01ef",
)  # fmt: skip
INNOCENT = (
    "", "a cat, two dogs", "一只橙色的小猫，坐着", "a\tb\nc\r\nd", "全角\u3000空格", "1\xa0000\u202f€",
    "é e\u0301",
    "❤\ufe0f ☔\ufe0f ✨", "👨\u200d👩\u200d👧\u200d👦", "👩\U0001f3fd\u200d🎨", "1\ufe0f\u20e3", "©\ufe0f",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0915\u094d\u200d\u0937", "\u1820\u180b",
    "Ⅳ½…—«»“”", "\u0301", "\U00020bb7野家", "🏴 ☠\ufe0f",
)  # fmt: skip


@pytest.mark.parametrize("mark", UNSEEN, ids=ascii)
@pytest.mark.parametrize("front", ["", "墨韵", "a\nsmall cat"], ids=["first", "one line", "two lines"])
def test_a_mark_that_nobody_sees_is_found_and_named(mark: str, front: str) -> None:
    found = invisible_mark(f"{front}{mark}b")
    assert found is not None
    assert "which nobody sees" in found[1]
    assert f"U+{ord(mark.strip('ab')):04X}" in found[1]
    assert found[0] == len(front) + mark.startswith("a")


@pytest.mark.parametrize("text", INNOCENT, ids=ascii)
def test_what_languages_and_emoji_need_is_innocent(text: str) -> None:
    assert invisible_mark(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "a\ufe0f", "墨\U000e0101", "❤\ufe0f\ufe0f", "❤\ufe01", "a\u200db", "猫\u200d👧", "👧\u200d猫",
        "1\ufe0f",
        "🏴\U000e0067",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_is_innocent_elsewhere_hides_nothing_here(text: str) -> None:
    assert invisible_mark(text) is not None
