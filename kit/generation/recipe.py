"""What shapes each picture of a run: its recipe, the key made of it, and the run's identity."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from kit.errors import InputError
from kit.experiment.candidates.candidate import Candidate
from kit.experiment.config import Experiment, LoadedExperiment
from kit.experiment.drawing.draw_settings import USUALLY, DrawSettings
from kit.experiment.extras.extra_pictures import Origin, all_slots, origins_of
from kit.experiment.fields import seed_of_panel
from kit.experiment.references.reference_pictures import kept_references
from kit.experiment.run import Anchor, PanelRow, Run, Slot
from kit.experiment.steps import StepList, step_told, words_in
from kit.files.encodings import canonical_json, sha256_bytes
from kit.generation.controls.run_controls import RunMaps, controlnets_of
from kit.generation.devices.processor import cpu_arithmetic
from kit.generation.painter import Painter, PanelRequest
from kit.generation.references.run_image_prompts import adapter_of, image_prompts
from kit.lora.pipelines.layout import PipelineLayout, lora_layout
from kit.messages import mark, tr
from kit.models.bases.pipeline_class import pipeline_folder
from kit.story.anchors import anchors_of, bystanders_of
from kit.story.prompt import portrait_prompt, prompt_of
from kit.story.story import PANELS, Story
from kit.versions import PACKAGES, commit_of_checkout, installed_version

if TYPE_CHECKING:
    from kit.lora.lora import LoadedLora
    from kit.lora.pipelines.embeddings import Embedding

SHOWN = 24
"""Characters of a prompt's end that an error shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A panel that the run wants, and the picture that belongs there."""

    slot: Slot
    recipe: Mapping[str, object]
    """Everything that shapes the picture, and nothing else; the request's key is its sha256."""
    request: PanelRequest
    lora_hash: str = ""
    """What galleries call the LoRA by; it shapes nothing."""
    chain: StepList = ()
    """What is done to the picture that the request draws; none for that picture itself."""

    @property
    def key(self) -> str:
        """The sha256 of the recipe."""
        return self.request.key

    @property
    def source(self) -> str:
        """The key of the picture that the last step begins with; of one that was drawn, its own."""
        return self.with_chain(self.chain[:-1]).key

    def with_chain(self, chain: StepList) -> Self:
        """Return what makes the picture of other steps from the same drawing."""
        told = {"chain": [step_told(step) for step in chain]} if chain else {}
        recipe = {name: value for name, value in self.recipe.items() if name != "chain"} | told
        key = sha256_bytes(canonical_json(recipe))
        return replace(self, recipe=recipe, request=replace(self.request, key=key), chain=chain)

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text that is read for the picture and its steps."""
        return (*self.request.texts, *words_in(self.chain))


class RunPlan(NamedTuple):
    """What a run draws, and with what."""

    jobs: Sequence[Job]
    """Candidate by candidate."""
    settings: DrawSettings
    loras: "Mapping[str, tuple[LoadedLora | None, float]]"
    """Each candidate's LoRA, read once, and its strength; no LoRA for the base alone."""
    identity: Mapping[str, object]
    """What run.json says about it."""
    maps: Mapping[str, str]
    """The sha256 of each map that panels are held to, by what it was made of."""


