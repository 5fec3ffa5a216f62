"""Checks of an entry against its contest's rules."""

from collections.abc import Iterator, Mapping

from submissions.bundle.manifest import MANIFEST, Manifest
from submissions.bundle.texts import texts_of
from submissions.contest.rules import Rules
from submissions.faults import Fault


def rule_faults(files: Mapping[str, bytes], manifest: Manifest, rules: Rules) -> Iterator[Fault]:
    """Yield which rules of a contest a bundle breaks."""
    yield from words_faults(rules, manifest.team, manifest.title, manifest.introduction, manifest.link)
    for name in rules.files.required:
        if name not in files:
            yield Fault(name, "is missing, the contest asks for it")
    if len(manifest.panels) != rules.panels.count:
        yield Fault(MANIFEST, f"must have {rules.panels.count} panels, got {len(manifest.panels)}")
    name = rules.name_of(manifest.team, manifest.title)
    if manifest.name != name:
        yield Fault(f"{MANIFEST}, name", f"must be {name!r}, got {manifest.name!r}")
    if rules.lora.required and manifest.lora is None:
        yield Fault("lora", "is missing, the contest asks for one")
    yield from _recorded_gate_faults(manifest, rules)
    problem = "is not the text that follows from the manifest and the contest's rules"
    for name, data in texts_of(manifest, rules).items():
        if name in files and files[name] != data:
            yield Fault(name, problem, "pack again")


def _recorded_gate_faults(manifest: Manifest, rules: Rules) -> Iterator[Fault]:
    """Yield whether the recorded score does not let the bundle through."""
    if manifest.gate.embedded and not rules.gate.embedded and not manifest.notice:
        problem = f"the contest scores with {rules.gate.scorer}, the bundle with {manifest.gate.scorer}"
        yield Fault("gate", problem, "set [score] aesthetic, score and pack again")
    yield from gate_faults(rules, manifest.gate.score)


MAX_LINE = 60
"""Characters of a team's or entry's name."""
MAX_LINK = 300


def words_faults(rules: Rules, team: str, title: str, introduction: str, link: str) -> Iterator[Fault]:
    """Yield what is wrong with an entry's words under a contest's rules."""
    yield from _line_faults("team", team, rules)
    yield from _line_faults("title", title, rules)
    yield from _introduction_faults(rules, introduction)
    if link and not _is_link(link):
        mend = "give the address of the model page"
        yield Fault("link", f"must be an https:// address, got {link!r}", mend)


def _is_link(text: str) -> bool:
    """Return whether a text is one web address."""
    return text.startswith("https://") and text.isprintable() and " " not in text and len(text) <= MAX_LINK


def _line_faults(place: str, text: str, rules: Rules) -> Iterator[Fault]:
    """Yield what is wrong with a name that goes into the LoRA's name."""
    if not text.strip():
        yield Fault(place, "is empty", f"give the {place}")
    elif text != text.strip() or not text.isprintable() or len(text) > MAX_LINE:
        problem = f"must be one line of at most {MAX_LINE} characters, no spaces around it"
        yield Fault(place, f"{problem}, got {text[:MAX_LINE]!r}")
    elif text in rules.display_name.placeholders:
        problem = f"is still the placeholder {text!r} of {rules.display_name.pattern!r}"
        yield Fault(place, problem, f"give the {place}")


def _introduction_faults(rules: Rules, text: str) -> Iterator[Fault]:
    """Yield what is wrong with an introduction, the first thing alone."""
    rule, mend = rules.introduction, "say what the LoRA draws, what it was trained on, how to use it"
    left = [word for word in rule.placeholders if word.casefold() in text.casefold()]
    if not text.strip():
        yield Fault("introduction", "is empty", mend)
    elif left:
        yield Fault("introduction", f"still holds the placeholder {left[0]!r}, which counts as none", mend)
    elif len(text.strip()) < rule.minimum:
        problem = f"must have at least {rule.minimum} characters, got {len(text.strip())}"
        yield Fault("introduction", problem, mend)


def gate_faults(rules: Rules, score: float) -> list[Fault]:
    """Return the fault of a score below the gate, if it is below."""
    if score >= rules.gate.threshold:
        return []
    problem = f"mean aesthetic score must be at least {rules.gate.threshold:g}, got {score:.4f}"
    return [Fault("gate", problem, "choose another candidate, order or seed, or cast")]
