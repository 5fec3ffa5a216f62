import pytest

from kit.images.lettering import BUILT_IN, can_write, find_lettering

CHINESE = ("雪夜，小猫阿墨离开了家。", "竹林里有一盏灯笼。", "月亮沉进湖里。", "桥上的风很大。") * 2

ENGLISH = ("The cat leaves home.", "A lantern in the bamboo.", "The moon sinks.", "Wind on the bridge.") * 2

CJK = find_lettering(CHINESE).file

needs_cjk = pytest.mark.skipif(CJK is None, reason="no CJK font on this machine")


def test_latin_captions_need_no_font_of_the_machine():
    assert find_lettering(ENGLISH, files=[]).note == BUILT_IN


def test_a_font_file_that_is_none_is_passed_over(tmp_path):
    (tmp_path / "broken.ttc").write_bytes(b"no font")
    assert not find_lettering(CHINESE, files=[tmp_path / "broken.ttc"]).captions


@needs_cjk
def test_one_letter_that_the_font_lacks_is_enough_to_leave_the_captions_out():
    assert not find_lettering((*CHINESE, "\U0001e900"), files=[CJK]).captions


def test_a_font_cannot_write_what_it_would_draw_as_a_box():
    font = find_lettering(["a"]).font(32)
    assert can_write(font, "abc123,.")
    assert not can_write(font, "雪")
