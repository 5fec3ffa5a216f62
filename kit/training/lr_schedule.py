"""The lr schedule and the batch sampler: learning rate and batches follow from seed and step alone."""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
import torch

from kit.files.encodings import sha256_bytes
from kit.training.config import TrainConfig


def seeded_generator(seed: int, *names: object) -> torch.Generator:
    """Return a CPU generator that hangs on the seed and the names alone."""
    text = "/".join(map(str, (seed, *names)))
    number = int.from_bytes(bytes.fromhex(sha256_bytes(text.encode())[:16]), "little") >> 1
    return torch.Generator().manual_seed(number)


class BatchSampler:
    """The order of batches: every picture once an epoch, only pictures of one shape together."""

    def __init__(self, shapes: Sequence[Hashable], batch: int, seed: int) -> None:
        """Take each picture's shape.

        Args:
            shapes: one a picture.
            batch: pictures a step; a group that is no multiple of it is filled up from its own beginning.
            seed: of the order.
        """
        self._batch, self._seed = batch, seed
        self._groups = defaultdict[Hashable, list[int]](list)
        for index, shape in enumerate(shapes):
            self._groups[shape].append(index)
        self.steps = sum(math.ceil(len(group) / batch) for group in self._groups.values())
        """Steps an epoch."""

    def batch(self, step: int) -> list[int]:
        """Return the pictures of a step, from 1."""
        epoch, place = divmod(step - 1, self.steps)
        generator = seeded_generator(self._seed, "epoch", epoch)
        batches: list[list[int]] = []
        for group in self._groups.values():
            order = [group[k] for k in torch.randperm(len(group), generator=generator).tolist()]
            rows = math.ceil(len(group) / self._batch)
            batches += np.resize(order, (rows, self._batch)).tolist()  # filled up from the beginning
        return batches[int(torch.randperm(len(batches), generator=generator)[place])]


FLOOR = 1e-3
"""Share of the learning rate that a falling schedule ends at."""


def learning_rate(config: TrainConfig, number: int) -> float:
    """Return the learning rate of a step, from 1: up over the warm-up, then down by the lr schedule.

    By hand, for LambdaLR keeps a state and multiplies in another order: other last bits in the warm-up.
    """
    warm = round(config.warmup * config.steps)
    if number <= warm:
        return config.learning_rate * number / warm
    along = (number - 1 - warm) / max(1, config.steps - warm)
    match config.schedule:
        case "constant":
            return config.learning_rate
        case "linear":
            return config.learning_rate * (1 - along * (1 - FLOOR))
        case "cosine":
            return config.learning_rate * (FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * along)) / 2)
