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
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from diffsynth.models.sdxl_unet import SDXLUNet
from torch import Tensor, nn

from kit.dataset.read import CaptionedPicture, read_dataset
from kit.errors import LoraError, TrainError
from kit.files.encodings import canonical_json, sha256_bytes, sha256_of
from kit.files.folder_lock import lock_folder
from kit.files.tensors.tensor_files import open_tensor_file
from kit.lora.convert import convert_lora
from kit.lora.formats import LoraPair
from kit.lora.lora import load_lora, save_lora
from kit.lora.pipelines.embeddings import save_embedding
from kit.messages import tr
from kit.models.base import load_base
from kit.models.bases.pipeline_class import pipeline_class, pipeline_folder
from kit.models.networks import Base, offloaded
from kit.progress import Progress
from kit.story.trigger import captions_of
from kit.training.config import TrainConfig, Training, WordToLearn
from kit.training.folder import (
    IDENTITY,
    FolderHooks,
    Kept,
    TrainingFolder,
    claim_folder,
    read_training_identity,
)
from kit.training.latents import EncodingCache, encode_dataset, encode_latents
from kit.training.loop import WeightedExamples, precision_of
from kit.training.lora_layers import train_lora
from kit.training.previews import saved_steps
from kit.training.prior import draw_class_pictures, own_class_pictures, refuse_known_word
from kit.training.word import check_word, spoken_examples, train_word
from kit.workers.devices import pick_device

Notes: TypeAlias = Mapping[str, str]


def train(
    training: Training,
    out: Path,
    progress: Progress,
    device: str = "auto",
    on_checkpoint: Callable[[], None] | None = None,
) -> Path:
    """Train a LoRA or a word, or go on with it, and return its file.

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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Course:
    """What a training works with."""

    training: Training
    base: Base
    dataset: list[CaptionedPicture]
    out: Path
    where: str
    progress: Progress
    on_checkpoint: Callable[[], None] | None

    @property
    def cache(self) -> EncodingCache:
        return EncodingCache(self.out / "cache")

    def unet(self) -> SDXLUNet:
        self.progress.note(tr("loading the base"))
        return self.base.unet(self.where, self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        return precision_of(self.training.learn, torch.device(self.where))

    def folder(
        self, write: Callable[[Path, Kept, Notes], None], *networks: nn.Module
    ) -> TrainingFolder[Kept]:
        """Return the training on disk; the networks leave the GPU while saved steps are drawn."""

        def preview() -> None:
            if self.on_checkpoint is None:
                return
            self.progress.note(tr("drawing the watched story"))
            with ExitStack() as stack:
                for network in networks:
                    stack.enter_context(offloaded(network))
                self.on_checkpoint()

        hooks = FolderHooks(write=write, preview=preview)
        return TrainingFolder(self.out, self.training.learn, self.progress, hooks)


def _train(
    training: Training, out: Path, progress: Progress, where: str, on_checkpoint: Callable[[], None] | None
) -> Path:
    progress.note(tr("checking the base"))
    course = _Course(
        training=training,
        base=_base(training),
        dataset=read_dataset(Path(training.data)),
        out=out,
        where=where,
        progress=progress,
        on_checkpoint=on_checkpoint,
    )
    _refuse_too_small(course.base, training.learn)
    refuse_known_word(course.base, training)
    own = own_class_pictures(training.prior)
    if training.embedding:
        check_word(training.embedding, course.dataset, training.learn, course.base.prompter())
    claim_folder(out, _identity(course, own))
    if training.embedding:
        _learn_word(course, training.embedding)
    else:
        _learn_lora(course, own or draw_class_pictures(training, out, where, progress))
    return finish(training, out, training.learn.steps)


def _base(training: Training) -> Base:
    """Return the base; TrainError for one that only diffusers draws with."""
    if (folder := pipeline_folder(training.base)) is not None:
        raise TrainError(
            tr(
                "storykit trains for Kolors and the embedded base; for {base} take scripts of diffusers or "
                "kohya, and name the file that they write at lora or embeddings of a candidate",
                base=pipeline_class(folder),
            )
        )
    return load_base(training.base)


def _learn_lora(course: _Course, shown: Sequence[CaptionedPicture]) -> None:
    """Train, or go on with, a LoRA; class pictures are learned without the trigger."""
    config, prior = course.training.learn, None
    course.progress.note(tr("reading pictures and captions"))
    examples = encode_dataset(course.base, course.dataset, config, course.cache, course.where)
    if course.training.prior and shown:
        plain = config.model_copy(update={"trigger": ""})
        held = encode_dataset(course.base, shown, plain, course.cache, course.where)
        prior = WeightedExamples(held, course.training.prior.weight, "prior")
    unet = course.unet()

    def write(path: Path, pairs: dict[str, LoraPair], noted: Notes) -> None:
        save_lora(path, pairs, config.counts, noted)

    with closing(course.folder(write, unet)) as folder:
        pairs = train_lora(unet, examples, config, folder, prior)
    if config.steps not in saved_steps(course.out):
        folder.save(config.steps, pairs)


def _learn_word(course: _Course, word: WordToLearn) -> None:
    """Teach, or go on teaching, a word."""
    config = course.training.learn
    course.progress.note(tr("reading pictures and captions"))
    latents = list(encode_latents(course.base, course.dataset, config, course.cache, course.where))
    captions = captions_of([entry.text for entry in course.dataset], config.trigger, config.language)
    unet, text_encoder = course.unet(), course.base.text_encoder(course.where, course.dtype)
    examples = spoken_examples(latents, captions, word, text_encoder, course.base.prompter())

    def write(path: Path, vectors: Tensor, noted: Notes) -> None:
        save_embedding(path, word.token, vectors, noted)

    with closing(course.folder(write, unet, text_encoder)) as folder:
        vectors = train_word(unet, examples, config, folder)
    if config.steps not in saved_steps(course.out):
        folder.save(config.steps, vectors)


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
    """Write what a saved step learned as finished, a LoRA also in the contest's form, and return its file."""
    identity, config, name = read_training_identity(out / IDENTITY), training.learn, out.resolve().name
    metadata = notes(config, name, len(read_dataset(Path(training.data))), step, identity)
    path, saved = out / f"{name}.safetensors", saved_steps(out)[step]
    try:
        if word := training.embedding:
            save_embedding(path, word.token, open_tensor_file(saved).load(word.token), metadata)
            return path
        save_lora(path, load_lora(saved).pairs, config.counts, metadata)
    except (LoraError, ValueError, KeyError) as error:
        raise TrainError(tr("{file} is damaged; delete it and type the same again", file=saved)) from error
    convert_lora(path, "diffsynth", path.with_suffix(".ckpt"))
    return path


