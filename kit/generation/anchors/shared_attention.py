"""Self-attention in which rows of a batch also read others, which keeps a hero the same in every panel.

One way: a row that is read, an anchor, reads nobody, so its picture and those of its readers hang on nothing
else in the batch. A reader's query sees the anchor's keys beside its own; the strength is the share of its
attention that the anchor would get where both are equally like the query. Only the tokens in which the anchor
shows its subject are read, told by its own attention to the subject's words in the steps before; a token of
a reader that shows a bystander, told likewise, does not read.

Sources: the keys of a first picture beside one's own, Tune-A-Video (arXiv 2212.11565) and ConsiStory
(arXiv 2402.03286), which also masks by the attention to words; there all pictures read all.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from diffsynth.models.attention import Attention
from torch import Tensor, nn

MOST_SHARE = 0.999
"""Of the attention; all of it would leave a panel nothing of its own."""
MASK_SIDE = 32
"""Cells along a side of the subject's mask at most; for it finer attention is not asked."""
HALF, SOFT = 0.35, 0.08
"""Where the mask is one half, of the range of the attention to the words, and how soft its edge is."""
AHEAD = 0.15
"""How much more a token has to show a bystander than a hero, of the same range, to read half as much."""
FAINTEST = 1e-4
"""What a token outside the mask counts."""
BIAS_WIDTH = 8
"""Numbers that a query is longer by for its bias; fast attention asks for widths of whole eights."""


class AnchoredRow(NamedTuple):
    """A row that reads others."""

    row: int
    anchors: tuple[int, ...]
    """Rows that read nobody."""
    share: float
    """Of its attention, from 0 to 1, for all anchors together where they are as like the query as it is."""

    @property
    def shift(self) -> float:
        """What is added to the scores of an anchor's tokens."""
        share = min(self.share, MOST_SHARE)
        return math.log(share / (1 - share) / len(self.anchors))


class ReadingRows(NamedTuple):
    """Rows of a batch that read equally many others, as indices on its device."""

    readers: Sequence[AnchoredRow]
    """Of one half, in the order of its rows; empty where nobody is read."""
    rows: Tensor
    """(n,)."""
    seen: Tensor
    """(n, 1 + anchors): the rows that each sees, itself first."""


class WatchedRows(NamedTuple):
    """Rows in which it is watched where figures are shown, as indices on their device."""

    rows: Tensor
    """(n,)."""
    words: Tensor
    """(n, words, figures): 1 where a word stands for a figure."""


class BiasFactors(NamedTuple):
    """Numbers added to attention scores, as two factors: query @ key.T."""

    query: Tensor
    """(tokens, 2)."""
    key: Tensor
    """(keys, 2)."""


