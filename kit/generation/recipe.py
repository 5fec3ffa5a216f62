"""What shapes each picture of a run: its recipe, the key made of it, and the run's identity."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kit.errors import InputError
from kit.experiment.config import Candidate, DrawSettings, LoadedExperiment, settings
from kit.experiment.run import Run, Slot
from kit.files.encodings import canonical_json, sha256_bytes
from kit.generation.painter import Painter, PanelRequest
from kit.story.prompt import prompt_of
from kit.story.story import PANELS
from kit.versions import installed_version

if TYPE_CHECKING:
    from kit.lora.lora import LoadedLora

SHOWN = 24
"""Characters of a prompt's end that an error shows."""
PACKAGES = ("torch", "diffsynth", "transformers", "numpy", "pillow")
"""Whose versions run.json records; they are not in the key, rounding is all they may change."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A panel that the run wants, and the picture that belongs there."""

    slot: Slot
    recipe: Mapping[str, object]
    """Everything that shapes the picture, and nothing else; the request's key is its sha256."""
    request: PanelRequest
    negative: str
    """The story's negative prompt, also where cfg 1 leaves it unused."""


def refuse_misfits(loaded: LoadedExperiment, painter: Painter) -> None:
    """Refuse what the painter could not draw as it is meant; needs no weights.

    Raises:
        LoraError: for a LoRA that does not fit the base.
        InputError: with every prompt of which the text encoder would not see the end.
    """
    for candidate in loaded.experiment.candidates:
        for lora in loras_of(candidate):
            painter.check(lora)
    if loaded.experiment.cut_long_prompts:
        return
    faults = [
        f"{place}: must be at most 254 tokens, {end[:SHOWN]!r} and what follows would be cut; "
        "shorten it, or set cut_long_prompts = true in the experiment"
        for place, text in _texts(loaded).items()
        if (end := painter.truncated_tail(text))
    ]
    if faults:
        raise InputError(str(loaded.path), faults)


def _texts(loaded: LoadedExperiment) -> dict[str, str]:
    """Return every text that is read, by where it comes from; of equal texts the first."""
    places: dict[str, str] = {}
    for story in loaded.stories:
        if settings(loaded.experiment).cfg != 1:
            places.setdefault(story.story.negative, f"story {story.name}, negative")
        for candidate in loaded.experiment.candidates:
            for order in loaded.experiment.orders:
                for panel in range(PANELS):
                    text = prompt_of(story.story, panel, order, candidate.trigger)
                    where = (
                        f"story {story.name}, panel {panel + 1}, order {order}, candidate {candidate.name}"
                    )
                    places.setdefault(text, where)
    return {place: text for text, place in places.items()}


def plan(run: Run, painter: Painter) -> tuple[list[Job], dict[str, object]]:
    """Return the jobs of a run, candidate by candidate, and what run.json says about it.

    What does not fit is refused before the first picture.
    """
    refuse_misfits(run.loaded, painter)
    candidates = {
        candidate.name: _facts(candidate, lora_of(candidate))
        for candidate in run.loaded.experiment.candidates
    }
    jobs = [_job(run, painter, slot, candidates[slot.candidate]) for slot in run.wanted()]
    return jobs, _identity(run, painter, candidates)


def lora_of(candidate: Candidate) -> "LoadedLora | None":
    """Return the LoRA of a run's candidate, read from its file; None for the base alone."""
    from kit.lora.lora import find_lora

    return None if candidate.lora is None else find_lora(candidate.lora, candidate.alpha)


def loras_of(candidate: Candidate) -> "list[LoadedLora]":
    """Return all LoRAs of a candidate as the user gave it."""
    from kit.lora.lora import find_lora

    alone = lora_of(candidate)
    return [alone] if alone else [find_lora(lora.file, lora.alpha) for lora in candidate.loras or ()]


def _facts(candidate: Candidate, lora: "LoadedLora | None") -> dict[str, object]:
    return {
        "lora_sha256": lora and lora.sha256,
        "rank": lora and lora.rank,
        "alpha": lora and lora.alpha,
        "strength": candidate.strength,
        "keys": len(lora.pairs) if lora else 0,
        "trigger": candidate.trigger,
    }


def _job(run: Run, painter: Painter, slot: Slot, facts: Mapping[str, object]) -> Job:
    how = settings(run.loaded.experiment)
    story = next(loaded.story for loaded in run.loaded.stories if loaded.name == slot.story)
    prompt = prompt_of(story, slot.panel - 1, slot.order, str(facts["trigger"]))
    recipe = recipe_of(painter, how, facts, PromptedPanel(prompt, story.negative, slot.seed))
    label = run.panel_path(*slot).relative_to(run.folder).as_posix()
    return Job(slot=slot, recipe=recipe, request=request_of(recipe, label), negative=story.negative)


class PromptedPanel(NamedTuple):
    """What one picture is to show."""

    prompt: str
    negative: str
    """The story's, also where cfg 1 leaves it unused."""
    seed: int


def recipe_of(
    painter: Painter, how: DrawSettings, worn: Mapping[str, object], asked: PromptedPanel
) -> dict[str, object]:
    """Return everything that shapes a picture.

    Args:
        painter: who is to draw it.
        how: the settings.
        worn: lora_sha256, alpha and strength of the LoRA; the first None for the base alone.
        asked: prompt, negative prompt and seed.
    """
    device = painter.device.partition(":")[0]
    return {
        "base": dict(painter.identity),
        "lora": {name: worn[name] for name in ("lora_sha256", "alpha", "strength")}
        if worn["lora_sha256"]
        else None,
        "prompt": asked.prompt,
        "negative": asked.negative if how.cfg != 1 else "",
        "seed": asked.seed,
        "steps": how.steps,
        "cfg": how.cfg,
        "size": how.size,
        "noise": how.noise if how.noise == "portable" else f"{how.noise} on {device}",
    }


def request_of(recipe: Mapping[str, object], label: str) -> PanelRequest:
    """Return what a painter is asked for, known by the recipe's sha256."""
    return PanelRequest(
        key=sha256_bytes(canonical_json(recipe)),
        prompt=str(recipe["prompt"]),
        negative=str(recipe["negative"]),
        seed=int(str(recipe["seed"])),
        label=label,
    )


def _identity(run: Run, painter: Painter, candidates: Mapping[str, object]) -> dict[str, object]:
    how = settings(run.loaded.experiment)
    return {
        "storykit": installed_version("storykit"),
        "base": dict(painter.identity),
        "candidates": candidates,
        "settings": {
            "steps": how.steps,
            "cfg": how.cfg,
            "size": how.size,
            "noise": how.noise,
            "memory": how.memory,
            "scheduler": painter.identity.get("scheduler"),
        },
        "versions": {name: installed_version(name) for name in PACKAGES},
        "device": painter.hardware,
        "commit": _commit(),
    }


def _commit() -> str | None:
    """Return the commit of the checkout this code runs from; None for an installed package."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    git = ["git", "-C", str(root), "rev-parse", "--verify", "--quiet", "HEAD"]
    try:
        answer = subprocess.run(git, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return answer.stdout.strip() or None
