"""Self-attention in which rows of a batch also read others, which keeps a hero the same in every panel.

One way: a row that is read, an anchor, reads nobody, so its picture and those of its readers hang on nothing
else in the batch. A reader's query sees the anchor's keys beside its own; the strength is the share of its
attention that the anchor would get where both are equally like the query. Only the tokens in which the anchor
shows its subject are read, told by its own attention to the subject's words in the steps before.

Sources: the keys of a first picture beside one's own, Tune-A-Video (arXiv 2212.11565) and ConsiStory
(arXiv 2402.03286), which also masks by the attention to words; there all pictures read all.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from diffsynth.models.attention import Attention
from torch import Tensor, nn

MOST_SHARE = 0.999
"""Of the attention; all of it would leave a panel nothing of its own."""
MASK_SIDE = 32
"""Cells along a side of the subject's mask at most; finer attention is not asked."""
HALF, SOFT = 0.35, 0.08
"""Where the mask is one half, of the range of the attention to the words, and how soft its edge is."""
FAINTEST = 1e-4
"""What a token outside the mask counts."""


class AnchoredRow(NamedTuple):
    """A row that reads others."""

    row: int
    anchors: tuple[int, ...]
    """Rows that read nobody."""
    share: float
    """Of its attention, from 0 to 1, for all anchors together where they are as like the query as it is."""


@dataclass(kw_only=True, slots=True)
class Sharing:
    """Who reads whom in the calls of the UNet to come, and what is known of the anchors so far."""

    rows: int
    """Of one half: rows of wanted texts; as many of unwanted ones may follow, sharing among themselves."""
    readers: Sequence[AnchoredRow]
    subjects: Mapping[int, Sequence[int]]
    """The places of the subject's words in the text of an anchor's row; none: the whole picture is read."""
    _masks: dict[int, Tensor] = field(default_factory=dict)
    _seen: dict[int, list[Tensor]] = field(default_factory=dict)

    def note(self, row: int, attention: Tensor) -> None:
        """Take an anchor's attention to its subject, (side, side), of one layer."""
        self._seen.setdefault(row, []).append(attention)

    def end_step(self) -> None:
        """Make the masks for the next step from what was noted in this one and before."""
        for row, maps in self._seen.items():
            side = max(len(one) for one in maps)
            seen = torch.stack([_resized(one, side) for one in maps]).mean(0)
            before = self._masks.get(row)
            self._masks[row] = seen if before is None else (before + seen) / 2
        self._seen.clear()

    def groups(self) -> list[list[AnchoredRow]]:
        """Return the readers, those together that read equally many."""
        counts = sorted({len(reader.anchors) for reader in self.readers})
        return [[reader for reader in self.readers if len(reader.anchors) == count] for count in counts]

    def bias(self, reader: AnchoredRow, query: Tensor) -> Tensor:
        """Return what is added to the scores of a reader's own tokens, 0, and of its anchors' tokens.

        Args:
            reader: the row.
            query: (B, heads, tokens, width); it gives tokens, device and precision.
        """
        share = min(reader.share, MOST_SHARE)
        shift = math.log(share / (1 - share) / len(reader.anchors))
        own = query.new_zeros(query.shape[2])
        read = [self._weights(anchor, len(own)) for anchor in reader.anchors]
        return torch.cat([own, *(own + shift if one is None else (shift + one).to(query) for one in read)])

    def _weights(self, anchor: int, tokens: int) -> Tensor | None:
        """Return the logarithm of what each of an anchor's tokens counts, mean 1; None for all the same."""
        seen = self._masks.get(anchor)
        if seen is None:
            return None
        fine = _resized(seen, math.isqrt(tokens)).flatten()
        even = (fine - fine.min()) / (fine.max() - fine.min()).clamp(min=1e-8)
        mask = torch.sigmoid((even - HALF) / SOFT).clamp(min=FAINTEST)
        return (mask / mask.mean()).log()


def _resized(square: Tensor, side: int) -> Tensor:
    return F.interpolate(square[None, None], (side, side), mode="bilinear", antialias=True)[0, 0]


class SharedAttention(nn.Module):
    """A self-attention whose rows may read others; without readers it is the attention itself."""

    def __init__(self, attention: Attention) -> None:
        """Wrap the attention."""
        super().__init__()
        self.attention = attention
        self.sharing: Sharing | None = None

    def forward(self, states: Tensor, **kwargs: object) -> Tensor:
        """Return the new states, (B, tokens, width)."""
        if self.sharing is None:
            alone: Tensor = self.attention(states, **kwargs)
            return alone
        query, key, value = (
            _heads(layer(states), self.attention.num_heads)
            for layer in (self.attention.to_q, self.attention.to_k, self.attention.to_v)
        )
        read = F.scaled_dot_product_attention(query, key, value)
        for first in range(0, len(states), self.sharing.rows):
            for readers in self.sharing.groups():
                rows = [first + reader.row for reader in readers]
                anchors = torch.tensor([reader.anchors for reader in readers]) + first
                keys, values = (
                    torch.cat([part[rows], *(part[column] for column in anchors.T)], dim=2)
                    for part in (key, value)
                )
                bias = torch.stack([self.sharing.bias(reader, query) for reader in readers])[:, None, None]
                bias = bias.expand(-1, 1, states.shape[1], -1)
                read[rows] = F.scaled_dot_product_attention(query[rows], keys, values, attn_mask=bias)
        merged: Tensor = self.attention.to_out(read.transpose(1, 2).flatten(2))
        return merged


class WatchedAttention(nn.Module):
    """An attention to the text that notes where the anchors of a batch show their subjects."""

    def __init__(self, attention: Attention) -> None:
        """Wrap the attention."""
        super().__init__()
        self.attention = attention
        self.sharing: Sharing | None = None

    def forward(self, states: Tensor, encoder_hidden_states: Tensor, **kwargs: object) -> Tensor:
        """Return the new states, (B, tokens, width)."""
        if self.sharing is not None and states.shape[1] <= MASK_SIDE**2:
            for row, words in self.sharing.subjects.items():
                if words:
                    self.sharing.note(row, self._attention_to(states, encoder_hidden_states, row, words))
        read: Tensor = self.attention(states, encoder_hidden_states=encoder_hidden_states, **kwargs)
        return read

    def _attention_to(self, states: Tensor, text: Tensor, row: int, words: Sequence[int]) -> Tensor:
        heads = self.attention.num_heads
        query = _heads(self.attention.to_q(states[row, None]), heads)
        key = _heads(self.attention.to_k(text)[row, None], heads)
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])
        shares = scores.float().softmax(dim=-1)[0, :, :, list(words)].sum(dim=-1).mean(dim=0)
        return shares.view(math.isqrt(len(shares)), -1)


def _heads(states: Tensor, heads: int) -> Tensor:
    return states.view(*states.shape[:2], heads, -1).transpose(1, 2)
