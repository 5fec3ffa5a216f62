import pytest

from kit.story.asked_letters import asks_for_letters


@pytest.mark.parametrize(
    "prompt",
    [
        "门上写着“生日快乐”",
        "黑板上有字，一个小女孩坐在桌前",
        "街边的招牌，小猫走过",
        "人群举着标语",
        "墙上贴着海报",
        "女孩练习书法",
        "女孩練習書法",
        "灯笼上有一个福字",
        "祝福的「福」",
        "手里拿着《西游记》",
        "蛋糕上写了字母",
        "a shop sign over the door",
        "a wooden signpost, a dog",
        "a wall with graffiti",
        'a T-shirt with "NASA" on it',
        "a banner that says ‘WELCOME’",
        "the poster reads 'OPEN'",
        "Letters of ice spell her name",
        "the text of a song on the wall",
        "no logo, but a sign saying HELLO",
    ],
)
def test_a_prompt_that_names_writing_or_quotes_it_asks_for_letters(prompt: str) -> None:
    assert asks_for_letters(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "小女孩在教室里",
        "十字路口的小猫",
        "红十字会的护士",
        "一只名叫“小橘”的猫",
        "a cat named 'Tom'",
        "她忘了自己的名字",
        "留着八字胡的老人",
        "画面中不要出现文字和水印",
        "没有文字、字母",
        "无水印",
        "数字艺术风格，一只猫",
        "他做出招牌动作",
        "no text",
        "a street without any letters, logos or watermarks",
        "watermark-free picture of a dog",
        "a textured wall in another context",
        "the girl's hat, the boys' dog",
        "she reads a book to the cat",
        "a signal tower; he makes a peace sign",
        "she is designing a dress",
    ],
)
def test_a_prompt_that_only_sounds_so_or_forbids_writing_asks_for_none(prompt: str) -> None:
    assert not asks_for_letters(prompt)
