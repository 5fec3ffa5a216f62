"""Everything that must hold before a bundle is written; every check names all it finds."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from eval.scoring.records import PANELS_FILE, STORIES_FILE, PanelScore, Scores
from kit.embedded import EMBEDDED
from kit.experiment.extras.extra_pictures import origins_of, read_extras
from kit.experiment.identity import is_embedded
from kit.experiment.run import Run, Slot
from kit.experiment.steps import instructions_in, side_after, words_in
from kit.files.encodings import canonical_json, sha256_bytes
from kit.files.user_paths import shell_word
from kit.generation.asked_rows import Change, changes_since
from kit.generation.recipe import request_in
from kit.lora.convert import checkpoint_pieces, shared_pieces
from kit.messages import joined, mark, tr
from kit.story.story import PANELS
from submissions.bundle.manifest import panel_file
from submissions.contest.rules import Rules
from submissions.faults import Fault, Remedy
from submissions.packing.entry import Entry
from submissions.packing.gate_advice import gate_told
from submissions.packing.run_evidence import DRAW_AGAIN, DRAWING, STORY, Evidence
from submissions.untrusted.lora_reader import LoraFile, lora_faults
from submissions.untrusted.png_reader import picture_texts, read_picture, square_faults
from submissions.untrusted.secret_scan import find_leaks
from submissions.untrusted.zip_list import MAX_LORA_BYTES
from submissions.verification.rule_checks import finished_panels, finished_told, words_faults

_CLOSE = 1e-3
"""How far a written mean may be from the mean of the written scores."""
_SCORE_AGAIN = mark("run `storykit score` again")
_SCORING = Remedy("score")
_CHANGED: Mapping[Change, str] = {
    "words": mark("was not drawn from the story's prompt and negative prompt as they stand now"),
    "control": mark("was not drawn with the control that the story has now"),
    "image prompts": mark("was not drawn with the pictures of characters that the story has now"),
}


def check_entry(entry: Entry) -> Iterator[Fault]:
    """Yield what is wrong with an entry before one looks into the run."""
    yield from words_faults(entry.rules, entry.team, entry.title, entry.introduction, entry.link)
    if entry.rules.panels.count != PANELS:
        yield Fault(
            "rules",
            tr(
                "ask for {count} panels, a story has {panels}",
                count=entry.rules.panels.count,
                panels=PANELS,
            ),
        )
    for place in ("team", "title", "introduction"):
        yield from find_leaks(place, getattr(entry, place))


def check_evidence(run: Run, evidence: Evidence, entry: Entry) -> Iterator[Fault]:
    """Yield what is wrong with what the run holds for an entry."""
    yield from _picture_faults(evidence)
    yield from _prompt_faults(evidence)
    yield from _finished_faults(run, evidence, entry.rules)
    yield from _lora_faults(run, evidence, entry.rules)
    if evidence.scores is not None:
        yield from _score_faults(run, evidence, entry, evidence.scores)
    if evidence.identity is not None:
        base = canonical_json(dict(evidence.identity.base)).decode()
        yield from find_leaks("run.json", base + evidence.identity.settings.model_dump_json())


def panel_scores(scores: Scores, entry: Entry) -> list[PanelScore]:
    """Return the score rows of the entry's panels, in panel order."""
    wanted = set(enumerate(entry.seeds, 1))
    rows = [row for row in scores.panels if STORY(row) == STORY(entry) and (row.panel, row.seed) in wanted]
    return sorted(rows, key=lambda row: row.panel)


def mean_score(rows: Sequence[PanelScore]) -> float:
    """Return the mean aesthetic score of rows; NaN when one of them has none."""
    values = [math.nan if (value := row.values.get("aesthetic")) is None else value for row in rows]
    return fmean(values) if values else math.nan


