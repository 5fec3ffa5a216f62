"""How a base is drawn with where an experiment does not say."""

import re
from pathlib import Path
from typing import NamedTuple

from kit.embedded import EMBEDDED
from kit.experiment.tables import SamplerName, Spacing
from kit.models.bases.base_parts import BaseChoice, BaseParts
from kit.models.bases.pipeline_class import Family, family_of, json_in, pipeline_folder


class UsualDrawing(NamedTuple):
    """The settings of a base where an experiment names none; in its words."""

    steps: int
    size: int
    cfg: float
    draft_steps: int
    sampler: SamplerName = "ddim"
    spacing: Spacing | None = None
    decoder_steps: int | None = None
    draft_sampler: SamplerName = "dpm++2m"
    draft_guided: float = 0.65
    title: str = ""
    """What reports call a base that diffusers draws with."""


_SIDES = range(64, 4097, 32)
"""Of panels in pixels, that a UNet may say it was made for; whatever else it says is no side."""
_KOLORS = UsualDrawing(steps=50, size=1024, cfg=4.0, draft_steps=20)
_EMBEDDED = UsualDrawing(steps=25, size=256, cfg=4.0, draft_steps=9)
_FAMILIES: dict[Family, UsualDrawing] = {
    "sdxl": UsualDrawing(50, 1024, 5.0, 20, "own", title="SDXL"),
    "sd": UsualDrawing(50, 512, 7.5, 20, "own", title="Stable Diffusion"),
    "cascade": UsualDrawing(
        20,
        1024,
        4.0,
        20,
        "own",
        decoder_steps=10,
        draft_sampler="own",
        draft_guided=1.0,
        title="Stable Cascade",
    ),
}
"""The pipelines' own, as diffusers 0.35.2 has them; Cascade's as course notes on it give them."""
_TURBO = UsualDrawing(1, 512, 1.0, 1, "own", draft_sampler="own", title="SDXL-Turbo")
"""As course notes on SDXL-Turbo give it: one step, no guidance."""
_LCM = UsualDrawing(4, 1024, 8.0, 4, "lcm", draft_sampler="lcm", title="LCM SDXL")
"""As course notes on lcm-sdxl give it."""
_LIGHTNING = UsualDrawing(4, 1024, 1.0, 4, "euler", "trailing", draft_sampler="euler", title="SDXL-Lightning")
"""As course notes on SDXL-Lightning give it; the file's name tells the steps."""


def usual_drawing(base: BaseChoice) -> UsualDrawing:
    """Return how a base is drawn with where an experiment does not say, as far as its files are here."""
    folder = pipeline_folder(base)
    if folder is None:
        return _EMBEDDED if base == EMBEDDED else _KOLORS
    family = family_of(folder)
    if family is None:
        return _KOLORS
    unet = Path(base.unet) if isinstance(base, BaseParts) and base.unet else folder / "unet"
    usual = _distilled(folder, unet) if family == "sdxl" else None
    if usual is None:
        usual = _FAMILIES[family]
    cells = json_in(folder / "unet" / "config.json").get("sample_size")
    return usual._replace(size=8 * cells) if type(cells) is int and 8 * cells in _SIDES else usual


def _distilled(folder: Path, unet: Path) -> UsualDrawing | None:
    """Return the settings of an SDXL that was made for few steps; None for any other."""
    if found := re.search(r"lightning\D*(\d+)[-_]?step", unet.name.lower()):
        steps = int(found[1])
        return _LIGHTNING._replace(steps=steps, draft_steps=steps)
    if json_in(unet / "config.json").get("time_cond_proj_dim"):
        return _LCM
    scheduler = json_in(folder / "scheduler" / "scheduler_config.json")
    trailing = scheduler.get("timestep_spacing") == "trailing"
    turbo = trailing and scheduler.get("_class_name") == "EulerAncestralDiscreteScheduler"
    return _TURBO if turbo else None
