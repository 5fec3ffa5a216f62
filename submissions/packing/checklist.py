"""What a contest asks of an entry, ticked off for a run as it stands; nothing is written into the run."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kit.errors import BundleError
from kit.experiment.identity import is_embedded
from kit.experiment.run import Run
from kit.files.encodings import zip_pieces
from kit.images.decode import open_picture
from kit.messages import in_english, tr
from submissions.bundle.manifest import panel_file
from submissions.contest.rules import load_rules
from submissions.faults import Fault, Remedy
from submissions.packing.build import build
from submissions.packing.checklist_lines import LookedAt, Tick, Topic, lines_of, missing
from submissions.packing.entry import USUAL_ORDER, Entry, draft_faults, fitting_rules, seeds_of
from submissions.packing.entry_plan import EntryPlan, open_choices, undecided_words
from submissions.packing.pack import bundle_faults, refuse_to_replace
from submissions.packing.preflight import check_entry, check_evidence
from submissions.packing.run_evidence import Evidence, gather
from submissions.verification.likeness_checks import picture_faults


def checklist(run: Run, plan: EntryPlan) -> tuple[Tick, ...]:
    """Return what the contest asks of an entry, in that order, and what of it holds."""
    return tuple(_items(run, plan))


def _items(run: Run, plan: EntryPlan) -> Iterator[Tick]:
    if drafts := draft_faults(run, (plan.candidate, plan.order, plan.story)):
        yield from (missing(fault, "pictures") for fault in drafts)
        return
    rules = load_rules(plan.rules) if plan.rules else fitting_rules(run)
    words, introduction = undecided_words(plan, rules)
    candidate, story, still_open = open_choices(run, plan)
    entry = Entry(
        candidate=candidate,
        order=plan.order or USUAL_ORDER,
        story=story,
        seeds=() if still_open else seeds_of(run, (candidate, plan.order or USUAL_ORDER, story), plan.seed),
        rules=rules,
        team=plan.team,
        title=plan.title,
        introduction=introduction,
        out=plan.out or run.folder / "entry.zip",
        link=plan.link,
    )
    known = {fault.place for fault in words}
    said = (fault for fault in check_entry(entry) if fault.place not in known)
    faults = [*words, *map(_asking, said)]
    evidence: Evidence | None = None
    if not still_open:
        evidence, gaps = gather(run, entry)
        faults += [*gaps, *_seen_faults(run, evidence, entry)]
    if evidence is None:
        told = [*still_open, *faults]
        yield from (missing(fault, _topic_of(fault)) for fault in told)
        yield Tick("later", tr("everything else: it is looked at once the set of panels is named"), "bundle")
        return
    if not faults:
        faults += _bundle_faults(run, plan, entry, evidence)
    yield from lines_of(LookedAt(run, plan, entry, evidence, _by_topic(faults)))


def _seen_faults(run: Run, evidence: Evidence | None, entry: Entry) -> Iterator[Fault]:
    """Yield what speaks against what the run holds; copies where all eight panels are there."""
    if evidence is None:
        return
    faults = list(check_evidence(run, evidence, entry))
    yield from faults
    embedded = evidence.identity is not None and is_embedded(evidence.identity.base)
    if embedded and not entry.rules.practice:
        mend = tr("draw it with Kolors, or look at it with --rules practice")
        told = tr("the pictures are the embedded base's, which is for practice")
        yield Fault("contest", told, mend, Remedy("choose", rules="practice"))
    if not any(in_english(fault.place).startswith("panels/") for fault in faults):
        pictures = {
            panel_file(panel): open_picture(png, ("PNG",)).convert("RGB")
            for panel, png in sorted(evidence.pngs.items())
        }
        several = len(run.loaded.experiment.seeds) > 1
        casting = Remedy("cast", candidate=entry.candidate, order=entry.order, story=entry.story)
        yield from (
            fault._replace(
                place=tr("copies, {place}", place=fault.place), remedy=casting if several else None
            )
            for fault in picture_faults(pictures)
        )


def _bundle_faults(run: Run, plan: EntryPlan, entry: Entry, evidence: Evidence) -> Iterator[Fault]:
    """Yield what would be refused of the bundle itself; it is made aside and thrown away."""
    if plan.out is not None:
        try:
            refuse_to_replace(plan.out, run, entry)
        except BundleError as error:
            yield Fault("bundle", str(error))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "entry.zip"
        _, files = build(evidence, entry)
        with path.open("wb") as file:
            file.writelines(zip_pieces(files))
        yield from (
            fault._replace(place=tr("bundle, {place}", place=fault.place))
            for fault in bundle_faults(path, entry.rules)
        )


def _asking(fault: Fault) -> Fault:
    """Return a fault of an entry's words, with the decision that is asked for anew."""
    asked = in_english(fault.place).partition(",")[0]
    if asked not in ("team", "title", "introduction", "link"):
        return fault
    return fault._replace(remedy=Remedy("answer", decision=asked))


_PLACES: Mapping[str, Topic] = {
    "contest": "contest", "rules": "contest", "candidate": "set", "order": "set", "story": "set",
    "seed": "set", "run.json": "pictures",
    "panels": "pictures", "copies": "copies", "scores": "scores", "gate": "gate", "lora": "lora",
    "introduction": "introduction", "team": "team", "title": "title", "link": "post",
}  # fmt: skip
"""What a fault is about, by how its place begins."""


def _by_topic(faults: Sequence[Fault]) -> dict[Topic, list[Fault]]:
    sorted_out: dict[Topic, list[Fault]] = {}
    for fault in faults:
        sorted_out.setdefault(_topic_of(fault), []).append(fault)
    return sorted_out


def _topic_of(fault: Fault) -> Topic:
    place = in_english(fault.place)
    if ", line " in place and not place.startswith("bundle"):
        return "secrets"
    return next((topic for start, topic in _PLACES.items() if place.startswith(start)), "bundle")
