"""What a story's words tell that a picture can be asked for, and how a picture answers."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from stories import clause_story, plain_story

from eval.metrics.attributes import choice_rows, margins, told_attributes
from eval.scorers.protocols import Stamp


def told_in(line: str) -> dict[str, str]:
    return {one.name: one.told for one in told_attributes(plain_story(line)) if one.panel == 0}


GIRL = {"figure": "小女孩", "hair": "黑色", "hair length": "短", "clothes": "白色"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "一个黑色短发的小女孩，穿着白色裙子，拿着灯笼，公园里",
            GIRL | {"action": "拿着灯笼", "place": "公园里"},
        ),
        ("穿白裙子的黑色短发小姑娘，在咖啡馆看书", GIRL | {"action": "看书", "place": "咖啡馆"}),
        (
            "a boy with long brown hair in a dark blue shirt, holding a red balloon, on the beach",
            {
                "figure": "boy",
                "hair": "brown",
                "hair length": "long",
                "clothes": "blue",
                "action": "holding a balloon",
                "place": "on the beach",
            },
        ),
        (
            "an orange cat sleeping in the kitchen",
            {"figure": "kitten", "fur": "orange", "place": "in the kitchen", "action": "sleeping"},
        ),
        ("一只小狗", {"figure": "小狗"}),
        ("一个黑色短发的少年", {"hair": "黑色", "hair length": "短"}),
        ("a young man with black hair", {"hair": "black"}),
        ("山谷3点的雾", {}),
        ("a girl with rainbow hair", {"figure": "girl"}),
        ("一只狐狸在宇宙飞船上", {}),
        ("小女孩穿着碎花裙，在花店", {"figure": "小女孩"}),
        ("a girl with black hair and a boy with red hair, in the park", {"place": "in the park"}),
        ("小女孩先坐着，再奔跑", {"figure": "小女孩"}),
        ("小女孩从公园里走到街道上", {"figure": "小女孩"}),
    ],
)  # fmt: skip
def test_what_words_tell_is_known_and_what_is_unknown_is_not_asked_for(
    line: str, told: dict[str, str]
) -> None:
    assert told_in(line) == told


def test_characters_and_places_of_a_story_in_clauses_are_asked_for_in_every_panel() -> None:
    story = clause_story({"女孩": "一个红色长发的小女孩"}, "subject: @女孩 | place: 海边")
    found = [(one.panel, one.name, one.told) for one in told_attributes(story)]
    assert found == [
        (0, "place", "海边"),
        (0, "figure", "小女孩"),
        (0, "hair", "红色"),
        (0, "hair length", "长"),
    ]


def test_choices_differ_in_one_thing_and_the_told_one_is_first() -> None:
    hair = next(one for one in told_attributes(plain_story("黑色头发的小女孩")) if one.name == "hair")
    assert hair.choices[0] == "黑色头发的小女孩"
    assert "红色头发的小女孩" in hair.choices
    assert len(set(hair.choices)) == len(hair.choices) == 6


class Colours:
    """An encoder that sees nothing but whether something is black or red."""

    stamp = Stamp(weights="fake", weights_sha256="c" * 64, preprocessing="q", embedded=True)

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [[float("黑" in text), float("红" in text), 0.1] for text in texts]
        return np.array([np.array(row) / np.linalg.norm(row) for row in rows], np.float32)


@pytest.mark.parametrize(("seen", "is_missing"), [((1, 0, 0), False), ((0, 1, 0), True)])
def test_what_fits_less_than_another_thing_of_its_sort_is_missing(
    seen: tuple[int, ...], is_missing: bool
) -> None:
    told = [one for one in told_attributes(plain_story("黑色头发的小女孩")) if one.name == "hair"]
    rows = np.tile(np.array(seen, np.float32), (8, 1))
    (margin,) = margins(rows, told, choice_rows(told, Colours()))
    assert (margin < 0) is is_missing


def test_a_story_that_tells_nothing_has_no_margins() -> None:
    assert margins(np.eye(8, dtype=np.float32), [], choice_rows([], Colours())) == []