def _picture_faults(evidence: Evidence) -> Iterator[Fault]:
    """Yield which pictures are not those the run recorded, or no pictures, or tell too much."""
    drawn = evidence.identity.settings.size if evidence.identity else None
    for panel, png in evidence.pngs.items():
        place = panel_file(panel)
        if sha256_bytes(png) != evidence.rows[panel].sha256:
            problem = tr("is not the picture that the run recorded, its sha256 differs")
            yield Fault(place, problem, tr(DRAW_AGAIN), DRAWING)
        picture, wrong = read_picture(place, png)
        yield from wrong
        if picture is not None:
            side = drawn and side_after(drawn, evidence.rows[panel].chain)
            yield from square_faults(place, picture, side)
            texts = picture_texts(png)
            yield from find_leaks(
                tr("{file} text", file=place), "\n".join(f"{name}\n{text}" for name, text in texts.items())
            )


def _prompt_faults(evidence: Evidence) -> Iterator[Fault]:
    """Yield which panels were not drawn from the prompt that the story gives them."""
    trigger = evidence.trained_lora.trigger if evidence.trained_lora else evidence.candidate.trigger
    candidate = evidence.candidate.model_copy(update={"trigger": trigger})
    cfg = evidence.identity.settings.cfg if evidence.identity else math.inf  # then that is the fault
    story, table = evidence.story.story, evidence.experiment.ip_adapter
    for panel, row in sorted(evidence.rows.items()):
        now = request_in(evidence.experiment, story, evidence.drawn[panel], candidate)
        for change in changes_since(row, now, story, table, cfg):
            yield Fault(panel_file(panel), tr(_CHANGED[change]), tr(DRAW_AGAIN), DRAWING)
        yield from find_leaks(
            tr("prompt of panel {panel}", panel=panel),
            "\n".join([row.prompt, row.negative, *words_in(row.chain), *instructions_in(row.chain)]),
        )


def _finished_faults(run: Run, evidence: Evidence, rules: Rules) -> Iterator[Fault]:
    """Yield which panels were made larger or cleaner though the contest does not allow it."""
    rows = evidence.rows
    if panels := finished_panels(rules, {panel: row.chain for panel, row in rows.items()}):
        made, origins = {one.slot: one for one in read_extras(run).repairs}, origins_of(run)

        def begun(slot: Slot) -> int:
            while slot in made and any(step.finishes for step in origins[slot].chain):
                slot = made[slot].origin
            return slot.seed

        keep = [f"--keep {panel}={begun(rows[panel].slot)}" for panel in panels]
        first = rows[panels[0]]
        place = [f"--{name} {shell_word(getattr(first, name))}" for name in ("candidate", "order", "story")]
        told = {"folder": shell_word(run.folder), "keep": " ".join([*place, *keep])}
        mend = tr("take the pictures of before, `storykit cast {folder} {keep}`", **told)
        yield Fault("panels", finished_told(rules, panels), mend)


def _lora_faults(run: Run, evidence: Evidence, rules: Rules) -> Iterator[Fault]:
    """Yield what is wrong with the LoRA file, or that there must be one."""
    name, lora = evidence.candidate.name, evidence.lora
    if evidence.candidate.lora is None:
        if rules.lora.required:
            problem = tr("the contest asks for a LoRA, candidate {name!r} has none", name=name)
            others = tuple(one.name for one in run.loaded.experiment.candidates if one.lora)
            choice = Remedy("answer", decision="candidate", known=others) if others else None
            yield Fault("lora", problem, tr("choose another"), choice)
        return
    drawn_with = evidence.trained_lora.lora_sha256 if evidence.trained_lora else None
    if evidence.identity and not drawn_with:
        yield Fault("run.json", tr("does not say which LoRA {name!r} was drawn with", name=name))
    if lora is None:
        return
    if drawn_with not in (None, lora.source_sha256):
        problem = tr("is not the file that the panels were drawn with, its sha256 differs")
        yield Fault("lora", problem, tr("put the file back or draw again"))
    if len(lora.data) > MAX_LORA_BYTES:
        problem = tr(
            "has {size} bytes, {most} are the most",
            size=len(lora.data),
            most=MAX_LORA_BYTES,
        )
        yield Fault("lora", problem, tr("store it in fp16 or with a lower rank"))
    yield from lora_faults("lora", lora) or _form_faults(lora)


