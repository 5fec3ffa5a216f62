import random
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stories import plain_story

import kit
from kit.story.lexicon import figures_in
from kit.story.lint.finding import Finding, Rule, numbers
from kit.story.lint.lint import cast_shown, lint
from kit.story.story import PANELS, Story, load_story
from kit.world.tale import sample_tale

EXAMPLES = Path(kit.__file__).parent / "examples"


@pytest.mark.parametrize("name", ["demo-zh.toml", "demo-en.toml"])
def test_the_example_stories_drift_nowhere(name):
    story = load_story(EXAMPLES / name).story
    assert lint(story, trigger="水墨画风格" if story.language == "zh" else "ink wash painting") == []


HEROES = [
    "一个扎着两条黑色麻花辫的小女孩，穿着碎花棉袄",
    "一位银发及腰的精灵少女，身披月白色长袍",
    "一个圆脸小男孩，黑色锅盖头，黄色背带裤",
    "一只戴红色领结的黑白花猫",
    "一个金发双马尾、穿粉色蓬蓬裙的小公主",
    "an old fisherman with a long white beard, a navy cap and a yellow oilskin coat",
    "a girl with a black bob wearing a yellow raincoat and red boots",
    "a boy with short curly black hair, wearing a green hoodie",
    "a small orange fox with a blue scarf",
    "a tall knight in silver armor with a red plume",
]
DEEDS = {
    "，": ["在公园跑步", "坐在窗边看书", "在厨房做饭，傍晚", "撑着伞走在雨中", "在海边挥手", "看着星星许愿"],
    ", ": [
        "running in the park",
        "reading by the window",
        "cooking at dusk",
        "in the rain",
        "waving",
        "asleep",
    ],
}
FAULTS: dict[str, dict[str, str]] = {
    "words-differ": {"，": "{noun}，跑", ", ": "{noun}, running"},
    "not-first": {"，": "在花园里，{line}", ", ": "In the garden, {line}"},
    "pronoun": {"，": "它在跑步", ", ": "They dance"},
    "several-styles": {"，": "赛博朋克风格，{line}", ", ": "cyberpunk style, {line}"},
    "same-panels": {"，": "{other}。", ", ": "{other}."},
    "negation": {"，": "{line}，没有人", ", ": "{line}, no people"},
    "one-panel-figure": {"，": "{line}，一只小狗", ", ": "{line}, a dog"},
    "too-long": {"，": "{line}" + "，下雨了" * 90, ", ": "{line}" + ", it rains" * 90},
}
"""A fault of each rule in one panel, by the comma of its language."""


@pytest.mark.parametrize("rule", FAULTS)
@pytest.mark.parametrize("hero", HEROES)
def test_a_fault_in_one_panel_is_named_and_nothing_else(hero, rule):
    comma = ", " if hero.isascii() else "，"
    lines = [f"{hero}{comma}{deed}" for deed in DEEDS[comma]]
    assert lint(plain_story(*lines), count=len) == []
    figure = figures_in(hero)[0]
    noun = hero[figure.start : figure.end]
    lines[3] = FAULTS[rule][comma].format(line=lines[3], other=lines[2], noun=noun)
    found = lint(plain_story(*lines), count=len)
    assert [(one.rule, one.panels) for one in found] == [(rule, (4,))]


def test_what_weighs_most_comes_first():
    lines = [
        "小女孩跑步",
        "女孩跑步",
        "她睡觉",
        "在公园，小女孩",
        "没有人，小女孩",
        "水墨画，小女孩",
        "一只小狗",
        "小女孩跑步",
    ]
    rules = [one.rule for one in lint(plain_story(*lines))]
    assert rules == sorted(rules, key=get_args(Rule).index)
    assert len(set(rules)) >= 7


def test_panels_are_numbered_in_words():
    assert [numbers(one) for one in ([2], [1, 2], [8, 1, 2, 3], [1, 3, 4])] == [
        "panel 2", "panels 1, 2", "panels 1 to 3, 8", "panels 1, 3, 4"
    ]  # fmt: skip


def test_who_is_seen_is_told_by_name_or_noun():
    assert cast_shown(plain_story("一个小女孩", "一只小猫和一个小女孩")) == {"小女孩": (1, 2), "小猫": (2,)}


def _written(lines: list[str], finding: Finding) -> list[str]:
    """Return a story's lines with what a finding says instead."""
    for panel in finding.panels:
        if finding.rule in ("not-first", "pronoun", "same-panels", "negation"):
            lines[panel - 1] = finding.instead
    return lines


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["zh", "en"]))
def test_a_story_whose_lines_are_written_as_told_has_these_findings_no_more(seed, language):
    rng = random.Random(seed)
    looks = {"zh": "一个黑色长发的小女孩，穿着红色裙子", "en": "a girl with long black hair in a red dress"}[
        language
    ]
    comma, she, no = ("，", "她", "没有人") if language == "zh" else (", ", "she", "no people")
    deeds = {
        "zh": ["在公园", "夜晚", "看书", "跑步", "在海边", "雨中"],
        "en": ["in the park", "night", "reading", "running"],
    }
    lines = []
    for panel in range(PANELS):
        parts = [
            looks if panel < 3 or rng.random() < 0.8 else she,
            f"{rng.choice(deeds[language])} {panel // 2}",
        ]
        parts += [no] if rng.random() < 0.2 else []
        if rng.random() < 0.3:
            rng.shuffle(parts)
        lines.append(comma.join(parts))
    mended = lines
    for _ in range(4):  # a line may have several
        for finding in lint(plain_story(*mended)):
            mended = _written(mended, finding)
    assert [one for one in lint(plain_story(*mended)) if one.rule != "one-panel-figure"] == [], lines


WORDS = (
    "一个|小女孩|女孩|小猫|黑色|紫色|长发|头发|马尾|的|，|穿着|红色|裙子|在|公园|跑步|她|他们|没有|人|水墨画风格|二次元"
    "|名叫|小满|两个|妈妈|帽子|一只|孩子|剪影|「|（|😀|İ|ß|Lily|a|girl|cat|the|named|with|long|black|hair|in|red|dress"
    "|,|.|and|they|runs|no|people|anime|style|ponytail|child|bald|1girl|it|i"
)
LINES = st.lists(st.lists(st.sampled_from(WORDS.split("|")), min_size=1, max_size=12), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), min_size=1, max_size=8), st.booleans()
)
def test_whatever_words_stand_in_whatever_order_each_finding_has_words_to_write(lines, spaced):
    texts = [(" " if spaced else "").join(line) + " x" for line in lines]
    for finding in lint(plain_story(*texts), trigger="水墨画风格", count=len):
        assert finding.instead.strip()
        assert finding.panels


@pytest.mark.parametrize("language", ["zh", "en"])
def test_tales_in_other_words_every_time_are_told_so_and_in_the_same_words_are_not(language):
    for seed in range(12):
        tale = sample_tale(seed)
        hero = tale.texts(language)
        assert {one.rule for one in lint(plain_story(*hero))} <= set(get_args(Rule))
        again = Story.model_validate(plain_story(*hero).model_dump(by_alias=True))
        assert lint(again) == lint(plain_story(*hero)), "the same story, the same findings"
