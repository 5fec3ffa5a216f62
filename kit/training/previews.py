"""Previews of a LoRA while it trains: a run in the training folder whose candidates are the saved steps."""

from collections.abc import Mapping
from pathlib import Path

from kit.errors import InputError
from kit.experiment.config import Experiment, LoadedExperiment, drawing_faults, faults_of_names
from kit.experiment.fields import PathContext
from kit.messages import tr
from kit.models.bases.controlnet_files import brought_controlnets
from kit.story.story import LoadedStory, load_story
from kit.training.config import Training, Watch

PREVIEWS, STEPS = "looks", "steps"
"""The run, and the saved LoRAs, in a training folder."""
BARE = "base"
"""The candidate without a LoRA: where the training begins."""
_STEP = "step-"


def saved_steps(folder: Path) -> dict[int, Path]:
    """Return the LoRA of each saved step in a training folder; the run keeps those that `keep_last` drops."""
    kept = {path.stem.removeprefix(_STEP): path for path in (folder / PREVIEWS / "loras").glob(f"{_STEP}*")}
    saved = {path.stem: path for path in (folder / STEPS).glob("*.safetensors")}
    found = {int(number): path for number, path in (kept | saved).items() if number.isdigit()}
    return dict(sorted(found.items()))


def watched_story(training: Training, watch: Watch) -> LoadedStory:
    """Return the story that is drawn; raises InputError with every fault of it and of its file's name."""
    path = Path(watch.story)
    if faults := faults_of_names([path.stem]):
        raise InputError(str(path), faults)
    story = load_story(path)
    kinds = dict.fromkeys(one.kind for panel in story.story.panels for one in panel.control)
    if lacking := [kind for kind in kinds if kind not in brought_controlnets(training.base)]:
        told = tr(
            'control of kind = "{kind}" needs a ControlNet, which experiments name and trainings do not: '
            "watch a story without it",
            kind=lacking[0],
        )
        raise InputError(str(path), [told])
    if undrawn := [*drawing_faults(previews_of(training, watch, story, {}))]:
        raise InputError(str(path), undrawn)
    return story


def previews_of(
    training: Training, watch: Watch, story: LoadedStory, steps: Mapping[int, Path]
) -> LoadedExperiment:
    """Return the experiment that draws the watched story with the bare base and with saved steps.

    All have the trigger in front, so that they differ in what was learned alone.
    """
    trigger = training.learn.trigger

    def learned(path: Path) -> dict[str, object]:
        if word := training.embedding:
            return {"embeddings": [{"file": str(path.absolute()), "token": word.token}]}
        return {"lora": str(path.absolute())}

    saved = [
        {"name": f"{_STEP}{number:06d}", "trigger": trigger, **learned(path)}
        for number, path in steps.items()
    ]
    document = {
        "stories": (watch.story,),
        "base": training.base,
        "seeds": watch.seeds,
        "steps": watch.steps,
        "size": training.learn.size,
        "score": watch.score.model_dump(),
        "candidate": [{"name": BARE, "trigger": trigger}, *saved],
    }
    context = PathContext(folder=Path(), must_exist=True)
    experiment = Experiment.model_validate(document, context=context)
    return LoadedExperiment(path=story.path, experiment=experiment, stories=(story,))


def step_of(candidate: str) -> int:
    """Return which step a candidate of the run is; 0 for the bare base."""
    return 0 if candidate == BARE else int(candidate.removeprefix(_STEP))
