"""A file of a network that makes pictures from pictures, opened without running anything in it.

The product's only door to spandrel, which tells the architecture from a file's names and shapes before a
number of it is read.
"""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from kit.errors import WeightsError
from kit.files.tensors.tensor_files import TensorFile, open_tensor_file, tensors_in
from kit.lora.other_files import FLOATS, is_lora, model_in_words
from kit.messages import mark, tr

if TYPE_CHECKING:
    from spandrel import Architecture, ArchRegistry, ImageModelDescriptor, ModelBase
    from torch import Tensor, nn
    from torch.overrides import TorchFunctionMode

FinisherKind = Literal["upscale", "restore"]
SCALES = (1, 2, 3, 4, 8)
"""How many times larger a network may make a picture."""
MOST_BYTES = 4 << 30
"""The largest networks of this kind have 2.5 GB."""
_MOST_LAYERS = 1000
"""A number in a tensor's name: layers are built by it, as many as it says."""
_SMALL = 1 << 16
"""Numbers of a tensor that may say how a network is built: some architectures count by them."""
_CHANNELS = 3
_MASKED = frozenset({"LaMa", "MAT"})
"""Architectures that need a mask; known before they are built, for they are large."""
_MISFITS = (
    RuntimeError, ValueError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError
)  # fmt: skip
"""What building a network raises whose tensors have the names of an architecture and not its shapes."""
_UNLIKE = "Error(s) in loading state_dict"
"""What torch says of tensors that are missing, left over or of another shape."""
_GIVE = mark("give a file of ESRGAN, SwinIR, DAT, HAT, Compact, GFPGAN or another that spandrel knows")
_CODEFORMER = ("position_emb", "idx_pred_layer.1.weight", "quantize.embedding.weight")


class NetworkUse(NamedTuple):
    """What a network is for."""

    scale: int
    """How many times larger its pictures are: 1, 2, 3, 4 or 8."""
    for_faces: bool
    """Whether it knows nothing but a face that fills the picture."""

    @property
    def kind(self) -> FinisherKind:
        """Whether it makes pictures larger, or cleaner."""
        return "upscale" if self.scale > 1 and not self.for_faces else "restore"

    def fault(self, wanted: FinisherKind, *, masked: bool) -> str:
        """Return why a picture cannot be finished by it so; empty where it can.

        Args:
            wanted: what it is to do.
            masked: whether it is to do it inside a mask.
        """
        if wanted == "upscale" and self.kind == "restore":
            return tr("the network makes pictures cleaner and not larger: give it with --restore")
        if wanted == "restore" and self.kind == "upscale":
            return tr(
                "the network makes pictures {scale} times larger: give it with --upscale", scale=self.scale
            )
        if self.for_faces and not masked:
            return tr(
                "the network restores one face and makes one of all that it sees: say where the face is, "
                "from hair to chin, with --mask X,Y,WIDTH,HEIGHT"
            )
        return ""


class LoadedNetwork(NamedTuple):
    """A network and what it is for."""

    descriptor: "ImageModelDescriptor[nn.Module]"
    """Takes (1, 3, h, w) in [0, 1] and gives (1, 3, h * scale, w * scale)."""
    for_faces: bool
    """Whether it knows nothing but a face that fills the picture."""

    @property
    def use(self) -> NetworkUse:
        """What it is for."""
        return NetworkUse(self.descriptor.scale, self.for_faces)


def load_network(path: Path) -> LoadedNetwork:
    """Return the network of a safetensors or torch file, in fp32 on the CPU, for use and not for training.

    Raises:
        WeightsError: the file cannot be read, or holds no network that makes an RGB picture of an RGB one, 1,
            2, 3, 4 or 8 times as large.
    """
    try:
        file = open_tensor_file(path)
        return LoadedNetwork(*_network(file))
    except ValueError as error:
        raise WeightsError(tr("finisher {file} {why}", file=path, why=error)) from error


def network_in(data: bytes, name: str) -> LoadedNetwork:
    """Return the network of a safetensors file in memory; no other kind is opened.

    It may be a stranger's: what cannot be checked before it is built is refused, too.

    Args:
        data: the file.
        name: what it is called, for messages.
    """
    try:
        return LoadedNetwork(*_network(tensors_in(data), checked=True))
    except ValueError as error:
        raise WeightsError(tr("finisher {file} {why}", file=name, why=error)) from error


def _network(file: TensorFile, *, checked: bool = False) -> "tuple[ImageModelDescriptor[nn.Module], bool]":
    from spandrel import ImageModelDescriptor

    _check_names(file)
    architecture = architecture_of(file)
    if architecture is None:
        raise ValueError(_refusal(file))
    descriptor = None if architecture.id in _MASKED else _built(architecture, file, checked)
    if not isinstance(descriptor, ImageModelDescriptor):
        told = {"architecture": architecture.name, "give": tr(_GIVE)}
        raise ValueError(tr("is {architecture}, which fills holes and needs a mask: {give}", **told))
    _check_sides(descriptor)
    descriptor.eval().model.requires_grad_(False)
    return descriptor, descriptor.purpose == "FaceSR"


def _built(
    architecture: "Architecture[nn.Module]", file: TensorFile, checked: bool
) -> "ModelBase[nn.Module]":
    try:
        with warnings.catch_warnings(
            action="ignore"
        ):  # of torch's own names that some architectures still use
            _check_shapes(architecture, file, checked)
            return architecture.load(_state(file))
    except _MISFITS as error:
        told = {"architecture": architecture.name, "error": " ".join(str(error).split())[:200]}
        raise ValueError(
            tr("has tensors named as in {architecture} and does not fit it: {error}", **told)
        ) from error


