"""Checks of what a bundle says of its making: names, base, versions, prompts and seeds of a run."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, JsonValue, StringConstraints, ValidationError

from kit.embedded import EMBEDDED
from kit.experiment.config import faults_of_names
from kit.experiment.drawing.draw_settings import OF_KOLORS
from kit.experiment.fields import Order, PlainName, seed_and_panel
from kit.experiment.identity import embedded_sha256, is_embedded
from kit.files.documents import plain_sentence
from kit.files.encodings import canonical_json
from kit.images.lettering import BUILT_IN, FACES, NUMBERS_ONLY
from kit.messages import joined, tr
from kit.models.bases.pipeline_class import PipelineName
from kit.story.prompt import COMMAS
from kit.versions import installed_version
from submissions.bundle.manifest import (
    EMBEDDED_NOTICE,
    MANIFEST,
    AnchorRecord,
    LoraRecord,
    Manifest,
    PanelRecord,
    Sha256,
    drawn_after,
)
from submissions.faults import Fault
from submissions.untrusted.lora_reader import noted_trigger

_VERSION = re.compile(r"(\d{1,6}(?:\.\d{1,6}){0,5})[A-Za-z0-9.+_-]{0,40}")
NOT_INSTALLED = "not installed"
"""What pack writes where storykit runs from its source."""
_FEWEST_PROMPTS = 4
"""Different prompts among eight: with fewer, most panels repeat others and tell no story."""
_MOST_OTHERS = 100
"""Machines that drew beside one."""
_LONGEST_TRIGGER = 200
"""Characters; trigger words are a few."""


def _version(text: str) -> str:
    if not _VERSION.fullmatch(text):
        raise ValueError(tr("must be a version such as 2.12.1, got {got!r}", got=text[:40]))
    return text


def _line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError(tr("must be one line of text, got {got!r}", got=text[:40]))
    return text


def _story(name: str) -> str:
    if faults_of_names([name]):
        raise ValueError(tr("must hold letters, digits, space, dot, dash or _, got {got!r}", got=name[:40]))
    return name


def _with_torch(versions: "Mapping[str, str | None]") -> "Mapping[str, str | None]":
    if not versions.get("torch"):
        raise ValueError(tr("must say the version of torch"))
    return versions


def _scheduled(base: "_BaseClaim") -> "_BaseClaim":
    if len(canonical_json(base.scheduler)) > 2000:
        raise ValueError(tr("scheduler must have at most 2000 characters"))
    return base


Version = Annotated[str, AfterValidator(_version)]
ShortName = Annotated[str, StringConstraints(max_length=100)]
File = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$")]
Package = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,60}$")]
Versions = Annotated[Mapping[Package, Version | None], Field(max_length=30), AfterValidator(_with_torch)]


class _BaseClaim(BaseModel, extra="forbid"):
    """What a painter says of its base."""

    name: Annotated[ShortName, AfterValidator(_line)]
    sha256: Annotated[Mapping[File, Sha256], Field(min_length=1, max_length=64)]
    scheduler: JsonValue
    dtype: Literal["float16", "bfloat16", "float32"] | None = None
    pipeline: PipelineName | None = None


class _MachineClaim(BaseModel, extra="forbid"):
    """Where and with what pictures were drawn."""

    device: Annotated[ShortName, AfterValidator(_line)]
    processor: Annotated[ShortName, AfterValidator(_line)] | None = None
    versions: Versions
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40,64}$")] | None = None


class _DrawnWithClaim(_MachineClaim):
    """Where and with what a run was drawn, and who else drew."""

    others: Annotated[tuple[_MachineClaim, ...], Field(max_length=_MOST_OTHERS)] = ()


class _OriginClaim(BaseModel):
    """The parts of a manifest that only a run gives."""

    storykit: Annotated[str, AfterValidator(lambda text: text if text == NOT_INSTALLED else _version(text))]
    candidate: Annotated[PlainName, StringConstraints(max_length=100)]
    order: Order
    story: Annotated[ShortName, AfterValidator(_story)]
    base: Annotated[_BaseClaim, AfterValidator(_scheduled)]
    drawn_with: _DrawnWithClaim
    mosaic: Annotated[str, AfterValidator(lambda text: _lettering(text))]


def _lettering(note: str) -> str:
    if note not in (*FACES, BUILT_IN, NUMBERS_ONLY):
        raise ValueError(tr("must be a font that storykit letters with, got {got!r}", got=note[:40]))
    return note


def origin_faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield what of a manifest no run can have."""
    told = {name: getattr(manifest, name) for name in _OriginClaim.model_fields}
    try:
        _OriginClaim.model_validate(told)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            place = ".".join(map(str, problem["loc"]))[:100]
            yield Fault(f"{MANIFEST}, {place}", plain_sentence(problem), tr("pack again from the run"))
    yield from _age_faults(manifest.storykit)
    yield from _base_faults(manifest)
    yield from _prompt_faults(manifest)
    yield from _batch_faults(manifest)


