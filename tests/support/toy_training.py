"""Short trainings on the toy base: data, settings, and who listens."""

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import tomli_w
import torch
from fakes import TOY_PROMPTS, fake_picture, toy_base

from kit.dataset.read import CaptionedPicture
from kit.models.base import load_base
from kit.training.config import TrainConfig, Training, load_training
from kit.training.latents import EncodedDataset, EncodingCache, encode_dataset
from kit.training.train import train

SHORT = TrainConfig(rank=2, alpha=2.0, steps=3, batch=2, learning_rate=1e-2, size=32, checkpointing=False)


class SilentListener:
    """Hears a training and says nothing."""

    def note(self, text: str) -> None:
        pass

    def begin(self, total: int, done: int) -> None:
        pass

    def advance(self, count: int, note: str = "") -> None:
        pass


def pictures(
    folder: Path, captions: Sequence[str], size: tuple[int, int] = (48, 48)
) -> list[CaptionedPicture]:
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number, caption in enumerate(captions):
        path = folder / f"{number}.png"
        fake_picture(f"{number}{caption}", max(size)).resize(size).save(path)
        entries.append(CaptionedPicture(path=path, text=caption))
    return entries


def encoded(
    folder: Path, captions: Sequence[str] = TOY_PROMPTS[:2], config: TrainConfig = SHORT
) -> EncodedDataset:
    dataset = pictures(folder / "pictures", captions)
    return encode_dataset(load_base(toy_base()), dataset, config, EncodingCache(folder / "cache"), "cpu")


def write_dataset(folder: Path, rows: str, pictures: tuple[str, ...] = ("1.png", "2.png")) -> Path:
    folder.mkdir(exist_ok=True)
    for name in pictures:
        fake_picture(name, 48).save(folder / name)
    (folder / "metadata.csv").write_text(f"file_name,text\n{rows}", encoding="utf-8-sig")
    return folder


def same_pairs(one: dict, other: dict) -> bool:
    return all(torch.equal(a, b) for name in one for a, b in zip(one[name], other[name], strict=True))


def training_file(folder: Path, **learn: object) -> Path:
    """Return a training file on the toy base beside its data."""
    rows = "".join(f"{number}.png,{caption}\n" for number, caption in enumerate(TOY_PROMPTS[:3]))
    write_dataset(folder / "data", rows, ("0.png", "1.png", "2.png"))
    small = {"rank": 2, "steps": 6, "batch": 2, "size": 32, "save_every": 2}
    document = {"data": "data", "base": str(toy_base()), "preset": "style", "learn": {**small, **learn}}
    path = folder / "train.toml"
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    return path


def finished_training(folder: Path) -> Training:
    """Return what `training_file` says, having put its finished training into folder/ink."""
    shutil.copytree(_finished(), folder / "ink")
    return load_training(training_file(folder))


@cache
def _finished() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="storykit-trained-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return train(load_training(training_file(folder)), folder / "ink", SilentListener(), "cpu").parent