def _check_shapes(architecture: "Architecture[nn.Module]", file: TensorFile, checked: bool) -> None:
    """Refuse shapes that do not fit each other before a network of them is built, which may be endless.

    What cannot be built without all its numbers passes unless all must be checked; of the architectures that
    are known none is so.
    """
    import torch

    try:
        with torch.device("meta"), _numberless():
            architecture.load(_shapes(file, _SMALL))
    except _MISFITS as error:
        if checked or _UNLIKE in str(error):
            raise


def _numberless() -> "TorchFunctionMode":
    """Return a way of computing in which numbers count where they are there, and shapes alone elsewhere."""
    import torch
    from torch.overrides import TorchFunctionMode

    class Numberless(TorchFunctionMode):
        """Mixes tensors with and without numbers, which torch refuses."""

        def __torch_function__(
            self,
            func: Callable[..., object],
            types: Sequence[type],
            args: tuple[object, ...] = (),
            kwargs: Mapping[str, object] | None = None,
        ) -> object:
            """Return what a function of torch gives; nothing of tensors without numbers has any."""
            named = dict(kwargs or {})
            if func is torch.linspace:
                named["device"] = "cpu"
            elif any(isinstance(one, torch.Tensor) and one.is_meta for one in args):
                args = tuple(one.to("meta") if isinstance(one, torch.Tensor) else one for one in args)
            return func(*args, **named)

    return Numberless()


def _check_names(file: TensorFile) -> None:
    """Refuse what would build without end, or is far larger than any network of this kind."""
    from kit.files.tensors.checkpoint_files import WIDTHS

    numbers = (int(number) for name in file.kinds for number in re.findall(r"\d{4,12}", name))
    if max(numbers, default=0) > _MOST_LAYERS:
        raise ValueError(_refusal(file))
    size = sum(_count(kind.shape) * WIDTHS.get(kind.dtype, 1) for kind in file.kinds.values())
    if size > MOST_BYTES:
        raise ValueError(_refusal(file))


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


def architecture_of(file: TensorFile) -> "Architecture[nn.Module] | None":
    """Return what a file is by its names and shapes; its numbers are not there yet."""
    shapes, supports = _shapes(file), _registry().architectures("detection")
    return next((support.architecture for support in supports if support.detect(shapes)), None)


def _shapes(file: TensorFile, small: int = 0) -> "dict[str, Tensor]":
    """Return a file's tensors under the names that spandrel knows; of more than so many numbers none."""
    import torch
    from spandrel import canonicalize_state_dict

    state: dict[str, Any] = canonicalize_state_dict(
        {
            name: _wide(file, name) if _count(kind.shape) <= small else torch.empty(kind.shape, device="meta")
            for name, kind in file.kinds.items()
        }
    )
    return state


def _registry() -> "ArchRegistry":
    """Return what spandrel knows, and what its package of other licences adds where it is installed."""
    from spandrel import MAIN_REGISTRY

    try:
        from spandrel_extra_arches import EXTRA_REGISTRY
    except ImportError:
        return MAIN_REGISTRY
    registry = MAIN_REGISTRY.copy()
    registry.add(*EXTRA_REGISTRY, ignore_duplicates=True)
    return registry


def _state(file: TensorFile) -> "dict[str, Tensor]":
    """Return a file's tensors under the names that spandrel knows, all fractions in fp32."""
    from spandrel import canonicalize_state_dict

    state: dict[str, Any] = canonicalize_state_dict({name: _wide(file, name) for name in file.kinds})
    return state


def _wide(file: TensorFile, name: str) -> "Tensor":
    """Return a tensor, fractions in fp32."""
    tensor = file.load(name)
    return tensor.float() if file.kinds[name].dtype in FLOATS else tensor


def _check_sides(descriptor: "ImageModelDescriptor[nn.Module]") -> None:
    inward, outward = descriptor.input_channels, descriptor.output_channels
    told = {"architecture": descriptor.architecture.name, "give": tr(_GIVE)}
    if (inward, outward) != (_CHANNELS, _CHANNELS):
        raise ValueError(
            tr(
                "is {architecture} from {inward} channels to {outward}, and a picture has 3: {give}",
                inward=inward,
                outward=outward,
                **told,
            )
        )
    if descriptor.scale not in SCALES:
        raise ValueError(
            tr("is {architecture} for {scale} times the side; 1, 2, 3, 4 or 8 are drawn: {give}",
               scale=descriptor.scale, **told)
        )  # fmt: skip


def _refusal(file: TensorFile) -> str:
    """Return what else a file is, as far as its names tell."""
    if all(name in file.kinds for name in _CODEFORMER):
        return tr(
            "is CodeFormer, whose licence allows no commercial use, so it is not installed along: to use it, "
            "run `pip install spandrel-extra-arches==0.2.0`"
        )
    if not file.kinds:
        return tr("holds no tensors at all: save or download it again")
    if is_lora(file):
        return tr("is a LoRA, which draws and does not enlarge or restore: {give}", give=tr(_GIVE))
    if what := model_in_words(file):
        return tr("is {what}, which does not enlarge or restore pictures: {give}", what=what, give=tr(_GIVE))
    first = next(iter(file.kinds))[:100]
    return tr(
        "is no network from picture to picture, by its tensors ({first}): {give}", first=first, give=tr(_GIVE)
    )
