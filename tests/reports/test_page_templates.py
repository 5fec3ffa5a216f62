import re
from itertools import product

import pytest
from contrast import contrast

from reports.page_templates import load_words, style_sheet


@pytest.mark.parametrize("page", ["page", "leaderboard"])
def test_both_languages_have_every_sentence_with_the_same_fields(page) -> None:
    english, chinese = load_words("en", page), load_words("zh", page)
    assert english.keys() == chinese.keys()
    for key in english:
        assert set(re.findall(r"\{(\w+)", english[key])) == set(re.findall(r"\{(\w+)", chinese[key])), key
        assert " | " not in chinese[key], key


def test_every_sentence_is_told_in_chinese() -> None:
    english, chinese = load_words("en"), load_words("zh")
    assert {key for key in english if english[key] == chinese[key]} == {"lora"}


def test_english_counts_one_and_many() -> None:
    words = load_words("en")
    assert words.count("seeds", 1) == "1 seed"
    assert words.count("seeds", 6) == "6 seeds"
    assert words.joined(["a", "b", "c"]) == "a, b and c"


def test_every_colour_of_words_can_be_read_on_every_ground_in_light_and_dark() -> None:
    schemes = re.findall(r":root \{(.*?)\}", style_sheet(), re.S)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): (#\w+)", scheme))
        for words, ground in product(("ink", "muted", "accent", "good"), ("paper", "sheet", "shade")):
            assert contrast(colours[words], colours[ground]) >= 4.5, (words, ground, scheme)