def plan_run(run: Run, painter: Painter) -> RunPlan:
    """Return what is to be drawn; what does not fit is refused before the first picture."""
    from kit.experiment.candidates.kept_embeddings import embeddings_of

    read, settings = check_drawable(run.loaded, painter), run.loaded.settings
    experiment = run.loaded.experiment
    candidates = {candidate.name: candidate for candidate in experiment.candidates}
    loras = {name: (next(iter(read[name]), None), c.strength) for name, c in candidates.items()}
    taught = {name: embeddings_of(c, experiment.base) for name, c in candidates.items()}
    facts = {name: _facts(c, loras[name][0], taught[name]) for name, c in candidates.items()}
    shared = {name: recipe_of(painter, settings, facts[name]) for name in candidates}
    told, pictures = kept_references(run.loaded.stories)
    stories = {loaded.name: loaded.story for loaded in told}
    jobs, origins = [], origins_of(run)
    table, adapter = experiment.ip_adapter, adapter_of(run.loaded)
    prompts = image_prompts(table, adapter, told, pictures) if table and adapter else {}
    nets, maps = controlnets_of(run.loaded), RunMaps(run)
    controls = maps.controls(nets)
    for slot in all_slots(run):
        story, candidate = stories[slot.story], candidates[slot.candidate]
        label = run.panel_path(*slot).relative_to(run.folder).as_posix()
        worn, made = loras[slot.candidate][0], origins.get(slot, Origin(slot, ()))
        held = controls.get((slot.story, slot.panel), ())
        request = request_in(experiment, story, made.drawn, candidate)
        request = replace(request, label=label, control=held, embeddings=taught[slot.candidate])
        shown = prompts.get((slot.story, slot.panel), ())
        request = replace(request.with_anchor_pictures(pictures), image_prompts=shown)
        job = job_of(slot, shared[slot.candidate], request, made.chain)
        jobs.append(replace(job, lora_hash=worn.short_hash if worn else ""))
    identity = _identity(run, painter, facts)
    if nets:
        identity["controlnets"] = {kind: dict(net.sha256) for kind, net in nets.items()}
    if adapter:
        identity["ip_adapter"] = dict(adapter.sha256)
    return RunPlan(jobs, settings, loras, identity, maps.made)


def request_of(
    story: Story,
    slot: Slot,
    candidate: Candidate,
    anchor_seed: int | None = None,
    *,
    noise_per_panel: bool = False,
) -> PanelRequest:
    """Return what a panel's picture is drawn from, not yet known by a key.

    Args:
        story: what is told; pictures of its characters are named as a run has them.
        slot: the panel.
        candidate: who draws it.
        anchor_seed: of the pictures that it matches; None for the panel's own.
        noise_per_panel: whether each panel of a seed begins from noise of its own, its anchors too.
    """

    def said(panel: int) -> str:
        return prompt_of(story, panel, slot.order, candidate.trigger)

    def begun_from(seed: int, panel: int) -> int:
        return seed_of_panel(seed, panel + 1) if noise_per_panel else seed

    negative, panel = candidate.negative_for(story), slot.panel - 1
    seed = slot.seed if anchor_seed is None else anchor_seed
    matched = anchors_of(story, panel, own_seed=seed == slot.seed) if candidate.consistency else ()
    anchors = tuple(
        Anchor(
            prompt=portrait_prompt(story, anchor.subject, candidate.trigger)
            if anchor.panel is None
            else said(anchor.panel),
            subject=anchor.subject,
            seed=begun_from(seed, anchor.panel or 0),
            picture=Path(anchor.reference).stem,
        )
        for anchor in matched
    )
    kept = candidate.consistency or 0.0 if anchors else 0.0
    return PanelRequest(
        prompt=said(panel),
        negative=negative,
        seed=begun_from(slot.seed, panel),
        anchors=anchors,
        consistency=kept,
        bystanders=bystanders_of(story, panel) if anchors else (),
    )


def request_in(experiment: Experiment, story: Story, slot: Slot, candidate: Candidate) -> PanelRequest:
    """Return what a panel's picture is drawn from in an experiment, not yet known by a key.

    Args:
        experiment: says whose seed and noise it is.
        story: what is told; pictures of its characters are named as a run has them.
        slot: the panel.
        candidate: who draws it.
    """
    drawn = slot._replace(seed=experiment.seed_of(slot.seed, slot.panel))
    own = experiment.noise_per_panel
    return request_of(story, drawn, candidate, experiment.anchor_seed, noise_per_panel=own)


def drawn_from(panel: PanelRequest | PanelRow, cfg: float) -> tuple[object, ...]:
    """Return the words and seeds that a picture was drawn from, whatever was done to it afterwards.

    Args:
        panel: as it was drawn, or is asked for.
        cfg: at 1 its negative shapes nothing.
    """
    anchors = [anchor.told for anchor in panel.anchors]
    seed = panel.seed if isinstance(panel, PanelRequest) else panel.recipe_seed
    negative = panel.negative if cfg != 1 else ""
    return (panel.prompt, negative, seed, panel.consistency, anchors, panel.bystanders)


