"""A prompt is taken apart at its commas, and what each clause is about is told by its words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.story.structure.clauses import comma_clauses, role_of, same_but_commas

CHINESE = """
style: 二次元 水彩风格 水墨画风 日系动漫 宫崎骏画风 绘本插画 高清 8k 敦煌风 儿童绘本风格
style: 高质量 3D渲染 画风唯美
subject: 一个紫色短发小女孩 紫色短发的小女孩 一只橘猫 小女孩 老奶奶
subject: 一位戴眼镜的老爷爷 一只毛发柔顺的灰色小猫咪
subject: 8岁短发女孩小满 黑发少年阿明 白猫咪咪 穿着红裙子的小女孩 戴着帽子的少年 穿红裙的女孩小雨
subject: 一个穿着休闲白衬衫和牛仔裤的青年 两只小狗 小猫在睡觉 一只不知名的动物 黑发少年 一条龙
action: 坐在窗边 在睡觉 正在看书 微笑 推开门 双手托着腮 很无聊 抱着小猫奔跑
action: 开心地跑着 对着流星许愿 闭着眼睛
action: 十指交叉 露出憧憬的神情 手持话筒 在家中沙发上坐着 心情忐忑 和小猫一起玩 在练习室练习唱歌 蹲下 回头看
place: 在公园里 在家里客厅 街上 森林深处 夜晚的街道 试衣间 在台上 在街角 公园 背景是樱花树
place: 海边 演唱会的观众席
place: 在旧书店门口 窗边 站台上 画室里 雨天的站台
detail: 穿着妈妈的裙子 戴着爸爸的帽子 短发女孩特写
detail: 傍晚 下雨 全身 粉色连衣裙 穿着红色裙子 侧面 戴着草帽 黑色长发 月光 特写 俯视视角 暖色调 在夕阳中
unknown: 人山人海 樱花飘落 一棵大树 小满和小橘坐在沙发上
"""
ENGLISH = """
style: watercolor style|anime|masterpiece|best quality|in watercolor style
style: 8k|children's picture book illustration
subject: a little girl|an old man|the orange cat|1girl|a girl with purple hair|two dogs|a young woman reading
action: sitting on the sofa|running|smiling|is sleeping|holding an umbrella|happy
action: looks at the sky|waves
place: in the park|at home|in a sunny forest|street|a quiet library|on the beach
place: park background|inside a castle
detail: at night|wearing a red dress|close-up|sunset|with long hair|in a red coat
detail: soft lighting|full body|raining
unknown: cherry blossoms|a feeling of hope
"""


def rows(table: str, between: str) -> list[tuple[str, str]]:
    """Return the rows of a table of roles and clauses."""
    pairs = (line.split(": ", 1) for line in table.strip().splitlines())
    return [(role, text) for role, texts in pairs for text in texts.split(between)]


@pytest.mark.parametrize(("role", "text"), rows(CHINESE, " "))
def test_a_chinese_clause_has_its_role(role: str, text: str) -> None:
    assert role_of(text) == role


@pytest.mark.parametrize(("role", "text"), rows(ENGLISH, "|"))
def test_an_english_clause_has_its_role(role: str, text: str) -> None:
    assert role_of(text) == role


@pytest.mark.parametrize(
    ("prompt", "clauses"),
    [
        ("小猫，睡觉,在家 , 夜晚", ["小猫", "睡觉", "在家", "夜晚"]),
        ("坐着、微笑，在家", ["坐着、微笑", "在家"]),
        ("小猫。小狗；睡觉", ["小猫。小狗；睡觉"]),
        ("在家里。", ["在家里。"]),
        ("女孩（红裙，长发），“你好，小猫”", ["女孩（红裙，长发）", "“你好，小猫”"]),
        ("1,000 stars, 3,5", ["1,000 stars", "3", "5"]),
        ("a cat,,, sits", ["a cat,,", "sits"]),
        (",a cat,", [",a cat,"]),
        ("a cat, !, sits", ["a cat,!", "sits"]),
        ("a cat, sits, ...", ["a cat", "sits,..."]),
        ("(a cat, sits", ["(a cat", "sits"]),
        ("", [""]),
    ],
)
def test_commas_divide_clauses_and_every_other_mark_stays(prompt: str, clauses: list[str]) -> None:
    assert comma_clauses(prompt) == clauses


@given(st.text(alphabet='ab1猫 ,，、。()（“”"1000!', max_size=40))
def test_clauses_join_to_the_prompt_again(prompt: str) -> None:
    clauses = comma_clauses(prompt)
    assert same_but_commas("，".join(clauses)) == same_but_commas(prompt)
    assert all(any(letter.isalnum() for letter in clause) for clause in clauses) or len(clauses) == 1
