"""The stage that trains: a training file in, a folder out that can be gone on with after any kill.

```
LORA_DIR/
  train.json             what is trained: settings, dataset, base
  cache/                 pictures and captions as the UNet reads them
  log.csv                step, loss, learning rate
  steps/000100.safetensors   the LoRA as it would end there
  state.pt               all that the next step hangs on
  NAME.safetensors       the finished LoRA; NAME is the folder's
  NAME.ckpt              the same in the contest's form
```
"""

import csv
import io
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch

from kit.base import Base, load_base, pick_device
from kit.dataset import Captioned, read_dataset
from kit.errors import RunError, TrainError
from kit.examples import Cache, encode_dataset
from kit.files import canonical_json, sha256_bytes, sha256_of, sweep, write_whole
from kit.lora import Pair, save_lora
from kit.lora_forms import checkpoint_bytes
from kit.train import Learning, Step, precision_of, train_on
from kit.train_config import TrainConfig, Training
from kit.training_notes import Trained, notes

STATE, LOG, TOLD = "state.pt", "log.csv", "train.json"
COLUMNS = ("step", "loss", "learning_rate")


class Listener(Protocol):
    """Whoever wants to know how far a training is."""

    def begin(self, total: int, done: int) -> None:
        """Hear how many steps there are and how many were done before."""

    def hear(self, step: Step) -> None:
        """Hear of a finished step."""


def train(training: Training, out: Path, listener: Listener, device: str = "auto") -> Path:
    """Train a LoRA, or go on with it, and return its file.

    Raises:
        InputError: the dataset has faults.
        TrainError: the folder holds another training, or the loss stopped being a number.
    """
    where = pick_device(device)
    base, dataset, config = load_base(training.base), read_dataset(Path(training.data)), training.learn
    told = _told(base, dataset, config)
    folder = TrainingFolder(out, told, listener, config)
    folder.take()
    examples = encode_dataset(base, dataset, config, Cache(out / "cache"), where)
    unet = base.unet(where, precision_of(config, torch.device(where)))
    pairs = train_on(unet, examples, config, folder)
    trained = Trained(name=out.resolve().name, pictures=len(dataset), told=told)
    return folder.finish(pairs, notes(config, trained))


def _told(base: Base, dataset: list[Captioned], config: TrainConfig) -> dict[str, object]:
    """Return what a training is of: with another of these it is another training."""
    content = [[sha256_of(entry.path), entry.text] for entry in dataset]
    return {
        "base": base.name,
        "base_sha256": base.unet_sha256,
        "dataset_sha256": sha256_bytes(canonical_json(content)),
        "learn": config.model_dump(exclude={"save_every", "keep_last"}),
    }


class TrainingFolder:
    """A training on disk: it keeps states, and gives back the last whole one."""

    def __init__(
        self, folder: Path, told: Mapping[str, object], listener: Listener, config: TrainConfig
    ) -> None:
        """Name the folder and what is trained there."""
        self._folder, self._told, self._listener, self._config = folder, told, listener, config
        self._rows: list[Step] = []

    def take(self) -> None:
        """Take the folder for this training; TrainError when it holds another, RunError when it cannot be."""
        path = self._folder / TOLD
        if path.is_file():
            if json.loads(path.read_bytes()) != json.loads(canonical_json(dict(self._told))):
                holds = f"{self._folder} holds a training of other settings, pictures or base"
                raise TrainError(f"{holds}: choose another --out")
        elif self._folder.is_dir() and any(self._folder.iterdir()):
            raise TrainError(f"{self._folder} is not empty and holds no training: choose another --out")
        else:
            text = json.dumps(self._told, ensure_ascii=False, indent=2)
            write_whole(path, f"{text}\n".encode())
        sweep(self._folder)

    def begin(self) -> Learning | None:
        """Return the last state that is whole, and cut the log off behind it."""
        learning = self._learning()
        done = learning.step if learning else 0
        self._rows = [row for row in self._logged() if row.number <= done]
        self._listener.begin(self._config.steps, done)
        return learning

    def hear(self, step: Step) -> None:
        """Pass a step on and log it."""
        self._rows.append(step)
        self._listener.hear(step)

    def keep(self, learning: Learning, pairs: Mapping[str, Pair]) -> None:
        """Write the LoRA of this step, then the log, then the state: a state stands for all before it."""
        name = f"{learning.step:06d}.safetensors"
        save_lora(self._folder / "steps" / name, pairs, self._config.counts, {"steps": str(learning.step)})
        self._write_log()
        data = io.BytesIO()
        torch.save(learning._asdict(), data)
        write_whole(self._folder / STATE, data.getvalue())
        if self._config.keep_last is not None:
            for old in self.saved()[: -self._config.keep_last]:
                old.unlink()

    def saved(self) -> list[Path]:
        """Return the LoRAs of the steps, the oldest first."""
        return sorted((self._folder / "steps").glob("*.safetensors"))

    def finish(self, pairs: Mapping[str, Pair], metadata: Mapping[str, str]) -> Path:
        """Write the finished LoRA, also in the contest's form, and return its file."""
        path = self._folder / f"{self._folder.resolve().name}.safetensors"
        save_lora(path, pairs, self._config.counts, metadata)
        write_whole(path.with_suffix(".ckpt"), checkpoint_bytes(path.read_bytes()))
        return path

    def _learning(self) -> Learning | None:
        path = self._folder / STATE
        if not path.is_file():
            return None
        try:
            return Learning(**torch.load(path, map_location="cpu", weights_only=True))
        except (OSError, EOFError, TypeError, ValueError, RuntimeError, pickle.PickleError) as error:
            raise RunError(
                f"{path} is damaged: {str(error).splitlines()[0]}; delete it to begin anew"
            ) from error

    def _logged(self) -> list[Step]:
        try:
            table = csv.DictReader(io.StringIO((self._folder / LOG).read_text("utf-8")))
        except FileNotFoundError:
            return []
        return [Step(int(row["step"]), float(row["loss"]), float(row["learning_rate"])) for row in table]

    def _write_log(self) -> None:
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(self._rows)
        write_whole(self._folder / LOG, text.getvalue().encode())
