"""A TOML text changed in places keeps the rest, to the letter."""

import tomllib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.files.text.commented_toml import lost_comments, rewritten, toml_of

STORY = """\
# On top.
title = "a"   # behind

[characters.cat]
# who
text = 'an orange cat'

[[panel]]
caption = "c"
clauses = [
    # first
    { role = "subject", character = "cat" },   # hero
    { role = "action", text = "goes" },
]

# about panel 2
[[panel]]
prompt = "p"

# end
"""
ORDER = ("title", "language", "negative", "caption", "place", "prompt", "clauses", "text", "anchor")


def changed(change: Callable[[dict[str, Any]], object], text: str = STORY) -> str:
    document = tomllib.loads(text)
    change(document)
    made = rewritten(text, document, ORDER)
    assert tomllib.loads(made) == document
    return made


@pytest.mark.parametrize(
    ("change", "line", "stands_behind"),
    [
        (lambda story: story.update(negative="blurred"), 'negative = "blurred"', 'title = "a"   # behind'),
        (lambda story: story["panel"][1].update(caption="d"), 'caption = "d"', "[[panel]]"),
        (
            lambda story: story["characters"]["cat"].update(anchor="panel 1"),
            'anchor = "panel 1"',
            "text = 'an orange cat'",
        ),
        (lambda story: story["characters"].update({"小满": {"text": "a girl"}}), '[characters."小满"]', ""),
        (lambda story: story.update(places={"home": {"text": "at home"}}), "[places.home]", ""),
        (
            lambda story: story["panel"][0]["clauses"].insert(1, {"role": "style", "text": "ink"}),
            '    { role = "style", text = "ink" },',
            '    { role = "subject", character = "cat" },   # hero',
        ),
        (
            lambda story: story["panel"][0]["clauses"][1].update(text="runs"),
            '    { role = "action", text = "runs" },',
            '    { role = "subject", character = "cat" },   # hero',
        ),
        (lambda story: story["panel"].append({"prompt": "q"}), 'prompt = "q"', "[[panel]]"),
    ],
)  # fmt: skip
def test_what_is_new_stands_where_it_belongs_and_no_comment_is_lost(
    change: Callable[[dict[str, Any]], object], line: str, stands_behind: str
) -> None:
    made = changed(change)
    lines = made.splitlines()
    assert lines[lines.index(line) - 1] == stands_behind
    assert lost_comments(STORY, made) == []


def test_comments_of_what_goes_are_told() -> None:
    assert lost_comments(STORY, changed(lambda story: story["panel"][0]["clauses"].pop(0))) == ["# hero"]
    assert lost_comments(STORY, changed(lambda story: story.pop("characters"))) == ["# who"]


EXPERIMENT = """\
stories = ["story.toml"]  # which

[[candidate]]
name = "base"   # bare

[[candidate]]
name = "ink"
lora = "mini:ink"  # shipped

[[candidate]]
name = "wash"
"""


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        (lambda found: found["candidate"].pop(0), ["# bare"]),
        (lambda found: found["candidate"].pop(1), ["# shipped"]),
        (lambda found: found["candidate"].reverse(), []),
        (lambda found: found["candidate"].insert(1, {"name": "new"}), []),
        (lambda found: found["candidate"][1].update(name="other", strength=0.5), []),
        (lambda found: found["candidate"].append(found["candidate"].pop(0) | {"strength": 0.5}), []),
    ],
)
def test_a_candidate_keeps_its_comments_wherever_it_goes(
    change: Callable[[dict[str, Any]], object], lost: list[str]
) -> None:
    made = changed(change, EXPERIMENT)
    assert lost_comments(EXPERIMENT, made) == lost
    if "# shipped" in made:
        assert 'lora = "mini:ink"  # shipped' in made


@pytest.mark.parametrize(
    "text",
    [
        "a.b = 1\na.c = 2\n[d]\nx = 1\n[e]\ny = 2\n[d.f]\nz = 3\n",
        'panel = [{ prompt = "p" }, { prompt = "q" }]\n',
        "[[panel]]\nprompt = '''\na\nb'''\n[[panel]]\n[panel.more]\nx = 1\n",
        "list = [1, 2,\n  3 # three\n]\n",
        "list = [\n  1\n  , 2\n]\n",
        "",
        "# nothing but words\n",
    ],
)
def test_any_form_of_toml_can_be_changed(text: str) -> None:
    for change in (
        lambda found: found.update(new=1, table={"x": [{"y": 1}]}),
        lambda found: [found.pop(key) for key in list(found)[:1]],
        lambda found: found.update({key: [1, 2] for key in list(found)[-1:]}),
        lambda found: [one.update(z="z") for one in found.values() if isinstance(one, dict)],
    ):
        changed(change, text)  # type: ignore[arg-type]


VALUES = st.recursive(
    st.text(max_size=8) | st.integers(-99, 99) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.text(max_size=5), VALUES, max_size=4)


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_what_is_written_is_what_was_wanted(before: dict[str, Any], after: dict[str, Any]) -> None:
    text = toml_of(before)
    assert tomllib.loads(text) == before
    assert rewritten(text, before) == text
    assert tomllib.loads(rewritten(text, after)) == after
