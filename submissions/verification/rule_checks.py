"""Checks of an entry against its contest's rules."""

from collections.abc import Mapping
from dataclasses import dataclass

from submissions.bundle.manifest import MANIFEST, Manifest
from submissions.bundle.texts import texts_of
from submissions.contest.rules import Rules
from submissions.faults import Fault


def rule_faults(files: Mapping[str, bytes], manifest: Manifest, rules: Rules) -> list[Fault]:
    """Return which rules of a contest a bundle breaks."""
    saying = EntryTexts(
        team=manifest.team, title=manifest.title, introduction=manifest.introduction, link=manifest.link
    )
    faults = [
        *words_faults(rules, saying),
        *(
            Fault(place=name, problem="is missing, the contest asks for it")
            for name in rules.files.required
            if name not in files
        ),
    ]
    if len(manifest.panels) != rules.panels.count:
        problem = f"must have {rules.panels.count} panels, got {len(manifest.panels)}"
        faults.append(Fault(place=MANIFEST, problem=problem))
    name = rules.name_of(manifest.team, manifest.title)
    if manifest.name != name:
        faults.append(Fault(place=f"{MANIFEST}, name", problem=f"must be {name!r}, got {manifest.name!r}"))
    if rules.lora.required and manifest.lora is None:
        faults.append(Fault(place="lora", problem="is missing, the contest asks for one"))
    return faults + _gate_faults(manifest, rules) + _text_faults(files, manifest, rules)


def _gate_faults(manifest: Manifest, rules: Rules) -> list[Fault]:
    """Return whether the recorded score lets the bundle through."""
    faults: list[Fault] = []
    if manifest.gate.embedded and not rules.gate.embedded and not manifest.notice:
        problem = f"the contest scores with {rules.gate.scorer}, the bundle with {manifest.gate.scorer}"
        faults.append(
            Fault(place="gate", problem=problem, mend="set [score] aesthetic, score and pack again")
        )
    return faults + gate_faults(rules, manifest.gate.score)


def _text_faults(files: Mapping[str, bytes], manifest: Manifest, rules: Rules) -> list[Fault]:
    """Return which texts are others than those that the manifest and the rules give."""
    problem = "is not the text that follows from the manifest and the contest's rules"
    return [
        Fault(place=name, problem=problem, mend="pack again")
        for name, data in texts_of(manifest, rules).items()
        if name in files and files[name] != data
    ]


MAX_LINE = 60
"""Characters of a team's or entry's name."""
MAX_LINK = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryTexts:
    """The words of an entry that the rules speak about."""

    team: str
    title: str
    introduction: str
    link: str


def words_faults(rules: Rules, saying: EntryTexts) -> list[Fault]:
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


def gate_faults(rules: Rules, score: float) -> list[Fault]:
    """Return the fault of a score below the gate, if it is below."""
    if score >= rules.gate.threshold:
        return []
    problem = f"mean aesthetic score must be at least {rules.gate.threshold:g}, got {score:.4f}"
    return [Fault(place="gate", problem=problem, mend="choose another candidate, order or seed, or cast")]
