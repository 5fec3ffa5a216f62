import pytest

from kit.dataset.augmentation.caption_words import tells_of_a_face, tells_of_a_side


@pytest.mark.parametrize(
    "caption",
    [
        "女孩的脸",
        "她的臉很紅",
        "人物肖像",
        "老人，特写",
        "a smiling cat",
        "Close-up of a fox",
        "1girl, looking at viewer",
    ],
)
def test_captions_that_tell_of_a_face(caption):
    assert tells_of_a_face(caption)


@pytest.mark.parametrize(
    "caption",
    ["小猫在公园", "a clock face on a tower", "a rocky surface", "洗衣服的脸盆", "a girl in the park"],
)
def test_captions_that_tell_of_none(caption):
    assert not tells_of_a_face(caption)


@pytest.mark.parametrize(
    "caption", ["小猫在左边", "右手拿着灯笼", "a boy, left of a tree", "right-hand side"]
)
def test_captions_that_would_lie_of_a_mirrored_picture(caption):
    assert tells_of_a_side(caption)


@pytest.mark.parametrize("caption", ["a copyright notice", "bright light", "小猫在中间", "cleft rock"])
def test_captions_that_only_sound_so(caption):
    assert not tells_of_a_side(caption)