def check_drawable(loaded: LoadedExperiment, painter: Painter) -> "dict[str, list[LoadedLora]]":
    """Refuse what the painter could not draw as it is meant, and return each candidate's LoRAs.

    Needs no weights of the base.

    Raises:
        LoraError: for a LoRA or an embedding that does not fit the base.
        WeightsError: for an IP-Adapter that is none, or not whole.
        InputError: with every setting that the base cannot be drawn with, and every prompt of which the text
            encoder would not see the end.
    """
    asked, layout = loaded.experiment.candidates, lora_layout(loaded.experiment.base)
    loras = {candidate.name: _fitting_loras(candidate, painter, layout) for candidate in asked}
    adapter_of(loaded)
    faults = [*_refusals(loaded, painter), *_cut_texts(loaded, painter), *_unsaid_words(loaded)]
    if faults:
        raise InputError(str(loaded.path), faults)
    return loras


def _refusals(loaded: LoadedExperiment, painter: Painter) -> Iterator[str]:
    """Yield why the painter draws nothing by an experiment's settings, or none of its finals."""
    final = loaded.settings_as("final")
    kept = max(candidate.consistency or 0.0 for candidate in loaded.experiment.candidates)
    faults = [fault for how in (final, loaded.settings) for fault in painter.refusals(how, kept)]
    yield from dict.fromkeys(faults)
    if not faults and pipeline_folder(loaded.experiment.base) is None and final.sampler != USUALLY["sampler"]:
        told = {"usual": USUALLY["sampler"], "got": final.sampler}
        yield tr("sampler must be {usual!r} for finals of this base, got {got!r}: delete it", **told)


def _cut_texts(loaded: LoadedExperiment, painter: Painter) -> Iterator[str]:
    """Yield every text of which the text encoder would not read the end, unless that is wanted."""
    how = loaded.settings
    if loaded.experiment.cut_long_prompts or how.long_prompts:
        return
    read_on = not painter.refusals(replace(how, long_prompts=True))
    told = (
        mark(
            "{place}: must be at most {most} tokens, {end!r} and what follows would be cut; shorten it, or "
            "set long_prompts = true in the experiment to have it read in pieces, or cut_long_prompts = true"
        )
        if read_on
        else mark(
            "{place}: must be at most {most} tokens, {end!r} and what follows would be cut; shorten it, or "
            "set cut_long_prompts = true in the experiment"
        )
    )
    for text, place in _places_of_texts(loaded).items():
        if end := painter.truncated_tail(text):
            yield tr(told, place=place, most=painter.prompt_tokens, end=end[:SHOWN])


def _unsaid_words(loaded: LoadedExperiment) -> Iterator[str]:
    """Yield which embeddings a candidate names whose words stand in none of its prompts."""
    from kit.experiment.candidates.kept_embeddings import embeddings_of

    for candidate in loaded.experiment.candidates:
        if not candidate.embeddings:
            continue
        said = [
            prompt_of(story.story, panel, order, candidate.trigger)
            for story in loaded.stories
            for order, panel in product(loaded.experiment.orders, range(PANELS))
        ]
        if loaded.settings.cfg != 1:
            said += [candidate.negative_for(story.story) for story in loaded.stories]
        for one in embeddings_of(candidate, loaded.experiment.base):
            if not any(one.token in text for text in said):
                yield tr(
                    "candidate {candidate}: {token}, the word of an embedding, stands in no prompt: put it "
                    "into trigger, negative or a story, or name the word that stands there as its token",
                    candidate=candidate.name,
                    token=one.token,
                )


def _fitting_loras(
    candidate: Candidate, painter: Painter, layout: PipelineLayout | None
) -> "list[LoadedLora]":
    """Return the LoRAs of a candidate as the user gave it, none for the base alone."""
    from kit.experiment.candidates.kept_loras import merge_parts

    loras = [part.lora for part in merge_parts(candidate, layout)]
    for lora in loras:
        painter.check(lora)
    return loras


def _places_of_texts(loaded: LoadedExperiment) -> dict[str, str]:
    """Return where every text that is read comes from; of equal texts the first place."""
    places: dict[str, str] = {}
    for story in loaded.stories:
        if loaded.settings.cfg != 1:
            for candidate in loaded.experiment.candidates:
                where = tr("story {story}, negative", story=story.name)
                if candidate.negative is not None:
                    names = {"story": story.name, "candidate": candidate.name}
                    where = tr("story {story}, negative, candidate {candidate}", **names)
                places.setdefault(candidate.negative_for(story.story), where)
        drawn = product(loaded.experiment.candidates, loaded.experiment.orders, range(PANELS))
        for candidate, order, panel in drawn:
            where = tr(
                "story {story}, panel {panel}, order {order}, candidate {candidate}",
                story=story.name,
                panel=panel + 1,
                order=order,
                candidate=candidate.name,
            )
            places.setdefault(prompt_of(story.story, panel, order, candidate.trigger), where)
    return places


