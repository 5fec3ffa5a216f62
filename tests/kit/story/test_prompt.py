"""Prompts: what the clauses are, and where an order puts them."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.story.prompt import ResolvedClause, arrange, check_order, clauses_of, prompt_of, split
from kit.story.story import CharacterDescription, Clause, Description, Panel, Role, Story

NAMED = ("authored", "subject-first", "scene-first", "style-last", "reversed")
ROLES: tuple[Role, ...] = ("style", "subject", "action", "place", "detail", "unknown")

orders = st.sampled_from(NAMED) | st.integers(0, 999).map(lambda number: f"shuffle-{number}")
spoken = st.lists(st.sampled_from(ROLES), max_size=10).map(
    lambda roles: tuple(
        ResolvedClause(role=role, text=f"{role}{number}") for number, role in enumerate(roles)
    )
)


def said(text: str) -> tuple[ResolvedClause, ...]:
    """Read "style subject.a action.a" as clauses: the role, and all of the word as the text."""
    return tuple(ResolvedClause(role=word.split(".")[0], text=word) for word in text.split())  # type: ignore[arg-type]


def texts(clauses: tuple[ResolvedClause, ...]) -> str:
    return " ".join(clause.text for clause in clauses)


def story(*panels: Panel, language: str = "zh") -> Story:
    filler = tuple(Panel(prompt="猫") for _ in range(8 - len(panels)))
    return Story.model_validate(
        {
            "title": "雪",
            "language": language,
            "characters": {"cat": CharacterDescription(text="一只灰色的小猫，戴着帽子")},
            "places": {"home": Description(text="在家里客厅")},
            "panel": (*panels, *filler),
        }
    )


HOME = Panel(
    clauses=(
        Clause(role="style", text="水墨画风格"),
        Clause(role="subject", character="cat"),
        Clause(role="action", text="在睡觉"),
        Clause(role="place", place="home"),
    )
)


@given(spoken, orders, st.integers(0, 7))
def test_an_order_moves_clauses_and_never_rewords_them(
    clauses: tuple[ResolvedClause, ...], order: str, panel: int
) -> None:
    assert Counter(arrange(clauses, order, panel)) == Counter(clauses)


@given(spoken, orders, st.integers(0, 7))
def test_an_order_gives_the_same_prompt_every_time(
    clauses: tuple[ResolvedClause, ...], order: str, panel: int
) -> None:
    assert arrange(clauses, order, panel) == arrange(list(clauses), order, panel)


@given(spoken, st.sampled_from(("authored", "subject-first", "scene-first", "style-last")))
def test_ordering_twice_changes_nothing_more(clauses: tuple[ResolvedClause, ...], order: str) -> None:
    once = arrange(clauses, order, 0)
    assert arrange(once, order, 0) == once


@given(spoken, st.sampled_from(("subject-first", "scene-first", "style-last")))
def test_clauses_of_one_role_keep_the_authors_order(clauses: tuple[ResolvedClause, ...], order: str) -> None:
    for role in ("style", "subject", "place", "detail", "unknown"):
        kept = [clause for clause in arrange(clauses, order, 0) if clause.role == role]
        assert kept == [clause for clause in clauses if clause.role == role]


@given(st.permutations(["style", "subject.a action.a", "subject.b action.b", "place", "detail"]), orders)
def test_a_subject_takes_its_action_along(phrases: list[str], order: str) -> None:
    arranged = texts(arrange(said(" ".join(phrases)), order, 3))
    assert "subject.a action.a" in arranged
    assert "subject.b action.b" in arranged


@given(st.permutations(["style", "subject action", "place", "detail"]))
def test_reversing_twice_gives_back_the_authors_order(phrases: list[str]) -> None:
    clauses = said(" ".join(phrases))
    assert arrange(arrange(clauses, "reversed", 0), "reversed", 0) == clauses


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("authored", "style subject.a action.a place detail unknown"),
        ("subject-first", "subject.a action.a place detail unknown style"),
        ("scene-first", "place subject.a action.a detail unknown style"),
        ("style-last", "subject.a action.a place detail unknown style"),
        ("reversed", "unknown detail place subject.a action.a style"),
    ],
)
def test_the_named_orders_are_these(order: str, expected: str) -> None:
    assert texts(arrange(said("style subject.a action.a place detail unknown"), order, 0)) == expected


def test_style_last_moves_nothing_but_the_style() -> None:
    arranged = arrange(said("detail style subject place action"), "style-last", 0)
    assert texts(arranged) == "detail subject place action style"


def test_an_action_finds_its_subject_across_other_clauses() -> None:
    clauses = said("action.a place subject.a subject.b detail action.b")
    assert texts(arrange(clauses, "subject-first", 0)) == "action.a subject.a subject.b action.b place detail"


def test_an_action_without_a_subject_stands_where_a_subject_would() -> None:
    assert texts(arrange(said("place action detail"), "subject-first", 0)) == "action place detail"


def test_panels_are_shuffled_each_in_its_own_way_and_each_number_anew() -> None:
    clauses = said("style subject place detail unknown.a unknown.b")
    assert len({arrange(clauses, "shuffle-1", panel) for panel in range(8)}) > 4
    assert len({arrange(clauses, f"shuffle-{number}", 0) for number in range(8)}) > 4


def test_a_shuffle_is_the_same_on_every_machine() -> None:
    arranged = arrange(said("style subject.a action.a place detail"), "shuffle-7", 2)
    assert texts(arranged) == "place detail style subject.a action.a"


@pytest.mark.parametrize("order", [*NAMED, "shuffle-0", "shuffle-12"])
def test_a_known_order_passes(order: str) -> None:
    check_order(order)


@pytest.mark.parametrize(
    "order", ["", "Authored", "random", "shuffle", "shuffle-", "shuffle-x", "shuffle-01", "shuffle-<n>"]
)
def test_an_unknown_order_is_refused_with_the_known_ones(order: str) -> None:
    with pytest.raises(ValueError, match="must be one of") as caught:
        arrange((), order, 0)
    assert str(caught.value) == (
        "must be one of authored, subject-first, scene-first, style-last, reversed, shuffle-<n>, "
        f"got {order!r}"
    )


@pytest.mark.parametrize(
    ("prompt", "clauses"),
    [
        ("小女孩，长发,红色裙子；公园、黄昏", ("小女孩", "长发", "红色裙子", "公园", "黄昏")),
        ("a girl, long hair , red dress; in the park.", ("a girl", "long hair", "red dress", "in the park")),
        ("，，猫，， 狗，", ("猫", "狗")),
        ("a girl (red dress, long hair), smiling", ("a girl (red dress, long hair)", "smiling")),
        ("女孩（红裙，长发），微笑", ("女孩（红裙，长发）", "微笑")),
        ('a sign "one, two", a cat', ('a sign "one, two"', "a cat")),
        ("写着“你好，猫”的牌子，猫", ("写着“你好，猫”的牌子", "猫")),
        ("1,000 balloons, 2,3 cats", ("1,000 balloons", "2", "3 cats")),
        ("an open (bracket, a cat", ("an open (bracket", "a cat")),
        ("a cat\na dog", ("a cat", "a dog")),
        ("一只猫", ("一只猫",)),
    ],
)
def test_a_plain_prompt_is_split_at_its_comma_marks(prompt: str, clauses: tuple[str, ...]) -> None:
    assert split(prompt) == clauses


@given(st.lists(st.text("猫狗ab 1", min_size=1).filter(str.strip), min_size=1), st.sampled_from("，、,;；\n"))
def test_what_was_joined_is_split_again(words: list[str], mark: str) -> None:
    clean = tuple(f"x{word}x" for word in words)
    assert split(mark.join(clean)) == clean


def test_characters_and_places_are_filled_in_word_for_word() -> None:
    assert clauses_of(story(HOME), 0) == (
        ResolvedClause(role="style", text="水墨画风格"),
        ResolvedClause(role="subject", text="一只灰色的小猫，戴着帽子"),
        ResolvedClause(role="action", text="在睡觉"),
        ResolvedClause(role="place", text="在家里客厅"),
    )


def test_the_language_chooses_the_comma() -> None:
    assert (
        prompt_of(story(HOME), 0, "scene-first") == "在家里客厅，一只灰色的小猫，戴着帽子，在睡觉，水墨画风格"
    )
    assert prompt_of(story(HOME, language="en"), 0, "authored").startswith("水墨画风格, 一只灰色的小猫")


def test_the_trigger_stands_in_front_whatever_the_order() -> None:
    for order in NAMED:
        assert prompt_of(story(HOME), 0, order, trigger="剪纸") == f"剪纸，{prompt_of(story(HOME), 0, order)}"


def test_a_plain_prompt_that_nothing_moves_stays_as_written() -> None:
    plain = story(Panel(prompt=" 猫,狗；雪。"), Panel(prompt="猫"))
    for order in ("authored", "subject-first", "scene-first", "style-last"):
        assert prompt_of(plain, 0, order) == "猫,狗；雪。"
    assert prompt_of(plain, 0, "reversed") == "雪，狗，猫"
    assert prompt_of(plain, 1, "reversed") == "猫"
