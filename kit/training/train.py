"""The stage that trains: a training file in, a folder out that can be gone on with after any kill.

```
LORA_DIR/
  train.json             what is trained: settings, dataset, base
  cache/                 pictures and captions as the UNet reads them
  log.csv                step, loss, learning rate
  steps/000100.safetensors   the LoRA as it would end there
  tensorboard/           the log once more, for TensorBoard
  looks/                 a run: the watched story with each saved step
  looks.csv              how near to the pictures, how true to the texts each is
  training.html          the same with pictures and curves
  state.pt               all that the next step hangs on
  NAME.safetensors       the finished LoRA; NAME is the folder's
  NAME.ckpt              the same in the contest's form
```
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from kit.dataset.read import Captioned, read_dataset
from kit.files.atomic_write import write_atomic
from kit.files.encodings import canonical_json, sha256_bytes, sha256_of
from kit.files.safetensors_files import read_safetensors
from kit.lora.convert import checkpoint_bytes
from kit.lora.lora import load_lora, save_lora
from kit.models.base import Base, load_base, pick_device
from kit.training.config import TrainConfig, Training
from kit.training.folder import IDENTITY, StepListener, TrainingFolder, claim_folder, read_training_identity
from kit.training.latents import EncodingCache, encode_dataset
from kit.training.loop import precision_of, train_lora
from kit.training.previews import saved_steps


def train(
    training: Training,
    out: Path,
    listener: StepListener,
    device: str = "auto",
    look: Callable[[], None] | None = None,
) -> Path:
    """Train a LoRA, or go on with it, and return its file.

    Args:
        training: what is trained.
        out: the training folder.
        listener: hears of every step.
        device: "auto", "cpu" or "cuda".
        look: called before the first step and whenever a step was saved; the UNet has left the GPU meanwhile.

    Raises:
        InputError: the dataset has faults.
        TrainError: the folder holds another training, or loss or weights stopped being numbers.
    """
    where = pick_device(device)
    base, dataset, config = load_base(training.base), read_dataset(Path(training.data)), training.learn
    claim_folder(out, _identity(base, dataset, config))
    examples = encode_dataset(base, dataset, config, EncodingCache(out / "cache"), where)
    unet = base.unet(where, precision_of(config, torch.device(where)))

    def show() -> None:
        if look is not None:
            with _aside(unet):
                look()

    folder = TrainingFolder(out, config, listener, show)
    pairs = train_lora(unet, examples, config, folder)
    if config.steps not in saved_steps(out):
        folder.save(config.steps, pairs)
    return finish(training, out, config.steps)


def finish(training: Training, out: Path, step: int) -> Path:
    """Write the finished LoRA from a saved step, also in the contest's form, and return its file."""
    told, config = read_training_identity(out / IDENTITY), training.learn
    name, pictures = out.resolve().name, len(read_dataset(Path(training.data)))
    metadata = notes(config, Trained(name=name, pictures=pictures, steps=step, told=told))
    path = out / f"{name}.safetensors"
    save_lora(path, load_lora(saved_steps(out)[step]).pairs, config.counts, metadata)
    write_atomic(path.with_suffix(".ckpt"), checkpoint_bytes(read_safetensors(path.read_bytes())))
    return path


@contextmanager
def _aside(unet: nn.Module) -> Iterator[None]:
    """Leave the GPU to others for a while."""
    where = next(unet.parameters()).device
    unet.to("cpu")
    if where.type == "cuda":
        torch.cuda.empty_cache()
    try:
        yield
    finally:
        unet.to(where)


def _identity(base: Base, dataset: list[Captioned], config: TrainConfig) -> dict[str, object]:
    """Return what a training is of: with another of these it is another training."""
    content = [[sha256_of(entry.path), entry.text] for entry in dataset]
    return {
        "base": base.name,
        "base_sha256": base.unet_sha256,
        "dataset_sha256": sha256_bytes(canonical_json(content)),
        "learn": config.model_dump(exclude={"save_every", "keep_last"}),
    }


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
