"""Captions of pictures of the drawn world, by the embedded network, in Chinese or English."""

import hashlib
import random
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from kit.dataset.captioning.scenes.network import SIDE, EncoderTower, SceneReader, encoder_names, normalised
from kit.dataset.captioning.scenes.questions import FIGURE, SCENE, Answers, Probabilities, scene_of
from kit.embedded import CAPTIONER, CAPTIONER_SHA256, ENCODER
from kit.errors import WeightsError
from kit.files.encodings import sha256_of
from kit.files.tensors.tensor_files import open_tensor_file
from kit.messages import Language, mark, reader_language, tr
from kit.world import words
from kit.world.captions import describe
from kit.world.scene import Scene

OF_ENCODER = "encoder"
"""Note of the captioner's file: the sha256 of the encoder that it was trained on."""
_OTHERS = mark("{file} is not as it came with storykit: install storykit again")


class SceneCaptioner:
    """Names what is in a picture of the drawn world; of any other it names what is least unlike it."""

    def __init__(self, tower: EncoderTower, reader: SceneReader, language: Language) -> None:
        """Take the encoder's tower and the reader that was trained on it."""
        self._tower, self._reader, self.language = tower.eval(), reader.eval(), language

    def __call__(self, picture: Image.Image) -> list[str]:
        """Return the clauses of a caption: who, what they do, where, when, how near, and in which style.

        The same picture gives the same words; synonyms differ from picture to picture.
        """
        pixels = np.asarray(picture.convert("RGB"))
        dice = random.Random(hashlib.sha256(pixels.tobytes()).hexdigest())
        return clauses_of(self.scenes([picture])[0], self.language, dice)

    def scenes(self, pictures: Sequence[Image.Image]) -> list[Scene]:
        """Return what is in each of some RGB pictures."""
        with torch.inference_mode():
            seen = self._tower(torch.stack([network_input(picture) for picture in pictures]))
            scene, figures, _ = self._reader(seen)
        return [
            scene_of(Answers(_answers(SCENE, whole), [_answers(FIGURE, one) for one in each]))
            for whole, each in zip(scene, figures, strict=True)
        ]


def network_input(picture: Image.Image) -> Tensor:
    """Return a picture as the network takes it: (3, SIDE, SIDE), normalised; a long side is squeezed."""
    small = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return normalised(torch.from_numpy(np.array(small)).permute(2, 0, 1))


def clauses_of(scene: Scene, language: Language, dice: random.Random) -> list[str]:
    """Return what can be said of a scene; the style last, always by one word, so that it is easy to ban."""
    told = [clause.text for clause in describe(scene, language, dice) if clause.role != "style"]
    return [*told, words.STYLES[language][scene.style][0]]


def _answers(questions: Mapping[str, Sequence[str]], logits: Tensor) -> dict[str, Probabilities]:
    ends = accumulate(map(len, questions.values()), initial=0)
    return {
        name: logits[start:end].double().softmax(0).numpy()
        for name, (start, end) in zip(questions, pairwise(ends), strict=True)
    }


def open_scene_captioner(language: Language | None, path: Path = CAPTIONER) -> SceneCaptioner:
    """Return the embedded captioner, on the CPU.

    Args:
        language: of its words; None: the reader's.
        path: where its weights lie.

    Raises:
        WeightsError: they, or the encoder's, are not those that came with storykit.
    """
    if not path.is_file() or sha256_of(path) != CAPTIONER_SHA256:
        raise WeightsError(tr(_OTHERS, file=path))
    file, reader = open_tensor_file(path), SceneReader()
    if not ENCODER.is_file() or file.metadata[OF_ENCODER] != sha256_of(ENCODER):
        raise WeightsError(tr(_OTHERS, file=ENCODER))
    reader.load_state_dict({name: _as_used(file.load(name)) for name in file.kinds})
    return SceneCaptioner(open_tower(ENCODER), reader, language or reader_language())


def open_tower(encoder: Path) -> EncoderTower:
    """Return the picture tower of the embedded encoder's file, whose shapes are those of the tower."""
    file, tower = open_tensor_file(encoder), EncoderTower()
    state = tower.state_dict()
    for theirs, ours in encoder_names().items():
        for name in (name for name in state if name.startswith(f"{ours}.")):
            state[name] = _as_used(file.load(f"visual.{theirs}{name.removeprefix(ours)}"))
    tower.load_state_dict(state)
    return tower


def _as_used(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