def _identity(course: _Course, own: Sequence[CaptionedPicture]) -> dict[str, object]:
    """Return what a training is of: with another of these it is another training."""
    training, base = course.training, course.base
    identity: dict[str, object] = {
        "base": base.name,
        "base_sha256": base.unet_sha256,
        "dataset_sha256": _dataset_sha256(course.dataset),
        "learn": training.learn.model_dump(exclude={"save_every", "keep_last"}),
    }
    if training.prior is not None:
        of_folder = {"dataset_sha256": _dataset_sha256(own)} if own else {}
        identity["prior"] = training.prior.model_dump(exclude={"folder"}) | of_folder
    if training.embedding is not None:
        of_encoder = {"text_encoder_sha256": sha256_bytes(canonical_json(base.text_files))}
        identity["embedding"] = training.embedding.model_dump() | of_encoder
    return identity


def _dataset_sha256(pictures: Sequence[CaptionedPicture]) -> str:
    return sha256_bytes(canonical_json([[sha256_of(one.path), one.text] for one in pictures]))


def notes(
    config: TrainConfig, name: str, pictures: int, steps: int, identity: Mapping[str, object]
) -> dict[str, str]:
    """Return the metadata of a LoRA's file, besides rank and alpha, or of a word's.

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
        "modelspec.title": name,
        "modelspec.trigger_phrase": config.trigger,
        "modelspec.resolution": size,
        **_notes_of_prior(identity.get("prior")),
        **_notes_of_kind(config, identity),
    }


def _notes_of_prior(prior: object) -> dict[str, str]:
    if not isinstance(prior, dict):
        return {}
    return {"ss_num_reg_images": str(prior["pictures"]), "ss_prior_loss_weight": f"{prior['weight']:g}"}


def _notes_of_kind(config: TrainConfig, identity: Mapping[str, object]) -> dict[str, str]:
    word, base = identity.get("embedding"), identity["base"]
    if isinstance(word, dict):
        told = {name: str(word[name]) for name in ("token", "vectors", "text_encoder_sha256")}
        return told | {
            "modelspec.architecture": f"{base}/textual-inversion",
            "modelspec.tags": "textual inversion",
        }
    return {
        "ss_network_module": "networks.lora",
        "ss_network_args": '{"use_rslora": true}' if config.rslora else "{}",
        "modelspec.architecture": f"{base}/lora",
        "modelspec.tags": "LoRA",
    }
