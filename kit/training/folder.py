"""A training folder: the state to resume from, the log, and the saved steps."""

import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

import pandas as pd
import torch
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary

from kit.errors import LoraError, RunError, TrainError
from kit.experiment.candidates.saved_steps import TRAINING_NOTE
from kit.files.atomic_write import remove_partial_files, write_atomic
from kit.files.encodings import canonical_json, csv_rows, finite_json, json_bytes, sha256_bytes
from kit.files.folder_lock import LOCK
from kit.files.regular_files import read_file
from kit.files.safetensors_files import TORCH_LOAD_ERRORS
from kit.files.text.library_words import reason_of
from kit.messages import tr
from kit.progress import Progress
from kit.training.config import TrainConfig
from kit.training.loop import TrainState, TrainStep
from kit.training.previews import STEPS, saved_steps

STATE, LOG, IDENTITY, EVENTS = "state.pt", "log.csv", "train.json", "tensorboard"
COLUMNS = ["step", "loss", "learning_rate"]
SMOOTHING = 0.02
"""How much of each new loss goes into the one that is shown: single steps say little."""


def claim_folder(folder: Path, identity: Mapping[str, object]) -> None:
    """Take a folder for a training; TrainError when it holds another, RunError when it cannot be read."""
    path = folder / IDENTITY
    if path.is_file():
        if read_training_identity(path) != json.loads(canonical_json(dict(identity))):
            raise TrainError(
                tr(
                    "{folder} holds a training of other settings, pictures or base: choose another --out",
                    folder=folder,
                )
            )
    elif folder.is_dir() and any(not _is_passing(path) for path in folder.iterdir()):
        raise TrainError(
            tr("{folder} is not empty and holds no training: choose another --out", folder=folder)
        )
    else:
        write_atomic(path, json_bytes(identity))
    remove_partial_files(folder)


def _is_passing(path: Path) -> bool:
    """Return whether a file is there only as long as somebody writes, or is what one who was killed left."""
    return path.name == LOCK or (path.name.startswith(".") and path.suffix == ".part")


def read_training_identity(path: Path) -> dict[str, object]:
    """Return what a folder's train.json holds; RunError when it is damaged."""
    try:
        identity = finite_json(read_file(path))
    except (OSError, ValueError) as error:
        raise RunError(
            tr("{file} is damaged: {error}; choose another --out", file=path, error=reason_of(error))
        ) from error
    return identity if isinstance(identity, dict) else {}


Kept = TypeVar("Kept")


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderHooks(Generic[Kept]):
    """What is done with a saved step."""

    write: Callable[[Path, Kept, Mapping[str, str]], None]
    """Writes what was learned and notes; LoraError where its numbers are none."""
    preview: Callable[[], None]
    """Draws the saved steps."""


class TrainingFolder(Generic[Kept]):
    """A training on disk: it keeps states, and gives back the last whole one."""

    def __init__(
        self, folder: Path, config: TrainConfig, progress: Progress, hooks: FolderHooks[Kept]
    ) -> None:
        """Name the folder, what is trained there, who hears of it, and what is done with the saved steps."""
        self._folder, self._config, self._progress, self._hooks = folder, config, progress, hooks
        self._rows: list[TrainStep] = []
        self._loss = 0.0
        self._good = 0
        """The last step that is safely on disk."""

    def begin(self) -> TrainState | None:
        """Return the last state that is whole, and cut the log off behind it."""
        state = self._read_state()
        done = state.step if state else 0
        self._rows = [row for row in self._logged() if row.number <= done]
        self._progress.begin(self._config.steps, done)
        self._on_disk(done)
        return state

    @cached_property
    def _training(self) -> str:
        """Which training it is: the sha256 of its settings, pictures and base."""
        return sha256_bytes(canonical_json(read_training_identity(self._folder / IDENTITY)))

    @cached_property
    def _events(self) -> EventsWriter:
        """TensorBoard's file, written at once: SummaryWriter's flush does not wait for what is queued."""
        (self._folder / EVENTS).mkdir(parents=True, exist_ok=True)
        events = EventsWriter(str(self._folder / EVENTS / "events"))
        begun = SessionLog(status=SessionLog.START)
        events.write_event(Event(wall_time=time.time(), step=self._good + 1, session_log=begun))
        return events

    def on_step(self, step: TrainStep) -> None:
        """Pass a step on and log it."""
        self._rows.append(step)
        curves = {"loss": step.loss, "learning_rate": step.learning_rate}
        summary = Summary(value=[Summary.Value(tag=name, simple_value=y) for name, y in curves.items()])
        self._events.write_event(Event(wall_time=time.time(), step=step.number, summary=summary))
        self._loss = step.loss if not self._loss else self._loss + SMOOTHING * (step.loss - self._loss)
        self._progress.advance(1, tr("loss {loss:.4f}", loss=self._loss))

    def save_checkpoint(self, state: TrainState, learned: Kept) -> None:
        """Write the log, then what this step learned, then the state: a state stands for all before it."""
        table = pd.DataFrame(self._rows, columns=COLUMNS)
        write_atomic(self._folder / LOG, table.to_csv(index=False, lineterminator="\n").encode())
        self._events.flush()
        self.save(state.step, learned)
        data = io.BytesIO()
        torch.save(state._asdict(), data)
        write_atomic(self._folder / STATE, data.getvalue())
        self._on_disk(state.step)

    def close(self) -> None:
        """Close what is written step by step."""
        if "_events" in self.__dict__:
            self._events.close()

    def save(self, step: int, learned: Kept) -> None:
        """Write what was learned; TrainError when its weights are no numbers, or too large for fp16."""
        path = self._folder / STEPS / f"{step:06d}.safetensors"
        try:
            self._hooks.write(path, learned, {"steps": str(step), TRAINING_NOTE: self._training})
        except LoraError as error:
            raise TrainError(
                tr(
                    "what is learned stopped being numbers by step {step}, those of step {good} "
                    "are good; lower learning_rate and choose another --out",
                    step=step,
                    good=self._good,
                )
            ) from error

    def _on_disk(self, step: int) -> None:
        """Note a step as safe, have it drawn, and drop what `keep_last` does not keep."""
        self._good = step
        self._hooks.preview()
        if self._config.keep_last is not None:
            saved = [path for path in saved_steps(self._folder).values() if path.parent.name == STEPS]
            for old in saved[: -self._config.keep_last]:
                old.unlink()

    def _read_state(self) -> TrainState | None:
        path = self._folder / STATE
        if not path.is_file():
            return None
        try:
            return TrainState(**torch.load(path, map_location="cpu", weights_only=True))
        except TORCH_LOAD_ERRORS as error:
            raise RunError(tr("{file} is damaged; delete it to begin anew", file=path)) from error

    def _logged(self) -> list[TrainStep]:
        path = self._folder / LOG
        try:
            rows = csv_rows(read_file(path)) if path.exists() else []
            return [
                TrainStep(int(row["step"]), float(row["loss"]), float(row["learning_rate"])) for row in rows
            ]
        except (OSError, KeyError, ValueError) as error:
            raise RunError(
                tr(
                    "{file} is damaged: {error}; delete it, only the curve's past is lost",
                    file=path,
                    error=reason_of(error),
                )
            ) from error