def _facts(
    candidate: Candidate, lora: "LoadedLora | None", taught: "Sequence[Embedding]"
) -> dict[str, object]:
    merged = {"merged_from": lora.notes["merged_from"]} if lora and "merged_from" in lora.notes else {}
    return {
        "lora_sha256": lora and lora.sha256,
        "rank": lora and lora.rank,
        "alpha": lora and lora.alpha,
        "strength": candidate.strength,
        "keys": len(lora.pairs) if lora else 0,
        "trigger": candidate.trigger,
        "negative": candidate.negative,
        "consistency": candidate.consistency or 0.0,
        **merged,
        **({"embeddings": [one.shaping for one in taught]} if taught else {}),
    }


def recipe_of(painter: Painter, how: DrawSettings, lora: Mapping[str, object]) -> dict[str, object]:
    """Return everything that shapes a picture but its prompts and its seed.

    Args:
        painter: who is to draw it.
        how: the settings.
        lora: its lora_sha256, alpha and strength; the first None for the base alone.
    """
    device = painter.device.partition(":")[0]
    worn = {name: lora[name] for name in ("lora_sha256", "alpha", "strength")}
    return {
        "base": dict(painter.identity),
        "lora": worn if lora["lora_sha256"] else None,
        "steps": how.steps,
        "cfg": how.cfg,
        "size": how.size,
        "noise": how.noise if how.noise == "portable" else f"{how.noise} on {device}",
        **how.unlike_usual,
    }


def job_of(slot: Slot, shared: Mapping[str, object], request: PanelRequest, chain: StepList = ()) -> Job:
    """Return what a painter is asked for, known by the sha256 of its recipe.

    Args:
        slot: the panel.
        shared: the recipe but for prompts and seed, as `recipe_of` makes it.
        request: its prompt has the trigger before it; its negative shapes nothing where cfg is 1.
        chain: what is done to the picture that it draws.
    """
    shaping = request.negative if shared["cfg"] != 1 else ""
    recipe = {**shared, "prompt": request.prompt, "negative": shaping, "seed": request.seed}
    if request.anchors:  # each is drawn as this panel is, but for its words and seed
        recipe["consistency"] = request.consistency
        recipe["anchors"] = [anchor.told for anchor in request.anchors]
    if request.control:
        recipe["control"] = [one.record.shaping for one in request.control]
    if request.image_prompts:
        recipe["image_prompts"] = [one.record.shaping for one in request.image_prompts]
    if request.bystanders:
        recipe["bystanders"] = list(request.bystanders)
    if request.embeddings:
        recipe["embeddings"] = [one.shaping for one in request.embeddings]
    return Job(slot=slot, recipe=recipe, request=request).with_chain(chain)


def _identity(run: Run, painter: Painter, candidates: Mapping[str, object]) -> dict[str, object]:
    how = run.loaded.settings.told
    del how["batch"]  # which panels are drawn together may change, run by run
    if run.loaded.experiment.noise_per_panel:  # else as before there was a choice
        how["noise_per_panel"] = True
    if run.loaded.experiment.quality == "draft":
        how["quality"] = "draft"
    return {
        "storykit": installed_version("storykit"),
        "base": dict(painter.identity),
        "candidates": candidates,
        "settings": {**how, "scheduler": painter.identity.get("scheduler")},
        "versions": versions_for(painter.identity, run.loaded.settings),
        "device": painter.hardware,
        "processor": cpu_arithmetic() if painter.hardware == "cpu" else None,
        "commit": commit_of_checkout(),
    }


def versions_for(base: Mapping[str, object], how: DrawSettings) -> dict[str, str | None]:
    """Return the versions of what draws with a base, by the package's name."""
    pipeline = "pipeline" in base
    more = [*(["diffusers"] if pipeline else []), *(["compel"] if pipeline and how.long_prompts else [])]
    return {name: installed_version(name) for name in (*PACKAGES, *more)}
