"""All rules over one story."""

from collections.abc import Callable
from typing import get_args

from kit.story.lint import figure_rules, naming_rules, prompt_rules
from kit.story.lint.appearances import Reading, read_story
from kit.story.lint.finding import Finding, Rule
from kit.story.story import Story

_WEIGHT = {rule: place for place, rule in enumerate(get_args(Rule))}


def lint(
    story: Story,
    *,
    trigger: str = "",
    count: Callable[[str], int] | None = None,
    most: int = prompt_rules.MOST_TOKENS,
) -> list[Finding]:
    """Return what lets the hero of a story drift, what weighs most first.

    Args:
        story: what is drawn.
        trigger: what a candidate puts before every prompt.
        count: returns the tokens of a prompt, as a base's tokenizer makes them; without it none is too long.
        most: how many of them are read.
    """
    reading = read_story(story)
    found = [
        *figure_rules.words_differ(reading),
        *figure_rules.looks_not_named(reading),
        *naming_rules.names_alone(reading),
        *naming_rules.pronouns(reading),
        *prompt_rules.not_first(reading),
        *prompt_rules.several_styles(reading, trigger),
        *prompt_rules.same_panels(reading),
        *(prompt_rules.too_long(reading, trigger, count, most) if count else ()),
        *prompt_rules.negations(reading),
        *naming_rules.one_panel_figures(reading),
    ]
    return sorted(found, key=lambda one: (_WEIGHT[one.rule], one.panels))


def cast_shown(story: Story) -> dict[str, tuple[int, ...]]:
    """Return who is in which panels (1 to 8) of a story."""
    return _shown(read_story(story))


def _shown(reading: Reading) -> dict[str, tuple[int, ...]]:
    return {
        figure_rules.shown_as(who, shown[0]): tuple(one.panel for one in shown)
        for who, shown in reading.cast().items()
    }
