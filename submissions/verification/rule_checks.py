"""Checks of an entry against its contest's rules."""

from collections.abc import Iterator, Mapping

from kit.embedded import EMBEDDED
from submissions.bundle.manifest import MANIFEST, Manifest
from submissions.bundle.texts import texts_of
from submissions.contest.rules import BaseRule, Rules, load_rules, shipped_rules
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
    yield from _base_faults(manifest, rules.base)
    yield from _recorded_gate_faults(manifest, rules)
    problem = "is not the text that follows from the manifest and the contest's rules"
    for name, data in texts_of(manifest, rules).items():
        if name in files and files[name] != data:
            yield Fault(name, problem, "pack again")


def _recorded_gate_faults(manifest: Manifest, rules: Rules) -> Iterator[Fault]:
    """Yield whether the recorded score does not let the bundle through."""
    gate, again = manifest.gate, "score and pack again"
    yield from gate_faults(rules, gate.score)
    if gate.embedded and not rules.gate.embedded and not manifest.notice:
        problem = f"the contest scores with {rules.gate.scorer}, the bundle with {gate.scorer}"
        yield Fault("gate", problem, "set [score] aesthetic, score and pack again")
    elif gate.scorer != (scorer := scorer_of(rules, gate.embedded) or gate.scorer):
        yield Fault("gate", f"the scorer must be {scorer}, got {gate.scorer[:100]!r}", again)
    if gate.threshold not in _thresholds(rules):
        problem = f"the threshold is {rules.gate.threshold:g}, the bundle says {gate.threshold:g}"
        yield Fault("gate", problem, again)


def _thresholds(rules: Rules) -> set[float]:
    """Return what a bundle may say of the threshold: an organiser may move it once entries are packed."""
    known = {load_rules(rules.name).gate.threshold} if rules.name in shipped_rules() else set()
    return known | {rules.gate.threshold}


def scorer_of(rules: Rules, embedded: bool) -> str:
    """Return what a bundle calls the head that scored it: the embedded one, or the contest's.

    Empty where a contest names the embedded one: then any other may score as well.
    """
    return EMBEDDED if embedded else rules.gate.scorer.removeprefix(EMBEDDED)


def _base_faults(manifest: Manifest, rule: BaseRule | None) -> Iterator[Fault]:
    """Yield whether a bundle was drawn with another base than the contest's, the embedded one apart."""
    if rule is None or manifest.notice:
        return
    base: Mapping[str, object] = manifest.base
    place, mend = f"{MANIFEST}, base", f"draw it with {rule.name}"
    if base.get("name") != rule.name:
        yield Fault(place, f"must be {rule.name}, got {str(base.get('name'))[:60]!r}", mend)
        return
    sums = base.get("sha256")
    for file, said in sums.items() if isinstance(sums, Mapping) else ():
        if said not in rule.sha256.get(file, (said,)):
            yield Fault(place, f"has another {file} than the contest's {rule.name}", mend)


MAX_LINE = 60
"""Characters of a team's or entry's name."""
MAX_LINK = 300
MAX_INTRODUCTION = 10_000
"""Characters: some ten pages."""
_LETTERS = 8
"""Different letters or signs that the shortest introduction needs; the 20 of a sentence have more."""


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
    elif len(text) > MAX_INTRODUCTION:
        problem = f"must have at most {MAX_INTRODUCTION} characters, got {len(text)}"
        yield Fault("introduction", problem, "say the rest on the model page")
    elif len({letter for letter in text.casefold() if letter.isalnum()}) < min(_LETTERS, rule.minimum):
        yield Fault("introduction", f"must say something, it repeats fewer than {_LETTERS} letters", mend)


def gate_faults(rules: Rules, score: float) -> list[Fault]:
    """Return the fault of a score below the gate, if it is below."""
    if score >= rules.gate.threshold:
        return []
    problem = f"mean aesthetic score must be at least {rules.gate.threshold:g}, got {score:.4f}"
    return [Fault("gate", problem, "pack other pictures of the run, or draw more")]