def _age_faults(version: str) -> Iterator[Fault]:
    """Yield whether a bundle says that a later storykit than this one packed it."""
    here = installed_version("storykit")
    if here and _release(version) > _release(here):
        problem = tr(
            "says that storykit {version} packed it, this is {here}", version=version[:40], here=here
        )
        yield Fault(f"{MANIFEST}, storykit", problem, tr("bring storykit up to date"))


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version; none of what is no version."""
    found = _VERSION.fullmatch(version)
    return tuple(map(int, found.group(1).split("."))) if found else ()


def _base_faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield where what is said of the base contradicts itself."""
    base, place = manifest.base, f"{MANIFEST}, base"
    if (manifest.notice == EMBEDDED_NOTICE) != is_embedded(base):
        problem = tr("must say that the base is the embedded one exactly when it is")
        yield Fault(f"{MANIFEST}, notice", problem, tr("pack again from the run"))
    if base.get("name") == EMBEDDED and base.get("sha256") != embedded_sha256():
        problem = tr(
            "is called {name} and has other weights than the embedded base of this storykit",
            name=EMBEDDED,
        )
        yield Fault(place, problem, tr("draw and pack again with this storykit"))
    how = manifest.settings
    if not manifest.pipeline and (
        unlike := [name for name, usual in OF_KOLORS.items() if getattr(how, name) != usual]
    ):
        problem = tr("has {names}, which no run of this base has", names=joined(unlike, tr(", ")))
        yield Fault(f"{MANIFEST}, settings", problem, tr("pack again from the run"))
    if base.get("name") == "kolors" and manifest.pipeline:
        problem = tr("is called kolors, and a pipeline of diffusers drew it")
        yield Fault(place, problem, tr("pack again from the run"))
    if manifest.settings.scheduler != base.get("scheduler"):
        yield Fault(
            f"{MANIFEST}, settings.scheduler",
            tr("must be the base's own"),
            tr("pack again from the run"),
        )


