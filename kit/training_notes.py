"""What a trained LoRA's file says of itself: our own names, sd-scripts' and ModelSpec's."""

from collections.abc import Mapping
from dataclasses import dataclass

from kit.train_config import TrainConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What was trained."""

    name: str
    """Of the file."""
    pictures: int
    steps: int
    """It learned for, of those that were planned."""
    told: Mapping[str, object]
    """Base, its UNet's sha256 and the dataset's."""


def notes(config: TrainConfig, trained: Trained) -> dict[str, str]:
    """Return a LoRA file's metadata besides rank and alpha.

    There is no date in it, so that the same training gives the same file. The names are those that engines
    and galleries read: sd-scripts' `ss_*` and ModelSpec 1.0.1.
    """
    told = trained.told
    size = f"{config.size}x{config.size}"
    epochs = trained.steps * config.batch / trained.pictures
    return {
        "trigger": config.trigger,
        "steps": str(trained.steps),
        "batch": str(config.batch),
        "learning_rate": f"{config.learning_rate:g}",
        "seed": str(config.seed),
        "base_sha256": str(told["base_sha256"]),
        "dataset_sha256": str(told["dataset_sha256"]),
        "ss_v2": "False",
        "ss_base_model_version": str(told["base"]),
        "ss_network_module": "networks.lora",
        "ss_network_args": '{"use_rslora": true}' if config.rslora else "{}",
        "ss_output_name": trained.name,
        "ss_learning_rate": f"{config.learning_rate:g}",
        "ss_steps": str(trained.steps),
        "ss_epoch": f"{epochs:g}",
        "ss_seed": str(config.seed),
        "ss_resolution": size,
        "ss_num_train_images": str(trained.pictures),
        "ss_mixed_precision": config.precision,
        "ss_training_comment": "storykit",
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": f"{told['base']}/lora",
        "modelspec.title": trained.name,
        "modelspec.trigger_phrase": config.trigger,
        "modelspec.tags": "LoRA",
        "modelspec.resolution": size,
    }
