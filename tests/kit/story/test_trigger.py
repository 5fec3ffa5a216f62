import pytest

from kit.story.trigger import Captioning


@pytest.mark.parametrize(
    ("trigger", "own", "said"),
    [
        ("水墨风格", "小猫", "水墨风格，小猫"),
        ("ink", "a cat", "ink, a cat"),
        ("ink", "一只猫", "ink，一只猫"),
        ("水墨", "水墨，小猫", "水墨，小猫"),
        ("ink", "ink", "ink"),
        ("水墨画风格", "水墨画风格的小猫", "水墨画风格的小猫"),
        ("ink", "inkwell on a desk", "ink, inkwell on a desk"),
        ("a.b", "axb, cat", "a.b, axb, cat"),
        ("ink", "", ""),
        ("", " a  cat\n", "a cat"),
    ],
)
def test_the_trigger_stands_in_front_once(trigger, own, said):
    assert Captioning(trigger=trigger).of(own) == said


def test_one_caption_for_all_replaces_their_own():
    assert Captioning(caption="二次元", trigger="水墨").of("小猫") == "水墨，二次元"
