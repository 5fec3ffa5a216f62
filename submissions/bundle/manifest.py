"""The manifest of a bundle: what it is, how to draw each panel again, and the sha256 of every file."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    JsonValue,
    PositiveInt,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationError,
    field_serializer,
    model_serializer,
    model_validator,
)
from pydantic_core import from_json

from kit.experiment.candidates.candidate import MOST_EMBEDDINGS, embedding_file
from kit.experiment.controls.control_record import ControlRecords, map_file
from kit.experiment.drawing.draw_settings import OF_KOLORS
from kit.experiment.references.image_prompt_record import ImagePromptRecords, pictures_in, reference_file
from kit.experiment.steps import (
    OptionalFileHash,
    StepList,
    kept_networks_in,
    mask_file,
    masks_in,
    network_file,
    step_told,
)
from kit.experiment.tables import SamplerName, Spacing
from kit.files.documents import plain_sentence
from kit.files.encodings import Piece, canonical_json, json_bytes, sha256_bytes
from kit.files.text.library_words import reason_of
from kit.messages import mark, tr
from kit.story.control import ControlKind
from submissions.faults import Fault, shortened

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""What torch's generators take."""

MANIFEST = "manifest.json"
FORMAT: Literal[3] = 3
"""What pack writes and verify reads."""
UNSEALED = "0" * 64
"""The seal of a manifest that is not written yet."""
Notice = Literal["", "embedded base: not an entry for the contest, for practice"]
EMBEDDED_NOTICE: Notice = mark("embedded base: not an entry for the contest, for practice")
"""What a bundle made with the embedded base says of itself."""
MAX_MANIFEST_BYTES = 1 << 19
"""A LoRA's notes at their longest take 192 KiB, eight batches of prompts as long as is read 100."""
_MOST = 64
"""Panels and batches: no contest has as many."""
_MOST_TOGETHER = 8
"""Pictures of a batch: a set of eight at most is drawn together."""
_MOST_ANCHORS = 3
"""That a panel is drawn to match."""
_MOST_BYSTANDERS = 64
_TOLD = 50  # faults of a manifest
MAX_NODE_ALPHA = 4.0
"""The most that the widget of LoadKolorsLoRA takes, the node of the contest's ComfyUI notebook."""
OTHERS = "others"
"""Key of `drawn_with`: the machines beside the first that drew pictures of the run."""
COMPARISON = "comparison.json"
"""What the run says of its candidates and orders; in the bundle when the run has it."""
SCORE_COLUMNS = ("panel", "file", "sha256", "status", "aesthetic", "text", "text_rank", "loo")
PROMPT_COLUMNS = ("panel", "file", "seed", "prompt", "negative")


class Record(BaseModel, frozen=True, extra="forbid"):
    """A part of the manifest: nothing unknown, nothing changed after."""


class FileRecord(Record, frozen=True):
    """What a file must be."""

    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=0)]


def file_record(data: bytes) -> FileRecord:
    """Return what the manifest says of a file."""
    return FileRecord(sha256=sha256_bytes(data), size_bytes=len(data))


def record_of_pieces(pieces: Iterable[Piece]) -> FileRecord:
    """Return what the manifest says of a file that is never put together in memory."""
    sha256, size = hashlib.sha256(), 0
    for piece in pieces:
        sha256.update(piece)
        size += len(piece)
    return FileRecord(sha256=sha256.hexdigest(), size_bytes=size)


