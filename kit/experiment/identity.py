"""run.json: what the pictures of a run were drawn with."""

import json
from collections.abc import Mapping
from functools import cache

from pydantic import BaseModel, JsonValue

from kit.embedded import BASE_WEIGHTS, EMBEDDED
from kit.errors import RunError
from kit.experiment.drawing.draw_settings import OF_FINALS, DrawSettings
from kit.experiment.run import Run
from kit.experiment.tables import Quality, SamplerName, Spacing
from kit.messages import Message, joined, mark, tr, trn


class CandidateIdentity(BaseModel, frozen=True):
    """A candidate as it was drawn; all but the strength empty for the bare base."""

    lora_sha256: str | None = None
    rank: int | None = None
    alpha: float | None = None
    strength: float = 1.0
    keys: int | None = None
    trigger: str = ""
    negative: str | None = None
    """Its own negative prompt; None: the story's."""
    consistency: float = 0.0
    """How strongly its characters were kept the same."""
    embeddings: tuple[Mapping[str, str], ...] = ()
    """The token and sha256 of each word that its text encoders were taught."""
    merged_from: str = ""
    """The LoRAs that its own is the sum of, each by sha256 with its strength and what its blocks count."""


class SettingsIdentity(BaseModel, frozen=True):
    """How the pictures were drawn."""

    steps: int
    cfg: float
    size: int
    noise: str
    scheduler: JsonValue
    memory: str = "auto"
    noise_per_panel: bool = False
    """Whether each panel began from noise of its own; not there where none did."""
    quality: Quality = "final"
    """This and what follows: not there where finals were drawn, or where a draft's is as a final's."""
    sampler: SamplerName = "ddim"
    spacing: Spacing | None = None
    decoder_steps: int | None = None
    long_prompts: bool = False
    guidance_until: float = 1.0
    cache_every: int = 1
    noise_size: int | None = None


class DrawingMachine(BaseModel, frozen=True):
    """Where and with what pictures were drawn."""

    device: str = ""
    processor: str | None = None
    """What decides the last bits on a CPU; None on a GPU, in older runs, or where nobody knows."""
    versions: Mapping[str, JsonValue] = {}
    commit: str | None = None

    def told(self) -> dict[str, JsonValue]:
        """Return it as a bundle tells it."""
        return self.model_dump(mode="json", include=set(DrawingMachine.model_fields))


class RunIdentity(DrawingMachine, frozen=True):
    """run.json: what the pictures were drawn with."""

    base: Mapping[str, JsonValue]
    candidates: Mapping[str, CandidateIdentity]
    settings: SettingsIdentity
    controlnets: Mapping[str, Mapping[str, str]] = {}
    """By kind, of each ControlNet that panels were drawn with its files' sha256; not there where none was."""
    gathered: tuple[DrawingMachine, ...] = ()
    """All machines that drew, this one too, where they differ; not there where one kind drew."""

    @property
    def others(self) -> list[dict[str, JsonValue]]:
        """Return which machines drew beside this one, each once, as a bundle tells them."""
        found = [self.told()]
        for machine in self.gathered:
            if (told := machine.told()) not in found:
                found.append(told)
        return found[1:]


def read_identity(run: Run) -> RunIdentity:
    """Return what a run was drawn with; raises RunError when run.json is missing or damaged."""
    return run.read_record("run.json", RunIdentity)


def is_draft(run: Run) -> bool:
    """Return whether a run's pictures are drafts, by what it asks for or by what was drawn."""
    if run.loaded.experiment.quality == "draft":
        return True
    try:
        identity = read_identity(run)
    except RunError:  # whoever needs run.json says what is wrong with it
        return False
    finals = settings_of_finals(identity.base)
    told = identity.settings.model_dump(include=set(finals))
    return identity.settings.quality == "draft" or told != finals


def settings_of_finals(base: Mapping[str, object]) -> dict[str, object]:
    """Return what finals of a base are drawn with where drafts may be otherwise."""
    pipeline = "pipeline" in base  # then finals have samplers too
    return {name: value for name, value in OF_FINALS.items() if not (pipeline and name == "sampler")}


_SAMPLERS: Mapping[SamplerName, str] = {
    "ddim": "DDIM",
    "dpm++2m": "DPM++ 2M",
    "euler": "Euler",
    "euler-a": "Euler a",
    "lcm": "LCM",
    "unipc": "UniPC",
    "own": mark("the base's own sampler"),
}


def sampler_said(how: DrawSettings) -> Message:
    """Return what a sampler is called."""
    return tr(_SAMPLERS[how.sampler])


def draft_said(how: DrawSettings) -> Message:
    """Return how drafts are drawn, in words: what of it finals are drawn with otherwise, and the steps."""
    told = [sampler_said(how), trn("{n} step", "{n} steps", how.steps)]
    if how.guidance_until < 1:
        told.append(tr("guided for {share:.0%} of them", share=how.guidance_until))
    if how.noise_size is not None:
        told.append(tr("{size} px", size=how.size))
    if how.cache_every > 1:
        told.append(tr("inner blocks in every {n}. step", n=how.cache_every))
    return joined(told, tr(", "))


@cache
def embedded_sha256() -> Mapping[str, str]:
    """Return the sha256 of each file of the base embedded in storykit."""
    config = json.loads((BASE_WEIGHTS / "config.json").read_bytes())
    return dict(config["sha256"])


def is_embedded(base: Mapping[str, JsonValue]) -> bool:
    """Return whether a base is the one embedded in storykit, by its name or by its weights."""
    return base.get("name") == EMBEDDED or base.get("sha256") == embedded_sha256()
