"""A word is taught: vectors before the text encoder's layers learn, and every network stays as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffsynth.models.kolors_text_encoder import ChatGLMModel
from diffsynth.models.sdxl_unet import SDXLUNet
from diffsynth.prompters.kolors_prompter import KolorsPrompter
from torch import Tensor, nn

from kit.dataset.read import CaptionedPicture
from kit.errors import TrainError
from kit.messages import tr
from kit.models.kolors.text_encoder import TaughtWords, encode_ids, pieces_of, tokenize, vocabulary
from kit.models.sizes import TOKENS
from kit.story.trigger import captions_of
from kit.training.config import TrainConfig, WordToLearn
from kit.training.loop import Checkpointer, Trainer, WeightedExamples, learn

_NAME = "word"
"""What states call the vectors."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenExamples:
    """Pictures, and captions that the text encoder reads anew in each step, for a word in them changes."""

    latents: Sequence[Tensor]
    captions: Tensor
    """(pictures,): each picture's row among the tokens; row 0 is the empty caption."""
    tokens: tuple[Tensor, Tensor, Tensor]
    """Ids, mask and positions of the captions, (captions + 1, 256) each."""
    text_encoder: ChatGLMModel
    word: nn.Parameter
    """(vectors, hidden), in units of `unit`."""
    unit: float
    """The root mean square of the embedding layer's numbers: a learning rate means the same for each base."""

    def states(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the UNet reads of captions, with the gradient of the word."""
        ids, mask, positions = (part[rows].to(self.word.device) for part in self.tokens)
        return encode_ids(self.text_encoder, ids, mask, positions, self.word * self.unit)


def check_word(
    word: WordToLearn, dataset: Sequence[CaptionedPicture], config: TrainConfig, prompter: KolorsPrompter
) -> None:
    """Raise TrainError for a word that cannot be learned.

    The base has it already, or nothing that it begins as; or some caption does not say it where it is read.
    """
    if word.token in vocabulary(prompter):
        raise TrainError(
            tr(
                "embedding.token = {token!r} is a word that the base knows: take one that nobody uses, "
                "such as <{token}>",
                token=word.token,
            )
        )
    if not pieces_of(prompter, word.begins_as):
        raise TrainError(
            tr(
                "embedding.begins_as = {words!r} is nothing that the base reads: take a word such as dog",
                words=word.begins_as,
            )
        )
    captions = captions_of([entry.text for entry in dataset], config.trigger, config.language)
    taught = TaughtWords(rows={word.token: range(word.vectors)}, vectors=torch.empty(word.vectors, 0))
    for entry, caption in zip(dataset, captions, strict=True):
        if word.token not in caption:
            raise TrainError(
                tr(
                    "{file}: its caption does not say {token}: write it there, or set learn.trigger to words "
                    "that do",
                    file=entry.path.name,
                    token=word.token,
                )
            )
        ids, _, _ = tokenize(prompter, [caption], taught)
        if int(ids.min()) > -word.vectors:  # its vectors have the ids -1, -2, ... in this order
            raise TrainError(
                tr(
                    "{file}: its caption says {token} behind the {most} tokens that the base reads: write it "
                    "further in front",
                    file=entry.path.name,
                    token=word.token,
                    most=TOKENS,
                )
            )


def spoken_examples(
    latents: Sequence[Tensor],
    captions: Sequence[str],
    word: WordToLearn,
    text_encoder: ChatGLMModel,
    prompter: KolorsPrompter,
) -> SpokenExamples:
    """Return what a word is learned from; it begins as the pieces of `begins_as`, in turn."""
    table = text_encoder.embedding.word_embeddings.weight
    unit = float(table.float().square().mean().sqrt())
    pieces = np.resize(pieces_of(prompter, word.begins_as), word.vectors)
    start = table[torch.from_numpy(pieces).to(table.device)] / unit
    distinct = list(dict.fromkeys(["", *captions]))
    rows = {text: row for row, text in enumerate(distinct)}
    taught = TaughtWords(rows={word.token: range(word.vectors)}, vectors=start)
    return SpokenExamples(
        latents=latents,
        captions=torch.tensor([rows[caption] for caption in captions]),
        tokens=tokenize(prompter, distinct, taught),
        text_encoder=text_encoder,
        word=nn.Parameter(start.detach().clone()),
        unit=unit,
    )


def train_word(
    unet: SDXLUNet,
    examples: SpokenExamples,
    config: TrainConfig,
    checkpointer: Checkpointer[Tensor] | None = None,
) -> Tensor:
    """Return the vectors of a word, (vectors, hidden) in fp32, learned with every network frozen.

    Runs where UNet and text encoder are. Same config, examples and machine: same vectors, whether it was
    stopped on the way or not.

    Raises:
        TrainError: the loss stopped being a number; what was kept last is good.
    """

    def vectors(learned: Mapping[str, Tensor]) -> Tensor:
        return learned[_NAME] * examples.unit

    unet.train()  # only so are activations computed twice
    try:
        trainer = Trainer(unet, [WeightedExamples(examples)], config, {_NAME: examples.word})
        return learn(trainer, config, vectors, checkpointer)
    finally:
        unet.eval()
