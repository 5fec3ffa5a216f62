"""A LoRA: where it is found, how strong it was trained, and whether it fits a base."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from kit.did_you_mean import did_you_mean
from kit.embedded import LORA_PREFIX, LORAS
from kit.errors import LoraError
from kit.files.atomic_write import write_atomic
from kit.files.encodings import sha256_of
from kit.lora.formats import Content, LoraPair, content_bytes, read_content
from kit.lora.key_names import tensors_file
from kit.lora.metadata import agreed_alpha, short_hash_of
from kit.lora.pipelines.layer_names import is_pipeline_layer
from kit.lora.pipelines.layout import PipelineLayout
from kit.lora.pipelines.refusals import made_for
from kit.messages import joined, tr


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedLora(Content):
    """A LoRA as it was trained."""

    name: str
    """The file as the user named it."""
    sha256: str
    """Of the file."""
    alpha: float
    short_hash: str = ""
    """What A1111 calls the file by, as `kit.lora.metadata.short_hash` gives it."""

    def check_fit(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Refuse with LoraError unless every layer of the LoRA has its place in the base.

        Args:
            shapes: (out, in) of each linear layer of the base, of a convolution with its sides behind.
        """
        misfits = [layer for layer, pair in self.pairs.items() if pair.shape != shapes.get(layer)]
        if misfits:
            told = tr(
                "{fitting} of {total} keys match the base, all must; {fault}",
                fitting=len(self.pairs) - len(misfits),
                total=len(self.pairs),
                fault=self._misfit(misfits[0], shapes),
            )
            own = {layer: pair.shape for layer, pair in self.pairs.items()}
            if mend := made_for(own, shapes) or self._other_size(shapes):
                raise LoraError(tr("{lora}: {mend} ({why})", lora=self.name, mend=mend, why=told))
            raise LoraError(tr("{file}: {why}", file=self.name, why=told))

    def _misfit(self, layer: str, shapes: Mapping[str, tuple[int, ...]]) -> str:
        """Return why a layer has no place in the base."""
        if layer not in shapes:
            return tr("the base has no layer {layer}", layer=layer)
        return tr(
            "{layer} is {base} in the base, {own} in the LoRA",
            layer=layer,
            base=shapes[layer],
            own=self.pairs[layer].shape,
        )

    def _other_size(self, shapes: Mapping[str, tuple[int, ...]]) -> str:
        """Return what to do where every layer has its place and another width."""
        pairs = [(pair.shape, shapes[layer]) for layer, pair in self.pairs.items() if layer in shapes]
        if len(pairs) < len(self.pairs) or any(map(is_pipeline_layer, self.pairs)):
            return ""
        if all(ours[0] > base[0] and ours[1] > base[1] for ours, base in pairs):
            return tr(
                "was trained on a larger base than this one: if that was Kolors, write base = "
                '"kolors" in the experiment; to practise, write lora = "mini:ink" in its place'
            )
        if all(ours[0] < base[0] and ours[1] < base[1] for ours, base in pairs):
            return tr(
                "was trained on a smaller base than this one: if that was the embedded one, write"
                ' base = "mini" in the experiment'
            )
        return ""


def find_lora(name: str, alpha: float | None = None, layout: PipelineLayout | None = None) -> LoadedLora:
    """Return a LoRA by name: "mini:ink" for one of the package's, else a file.

    Args:
        name: as above.
        alpha: the alpha it was trained with, where the file does not say.
        layout: of the base that wears it; None for Kolors and the embedded base.
    """
    if layout and name.startswith(LORA_PREFIX):
        raise LoraError(tr('{name} is for the embedded base: write base = "mini", or name a file', name=name))
    return load_lora(locate(name), alpha, layout)


def locate(name: str) -> Path:
    """Return the file of a LoRA that is named as `find_lora` takes it."""
    if not name.startswith(LORA_PREFIX):
        return Path(name)
    style = name.removeprefix(LORA_PREFIX)
    known = embedded_loras()
    if style not in known:
        names = [LORA_PREFIX + one for one in known]
        told = {"name": name, "names": joined(names, tr(", ")), "meant": did_you_mean(name, names)}
        raise LoraError(tr("{name}: the package has {names}{meant}", **told))
    return LORAS / f"{style}.safetensors"


def embedded_loras() -> list[str]:
    """Return the styles of the package's LoRAs, sorted."""
    return sorted(path.stem for path in LORAS.glob("*.safetensors"))


def load_lora(path: Path, alpha: float | None = None, layout: PipelineLayout | None = None) -> LoadedLora:
    """Return the LoRA in a file.

    Args:
        path: a .safetensors or .ckpt file of DiffSynth, PEFT, diffusers or kohya, or PEFT's folder.
        alpha: the alpha it was trained with; needed when the file does not hold it, as with a .ckpt.
        layout: of the base that wears it; None for Kolors and the embedded base.
    """
    content = read_content(path, layout)
    return LoadedLora(
        name=str(path),
        sha256=sha256_of(tensors_file(path)),
        short_hash=short_hash_of(tensors_file(path)),
        tool=content.tool,
        rank=content.rank,
        alpha=agreed_alpha(path, content.alpha, alpha),
        pairs=content.pairs,
        notes=content.notes,
        uneven=content.uneven,
    )


def save_lora(path: Path, pairs: Mapping[str, LoraPair], alpha: float, notes: Mapping[str, str]) -> None:
    """Write a LoRA in fp16 under DiffSynth's names, with its rank and alpha in the metadata.

    Args:
        path: the .safetensors file.
        pairs: the factors by layer.
        alpha: the alpha it was trained with.
        notes: further metadata, such as `trigger`.
    """
    halved = {
        layer: LoraPair(*(factor.to(torch.float16) for factor in pair)) for layer, pair in pairs.items()
    }
    for layer, pair in halved.items():
        if not all(bool(factor.isfinite().all()) for factor in pair):
            raise LoraError(tr("{file}: {layer} holds numbers that are not finite", file=path, layer=layer))
    write_atomic(path, content_bytes("diffsynth", halved, alpha, notes))