def _prompt_faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield what is wrong among the prompts, the negative prompts and the seeds of a story."""
    panels, place = manifest.panels, f"{MANIFEST}, panels"
    if len({panel.negative for panel in panels}) > 1:
        yield Fault(
            place, tr("must have one negative prompt, a story has one"), tr("pack again from the run")
        )
    for one, other in combinations(panels, 2):
        shapes = ("prompt", "seed", "control", "chain")
        alike = all(getattr(one, shape) == getattr(other, shape) for shape in shapes)
        if alike and drawn_after(one) == drawn_after(other):
            problem = tr(
                "{panel} and {other} have one prompt and one seed, which give one picture",
                panel=one.panel,
                other=other.panel,
            )
            yield Fault(place, problem, tr("give one of them another prompt, or cast another seed"))
    said = Counter(re.sub(r"\W|_", "", panel.prompt).casefold() for panel in panels)
    fewest = min(_FEWEST_PROMPTS, len(panels))
    if len(said) < fewest:
        problem = tr(
            "must have at least {least} different prompts, got {got}",
            least=fewest,
            got=len(said),
        )
        yield Fault(place, problem, tr("write what each panel shows, draw and pack again"))
    yield from _anchor_faults(manifest)
    if manifest.lora and manifest.lora.trigger:
        yield from _trigger_faults(manifest, manifest.lora.trigger)
    elif manifest.lora and (words := _silent_trigger(manifest, manifest.lora)):
        problem = tr(
            "is empty, and every prompt begins with the file's own trigger words {words!r}", words=words[:60]
        )
        mend = tr("move them from the story to `trigger` below the candidate, and pack again")
        yield Fault(f"{MANIFEST}, lora.trigger", problem, mend)


def _anchor_faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield which panels say that they were drawn to match what is no panel of the story."""
    said = {panel.prompt for panel in manifest.panels}
    for panel in manifest.panels:
        place = tr("{file}, panel {panel}", file=MANIFEST, panel=panel.panel)
        if bool(panel.anchors) != bool(panel.consistency):
            yield Fault(place, tr("must have both anchors and a consistency above 0, or neither"))
        if any(words not in panel.prompt for words in panel.bystanders) or (
            panel.bystanders and not panel.anchors
        ):
            problem = tr("must name bystanders by words that its prompt has, and only beside anchors")
            yield Fault(place, problem, tr("pack again from the run"))
        for anchor in panel.anchors:
            known = _is_portrait(anchor, panel) if anchor.picture else anchor.prompt in said
            if not known or anchor.subject not in anchor.prompt:
                problem = tr("must be matched to a panel of the story, for words that its prompt has")
                yield Fault(place, problem, tr("pack again from the run"))
        wrong = (one.subject not in panel.prompt or one.start >= one.until for one in panel.image_prompts)
        if any(wrong) or (panel.image_prompts and manifest.pipeline):
            problem = tr("must read pictures of whom its prompt names, in some of its steps")
            yield Fault(place, problem, tr("pack again from the run"))


def _is_portrait(anchor: AnchorRecord, panel: PanelRecord) -> bool:
    """Return whether a picture is told as one of a figure alone: the trigger, then words of the panel's."""
    trigger = anchor.prompt.removesuffix(anchor.subject)
    known = bool(anchor.subject) and trigger != anchor.prompt
    return known and panel.prompt.startswith(trigger) and anchor.subject in panel.prompt


def _trigger_faults(manifest: Manifest, trigger: str) -> Iterator[Fault]:
    """Yield whether the trigger is not what stands in front of every prompt."""
    place = f"{MANIFEST}, lora.trigger"
    if len(trigger) > _LONGEST_TRIGGER or not trigger.isprintable():
        yield Fault(
            place,
            tr("must be one line of at most {most} characters", most=_LONGEST_TRIGGER),
        )
    behind = [f"{trigger}{comma}" for comma in COMMAS.values()]
    fits = [mark for mark in behind if all(panel.prompt.startswith(mark) for panel in manifest.panels)]
    if not any(all(panel.prompt[len(mark) :].strip() for panel in manifest.panels) for mark in fits):
        yield Fault(
            place, tr("must stand in front of every prompt, a comma and the panel's own words behind it")
        )


def _silent_trigger(manifest: Manifest, lora: LoraRecord) -> str:
    """Return the trigger words of the LoRA's notes that stand in front of every prompt; empty if none do."""
    noted = noted_trigger(lora.notes)
    behind = [f"{noted}{comma}" for comma in COMMAS.values()]
    fits = any(all(panel.prompt.startswith(mark) for panel in manifest.panels) for mark in behind)
    return noted if noted and fits else ""


def _batch_faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield whether the batches are not those that the panels were drawn in."""
    panels = {(panel.seed, panel.prompt) for panel in manifest.panels}
    batches = [set(batch.pictures) for batch in manifest.batches]
    held = panels <= set().union(*batches) and not any(panels.isdisjoint(batch) for batch in batches)
    if batches and not held:
        problem = tr("must have each panel in one of the batches and a panel in each batch")
        yield Fault(f"{MANIFEST}, batches", problem)
    if any(batch.noise_per_panel for batch in manifest.batches):
        for panel in manifest.panels:
            if seed_and_panel(panel.seed)[1] != panel.panel:
                problem = tr(
                    "must end in the panel's number, each panel has its own noise, got {seed}",
                    seed=panel.seed,
                )
                yield Fault(
                    tr("{file}, panel {panel}, seed", file=MANIFEST, panel=panel.panel),
                    problem,
                    tr("pack again from the run"),
                )
