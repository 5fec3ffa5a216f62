"""A run of the toy SDXL whose panels are held to maps, and the experiment that it was drawn from."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from fakes import FakePainter

from kit.experiment.config import LoadedExperiment, load_experiment
from kit.experiment.run import Run
from kit.generation.diffusers_painter import DiffusersPainter, load_diffusers_painter
from kit.generation.generate import generate
from tests.support.toy_controlnets import NAMES, shapes, toy_controlnets
from tests.support.toy_pipelines import MAJICMIX, SDXL, SIDE, toy_models

EDGES = 'control = [{ kind = "canny", picture = "one.png" }]'
BOTH = (
    'control = [{ kind = "canny", picture = "two.jpg", weight = 1.2, until = 0.5 }, '
    '{ kind = "map", picture = "one.png" }]'
)
CONTROLS = (EDGES, BOTH, 'control = [{ kind = "canny", picture = "two.jpg", low = 50 }]')
"""Of panels 1 to 3; the first and the third have the same words."""


def controlled_experiment(
    folder: Path, controls: Sequence[str] = CONTROLS, family: str = "sdxl", head: str = "", tables: str = ""
) -> Path:
    """Write an experiment of the toys and its story into a folder and return its file."""
    toy_controlnets()
    folder.mkdir(parents=True, exist_ok=True)
    shapes(1, 300).save(folder / "one.png")
    shapes(2, 128).save(folder / "two.jpg", quality=95)
    held = [*controls, *[""] * (8 - len(controls))]
    scenes = (0, 1, 0, 3, 4, 5, 6, 7)
    (folder / "tale.toml").write_text(
        'title = "A tale"\nlanguage = "en"\nnegative = "blurred"\n'
        + "".join(
            f'[[panel]]\ncaption = "{scene}"\nprompt = "a cat, scene {scene}"\n{one}\n'
            for scene, one in zip(scenes, held, strict=True)
        )
    )
    models, base = toy_models(), SDXL if family == "sdxl" else MAJICMIX
    named = tables or "".join(
        f'{kind} = "{models / NAMES[f"{family}/{kind}"]}"\n' for kind in ("canny", "map")
    )
    (folder / "experiment.toml").write_text(
        f'stories = ["tale.toml"]\nbase = "{models / base}"\nseeds = [3]\nsteps = 2\nsize = {SIDE}\n'
        f'cfg = 4.0\n{head}[controlnets]\n{named}[[candidate]]\nname = "base"\n'
    )
    return folder / "experiment.toml"


def loaded(folder: Path, *told: object, **more: object) -> LoadedExperiment:
    """Return such an experiment, loaded."""
    return load_experiment(controlled_experiment(folder, *told, **more))


class PipelinePainter(FakePainter):
    """Paints squares that hang on the recipe, and says that a pipeline of diffusers does."""

    def __init__(self) -> None:
        super().__init__("SDXL")
        self.identity = {**self.identity, "pipeline": "StableDiffusionXLPipeline"}


def painter_of(experiment: LoadedExperiment) -> DiffusersPainter:
    """Return who draws it."""
    return load_diffusers_painter(experiment.experiment.base, "cpu")


def controlled_run(folder: Path) -> Run:
    """Return such a run, drawn."""
    experiment = loaded(folder)
    run = Run.create(folder / "run", experiment)
    generate(run, [painter_of(experiment)])
    return run


def copied(run: Run, folder: Path) -> Run:
    """Return a copy of a run, to be changed."""
    return Run(Path(shutil.copytree(run.folder, folder)))
