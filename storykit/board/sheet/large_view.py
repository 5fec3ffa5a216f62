"""A picture large beside another of the same panel, and how it was drawn."""

from dataclasses import dataclass

from eval.casting.decisions import PlaceState
from kit.experiment.controls.control_record import ControlRecord, map_file
from kit.experiment.extras.extra_pictures import seeds_at
from kit.experiment.identity import draft_said, is_draft, sampler_said
from kit.experiment.references.image_prompt_record import ImagePromptRecord, pictures_in, reference_file
from kit.experiment.run import PanelRow, Run
from kit.experiment.steps import side_after
from kit.messages import Message, tr
from reports.run.held_maps import HeldMap, held_maps
from storykit.board.sheet.grid import PictureCell, PlaceFacts, cells_of
from storykit.board.sheet.sheet_query import SheetQuery


@dataclass(frozen=True, kw_only=True, slots=True)
class LargeView:
    """Two pictures of one panel that lie over each other."""

    panel: int
    caption: str
    prompt: str
    cell: PictureCell
    over: PictureCell | None
    """None where the panel has no other picture."""
    seeds: tuple[int, ...]
    """Those drawn of the panel."""
    maps: tuple[HeldMap, ...]
    """What the first was held to while it was drawn."""


def large_view(
    facts: PlaceFacts, query: SheetQuery, state: PlaceState, asked: tuple[int, int, int | None]
) -> LargeView | None:
    """Return two pictures of a panel; None where the first is not there.

    Args:
        facts: what is known of the place.
        query: whose pictures.
        state: what is picked; without another wish the second picture is the one picked or chosen.
        asked: panel, seed, and the second picture's seed.
    """
    panel, seed, beside = asked
    seeds = tuple(one for one in seeds_at(facts.run, query.place) if (panel, one) in facts.drawn)
    if seed not in seeds:
        return None
    chosen = state.selection.seeds[panel - 1] if state.selection else None
    wishes = (beside, state.picks.kept.get(panel), chosen, *seeds)
    other = next((one for one in wishes if one in seeds and one != seed), None)
    cell, *over = cells_of(facts, query, state, [(panel, one) for one in (seed, other) if one is not None])
    return LargeView(
        panel=panel,
        caption=cell.caption,
        prompt=facts.drawn[panel, seed].prompt,
        cell=cell,
        over=next(iter(over), None),
        seeds=seeds,
        maps=held_maps(facts.run, facts.drawn[panel, seed].control),
    )


def recipe_of(run: Run, row: PanelRow) -> list[tuple[Message, str]]:
    """Return how a picture was drawn: what it is called, and its value; what can be copied is text."""
    settings = run.loaded.settings
    side = side_after(settings.size, row.chain)
    candidate = next((one for one in run.loaded.experiment.candidates if one.name == row.candidate), None)
    lines = [
        (tr("Prompt"), row.prompt),
        (tr("Negative prompt"), row.negative),
        (tr("Seed"), str(row.recipe_seed)),
        *((tr("Held to a map"), _held_said(one)) for one in row.control),
        *((tr("Kept the same as a picture"), reference_file(one)) for one in pictures_in(row.anchors)),
        *((tr("A picture beside the prompt"), _prompted_said(one)) for one in row.image_prompts),
        *((tr("Repaired"), step.said()) for step in row.chain),
        (tr("Draft"), draft_said(settings) if is_draft(run) else ""),
        (tr("Steps"), str(settings.steps)),
        (tr("Decoder steps"), str(settings.decoder_steps or "")),
        (tr("Sampler"), sampler_said(settings) if "sampler" in settings.unlike_usual else ""),
        (tr("Spacing"), settings.spacing or ""),
        (tr("cfg"), f"{settings.cfg:g}"),
        (tr("Size"), f"{side} x {side}"),
    ]
    if candidate is not None and candidate.lora:
        lines += [(tr("LoRA"), str(candidate.lora)), (tr("Strength"), f"{candidate.strength:g}")]
    if candidate is not None and candidate.trigger:
        lines.append((tr("Trigger word"), candidate.trigger))
    lines += [(tr("Base"), str(run.loaded.experiment.base)), (tr("Key"), row.key), (tr("File"), row.file)]
    return [(name, value) for name, value in lines if value]


def _prompted_said(prompt: ImagePromptRecord) -> Message:
    """Return how a picture was read beside the prompt, in words."""
    told = {"who": prompt.subject, "weight": prompt.weight, "file": reference_file(prompt.picture)}
    return tr(
        "{who}, weight {weight:g}, from {start:.0%} to {until:.0%} of the steps, {file}",
        start=prompt.start,
        until=prompt.until,
        **told,
    )


def _held_said(control: ControlRecord) -> Message:
    """Return what a panel was held to, in words."""
    told = {"kind": control.kind, "weight": control.weight, "file": map_file(control.map)}
    return tr(
        "{kind}, weight {weight:g}, in the first {share:.0%} of the steps, {file}",
        share=control.until,
        **told,
    )
