"""The lines of a contest's checklist: of each thing asked for whether it is there, and what to do."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from kit.experiment.identity import is_embedded
from kit.experiment.run import Run
from kit.files.user_paths import shell_word
from kit.messages import against_threshold, mark, tr
from submissions.bundle.texts import NO_LINK
from submissions.faults import Fault, Remedy
from submissions.packing.entry import Entry
from submissions.packing.entry_plan import EntryPlan
from submissions.packing.preflight import mean_score, panel_scores
from submissions.packing.run_evidence import Evidence

State = Literal["ok", "missing", "later"]
Topic = Literal[
    "contest", "set", "pictures", "copies", "scores", "gate", "lora", "compare",
    "introduction", "team", "title", "secrets", "post", "licence", "bundle",
]  # fmt: skip


class Tick(NamedTuple):
    """One line of a checklist."""

    state: State
    """Packing refuses what is missing; what comes later the contest asks for, and packing lets pass."""
    told: str
    """What holds, or what to do."""
    topic: Topic
    """What it is about."""
    remedy: Remedy | None = None
    """What does it with one of our own commands or a decision; None where neither does."""
    problem: str = ""
    """What is missing, without what to type about it; empty where nothing is."""


def missing(fault: Fault, topic: Topic) -> Tick:
    """Return the line about a fault."""
    return Tick("missing", str(fault), topic, fault.remedy, str(fault._replace(mend="")))


class Held(NamedTuple):
    """What is to be said of a topic that nothing speaks against."""

    state: State
    told: str
    remedy: Remedy | None = None


class LookedAt(NamedTuple):
    """What was looked at, with what speaks against it."""

    run: Run
    plan: EntryPlan
    entry: Entry
    evidence: Evidence
    faults: Mapping[Topic, Sequence[Fault]]


def lines_of(looked: LookedAt) -> Iterator[Tick]:
    """Yield what is missing of each topic, and of the others what is there or comes later."""
    for topic, holding in _HOLDS.items():
        if wrong := looked.faults.get(topic):
            yield from (missing(fault, topic) for fault in wrong)
        elif held := holding(looked):
            yield Tick(held.state, held.told, topic, held.remedy)


def _contest(looked: LookedAt) -> Held | None:
    name, identity = looked.entry.rules.name, looked.evidence.identity
    if identity is None:
        return None
    if is_embedded(identity.base):
        template = mark(
            "contest: {name}; the embedded base is for practice, a contest on Kolors asks for Kolors"
        )
        return Held("later", tr(template, name=name))
    return Held("ok", tr("contest: {name}, drawn with {base}", name=name, base=identity.base.get("name", "")))


def _set(looked: LookedAt) -> Held:
    entry, experiment = looked.entry, looked.run.loaded.experiment
    seeds = experiment.seeds
    told = {"candidate": entry.candidate, "story": entry.story, "seed": entry.seeds[0]}
    if not entry.of_one_seed(experiment):
        shown = entry.seeds_said
        return Held("ok", tr("set: {candidate}, {story}, cast from the seeds {seeds}", **told, seeds=shown))
    if len(seeds) == 1 or looked.plan.seed is not None:
        return Held("ok", tr("set: {candidate}, {story}, seed {seed}", **told))
    command = f"`storykit cast {shell_word(looked.run.folder)} --candidate {entry.candidate}`"
    template = mark(
        "set: {candidate}, {story}, seed {seed} is only the first of {n}: {command} chooses, or --seed"
    )
    casting = Remedy("cast", candidate=entry.candidate, order=entry.order, story=entry.story)
    return Held("later", tr(template, **told, n=len(seeds), command=command), casting)


def _pictures(looked: LookedAt) -> Held:
    return Held("ok", tr("pictures: all {n} are as they were drawn", n=len(looked.evidence.pngs)))


def _copies(looked: LookedAt) -> Held | None:
    if looked.faults.get("pictures"):
        return Held("later", tr("copies: they are looked for once all panels are there"))
    return Held("ok", tr("copies: no picture shows what another shows, none is blank"))


def _scores(looked: LookedAt) -> Held | None:
    if looked.evidence.scores is None:
        return None
    head = looked.evidence.scores.stamp("aesthetic")
    if head.embedded:
        return Held("ok", tr("scores: by the embedded predictor, which knows only the drawn world"))
    return Held("ok", tr("scores: the predictor is {head}", head=head.weights))


def _gate(looked: LookedAt) -> Held | None:
    scores, rule = looked.evidence.scores, looked.entry.rules.gate
    if scores is None or looked.faults.get("scores"):
        return Held("later", tr("gate: it is asked once the panels are scored"))
    mean = mean_score(panel_scores(scores, looked.entry))
    told = against_threshold(mean, rule.threshold, 2)
    return Held("ok", tr("gate: {mean:s}, at least {least:g} is asked for", mean=told, least=rule.threshold))


def _lora(looked: LookedAt) -> Held | None:
    lora = looked.evidence.lora
    if lora is None:
        told_so = tr("LoRA: {name} has none, the contest itself asks for one", name=looked.entry.candidate)
        others = tuple(one.name for one in looked.run.loaded.experiment.candidates if one.lora)
        choice = Remedy("answer", decision="candidate", known=others) if others else None
        return Held("later", told_so, choice)
    told = looked.evidence.trained_lora
    if told is None:
        return None
    template = mark("LoRA: of rank {rank}, worn at strength {strength:g}; every tensor loads")
    return Held("ok", tr(template, rank=told.rank, strength=told.strength))


_COMPARING = Remedy("compare")


def _compare(looked: LookedAt) -> Held:
    evidence = looked.evidence
    if evidence.comparison is not None:
        return Held("ok", tr("comparison: it goes into the bundle, as evidence of technique"))
    command = f"`storykit compare {shell_word(looked.run.folder)}`"
    if evidence.comparison_problem:
        left_out = tr("comparison: it is left out, it {problem}", problem=evidence.comparison_problem)
        return Held("later", left_out, _COMPARING)
    none = tr("comparison: there is none to show technique with: {command}", command=command)
    return Held("later", none, _COMPARING)


def _introduction(looked: LookedAt) -> Held:
    trigger = looked.evidence.candidate.trigger
    if trigger and trigger not in looked.entry.introduction:
        told = {"candidate": looked.entry.candidate, "trigger": trigger}
        template = mark(
            "introduction: it does not name the trigger words of {candidate}, {trigger}: is it of this LoRA?"
        )
        return Held("later", tr(template, **told), Remedy("answer", decision="introduction"))
    n, least = len(looked.entry.introduction.strip()), looked.entry.rules.introduction.minimum
    return Held("ok", tr("introduction: {n} characters, at least {least} are asked for", n=n, least=least))


def _team(looked: LookedAt) -> Held:
    return Held("ok", tr("team: {team}", team=looked.entry.team))


def _title(looked: LookedAt) -> Held | None:
    if looked.faults.get("team"):
        return None
    name = looked.entry.rules.name_of(looked.entry.team, looked.entry.title)
    return Held("ok", tr("title: the LoRA is published as {name}", name=name))


def _secrets(looked: LookedAt) -> Held:
    return Held("ok", tr("secrets: no token, address or path in words, prompts and pictures"))


def _post(looked: LookedAt) -> Held | None:
    entry = looked.entry
    if looked.faults.get("team"):
        return None
    title = entry.rules.post_title(entry.team, entry.link or NO_LINK)
    if entry.link:
        return Held("ok", tr("post: {title}", title=title))
    template = mark(
        "post: {title}; add --link https://modelscope.cn/models/OWNER/NAME, "
        "where `storykit publish ENTRY.zip --to OWNER/NAME` puts it"
    )
    return Held("later", tr(template, title=title), Remedy("answer", decision="link"))


def _licence(looked: LookedAt) -> Held | None:
    if looked.entry.rules.practice:
        return None
    identity = looked.evidence.identity
    if identity is not None and "pipeline" in identity.base:
        base = identity.base.get("name", "")
        return Held("later", tr("licence: look up that of {base}, and put it beside NOTICE", base=base))
    return Held("later", tr("licence: put Kolors' MODEL_LICENSE beside NOTICE on the model's page"))


def _bundle(looked: LookedAt) -> Held:
    if any(looked.faults.values()):
        return Held("later", tr("bundle: it is made on trial once nothing above is missing"))
    return Held("ok", tr("bundle: made on trial, `storykit verify` finds no faults"))


_HOLDS: Mapping[Topic, Callable[[LookedAt], Held | None]] = {
    "contest": _contest, "set": _set, "pictures": _pictures, "copies": _copies, "scores": _scores,
    "gate": _gate, "lora": _lora, "compare": _compare, "introduction": _introduction, "team": _team,
    "title": _title, "secrets": _secrets, "post": _post, "licence": _licence, "bundle": _bundle,
}  # fmt: skip