def _form_faults(lora: LoraFile) -> Iterator[Fault]:
    """Yield why a sound LoRA cannot be written for other tools."""
    try:
        checkpoint_pieces(lora.content, of_pipeline=lora.of_pipeline)
        shared_pieces(lora.content, 1, 1.0, of_pipeline=lora.of_pipeline)
    except ValueError as error:
        yield Fault("lora", str(error))


def _score_faults(run: Run, evidence: Evidence, entry: Entry, scores: Scores) -> Iterator[Fault]:
    """Yield what the recorded scores say against the entry."""
    rows, rules, head = panel_scores(scores, entry), entry.rules, scores.stamp("aesthetic")
    mean = mean_score(rows)
    practising = evidence.identity is not None and is_embedded(evidence.identity.base)
    if head.embedded and not rules.gate.embedded and not practising:
        problem = tr(
            "the contest scores with {scorer}, the run with {got}",
            scorer=rules.gate.scorer,
            got=head.weights,
        )
        yield Fault("gate", problem, tr("set [score] aesthetic and score again"))
    elif not (head.embedded or rules.gate.scorer == EMBEDDED or _is_named(head.weights, rules.gate.scorer)):
        problem = tr(
            "the contest scores with {scorer}, the run with {got!r}",
            scorer=rules.gate.scorer,
            got=head.weights,
        )
        yield Fault(
            "gate",
            problem,
            tr("keep that predictor in a folder of its own name, run `storykit score` again"),
        )
    yield from _stale_faults(evidence, rows)
    if [row.panel for row in rows] != list(range(1, PANELS + 1)) or not math.isfinite(mean):
        problem = tr(
            "must score panels 1 to {panels} of the story once, got {rows} rows, mean {mean:.4f}",
            panels=PANELS,
            rows=len(rows),
            mean=mean,
        )
        yield Fault(PANELS_FILE, problem, tr(_SCORE_AGAIN), _SCORING)
        return
    if entry.of_one_seed(evidence.experiment):
        yield from _mean_faults(entry, scores, mean)
    yield from gate_told(run, entry, scores, mean)


def _is_named(folder: str, scorer: str) -> bool:
    """Return whether a predictor's folder has the name of a contest's scorer, or the telling half of it.

    >>> _is_named("sac_logos_linearMSE", "AI-ModelScope/v2-sac-logos-linearMSE")
    True
    """
    own, wanted = (re.sub(r"[^a-z0-9]", "", name.casefold()) for name in (folder, scorer.rpartition("/")[2]))
    return (len(own) >= len(wanted) // 2 and own in wanted) or wanted in own


def _mean_faults(entry: Entry, scores: Scores, mean: float) -> Iterator[Fault]:
    """Yield a fault unless the table of stories has the mean that the panels' scores have.

    That table knows sets of one seed; of one cast from several it says nothing.
    """
    about = [row for row in scores.stories if STORY(row) == STORY(entry) and row.seed == entry.seeds[0]]
    recorded = [value for row in about if (value := row.values.get("aesthetic_mean")) is not None]
    if not (len(recorded) == 1 and abs(recorded[0] - mean) <= _CLOSE):
        got = joined((f"{value:.4f}" for value in recorded), tr(", ")) or tr("nothing")
        problem = tr("says mean {got}, the panels' scores have mean {mean:.4f}", got=got, mean=mean)
        yield Fault(STORIES_FILE, problem, tr(_SCORE_AGAIN), _SCORING)


def _stale_faults(evidence: Evidence, rows: Sequence[PanelScore]) -> Iterator[Fault]:
    """Yield a fault for each panel that was scored as another picture, or found faulty."""
    for row in rows:
        place = tr("{file}, panel {panel}", file=PANELS_FILE, panel=row.panel)
        if row.panel in evidence.rows and row.sha256 != evidence.rows[row.panel].sha256:
            yield Fault(place, tr("is the score of another picture"), tr(_SCORE_AGAIN), _SCORING)
        if row.status != "ok":
            told = tr("status must be ok, got {got!r}", got=row.status)
            yield Fault(place, told, tr(DRAW_AGAIN), DRAWING)