@dataclass(kw_only=True, slots=True)
class Sharing:
    """Who reads whom in the calls of the UNet to come, and what is known of the anchors so far."""

    rows: int
    """Of one half: rows of wanted texts; as many of unwanted ones may follow, sharing among themselves."""
    readers: Sequence[AnchoredRow]
    watched: Mapping[int, Sequence[Sequence[int]]]
    """Where in a row's text the words for its figures stand: of an anchor's row for its subject; of a reader
    that shows bystanders for the subject of each of its anchors, then for them."""
    finest: int = MASK_SIDE
    """Cells along a side of the attention that is asked, at most."""
    last: Mapping[int, Sequence[Tensor]] = field(default_factory=dict)
    """What was noted of each row in the last step, by every layer that was asked."""
    _seen: dict[int, Tensor] = field(default_factory=dict)
    _biases: dict[tuple[int, int], BiasFactors] = field(default_factory=dict)
    _groups: dict[int, list[ReadingRows]] = field(default_factory=dict)
    _watched_rows: WatchedRows | None = None
    _noted: dict[int, list[Tensor]] = field(default_factory=dict)

    def groups(self, states: Tensor) -> list[ReadingRows]:
        """Return all rows of a batch, (B, ...), those together that read equally many.

        Made once for each number of rows: an index that is made anew makes the device wait.
        """
        if len(states) not in self._groups:
            groups = self._groups[len(states)] = []
            reading = {reader.row for reader in self.readers}
            alone = [AnchoredRow(row, (), 0.0) for row in range(self.rows) if row not in reading]
            halves = range(0, len(states), self.rows)
            for count in sorted({len(row.anchors) for row in (*alone, *self.readers)}):
                rows = [row for row in (*alone, *self.readers) if len(row.anchors) == count]
                seen = [[half + one for one in (row.row, *row.anchors)] for half in halves for row in rows]
                indices = torch.tensor(seen).to(states.device)
                groups.append(ReadingRows(rows if count else (), indices[:, 0], indices))
        return self._groups[len(states)]

    def watched_rows(self, text: Tensor) -> WatchedRows:
        """Return the rows that are watched, of a batch whose texts are (B, words, ...)."""
        if self._watched_rows is None:
            figures = max(map(len, self.watched.values()))
            words = torch.zeros(len(self.watched), text.shape[1], figures)
            for place, row in enumerate(self.watched.values()):
                for figure, places in enumerate(row):
                    words[place, list(places), figure] = 1
            rows = torch.tensor(list(self.watched))
            self._watched_rows = WatchedRows(rows.to(text.device), words.to(text.device))
        return self._watched_rows

    def note(self, row: int, attention: Tensor) -> None:
        """Take a row's attention to those whom it is watched for, (figures, side, side), of one layer."""
        self._noted.setdefault(row, []).append(attention)

    def end_step(self) -> None:
        """Learn for the next step from what was noted in this one and before."""
        for row, maps in self._noted.items():
            side = max(one.shape[1] for one in maps)
            seen = torch.stack([_resized(one, side) for one in maps]).mean(0)
            before = self._seen.get(row)
            self._seen[row] = seen if before is None else (before + seen) / 2
        self.last, self._noted = self._noted, {}
        self._biases.clear()

    def bias(self, reader: AnchoredRow, states: Tensor) -> BiasFactors:
        """Return what is added to a reader's scores: 0 for its own tokens, more or less for its anchors'.

        Args:
            reader: the row.
            states: (B, tokens, ...); it gives tokens and device.
        """
        key = (reader.row, states.shape[1])
        if key not in self._biases:
            self._biases[key] = self._bias(reader, states.new_zeros(states.shape[1], dtype=torch.float32))
        return self._biases[key]

    def _bias(self, reader: AnchoredRow, zeros: Tensor) -> BiasFactors:
        weights = torch.cat([self._weights(anchor, zeros) for anchor in reader.anchors]) + reader.shift
        query = torch.stack([zeros + 1, self._kept(reader, zeros)], dim=1)
        key = torch.stack([weights, torch.ones_like(weights)], dim=1)
        return BiasFactors(query, torch.cat([zeros[:, None].expand(-1, 2), key]))

    def _weights(self, anchor: int, zeros: Tensor) -> Tensor:
        """Return the logarithm of what each of an anchor's tokens counts, mean 1; (tokens,)."""
        if anchor not in self._seen:
            return zeros
        [shown] = self._shown(anchor, len(zeros))
        mask = torch.sigmoid((shown - HALF) / SOFT).clamp(min=FAINTEST)
        return (mask / mask.mean()).log()

    def _kept(self, reader: AnchoredRow, zeros: Tensor) -> Tensor:
        """Return the logarithm of how much each token of a reader reads, (tokens,).

        A token that shows a bystander rather than a hero does not read.
        """
        if reader.row not in self._seen:
            return zeros
        shown = self._shown(reader.row, len(zeros))
        heroes, bystanders = shown.tensor_split([len(reader.anchors)])
        ahead = heroes.amax(dim=0) + AHEAD - bystanders.amax(dim=0)
        return torch.sigmoid(ahead / SOFT).clamp(min=FAINTEST).log()

    def _shown(self, row: int, tokens: int) -> Tensor:
        """Return how much each token shows each figure of a row, (figures, tokens), from 0 to 1."""
        fine = _resized(self._seen[row], math.isqrt(tokens)).flatten(1)
        low, high = fine.amin(dim=1, keepdim=True), fine.amax(dim=1, keepdim=True)
        return (fine - low) / (high - low).clamp(min=1e-8)


def _resized(squares: Tensor, side: int) -> Tensor:
    return F.interpolate(squares[None], (side, side), mode="bilinear", antialias=True)[0]


