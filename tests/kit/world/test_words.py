from typing import get_args

import pytest

from kit.messages import Language
from kit.world import words
from kit.world.scene import PLACES, Pose


@pytest.mark.parametrize("language", get_args(Language))
def test_every_word_stands_for_one_thing_of_its_table(language: Language) -> None:
    for table in (words.PLACES, words.POSES, words.TIMES, words.FRAMINGS, words.STYLES, words.PROPS):
        every = [word for options in table[language].values() for word in options]
        assert len(every) == len(set(every))


def test_both_languages_have_words_for_the_same_things() -> None:
    tables = (words.KINDS, words.COLOURS, words.CLOTHES, words.POSES, words.PLACED_POSES, words.PROPS)
    tables += (words.EXPRESSIONS, words.PLACES, words.TIMES, words.FRAMINGS, words.STYLES, words.DEGRADATIONS)
    for table in tables:
        assert table["zh"].keys() == table["en"].keys()
        assert all(options for language in get_args(Language) for options in table[language].values())
    assert set(words.PLACES["zh"]) == set(PLACES)
    assert set(words.POSES["zh"]) == set(get_args(Pose))
