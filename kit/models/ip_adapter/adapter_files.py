"""The files of an IP-Adapter of Kolors: all there, whole, and for which UNet; nothing of them is run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kit.errors import WeightsError
from kit.files.checksums import checked_sha256
from kit.files.encodings import canonical_json, sha256_bytes
from kit.files.tensors.tensor_files import TensorFile, TensorKind, open_tensor_file
from kit.library_warnings import has_home
from kit.messages import Message, mark, tr
from kit.models.bases.pipeline_class import json_in
from kit.models.bases.pipeline_files import NetworkFiles, files_of_network, hashes_of_network
from kit.models.ip_adapter.projection_sizes import HEAD, ResamplerSizes
from kit.models.layouts.model_folder import model_folder, record_of
from kit.models.sizes import UNetSizes

ENCODERS = ("image_encoder", "clip-vit-large-patch14-336")
"""Folders of the image encoder, as the whole adapter and that for faces are published."""
ANALYSER = "antelopev2"
DETECTOR, RECOGNISER = "scrfd_10g_bnkps.onnx", "glintr100.onnx"
"""What finds faces, and what tells whose they are."""
PROJECTION = "image_proj."
_ATTENTIONS = ("ip_adapter.", "adapter_modules.")
"""What the names of the attention's tensors begin with: of the whole adapter, and of that for faces."""
_INNER = "perceiver_resampler."
"""What the names of the resampler's tensors begin with in an adapter for faces."""
_BASES = {768: "Stable Diffusion 1.5", 1024: "Stable Diffusion 2", 2048: "SDXL"}
"""By the width of the text as the attention reads it."""
_ANOTHER = mark("another base")
_MEND = mark(
    "`storykit download kolors-ip-adapter-plus` fetches it, `kolors-ip-adapter-faceid-plus` for faces"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class IPAdapterFiles:
    """An IP-Adapter whose files are all there."""

    weights: Path
    """A safetensors file, or a .bin of which tensors alone are read."""
    encoder: NetworkFiles
    sizes: ResamplerSizes
    attentions: Sequence[tuple[int, int]]
    """Rows and columns of each attention's keys, in the order of the file: down, up, middle."""
    sha256: Mapping[str, str]
    """Of all that shapes pictures, by name."""
    analyser: Path | None = None
    """The folder of what finds faces; None where the whole picture is read."""

    @property
    def identity(self) -> str:
        """What recipes and bundles know it by."""
        return sha256_bytes(canonical_json(dict(sorted(self.sha256.items()))))


def open_ip_adapter(folder: Path) -> IPAdapterFiles:
    """Return an IP-Adapter after checking that its files are there, unchanged, and such as Kolors has.

    Raises:
        WeightsError: in one line, what is missing, damaged, or for another base.
    """
    place = model_folder(folder)
    weights = _weights_in(place)
    kinds = read_adapter(weights).kinds
    sizes, attentions = _sizes_of(weights, kinds), _attentions_of(weights, kinds)
    if stranger := _stranger(sizes, attentions[0][1]):
        raise WeightsError(_refusal(weights, stranger))
    _refuse_other_tensors(weights, kinds, sizes)
    encoder = _encoder_in(place, sizes)
    sha256 = checked_sha256(place, [weights.name], tr(_MEND), record=record_of(place))
    sha256 |= hashes_of_network(ENCODERS[0], encoder)
    analyser = _analyser_for(place) if sizes.face else None
    if analyser is not None:
        sha256 |= checked_sha256(
            analyser, [DETECTOR, RECOGNISER], tr("download them again"), record=record_of(analyser)
        )
    return IPAdapterFiles(
        weights=weights, encoder=encoder, sizes=sizes, attentions=attentions, sha256=sha256, analyser=analyser
    )


def read_adapter(weights: Path) -> TensorFile:
    """Return the tensors of an adapter's file; WeightsError where it is another, or would run something."""
    try:
        return open_tensor_file(weights)
    except ValueError as error:
        raise WeightsError(tr("{file}: {why}", file=weights, why=error)) from error


def attention_names(names: Collection[str]) -> list[tuple[str, str]]:
    """Return what an adapter's file calls the keys and the values of each attention, in its order.

    Self-attentions are counted between them, and have none.
    """
    prefix = next((one for one in _ATTENTIONS if any(name.startswith(one) for name in names)), "")
    count = sum(name.endswith(".to_k_ip.weight") for name in names)
    places = [f"{prefix}{2 * number + 1}" for number in range(count)]
    return [(f"{place}.to_k_ip.weight", f"{place}.to_v_ip.weight") for place in places]


def ip_adapter_misfit(files: IPAdapterFiles, base: str, sizes: UNetSizes) -> str:
    """Return why an adapter does not fit a base's UNet; empty where it does.

    Args:
        files: the adapter's.
        base: what the base is called.
        sizes: of its UNet.
    """
    (_, mid, coarse), (some, many) = sizes.widths, sizes.layers
    rows = [*[mid] * 2 * some, *[coarse] * 5 * many, *[mid] * 3 * some, *[coarse] * many]
    made = sizes.pooled if files.sizes.face else sizes.cross
    if list(files.attentions) == [(one, sizes.cross) for one in rows] and files.sizes.made == made:
        return ""
    cross = files.attentions[0][1]
    return tr(
        "the IP-Adapter {name} is for another base than {base}: its attention reads {own} numbers of a token "
        "in {count} places, the base's {other} in {places}; name one that was trained for it",
        name=files.weights.absolute().parent.name,
        base=base,
        own=cross,
        count=len(files.attentions),
        other=sizes.cross,
        places=len(rows),
    )


def _weights_in(folder: Path) -> Path:
    """Return the file of an adapter: safetensors before what is pickled."""
    for kind in ("safetensors", "bin"):
        if found := sorted(folder.glob(f"*.{kind}")):
            return found[0]
    raise WeightsError(
        tr(
            "{folder} holds no IP-Adapter, no .safetensors or .bin file; {mend}",
            folder=folder,
            mend=tr(_MEND),
        )
    )


def _attentions_of(weights: Path, kinds: Mapping[str, TensorKind]) -> list[tuple[int, int]]:
    """Return rows and columns of every attention's keys; WeightsError where the values' are others."""
    shapes: list[tuple[int, int]] = []
    for key, value in attention_names(kinds):
        told = [kinds[name].shape if name in kinds else () for name in (key, value)]
        if len(told[0]) != 2 or told[0] != told[1]:
            raise WeightsError(_torn(weights, key if len(told[0]) != 2 else value))
        rows, columns = told[0]
        shapes.append((rows, columns))
    return shapes


def _sizes_of(weights: Path, kinds: Mapping[str, TensorKind]) -> ResamplerSizes:
    """Return the sizes of an adapter's projection, told by its tensors' shapes."""
    own = {
        name.removeprefix(PROJECTION): kind.shape
        for name, kind in kinds.items()
        if name.startswith(PROJECTION)
    }
    keys = [kind.shape for name, kind in kinds.items() if name.endswith(".to_k_ip.weight")]
    if not own or not keys:
        raise WeightsError(
            tr(
                "{file} is no IP-Adapter: it holds no image_proj or no to_k_ip; {mend}",
                file=weights,
                mend=tr(_MEND),
            )
        )
    inner = _INNER if f"{_INNER}proj_in.weight" in own else ""
    if not inner and "latents" not in own:
        raise WeightsError(_refusal(weights, _BASES.get(keys[0][-1] if keys[0] else 0, tr(_ANOTHER))))
    try:
        width, seen = own[f"{inner}proj_in.weight"]
        sizes = ResamplerSizes(
            seen=seen,
            width=width,
            inner=own[f"{inner}layers.0.0.to_q.weight"][0],
            feed=own[f"{inner}layers.0.1.1.weight"][0],
            made=own[f"{inner}proj_out.weight"][0],
            tokens=own["proj.2.weight"][0] // width if inner else own["latents"][1],
            depth=len({name.split(".")[-4] for name in own if name.endswith(".0.to_q.weight")}),
            face=own["proj.0.weight"][1] if inner else 0,
        )
    except KeyError as error:
        raise WeightsError(_torn(weights, f"{PROJECTION}{error.args[0]}")) from error
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise WeightsError(_torn(weights, f"{PROJECTION}{inner}proj_in.weight")) from error
    if not sizes.inner or sizes.inner % HEAD:
        raise WeightsError(_torn(weights, f"{PROJECTION}{inner}layers.0.0.to_q.weight"))
    return sizes


def _refuse_other_tensors(weights: Path, kinds: Mapping[str, TensorKind], sizes: ResamplerSizes) -> None:
    """Raise WeightsError where the projection lacks a tensor or has one of another shape or name."""
    import torch

    from kit.models.ip_adapter.resampler import build_projection

    with torch.device("meta"):
        built = build_projection(sizes).state_dict()
    wanted = {f"{PROJECTION}{name}": tuple(one.shape) for name, one in built.items()}
    attention = {name for pair in attention_names(kinds) for name in pair}
    found = {name: kind.shape for name, kind in kinds.items() if name not in attention}
    odd = [name for name, shape in wanted.items() if found.get(name) != shape]
    odd += [name for name in found if name not in wanted]
    if odd:
        raise WeightsError(_torn(weights, odd[0]))


def _encoder_in(folder: Path, sizes: ResamplerSizes) -> NetworkFiles:
    place = next((folder / one for one in ENCODERS if (folder / one).is_dir()), None)
    if place is None:
        raise WeightsError(
            tr(
                "{folder} lacks its image encoder, the folder {encoder}; {mend}",
                folder=folder,
                encoder=ENCODERS[0],
                mend=tr(_MEND),
            )
        )
    found = files_of_network(place, place.name)
    for path in found.files:
        if path.suffix != ".json":
            read_adapter(path)
    if (width := vision_config(found.config).get("hidden_size")) != sizes.seen:
        raise WeightsError(
            tr(
                "{file} says hidden_size {width}, and the adapter reads {wanted}: it was trained with "
                "another image encoder; {mend}",
                file=found.config,
                width=str(width)[:40],
                wanted=sizes.seen,
                mend=tr(_MEND),
            )
        )
    return found


def vision_config(config: Path) -> dict[str, object]:
    """Return what a config.json says of CLIP's image encoder, alone or beside that of its text encoder."""
    told = json_in(config)
    inner = told.get("vision_config")
    return inner if isinstance(inner, dict) else told


def _analyser_for(folder: Path) -> Path:
    """Return the folder of insightface's antelopev2: the adapter's own, or insightface's."""
    places = [folder / ANALYSER]
    if has_home():
        own = Path.home() / ".insightface" / "models" / ANALYSER
        places += [own, own / ANALYSER]  # as its archive is unpacked
    for place in places:
        if all((place / file).is_file() for file in (DETECTOR, RECOGNISER)):
            return place
    raise WeightsError(
        tr(
            "{folder} reads faces, and needs {files} of insightface's {analyser}: put them into {place}; "
            "their licence is for research alone",
            folder=folder,
            files=f"{DETECTOR}, {RECOGNISER}",
            analyser=ANALYSER,
            place=places[0],
        )
    )


def _stranger(sizes: ResamplerSizes, cross: int) -> str:
    """Return for which base an adapter is where that is not Kolors; empty where it may be.

    Kolors' resampler is as wide as what it makes: tokens as the attention reads them, those of a face as the
    text is before its projection.
    """
    if cross in (768, 1024):
        return _BASES[cross]
    if sizes.width == sizes.made and (sizes.made == cross) != bool(sizes.face):
        return ""
    return _BASES.get(cross, tr(_ANOTHER))


def _refusal(weights: Path, base: str) -> Message:
    return tr(
        "{file} is an IP-Adapter for {base}; for Kolors there are Plus and FaceID-Plus: {mend}",
        file=weights,
        base=base,
        mend=tr(_MEND),
    )


def _torn(weights: Path, tensor: str) -> Message:
    return tr(
        "{file} is no whole IP-Adapter of Kolors: {tensor} is not there, not known, or not of the shape that "
        "fits the others; {mend}",
        file=weights,
        tensor=tensor[:100],
        mend=tr(_MEND),
    )
