"""How every panel of an experiment is drawn."""

from dataclasses import asdict, dataclass, replace
from typing import Literal

from kit.experiment.tables import SamplerName, Spacing

Noise = Literal["portable", "contest"]
"""Where the first noise comes from: a CPU generator a panel, or the device's fp16 draw as in the contest."""

Memory = Literal["auto", "low"]
"""How much of a GPU's memory is used: what is free, or as little as a small card has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawSettings:
    """How every panel of an experiment is drawn."""

    steps: int
    """Denoising steps."""
    cfg: float
    """Classifier-free guidance, from 1 (none)."""
    size: int
    """Panel side in pixels."""
    noise: Noise
    batch: int | None = None
    """Panels drawn together; none: what the device takes."""
    memory: Memory = "auto"
    sampler: SamplerName = "ddim"
    """"own" is the one that comes with a pipeline's folder."""
    spacing: Spacing | None = None
    """How the sampler's timesteps lie; none: as its pipeline says."""
    decoder_steps: int | None = None
    """Steps of Stable Cascade's decoder; none for other bases."""
    long_prompts: bool = False
    """Whether prompts beyond what CLIP reads at once are read in pieces."""
    guidance_until: float = 1.0
    """Share of the steps after which no guidance is computed."""
    cache_every: int = 1
    """The UNet's inner blocks are computed in every so many-th step."""
    noise_size: int | None = None
    """Side of the picture whose noise the first is reduced from; none: it is drawn at this size."""

    @property
    def told(self) -> dict[str, object]:
        """What files say of it; of what few pictures have, only what is unlike the others'."""
        return {n: v for n, v in asdict(self).items() if n not in USUALLY or v != USUALLY[n]}

    @property
    def unlike_usual(self) -> dict[str, object]:
        """What of it no final of Kolors is drawn with, by name."""
        return {name: value for name, value in self.told.items() if name in USUALLY}

    @property
    def guided_steps(self) -> int:
        """How many steps, from the first, are guided."""
        return 0 if self.cfg == 1 else max(1, round(self.guidance_until * self.steps))

    @property
    def work(self) -> float:
        """As many whole steps as all steps take as long as: unguided ones take half, cached ones less."""
        usual = 1.0 if self.cfg == 1 else 0.5
        steps = (
            (1.0 if n < self.guided_steps else usual, n % self.cache_every == 0) for n in range(self.steps)
        )
        return sum(rows * (1.0 if whole else CACHED_SHARE) for rows, whole in steps)

    def whole_steps(self, steps: int) -> "DrawSettings":
        """Return the same in so many steps of which none is spared anything."""
        return replace(self, steps=steps, guidance_until=1.0, cache_every=1)


OF_FINALS = {"sampler": "ddim", "guidance_until": 1.0, "cache_every": 1, "noise_size": None}
"""What every final of Kolors has of the settings that drafts may have otherwise; files do not say it."""
OF_KOLORS = {"sampler": "ddim", "spacing": None, "decoder_steps": None, "long_prompts": False}
"""What every final of Kolors has and those of other bases may have otherwise."""
USUALLY = OF_FINALS | OF_KOLORS
"""What files say only where it is otherwise."""


CACHED_SHARE = 0.3
"""Of a step's time, what one takes whose deep features are remembered; as measured on the embedded base
(docs/drafts.md). Of Kolors' it should be less."""
