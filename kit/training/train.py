"""The stage that trains: a training file in, a folder out that can be gone on with after any kill.

```
LORA_DIR/
  train.json             what is trained: settings, dataset, base
  class/                 class pictures that the base drew, of prior preservation
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

from collections.abc import Callable, Mapping, Sequence
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
from kit.models.kolors.text_encoder import is_one_piece
from kit.models.networks import Base, offloaded
from kit.progress import Progress
from kit.training.config import TrainConfig, Training
from kit.training.folder import IDENTITY, TrainingFolder, claim_folder, read_training_identity
from kit.training.latents import EncodingCache, encode_dataset
from kit.training.loop import Lesson, precision_of
from kit.training.lora_layers import train_lora
from kit.training.previews import saved_steps
from kit.training.prior import draw_class_pictures, own_class_pictures


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
    _refuse_known_word(base, training)
    own = own_class_pictures(training.prior)
    claim_folder(out, _identity(base, dataset, training, own))
    shown = own or draw_class_pictures(training, out, where, progress)
    progress.note(tr("reading pictures and captions"))
    cache = EncodingCache(out / "cache")
    examples = encode_dataset(base, dataset, config, cache, where)
    prior = None
    if training.prior and shown:  # the class is said without the trigger
        plain = config.model_copy(update={"trigger": ""})
        prior = Lesson(encode_dataset(base, shown, plain, cache, where), training.prior.weight, "prior")
    progress.note(tr("loading the base"))
    unet = base.unet(where, precision_of(config, torch.device(where)))

    def preview() -> None:
        if on_checkpoint is not None:
            progress.note(tr("drawing the watched story"))
            with offloaded(unet):
                on_checkpoint()

    folder = TrainingFolder(out, config, progress, preview)
    with closing(folder):
        pairs = train_lora(unet, examples, config, folder, prior)
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


def _refuse_known_word(base: Base, training: Training) -> None:
    """Raise TrainError where what a figure is to be called by is a word that the base knows already."""
    if training.preset != "dreambooth" or training.prior is None:
        return
    trigger, kind = training.learn.trigger.strip(), training.prior.prompt.strip()
    name = trigger.replace(kind, "").strip()
    if name and not is_one_piece(base.prompter(), name):
        return
    raise TrainError(
        tr(
            "learn.trigger = {trigger!r}: {word!r} is a word that the base knows, and all that it draws by "
            "it would turn into your figure; take one that nobody uses, such as ktxl{kind}",
            trigger=trigger,
            word=name or trigger,
            kind=kind,
        )
    )


def _identity(
    base: Base, dataset: Sequence[CaptionedPicture], training: Training, own: Sequence[CaptionedPicture]
) -> dict[str, object]:
    """Return what a training is of: with another of these it is another training."""
    identity: dict[str, object] = {
        "base": base.name,
        "base_sha256": base.unet_sha256,
        "dataset_sha256": _dataset_sha256(dataset),
        "learn": training.learn.model_dump(exclude={"save_every", "keep_last"}),
    }
    if training.prior is not None:
        of_folder = {"dataset_sha256": _dataset_sha256(own)} if own else {}
        identity["prior"] = training.prior.model_dump(exclude={"folder"}) | of_folder
    return identity


def _dataset_sha256(pictures: Sequence[CaptionedPicture]) -> str:
    return sha256_bytes(canonical_json([[sha256_of(one.path), one.text] for one in pictures]))


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
        **_prior_notes(identity.get("prior")),
        "ss_mixed_precision": config.precision,
        "ss_training_comment": "storykit",
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": f"{identity['base']}/lora",
        "modelspec.title": name,
        "modelspec.trigger_phrase": config.trigger,
        "modelspec.tags": "LoRA",
        "modelspec.resolution": size,
    }


def _prior_notes(prior: object) -> dict[str, str]:
    if not isinstance(prior, dict):
        return {}
    return {"ss_num_reg_images": str(prior["pictures"]), "ss_prior_loss_weight": f"{prior['weight']:g}"}