class SharedAttention(nn.Module):
    """A self-attention whose rows may read others; without readers it is the attention itself."""

    def __init__(self, attention: Attention) -> None:
        """Wrap the attention."""
        super().__init__()
        self.attention = attention
        self.sharing: Sharing | None = None
        # who reads whom changes from batch to batch: not compiled, while all around it may be
        self._read_eagerly: Callable[[Tensor, Sharing], Tensor] = torch.compiler.disable(self._read)

    def forward(self, states: Tensor, **kwargs: object) -> Tensor:
        """Return the new states, (B, tokens, width)."""
        if self.sharing is None:
            alone: Tensor = self.attention(states, **kwargs)
            return alone
        return self._read_eagerly(states, self.sharing)

    def _read(self, states: Tensor, sharing: Sharing) -> Tensor:
        query, key, value = (
            _heads(layer(states), self.attention.num_heads)
            for layer in (self.attention.to_q, self.attention.to_k, self.attention.to_v)
        )
        read = torch.empty_like(query)
        for readers, rows, seen in sharing.groups(states):
            keys, values = (part[seen].flatten(1, 2) for part in (key, value))
            biases = [sharing.bias(reader, states) for reader in readers]
            read[rows] = _attended(query[rows], keys, values, biases)
        merged: Tensor = self.attention.to_out(read.flatten(2))
        return merged


class WatchedAttention(nn.Module):
    """An attention to the text that notes where the anchors of a batch show their subjects."""

    def __init__(self, attention: Attention) -> None:
        """Wrap the attention."""
        super().__init__()
        self.attention = attention
        self.sharing: Sharing | None = None
        self._note_eagerly: Callable[[Tensor, Tensor, Sharing], None] = torch.compiler.disable(self._note)

    def forward(self, states: Tensor, encoder_hidden_states: Tensor, **kwargs: object) -> Tensor:
        """Return the new states, (B, tokens, width)."""
        if self.sharing is not None and self.sharing.watched and states.shape[1] <= self.sharing.finest**2:
            self._note_eagerly(states, encoder_hidden_states, self.sharing)
        read: Tensor = self.attention(states, encoder_hidden_states=encoder_hidden_states, **kwargs)
        return read

    def _note(self, states: Tensor, text: Tensor, sharing: Sharing) -> None:
        heads = self.attention.num_heads
        watched = sharing.watched_rows(text)
        query = _heads(self.attention.to_q(states[watched.rows]), heads).transpose(1, 2)
        key = _heads(self.attention.to_k(text)[watched.rows], heads).permute(0, 2, 3, 1)
        shares = (query @ key / math.sqrt(query.shape[3])).float().softmax(dim=3).mean(dim=1)
        side = math.isqrt(states.shape[1])
        shown = (shares @ watched.words).transpose(1, 2).reshape(len(shares), -1, side, side)
        for (row, figures), maps in zip(sharing.watched.items(), shown, strict=True):
            sharing.note(row, maps[: len(figures)])


def _heads(states: Tensor, heads: int) -> Tensor:
    """Return states by head, (B, tokens, heads, width)."""
    return states.view(*states.shape[:2], heads, -1)


def _attended(query: Tensor, key: Tensor, value: Tensor, biases: Sequence[BiasFactors]) -> Tensor:
    """Return what queries read, (B, tokens, heads, width).

    Each reader's biases go into the products, as further numbers of its queries and keys: only slower kernels
    take a mask of tokens x keys.
    """
    width, scale = query.shape[3], 1 / math.sqrt(query.shape[3])
    if biases:
        halves = len(query) // len(biases)
        factors = (torch.stack(part).repeat(halves, 1, 1)[:, :, None] for part in zip(*biases, strict=True))
        queries, keys = (F.pad(part, (0, BIAS_WIDTH - 2)).to(query) for part in factors)
        query = torch.cat([query, queries.expand(-1, -1, query.shape[2], -1)], dim=3)
        key = torch.cat([key, keys.expand(-1, -1, key.shape[2], -1) / scale], dim=3)
        value = F.pad(value, (0, BIAS_WIDTH))
    query, key, value = (part.transpose(1, 2) for part in (query, key, value))
    return F.scaled_dot_product_attention(query, key, value, scale=scale).transpose(1, 2)[..., :width]