class AnchorRecord(Record, frozen=True):
    """What a panel was drawn to match: as it but for words and seed, or a picture of the bundle."""

    prompt: str
    subject: str
    """The words of the prompt whom it is matched for; empty for the whole picture."""
    seed: Seed
    picture: OptionalFileHash = ""
    """The sha256 of the picture that it is; not there where it is drawn."""

    @model_serializer(mode="wrap")
    def _without_what_is_usual(self, told: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = told(self)
        return {name: value for name, value in found.items() if value or name != "picture"}


class PanelRecord(Record, frozen=True):
    """Everything that one panel needs beside the settings to be drawn again."""

    panel: PositiveInt
    file: str
    sha256: Sha256
    key: str
    """sha256 of everything that shapes the picture, as the run recorded it."""
    prompt: str
    negative: str
    seed: Seed
    """What its noise is drawn from."""
    anchors: Annotated[tuple[AnchorRecord, ...], Field(max_length=_MOST_ANCHORS)] = ()
    consistency: Annotated[Finite, Field(ge=0, le=1)] = 0.0
    """How strongly it was drawn to match its anchors."""
    bystanders: Annotated[tuple[str, ...], Field(max_length=_MOST_BYSTANDERS)] = ()
    """The words of the prompt for figures that match nobody, where it has anchors."""
    control: ControlRecords = ()
    """The maps that it was held to."""
    image_prompts: ImagePromptRecords = ()
    """The pictures that an IP-Adapter read beside its words."""
    chain: StepList = ()
    """What was done to the picture after it was drawn."""

    @field_serializer("chain")
    def _chain_told(self, chain: StepList) -> list[dict[str, object]]:
        return [step_told(step) for step in chain]


PanelNumber = Annotated[int, Field(ge=1, le=_MOST)]


class BatchRecord(Record, frozen=True):
    """Pictures that were drawn together: the last bits of each hang on the others."""

    seed: Seed | Annotated[tuple[Seed, ...], Field(max_length=_MOST_TOGETHER)]
    """Of every picture; where each has noise of its own, one a picture."""
    prompts: Annotated[tuple[str, ...], Field(min_length=1, max_length=_MOST_TOGETHER)]
    """One a picture, in the batch's order; the panels of the bundle are among them."""
    compiled: bool
    """Whether the UNet was compiled."""
    panels: Annotated[tuple[PanelNumber, ...], Field(max_length=_MOST_TOGETHER)] = ()
    """Which panel each picture is, of whatever seed; there only where panels were held to maps or drawn after
    pictures."""

    @model_validator(mode="after")
    def _one_seed_each(self) -> Self:
        if isinstance(self.seed, tuple) and (
            len(self.seed) != len(self.prompts) or len(set(self.seed)) < len(self.seed) or len(self.seed) < 2
        ):
            raise ValueError(tr("seed must be one of all pictures, or one each that no other has"))
        if self.panels and len(self.panels) != len(self.prompts):
            raise ValueError(tr("panels must be one a picture, or none"))
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_usual(self, told: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = told(self)
        return {name: value for name, value in found.items() if value or name != "panels"}

    @property
    def noise_per_panel(self) -> bool:
        """Whether each picture has noise of its own."""
        return isinstance(self.seed, tuple)

    @property
    def pictures(self) -> tuple[tuple[int, str], ...]:
        """Seed and prompt of each picture, in the batch's order."""
        seeds = self.seed if isinstance(self.seed, tuple) else (self.seed,) * len(self.prompts)
        return tuple(zip(seeds, self.prompts, strict=True))


class SettingsRecord(Record, frozen=True):
    """How every panel was drawn."""

    steps: Annotated[int, Field(gt=0, le=1000)]
    cfg: Annotated[Finite, Field(ge=1, le=1000)]
    size: Annotated[int, Field(gt=0, le=4096, multiple_of=32)]
    """Panel side in pixels."""
    noise: Literal["portable", "contest"]
    memory: Literal["auto", "low"]
    """Whether each panel was drawn alone."""
    scheduler: JsonValue
    sampler: SamplerName = "ddim"
    """This and what follows: not there where it is as with Kolors."""
    spacing: Spacing | None = None
    decoder_steps: Annotated[int, Field(gt=0, le=1000)] | None = None
    long_prompts: bool = False

    @model_serializer(mode="wrap")
    def _without_what_is_usual(self, told: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = told(self)
        return {n: v for n, v in found.items() if n not in OF_KOLORS or v != OF_KOLORS[n]}


class LoraRecord(Record, frozen=True):
    """The LoRA and how strongly it was worn."""

    file: str
    """Safetensors in the one form that ComfyUI, KolorsPipeline and DiffSynth 1.x read."""
    checkpoint: str
    """The same numbers as the contest's .ckpt, which forgets alpha and trigger."""
    sha256: Sha256
    """Of `file`."""
    source_sha256: Sha256
    """Of the file that the panels were drawn with; pack writes it anew, its numbers unchanged."""
    source_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
    """What A1111 calls that file by, and galleries in the panels' parameters."""
    rank: Annotated[int, Field(gt=0, le=1 << 16)]
    alpha: Annotated[Finite, Field(gt=0, le=1e6)]
    strength: Annotated[Finite, Field(gt=0, le=2)]
    """Relative to how it was trained; 1.0 = alpha/rank of the training."""
    keys: Annotated[int, Field(ge=0, le=1 << 16)]
    trigger: str
    notes: Mapping[str, str]
    """What the file says of its training."""

    @property
    def factor(self) -> float:
        """What up @ down counts, for loaders that know no alpha."""
        return self.strength * self.alpha / self.rank

    @property
    def fits_kijai(self) -> bool:
        """Return whether LoadKolorsLoRA can wear it so strongly."""
        return self.strength * self.alpha <= MAX_NODE_ALPHA


class EmbeddingRecord(Record, frozen=True):
    """A word that text encoders were taught; its file is called by its sha256."""

    token: Annotated[str, StringConstraints(pattern=r"^\S{1,60}$")]
    sha256: Sha256


class GateRecord(Record, frozen=True):
    """The score that the bundle was let through with."""

    threshold: Finite
    score: Finite
    """Mean aesthetic score over the panels; higher is better."""
    scorer: str
    embedded: bool


class Manifest(Record, frozen=True):
    """One bundle, whole."""

    format: Literal[3]
    storykit: str
    rules: str
    name: str
    team: str
    title: str
    introduction: str
    link: str
    notice: Notice
    """EMBEDDED_NOTICE, or empty for a bundle made with Kolors."""
    candidate: str
    order: str
    story: str
    base: Mapping[str, JsonValue]
    settings: SettingsRecord
    controlnets: Mapping[ControlKind, Annotated[Mapping[str, Sha256], Field(max_length=_MOST)]] = {}
    """By kind, of each ControlNet that panels were drawn with its files' sha256."""
    drawn_with: Mapping[str, JsonValue]
    """Device, versions and commit: they do not shape the picture, but rounding differs between them.

    Of a run that machines of several kinds drew it tells one, and the rest under OTHERS: no row of a run says
    who drew it, so all that may have drawn a panel are named, and one alone would be held to its last bit.
    """
    lora: LoraRecord | None
    embeddings: Annotated[tuple[EmbeddingRecord, ...], Field(max_length=MOST_EMBEDDINGS)] = ()
    gate: GateRecord
    mosaic: str
    """How the mosaics are lettered: the font, or why there are panel numbers only."""
    panels: Annotated[tuple[PanelRecord, ...], Field(max_length=_MOST)]
    batches: Annotated[tuple[BatchRecord, ...], Field(max_length=_MOST)]
    """How the panels were drawn; none where the run does not say it."""
    files: Mapping[str, FileRecord]
    """Every file of the bundle but the manifest."""
    seal: Sha256
    """Of the manifest without its seal, as canonical JSON: no byte of it changes unseen."""

    @property
    def machines(self) -> list[Mapping[str, JsonValue]]:
        """Return all that may have drawn its panels."""
        others = self.drawn_with.get(OTHERS)
        named = others if isinstance(others, list) else []
        return [self.drawn_with, *(one for one in named if isinstance(one, dict))]

    @property
    def pipeline(self) -> str:
        """The pipeline of diffusers that drew it; empty for Kolors and the embedded base."""
        return str(self.base.get("pipeline", ""))


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the manifest as it stands in the bundle, sealed."""
    document = manifest.model_dump(mode="json")
    for panel in document["panels"]:
        for name in ("chain", "control", "image_prompts"):  # as manifests were written before there were any
            if not panel[name]:
                del panel[name]
    for table in ("controlnets", "embeddings"):
        if not document[table]:
            del document[table]
    return json_bytes(document | {"seal": seal_of(document)})


def seal_of(document: Mapping[str, object]) -> str:
    """Return the seal of a manifest read as JSON, whatever seal it carries."""
    return sha256_bytes(canonical_json({name: value for name, value in document.items() if name != "seal"}))


def read_manifest(data: bytes) -> tuple[Manifest | None, tuple[Fault, ...]]:
    """Return the manifest, or None with every fault in it."""
    if len(data) > MAX_MANIFEST_BYTES:
        problem = tr("has {size} bytes, {most} are the most", size=len(data), most=MAX_MANIFEST_BYTES)
        return None, (Fault(MANIFEST, problem, tr("pack again")),)
    try:
        document = from_json(data, allow_inf_nan=False)
        canonical_json(document)  # what is too large for a number becomes infinite
        if age := _age_problem(document):
            return None, (age,)
        return Manifest.model_validate_json(data, strict=True), ()
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        faults = [Fault(_spot(one["loc"]), plain_sentence(one)) for one in problems[:_TOLD]]
        if len(problems) > _TOLD:
            faults.append(Fault(MANIFEST, tr("has {more} more faults", more=len(problems) - _TOLD)))
        return None, tuple(faults)
    except ValueError as error:
        return None, (Fault(MANIFEST, tr("Invalid JSON: {error}", error=shortened(reason_of(error), 200))),)


def _age_problem(document: object) -> Fault | None:
    """Return the fault of a manifest that another release of storykit wrote in its own form."""
    told = document.get("format") if isinstance(document, dict) else None
    if not isinstance(told, int) or isinstance(told, bool) or told == FORMAT:
        return None
    if told < FORMAT:
        old = mark("was packed by an older storykit, in format {got} before {format}")
        mend = tr("pack it again from its run with `storykit pack`")
        return Fault(MANIFEST, tr(old, got=told, format=FORMAT), mend)
    problem = tr("was packed by a newer storykit, this one reads format {format}", format=FORMAT)
    return Fault(MANIFEST, problem, tr("bring storykit up to date"))


def lora_names(candidate: str) -> dict[str, str]:
    """Return what a candidate's LoRA is called in each of its forms, by the field of its record."""
    digest = sha256_bytes(candidate.encode("utf-8", "surrogatepass"))
    stem = f"lora/{candidate if candidate.isascii() else f'lora-{digest[:8]}'}"
    return {"file": f"{stem}.safetensors", "checkpoint": f"{stem}.ckpt"}


def prompts_json(manifest: Manifest) -> list[dict[str, JsonValue]]:
    """Return the prompts of a bundle, one record a panel."""
    return [{column: getattr(panel, column) for column in PROMPT_COLUMNS} for panel in manifest.panels]


def settings_json(manifest: Manifest) -> dict[str, JsonValue]:
    """Return what a reader needs to set up the same drawing."""
    dump = manifest.model_dump(mode="json")
    keys = ["notice", "base", "settings", "drawn_with", "lora", "order", "batches"]
    return {key: dump[key] for key in (*keys, *(key for key in ("controlnets", "embeddings") if dump[key]))}


def _spot(loc: tuple[int | str, ...]) -> str:
    """Return the place of a fault inside the manifest: `manifest.json, panels[3].seed`."""
    spot = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return f"{MANIFEST}, {spot.lstrip('.')[:200]}" if spot else MANIFEST


def mask_files(manifest: Manifest) -> dict[str, str]:
    """Return the sha256 of every mask that a bundle's panels were repaired with, by its file."""
    masks = (mask for panel in manifest.panels for mask in masks_in(panel.chain))
    return {mask_file(mask): mask for mask in masks}


def map_files(manifest: Manifest) -> dict[str, str]:
    """Return the sha256 of every map that a bundle's panels were held to, by its file."""
    maps = (held.map for panel in manifest.panels for held in panel.control)
    return {map_file(sha256): sha256 for sha256 in maps}


def drawn_after(panel: PanelRecord) -> tuple[str, ...]:
    """Return the sha256 of each picture of a character that a panel was drawn after, each once."""
    return tuple(pictures_in((*panel.anchors, *panel.image_prompts)))


def reference_files(manifest: Manifest) -> dict[str, str]:
    """Return the sha256 of every picture of a character that panels were drawn with, by its file."""
    shown = map(drawn_after, manifest.panels)
    return {reference_file(sha256): sha256 for pictures in shown for sha256 in pictures}


def embedding_files(manifest: Manifest) -> dict[str, str]:
    """Return the sha256 of each embedding of a bundle, by its file."""
    return {embedding_file(one.sha256): one.sha256 for one in manifest.embeddings}


def network_files(manifest: Manifest) -> dict[str, str]:
    """Return the sha256 of each network that panels were finished with, by its file; not storykit's own."""
    networks = (network for panel in manifest.panels for network in kept_networks_in(panel.chain))
    return {network_file(network): network for network in networks}


def panel_file(panel: int) -> str:
    """Return where a panel (1 to 8) stands in the bundle."""
    return f"panels/{panel}.png"
