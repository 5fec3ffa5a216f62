"""Checks of an entry against its contest's rules."""

from collections.abc import Iterator, Mapping, Sequence

from kit.embedded import EMBEDDED
from kit.experiment.steps import Step
from kit.messages import Message, against_threshold, joined, mark, tr
from submissions.bundle.manifest import MANIFEST, Manifest
from submissions.bundle.texts import texts_of
from submissions.contest.rules import BaseRule, Rules, load_rules, shipped_rules
from submissions.faults import Fault


def rule_faults(files: Mapping[str, bytes], manifest: Manifest, rules: Rules) -> Iterator[Fault]:
    """Yield which rules of a contest a bundle breaks."""
    yield from words_faults(rules, manifest.team, manifest.title, manifest.introduction, manifest.link)
    for name in rules.files.required:
        if name not in files:
            yield Fault(name, tr("is missing, the contest asks for it"))
    if len(manifest.panels) != rules.panels.count:
        yield Fault(
            MANIFEST,
            tr(
                "must have {count} panels, got {got}",
                count=rules.panels.count,
                got=len(manifest.panels),
            ),
        )
    name = rules.name_of(manifest.team, manifest.title)
    if manifest.name != name:
        yield Fault(
            f"{MANIFEST}, name",
            tr("must be {name!r}, got {got!r}", name=name, got=manifest.name),
        )
    if rules.lora.required and manifest.lora is None:
        yield Fault("lora", tr("is missing, the contest asks for one"))
    yield from _finishing_faults(manifest, rules)
    yield from _base_faults(manifest, rules.base)
    yield from _recorded_gate_faults(manifest, rules)
    problem = tr("is not the text that follows from the manifest and the contest's rules")
    for name, data in texts_of(manifest, rules).items():
        if name in files and files[name] != data:
            yield Fault(name, problem, tr("pack again"))


def _finishing_faults(manifest: Manifest, rules: Rules) -> Iterator[Fault]:
    """Yield whether panels were made larger or cleaner though the contest does not allow it."""
    if panels := finished_panels(rules, {panel.panel: panel.chain for panel in manifest.panels}):
        yield Fault("panels", finished_told(rules, panels), tr("pack the pictures as they were drawn"))


def finished_panels(rules: Rules, chains: Mapping[int, Sequence[Step]]) -> list[int]:
    """Return the panels, 1 to 8, that were made larger or cleaner though a contest does not allow it."""
    if rules.steps is None or rules.steps.finish:
        return []
    return [panel for panel, chain in sorted(chains.items()) if any(step.finishes for step in chain)]


def finished_told(rules: Rules, panels: Sequence[int]) -> Message:
    """Return what is wrong with panels that were made larger or cleaner."""
    told = {"panels": joined(map(str, panels), tr(", ")), "contest": rules.title}
    return tr(
        "{panels} were made larger or cleaner after they were drawn, which {contest} does not allow", **told
    )


def _recorded_gate_faults(manifest: Manifest, rules: Rules) -> Iterator[Fault]:
    """Yield whether the recorded score does not let the bundle through."""
    gate, again = manifest.gate, tr("score and pack again")
    yield from gate_faults(rules, gate.score)
    if gate.embedded and not rules.gate.embedded and not manifest.notice:
        problem = tr(
            "the contest scores with {scorer}, the bundle with {got}",
            scorer=rules.gate.scorer,
            got=gate.scorer,
        )
        yield Fault("gate", problem, tr("set [score] aesthetic, score and pack again"))
    elif gate.scorer != (scorer := scorer_of(rules, gate.embedded) or gate.scorer):
        yield Fault(
            "gate",
            tr("the scorer must be {scorer}, got {got!r}", scorer=scorer, got=gate.scorer[:100]),
            again,
        )
    if gate.threshold not in _thresholds(rules):
        problem = tr(
            "the threshold is {threshold:g}, the bundle says {got:g}",
            threshold=rules.gate.threshold,
            got=gate.threshold,
        )
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
    place, mend = f"{MANIFEST}, base", tr("draw it with {base}", base=rule.name)
    if base.get("name") != rule.name:
        yield Fault(
            place, tr("must be {name}, got {got!r}", name=rule.name, got=str(base.get("name"))[:60]), mend
        )
        return
    sums = base.get("sha256")
    for file, said in sums.items() if isinstance(sums, Mapping) else ():
        if said not in rule.sha256.get(file, (said,)):
            yield Fault(
                place, tr("has another {file} than the contest's {base}", file=file, base=rule.name), mend
            )


_GIVE = {"team": mark("give the team"), "title": mark("give the title")}
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
        mend = tr("give the address of the model page")
        yield Fault("link", tr("must be an https:// address, got {got!r}", got=link), mend)


def _is_link(text: str) -> bool:
    """Return whether a text is one web address."""
    return text.startswith("https://") and text.isprintable() and " " not in text and len(text) <= MAX_LINK


def _line_faults(place: str, text: str, rules: Rules) -> Iterator[Fault]:
    """Yield what is wrong with a name that goes into the LoRA's name."""
    if not text.strip():
        yield Fault(place, tr("is empty"), tr(_GIVE[place]))
    elif text != text.strip() or not text.isprintable() or len(text) > MAX_LINE:
        problem = tr(
            "must be one line of at most {most} characters, no spaces around it, got {got!r}",
            most=MAX_LINE,
            got=text[:MAX_LINE],
        )
        yield Fault(place, problem)
    elif text in rules.display_name.placeholders:
        problem = tr(
            "is still the placeholder {got!r} of {pattern!r}", got=text, pattern=rules.display_name.pattern
        )
        yield Fault(place, problem, tr(_GIVE[place]))


def _introduction_faults(rules: Rules, text: str) -> Iterator[Fault]:
    """Yield what is wrong with an introduction, the first thing alone."""
    rule, mend = rules.introduction, tr("say what the LoRA draws, what it was trained on, how to use it")
    left = [word for word in rule.placeholders if word.casefold() in text.casefold()]
    if not text.strip():
        yield Fault("introduction", tr("is empty"), mend)
    elif left:
        yield Fault(
            "introduction",
            tr("still holds the placeholder {placeholder!r}, which counts as none", placeholder=left[0]),
            mend,
        )
    elif len(text.strip()) < rule.minimum:
        problem = tr(
            "must have at least {least} characters, got {got}",
            least=rule.minimum,
            got=len(text.strip()),
        )
        yield Fault("introduction", problem, mend)
    elif len(text) > MAX_INTRODUCTION:
        problem = tr(
            "must have at most {most} characters, got {got}",
            most=MAX_INTRODUCTION,
            got=len(text),
        )
        yield Fault("introduction", problem, tr("say the rest on the model page"))
    elif len({letter for letter in text.casefold() if letter.isalnum()}) < min(_LETTERS, rule.minimum):
        yield Fault(
            "introduction",
            tr("must say something, it repeats fewer than {least} letters", least=_LETTERS),
            mend,
        )


def gate_faults(rules: Rules, score: float) -> list[Fault]:
    """Return the fault of a score below the gate, if it is below."""
    if score >= rules.gate.threshold:
        return []
    problem = tr(
        "mean aesthetic score must be at least {threshold:g}, got {score:s}",
        threshold=rules.gate.threshold,
        score=against_threshold(score, rules.gate.threshold, 4),
    )
    return [Fault("gate", problem, tr("pack other pictures of the run, or draw more"))]
