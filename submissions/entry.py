"""What a team decides about its entry, checked against the rules' words."""

from dataclasses import dataclass
from pathlib import Path

from submissions.fault import Fault
from submissions.rules import Rules

MAX_LINE = 60
"""Characters of a team's or entry's name."""
MAX_LINK = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """Which story of a run is handed in, where, and under what name."""

    candidate: str
    order: str
    story: str
    seeds: tuple[int, ...]
    """The seed of each panel: one for all, or as they were cast."""
    rules: Rules
    team: str
    """The team's name as registered."""
    title: str
    """The entry's own name: what stands for xxxxxx in the LoRA's name."""
    introduction: str
    """The team's text about its LoRA, Markdown."""
    out: Path
    """The zip to write."""
    link: str = ""
    """Where the LoRA is published; empty while it is not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Saying:
    """The words of an entry that the rules speak about."""

    team: str
    title: str
    introduction: str
    link: str


def words_faults(rules: Rules, saying: Saying) -> list[Fault]:
    """Return what is wrong with an entry's words under a contest's rules."""
    faults = _line_faults("team", saying.team, rules) + _line_faults("title", saying.title, rules)
    faults += _introduction_faults(rules, saying.introduction)
    if saying.link and not _is_link(saying.link):
        mend = "give the address of the model page"
        faults.append(
            Fault(place="link", problem=f"must be an https:// address, got {saying.link!r}", mend=mend)
        )
    return faults


def _line_faults(place: str, text: str, rules: Rules) -> list[Fault]:
    """Return what is wrong with a name that goes into the LoRA's name."""
    if not text.strip():
        return [Fault(place=place, problem="is empty", mend=f"give the {place}")]
    if text != text.strip() or not text.isprintable() or len(text) > MAX_LINE:
        problem = (
            f"must be one line of at most {MAX_LINE} characters, no spaces around it, got {text[:MAX_LINE]!r}"
        )
        return [Fault(place=place, problem=problem)]
    if text in rules.display_name.placeholders:
        problem = f"is still the placeholder {text!r} of {rules.display_name.pattern!r}"
        return [Fault(place=place, problem=problem, mend=f"give the {place}")]
    return []


def _introduction_faults(rules: Rules, text: str) -> list[Fault]:
    """Return what is wrong with an introduction."""
    rule, mend = rules.introduction, "say what the LoRA draws, what it was trained on, how to use it"
    if not text.strip():
        return [Fault(place="introduction", problem="is empty", mend=mend)]
    for placeholder in rule.placeholders:
        if placeholder.casefold() in text.casefold():
            problem = f"still holds the placeholder {placeholder!r}, which counts as none"
            return [Fault(place="introduction", problem=problem, mend=mend)]
    if len(text.strip()) < rule.minimum:
        problem = f"must have at least {rule.minimum} characters, got {len(text.strip())}"
        return [Fault(place="introduction", problem=problem, mend=mend)]
    return []


def _is_link(text: str) -> bool:
    """Return whether a text is one web address."""
    return text.startswith("https://") and text.isprintable() and " " not in text and len(text) <= MAX_LINK
