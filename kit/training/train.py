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

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import torch

from kit.dataset.read import CaptionedPicture, read_dataset
from kit.errors import TrainError
from kit.files.encodings import canonical_json, sha256_bytes, sha256_of
from kit.files.folder_lock import lock_folder
from kit.lora.convert import convert_lora
from kit.lora.lora import load_lora, save_lora
from kit.messages import tr
from kit.models.base import load_base, pick_device
from kit.models.networks import Base, offloaded
from kit.progress import Progress
from kit.training.config import TrainConfig, Training
from kit.training.folder import IDENTITY, TrainingFolder, claim_folder, read_training_identity
from kit.training.latents import EncodingCache, encode_dataset
from kit.training.loop import precision_of, train_lora
from kit.training.previews import saved_steps


def train(
    training: Training,
    out: Path,
    progress: Progress,
    device: str = "auto",
    on_checkpoint: Callable[[], None] | None = None,
) -> Path:
    """Train a LoRA, or go on with it, and return its file.

    Args:
        training: what is trained.
        out: the training folder.
        progress: hears of every step.
        device: "auto", "cpu" or "cuda".
        on_checkpoint: called before the first step and behind each that is saved; the UNet has then left the
            GPU.

    Raises:
        InputError: the dataset has faults.
        TrainError: the folder holds another training, or loss or weights stopped being numbers.
    """
    with lock_folder(out, "trained"):
        return _train(training, out, progress, pick_device(device), on_checkpoint)


def _train(
    training: Training, out: Path, progress: Progress, where: str, on_checkpoint: Callable[[], None] | None
) -> Path:
    progress.note(tr("checking the base"))
    base, dataset, config = load_base(training.base), read_dataset(Path(training.data)), training.learn
    _refuse_too_small(base, config)
    claim_folder(out, _identity(base, dataset, config))
    progress.note(tr("reading pictures and captions"))
    examples = encode_dataset(base, dataset, config, EncodingCache(out / "cache"), where)
    progress.note(tr("loading the base"))
    unet = base.unet(where, precision_of(config, torch.device(where)))

    def preview() -> None:
        if on_checkpoint is not None:
            progress.note(tr("drawing the watched story"))
            with offloaded(unet):
                on_checkpoint()

    folder = TrainingFolder(out, config, progress, preview)
    with closing(folder):
        pairs = train_lora(unet, examples, config, folder)
    if config.steps not in saved_steps(out):
        folder.save(config.steps, pairs)
    return finish(training, out, config.steps)


def _refuse_too_small(base: Base, config: TrainConfig) -> None:
    """Raise TrainError where the base's UNet cannot see pictures of this size one at a time."""
    if not base.sizes.unet.can_normalise(config.batch, config.size):
        raise TrainError(
            tr(
                "learn.size = {size} is too small for this base with learn.batch = {batch}: set size = "
                "{larger}, or batch = {more}",
                size=config.size,
                batch=config.batch,
                larger=2 * config.size,
                more=config.batch + 1,
            )
        )


def finish(training: Training, out: Path, step: int) -> Path:
    """Write the finished LoRA from a saved step, also in the contest's form, and return its file."""
    identity, config, name = read_training_identity(out / IDENTITY), training.learn, out.resolve().name
    metadata = notes(config, name, len(read_dataset(Path(training.data))), step, identity)
    path = out / f"{name}.safetensors"
    save_lora(path, load_lora(saved_steps(out)[step]).pairs, config.counts, metadata)
    convert_lora(path, "diffsynth", path.with_suffix(".ckpt"))
    return path


def _identity(base: Base, dataset: list[CaptionedPicture], config: TrainConfig) -> dict[str, object]:
    """Return what a training is of: with another of these it is another training."""
    content = [[sha256_of(entry.path), entry.text] for entry in dataset]
    return {
        "base": base.name,
        "base_sha256": base.unet_sha256,
        "dataset_sha256": sha256_bytes(canonical_json(content)),
        "learn": config.model_dump(exclude={"save_every", "keep_last"}),
    }


def notes(
    config: TrainConfig, name: str, pictures: int, steps: int, identity: Mapping[str, object]
) -> dict[str, str]:
    """Return a LoRA file's metadata besides rank and alpha.

    There is no date in it, so that the same training gives the same file. The names are those that engines
    and galleries read: sd-scripts' `ss_*` and ModelSpec 1.0.1.

    Args:
        config: how it was trained.
        name: of the file.
        pictures: it learned from.
        steps: it learned for, of those that were planned.
        identity: base, its UNet's sha256 and the dataset's.
    """
    size, rate = f"{config.size}x{config.size}", f"{config.learning_rate:g}"
    return {
        "trigger": config.trigger,
        "steps": str(steps),
        "batch": str(config.batch),
        "learning_rate": rate,
        "seed": str(config.seed),
        "base_sha256": str(identity["base_sha256"]),
        "dataset_sha256": str(identity["dataset_sha256"]),
        "ss_v2": "False",
        "ss_base_model_version": str(identity["base"]),
        "ss_network_module": "networks.lora",
        "ss_network_args": '{"use_rslora": true}' if config.rslora else "{}",
        "ss_output_name": name,
        "ss_learning_rate": rate,
        "ss_steps": str(steps),
        "ss_epoch": f"{steps * config.batch / pictures:g}",
        "ss_seed": str(config.seed),
        "ss_resolution": size,
        "ss_num_train_images": str(pictures),
        "ss_mixed_precision": config.precision,
        "ss_training_comment": "storykit",
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": f"{identity['base']}/lora",
        "modelspec.title": name,
        "modelspec.trigger_phrase": config.trigger,
        "modelspec.tags": "LoRA",
        "modelspec.resolution": size,
    }
