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

from kit.dataset.captioning.scenes.network import SIDE, SceneNetwork, normalised
from kit.dataset.captioning.scenes.questions import FIGURE, SCENE, Answers, Probabilities, scene_of
from kit.embedded import CAPTIONER, CAPTIONER_SHA256
from kit.errors import WeightsError
from kit.files.encodings import sha256_of
from kit.files.tensors.tensor_files import open_tensor_file
from kit.messages import Language, mark, reader_language, tr
from kit.world import words
from kit.world.captions import describe
from kit.world.scene import Scene


class SceneCaptioner:
    """Names what is in a picture of the drawn world; of any other it names what is least unlike it."""

    if_silent = mark("shorten --blacklist")

    def __init__(self, network: SceneNetwork, language: Language) -> None:
        """Take a trained network."""
        self._network, self.language = network.eval(), language

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
            scene, figures, _ = self._network(torch.stack([network_input(picture) for picture in pictures]))
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
        WeightsError: they are not those that came with storykit.
    """
    if not path.is_file() or sha256_of(path) != CAPTIONER_SHA256:
        raise WeightsError(tr("{file} is not as it came with storykit: install storykit again", file=path))
    file, network = open_tensor_file(path), SceneNetwork()
    network.load_state_dict({name: file.load(name).float() for name in file.kinds})
    return SceneCaptioner(network, language or reader_language())
