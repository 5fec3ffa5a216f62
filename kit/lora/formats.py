"""LoRA files as DiffSynth, PEFT, diffusers and kohya's sd-scripts write them: read, checked whole, written.

A file is read into one rank and one alpha; a strength of 1.0 means alpha / rank, as it was trained, whichever
tool wrote it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from kit.errors import LoraError
from kit.files.path_contents import Kind, kind_at, mistaken
from kit.files.safetensors_files import tensor_bytes
from kit.files.tensors.tensor_files import TensorFile, open_tensor_file
from kit.lora.key_names import Half, Names, Tool, read_key, tensors_file, write_key
from kit.lora.metadata import metadata_of, noted_alphas, promises, said_alpha
from kit.lora.other_files import FLOATS, WHOLE, kind_in_words, network_of, refusal, shown
from kit.lora.pipelines.layer_names import is_pipeline_layer
from kit.lora.pipelines.layout import PipelineLayout
from kit.lora.pipelines.refusals import pipeline_names
from kit.messages import joined, mark, tr

MAX_RANK = 4096
"""More than any layer of Kolors has dimensions that a rank could fill, 1280."""
MAX_NUMBERS = 1 << 30
"""Of a LoRA whose layers are filled up to one rank; rank 256 of every layer of Kolors has 0.7 * 2^30."""
_ROUNDING = 1e-6
"""How far scales may differ that are one."""
_AND = mark(" and ")


_NEVER: frozenset[Kind] = frozenset(
    {"experiment", "story", "training", "rules", "run", "emptied run", "dataset"}
)
"""What is named when it stands where a LoRA belongs; other files are told by their content."""


class LoraPair(NamedTuple):
    """The two factors of one layer's change: W + scale * up @ down."""

    down: Tensor
    """(rank, in), lora_A; of a convolution with its sides behind."""
    up: Tensor
    """(out, rank), lora_B; of a convolution with sides of 1 behind."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(out, in) of the layer that it changes, of a convolution of more than one pixel with its sides."""
        return layer_sides((self.up.shape[0], *self.down.shape[1:]))


