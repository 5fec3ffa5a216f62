from hypothesis import given
from hypothesis import strategies as st

from kit.dataset.captioning.wording import CaptionWording, blacklist_of


def test_a_blacklisted_tag_is_left_out_however_it_is_written() -> None:
    wording = CaptionWording(blacklist=blacklist_of("Long_Hair， solo"))
    assert wording.of(["long hair", "1girl", "Solo"], "", "en") == "1girl"
    assert wording.of(["solo"], "", "en") == ""


def test_the_trigger_comes_first_once() -> None:
    wording = CaptionWording(trigger="水墨画风格")
    assert wording.of(["一只小猫", "在公园"], "", "zh") == "水墨画风格，一只小猫，在公园"
    assert CaptionWording(trigger="ink").of(["ink", "a cat"], "", "en") == "ink, a cat"
    assert CaptionWording(trigger="ink", blacklist=frozenset({"a cat"})).of(["a cat"], "", "en") == ""


@given(st.text(st.characters(categories=["L", "N", "P"]), min_size=1), st.lists(st.text("abc ", max_size=4)))
def test_what_was_said_before_stays_whole_in_front_when_words_are_added(
    before: str, parts: list[str]
) -> None:
    told = CaptionWording(existing="append").of(parts, before, "en")
    assert told.startswith(before)
    assert CaptionWording(existing="append").of(parts, told, "en") == told


def test_a_sentence_with_commas_is_added_once() -> None:
    append = CaptionWording(existing="append", trigger="ink")
    once = append.of(["a girl, smiling, in a park"], "a drawing", "en")
    assert once == "ink, a drawing, a girl, smiling, in a park"
    assert append.of(["a girl, smiling, in a park"], once, "en") == once
    assert append.of(["a girl", "girl, smiling"], once, "en") == f"{once}, girl, smiling"


def test_words_that_give_way_leave_nothing_behind() -> None:
    assert CaptionWording(existing="replace").of(["a dog"], "a cat", "en") == "a dog"
