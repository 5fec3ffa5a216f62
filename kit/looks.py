"""Looks at a LoRA while it learns: a run inside the training folder whose candidates are the saved steps."""

from pathlib import Path

from kit.experiment import Experiment, LoadedExperiment
from kit.story import load_story
from kit.train_config import Training, Watch
from kit.values import Whereabouts

LOOKS, STEPS = "looks", "steps"
"""The run, and the saved LoRAs, in a training folder."""
BARE = "base"
"""The candidate without a LoRA: where the training begins."""
_STEP = "step-"


def saved_steps(folder: Path) -> dict[int, Path]:
    """Return the LoRA of each saved step in a training folder; the run keeps those that `keep_last` drops."""
    kept = {path.stem.removeprefix(_STEP): path for path in (folder / LOOKS / "loras").glob(f"{_STEP}*")}
    saved = {path.stem: path for path in (folder / STEPS).glob("*.safetensors")}
    return {int(number): path for number, path in sorted((kept | saved).items()) if number.isdigit()}


def looks_of(training: Training, watch: Watch, folder: Path) -> LoadedExperiment:
    """Return the experiment that draws the watched story with the bare base and with every saved step.

    All have the trigger in front, so that they differ in the LoRA alone.
    """
    trigger = training.learn.trigger
    steps = saved_steps(folder).items()
    worn = [{"name": f"{_STEP}{number:06d}", "lora": str(path), "trigger": trigger} for number, path in steps]
    document = {
        "stories": (watch.story,),
        "base": training.base,
        "seeds": watch.seeds,
        "steps": watch.steps,
        "size": training.learn.size,
        "score": watch.score.model_dump(),
        "candidate": [{"name": BARE, "trigger": trigger}, *worn],
    }
    where = Whereabouts(folder=folder, must_exist=True)
    return LoadedExperiment(
        path=folder / LOOKS,
        experiment=Experiment.model_validate(document, context=where),
        stories=(load_story(Path(watch.story)),),
    )


def step_of(candidate: str) -> int:
    """Return which step a candidate of the run is; 0 for the bare base."""
    return 0 if candidate == BARE else int(candidate.removeprefix(_STEP))