def layer_sides(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the sides of a layer's weight; a convolution of one pixel has those of a matrix.

    >>> layer_sides((8, 4, 1, 1)), layer_sides((8, 4, 3, 3))
    ((8, 4), (8, 4, 3, 3))
    """
    return tuple(shape[:2]) if set(shape[2:]) <= {1} else tuple(shape)


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What a LoRA file holds."""

    tool: Names
    """Whose names it has."""
    pairs: Mapping[str, LoraPair]
    """By DiffSynth's name of the layer, or by part and diffusers' module; in the file's own precision."""
    rank: int
    alpha: float | None
    """What the file says, or what its tool takes when nothing is said; None when only its owner knows."""
    notes: Mapping[str, str]
    """The file's metadata."""
    uneven: bool = False
    """Whether layers had scales of their own, so that loaders that know no alpha draw something else."""

    @property
    def trigger(self) -> str:
        """Words it was trained to answer to; empty when the file names none."""
        return self.notes.get("trigger") or self.notes.get("modelspec.trigger_phrase", "")

    @property
    def scale(self) -> float:
        """The factor on up @ down at strength 1.0: as trained; 1 where alpha is not known."""
        return 1.0 if self.alpha is None else self.alpha / self.rank

    @property
    def norm(self) -> float:
        """The Frobenius norm of the whole change at strength 1, of up @ down where alpha is not known."""
        return self.scale * math.sqrt(sum(map(_square, self.pairs.values())))


def _square(pair: LoraPair) -> float:
    """Return the sum of the squares of up @ down, by whichever of its matrices is smaller."""
    down, up = pair.down.flatten(1).double(), pair.up.flatten(1).double()
    if len(down) ** 2 > math.prod(pair.shape):
        return float((up @ down).square().sum())
    return float((up.T @ up * (down @ down.T)).sum())


def read_content(path: Path, layout: PipelineLayout | None = None) -> Content:
    """Return what a LoRA file or a folder of PEFT or diffusers holds; LoraError unless it is one whole LoRA.

    Args:
        path: the file or folder.
        layout: of the base that it is for; None for Kolors and the embedded base.

    What the file is tells its content, not its ending. Layers with a rank or alpha of their own, as kohya's
    resize writes them, are filled up with zeros to one rank; their numbers stay unless the scales differ too.
    """
    if kind_at(path) in _NEVER or not path.exists():
        raise LoraError(tr("{file}: {why}", file=path, why=mistaken(path, "lora")))
    path = tensors_file(path)
    try:
        file = open_tensor_file(path)
        tool, names = pipeline_names(file, layout) if layout else _by_layer(file)
        _check_sizes(file, names)
        _check_promises(file, names)
        pairs = {layer: _pair(layer, file, halves) for layer, halves in names.items()}
        alphas = {
            layer: _alpha(layer, file, halves["alpha"])
            for layer, halves in names.items()
            if "alpha" in halves
        }
        if layout and not alphas:
            alphas = noted_alphas(file.metadata, {layer: len(pair.down) for layer, pair in pairs.items()})
        rank = max(down.shape[0] for down, _ in pairs.values())
        if alphas:
            return _evened(tool, pairs, alphas, file.metadata)
        alpha = said_alpha(path, tool, file.metadata, rank)
        if alpha != rank:  # one alpha means one scale only where there is one rank
            rank = one_rank(path, pairs)
    except ValueError as error:
        raise LoraError(tr("{file}: {why}", file=path, why=error)) from error
    return Content(tool=tool, pairs=_padded(pairs, rank), rank=rank, alpha=alpha, notes=file.metadata)


def content_bytes(tool: Tool, pairs: Mapping[str, LoraPair], alpha: float, notes: Mapping[str, str]) -> bytes:
    """Return a safetensors file with a tool's names, tensors as they are, alpha where the tool looks for it.

    PEFT looks into a file beside it: `kit.lora.metadata.adapter_config`. LoraError for a layer that the tool
    cannot name.
    """
    tensors: dict[str, Tensor] = {}
    rank = one_rank(Path(tool), pairs)
    try:
        for layer, (down, up) in sorted(pairs.items()):
            tensors |= {write_key(tool, layer, "A"): down, write_key(tool, layer, "B"): up}
            if tool == "kohya":
                tensors[write_key(tool, layer, "alpha")] = torch.tensor(float(alpha))
    except KeyError as error:
        raise LoraError(
            tr("{tool} has no name for the layer {layer}", tool=tool, layer=error.args[0])
        ) from error
    return tensor_bytes(tensors, metadata_of(tool, sorted(pairs), rank, alpha, notes))


def one_rank(path: Path, pairs: Mapping[str, LoraPair]) -> int:
    """Return the rank that all layers have; raises LoraError when they have several."""
    ranks = {size for down, up in pairs.values() for size in (down.shape[0], up.shape[1])}
    if len(ranks) != 1:
        raise LoraError(
            tr(
                "{path}: all layers must have one rank, got {ranks}; resize it to one rank, or "
                "give kohya's file, which has an alpha for each layer",
                path=path,
                ranks=sorted(ranks)[:8],
            )
        )
    return ranks.pop()


def _by_layer(file: TensorFile) -> tuple[Names, dict[str, dict[Half, str]]]:
    """Return whose file it is, and its tensors' names by layer and half; all must be one known tool's."""
    names: dict[str, dict[Half, str]] = {}
    tools, strangers = set(), []
    for key, kind in file.kinds.items():
        part = read_key(key)
        if part is None or not _is_part(part.half, kind.shape):
            strangers.append(key)
            continue
        tools.add(part.tool)
        if part.half in names.setdefault(part.layer, {}):
            raise ValueError(
                tr(
                    "{layer} is there twice, the second time as {key}",
                    layer=shown(part.layer),
                    key=shown(key),
                )
            )
        names[part.layer][part.half] = key
    if strangers or not names:
        raise ValueError(refusal(file, strangers))
    if other := network_of(file):
        raise ValueError(other)
    if len(tools) > 1:
        raise ValueError(
            tr("all keys must be one tool's, got {tools}", tools=joined(sorted(tools), tr(_AND)))
        )
    return tools.pop(), names


def _is_part(half: Half, shape: tuple[int, ...]) -> bool:
    """Return whether a tensor has a factor's or an alpha's sides; some tools add sides of 1."""
    return math.prod(shape) == 1 if half == "alpha" else len(shape) >= 2 and set(shape[2:]) <= {1}


def _check_sizes(file: TensorFile, names: Mapping[str, Mapping[Half, str]]) -> None:
    """Refuse what cannot be a LoRA by its kinds and sides, before a number is read."""
    ranks, widths = set(), 0
    for layer, halves in names.items():
        if not {"A", "B"} <= set(halves):
            got = sorted("alpha" if half == "alpha" else f"lora_{half}" for half in halves)
            raise ValueError(
                tr(
                    "{layer} must have lora_A and lora_B, got {got} alone: the file is damaged",
                    layer=shown(layer),
                    got=joined(got, tr(_AND)),
                )
            )
        down, up = file.kinds[halves["A"]], file.kinds[halves["B"]]
        if strange := {down.dtype, up.dtype} - FLOATS:
            raise ValueError(
                tr(
                    "holds {numbers}: give the LoRA in fp16, bf16 or fp32",
                    numbers=kind_in_words(strange.pop()),
                )
            )
        if down.shape[0] != up.shape[1]:
            raise ValueError(
                tr(
                    "{layer} must have factors of one rank, got {down} and {up}: the file is damaged",
                    layer=shown(layer),
                    down=down.shape[0],
                    up=up.shape[1],
                )
            )
        ranks.add(down.shape[0])
        widths += math.prod(down.shape[1:]) + up.shape[0]
        if 0 in (*down.shape, *up.shape):
            raise ValueError(tr("{layer} is empty: the file is damaged", layer=shown(layer)))
    if max(ranks) > MAX_RANK:
        raise ValueError(
            tr(
                "has rank {rank}, {most} is the most: no layer of Kolors has as many dimensions",
                rank=max(ranks),
                most=MAX_RANK,
            )
        )
    if len(ranks) > 1 and max(ranks) * widths > MAX_NUMBERS:
        raise ValueError(tr("has layers of very different ranks, as one rank it would not fit into memory"))


def _check_promises(file: TensorFile, names: Mapping[str, Mapping[Half, str]]) -> None:
    """Refuse a file that storykit wrote and that lost layers since; others' notes promise nothing."""
    rank = max(file.kinds[halves["A"]].shape[0] for halves in names.values())
    if (promised := promises(file.metadata)) not in (None, (len(names), rank)):
        assert promised is not None
        raise ValueError(
            tr(
                "is damaged: it promises {promised} keys of rank {promised_rank}, got {got} of rank {rank}; "
                "download or copy it again",
                promised=promised[0],
                promised_rank=promised[1],
                got=len(names),
                rank=rank,
            )
        )


def _pair(layer: str, file: TensorFile, halves: Mapping[Half, str]) -> LoraPair:
    """Return a layer's factors, Kolors' as matrices, fp8 as fp16, which has all of its numbers."""
    factors = []
    for half in ("A", "B"):
        name = halves[half]
        factor = file.load(name)
        if not is_pipeline_layer(layer):
            factor = factor.reshape(factor.shape[:2])
        factors.append(factor.to(torch.float16) if file.kinds[name].dtype.startswith("F8") else factor)
    if not all(bool(factor.isfinite().all()) for factor in factors):
        raise ValueError(
            tr(
                "{layer} holds numbers that are not finite: the training went wrong, or the file",
                layer=shown(layer),
            )
        )
    return LoraPair(*factors)


def _alpha(layer: str, file: TensorFile, name: str) -> float:
    """Return a layer's alpha, which kohya keeps as a tensor of one number."""
    if file.kinds[name].dtype not in FLOATS | WHOLE:
        raise ValueError(
            tr(
                "{layer} has an alpha that is {numbers}",
                layer=shown(layer),
                numbers=kind_in_words(file.kinds[name].dtype),
            )
        )
    alpha = float(file.load(name))
    if not 0 < alpha < math.inf:
        raise ValueError(tr("{layer}: alpha must be above 0, got {alpha:g}", layer=shown(layer), alpha=alpha))
    return alpha


def _evened(
    tool: Names, pairs: Mapping[str, LoraPair], alphas: Mapping[str, float], notes: Mapping[str, str]
) -> Content:
    """Return layers with alphas of their own as a LoRA of one rank and alpha, each counting as before."""
    if len(alphas) != len(pairs):
        raise ValueError(
            tr(
                "must have an alpha for all layers, got {alphas} for {layers}: it is damaged",
                alphas=len(alphas),
                layers=len(pairs),
            )
        )
    scales = {layer: alphas[layer] / down.shape[0] for layer, (down, _) in pairs.items()}
    rank = max(down.shape[0] for down, _ in pairs.values())
    scale = next(scales[layer] for layer, (down, _) in pairs.items() if down.shape[0] == rank)
    even = {
        layer: pair
        if math.isclose(scales[layer], scale, rel_tol=_ROUNDING)
        else LoraPair(pair.down, (pair.up.double() * (scales[layer] / scale)).float())
        for layer, pair in pairs.items()
    }
    return Content(
        tool=tool, pairs=_padded(even, rank), rank=rank, alpha=scale * rank, notes=notes,
        uneven=any(even[layer] is not pairs[layer] for layer in pairs),
    )  # fmt: skip


def _padded(pairs: Mapping[str, LoraPair], rank: int) -> dict[str, LoraPair]:
    """Return factors with zeros up to one rank, which changes no product."""
    return {
        layer: LoraPair(_grown(down, (rank, *down.shape[1:])), _grown(up, (up.shape[0], rank, *up.shape[2:])))
        for layer, (down, up) in pairs.items()
    }


def _grown(factor: Tensor, shape: tuple[int, ...]) -> Tensor:
    if factor.shape == shape:
        return factor
    whole = factor.new_zeros(shape)
    whole[: factor.shape[0], : factor.shape[1]] = factor
    return whole
