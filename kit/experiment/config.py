"""An experiment: which stories, candidates, orders and seeds are drawn, and how."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, ValidationError, ValidationInfo

from kit.embedded import EMBEDDED
from kit.errors import InputError, printable
from kit.experiment.candidates.candidate import Candidate, Consistency
from kit.experiment.candidates.sweeps import swept
from kit.experiment.controls.control_pictures import picture_faults
from kit.experiment.controls.control_tables import (
    AnnotatorTable,
    ControlNetTable,
    table_faults,
    unheard_faults,
)
from kit.experiment.drawing.draw_settings import DrawSettings, Memory, Noise
from kit.experiment.drawing.usual import usual_drawing
from kit.experiment.fields import (
    MOST_SEED_OF_PANELS,
    Count,
    EditorWeights,
    Flag,
    Number,
    OneBase,
    Order,
    PathContext,
    Seed,
    all_different,
)
from kit.experiment.other_files import elsewhere, experiment_document
from kit.experiment.references.ip_adapter_table import IpAdapterTable, adapter_faults
from kit.experiment.references.reference_pictures import reference_faults
from kit.experiment.tables import (
    CompareTable,
    DraftTable,
    Quality,
    SamplerName,
    ScoreTable,
    Side,
    Spacing,
    Steps,
    WordsTable,
)
from kit.files.documents import faults_of
from kit.files.user_paths import missing_file, user_path
from kit.messages import joined, mark, tr
from kit.story.anchors import anchor_faults
from kit.story.foreign_syntax import foreign_marks
from kit.story.story import PANELS, LoadedStory, load_story

EIGHT_SEEDS = f"seeds = {list(range(8))}"
"""As many as a verdict in a family of four comparisons needs."""

_STORY_NAME = re.compile(r"\w(?:[\w .-]*\w)?")
"""Names that every file system, archive and table takes."""


PanelSeeds = Annotated[tuple[Seed, ...], Field(min_length=PANELS, max_length=PANELS)]
"""Of panels 1 to 8."""


def _swept(candidates: tuple[Candidate, ...], info: ValidationInfo) -> tuple[Candidate, ...]:
    """Return the candidates that are drawn; who says no consistency of its own has the experiment's."""
    where = info.context if isinstance(info.context, PathContext) else None
    shared = {"consistency": info.data.get("consistency", 0.0)}
    return tuple(
        one.model_copy(update=shared) if one.consistency is None else one
        for one in swept(candidates, info.data.get("base", EMBEDDED), where)
    )


def _with_known_baseline(compare: CompareTable, info: ValidationInfo) -> CompareTable:
    names = [candidate.name for candidate in info.data.get("candidates", ())]
    if names and compare.baseline is not None and compare.baseline not in names:
        raise ValueError(
            tr(
                "baseline must be one of {names}, got {got!r}",
                names=joined(names, tr(", ")),
                got=compare.baseline,
            )
        )
    return compare


def _one_of_the_seeds(anchor_seed: int | None, info: ValidationInfo) -> int | None:
    seeds = info.data.get("seeds", ())
    chosen = info.data.get("panel_seeds")  # then the picture that is matched was seen among the drafts
    if seeds and not chosen and anchor_seed is not None and anchor_seed not in seeds:
        raise ValueError(
            tr(
                "must be one of the seeds, so that its pictures are there to be seen, got "
                "{got}: add it to seeds, or write anchor_seed = {one}",
                got=anchor_seed,
                one=seeds[0],
            )
        )
    return anchor_seed


def _with_noise_of_its_own(noise_per_panel: bool, info: ValidationInfo) -> bool:
    if noise_per_panel and info.data.get("noise") == "contest":
        raise ValueError(
            tr(
                'must be false where noise = "contest": there a picture begins as in the '
                "contest's notebook, from the seed as it is written; leave one of the two out"
            )
        )
    if noise_per_panel and (large := max(info.data.get("seeds", ()), default=0)) > MOST_SEED_OF_PANELS:
        raise ValueError(
            tr(
                "writes the panel's number behind the seed, so seeds must be at most {most}, got {got}",
                most=MOST_SEED_OF_PANELS,
                got=large,
            )
        )
    return noise_per_panel


def _of_every_set(rows: tuple[PanelSeeds, ...] | None, info: ValidationInfo) -> tuple[PanelSeeds, ...] | None:
    seeds = info.data.get("seeds", ())
    if rows is not None and seeds and len(rows) != len(seeds):
        raise ValueError(
            tr(
                "must be one row for each of the seeds, which then number the sets, got {rows} rows and "
                "{seeds} seeds; delete panel_seeds to draw every seed's own eight panels",
                rows=len(rows),
                seeds=len(seeds),
            )
        )
    large = max((seed for row in rows or () for seed in row), default=0)
    if info.data.get("noise_per_panel") and large > MOST_SEED_OF_PANELS:
        raise ValueError(
            tr(
                "must be at most {most} where noise_per_panel writes the panel's number behind them, "
                "got {got}",
                most=MOST_SEED_OF_PANELS,
                got=large,
            )
        )
    return rows


def _beginning_as_finals(draft: DraftTable | None, info: ValidationInfo) -> DraftTable | None:
    if draft is not None and "base" in info.data and "size" in info.data:
        size = info.data["size"] or usual_drawing(info.data["base"]).size
        if fault := draft.fault(size, info.data.get("noise", "portable")):
            raise ValueError(fault)
    return draft


def _guidance(cfg: float) -> float:
    """Return the scale; other programs write 0 for none, which is 1 as the formula has it."""
    if cfg == 0:
        return 1.0
    if cfg < 1:
        raise ValueError(tr("must be at least 1, got {cfg:g}", cfg=cfg))
    return cfg


class Experiment(BaseModel, frozen=True, extra="forbid", populate_by_name=True):
    """What is drawn and how. Defaults: the contest's baseline notebook, portable noise apart."""

    stories: Annotated[tuple[str, ...], Field(min_length=1, examples=['stories = ["story.toml"]'])]
    """Story files, relative to the experiment's own."""
    base: OneBase = EMBEDDED
    """The embedded base "mini", "kolors", a folder of Kolors or of a pipeline of diffusers, or a table of
    parts."""
    editor: EditorWeights | None = None
    """An InstructPix2Pix, for `storykit repair --instruct`: a folder or a hub's name; it shapes no other
    picture."""
    orders: Annotated[tuple[Order, ...], Field(min_length=1), AfterValidator(all_different)] = ("authored",)
    seeds: Annotated[
        tuple[Seed, ...],
        Field(
            min_length=1,
            examples=[mark("seeds = [0] for a try, seeds = [0, 1, 2, 3, 4, 5, 6, 7] for a verdict")],
        ),
        AfterValidator(all_different),
    ]
    steps: Steps | None = None
    """By default 25 for the mini base, 50 for Kolors, what suits the pipeline for others."""
    cfg: Annotated[Number, AfterValidator(_guidance)] | None = None
    """By default 4 for the mini base and Kolors; 1 for no guidance, which other programs write as 0."""
    size: Side | None = None
    """By default 256 for the mini base, 1024 for Kolors."""
    sampler: SamplerName | None = None
    """Of a base that diffusers draws with; by default the one in its folder, or what suits it."""
    spacing: Spacing | None = None
    decoder_steps: Steps | None = None
    """Of Stable Cascade's decoder; by default 10."""
    noise: Noise = "portable"
    noise_per_panel: Annotated[Flag, AfterValidator(_with_noise_of_its_own)] = False
    """Start each panel from noise of its own, of the seed with the panel's number behind it, instead of all
    eight from the seed's: panel 3 of seed 12 from 123."""
    panel_seeds: Annotated[tuple[PanelSeeds, ...] | None, AfterValidator(_of_every_set)] = None
    """Of each of `seeds` what its panels 1 to 8 are drawn from, where a set is put together of several seeds:
    the seed itself then is the set's number and no more."""
    consistency: Consistency = 0.0
    """Of every candidate that says none of its own."""
    anchor_seed: Annotated[Seed | None, AfterValidator(_one_of_the_seeds)] = None
    """Of the pictures that panels match, so that all seeds show one hero; by default each seed its own."""
    cut_long_prompts: Flag = False
    """Draw with what the text encoder reads of a prompt that is too long, instead of refusing it."""
    long_prompts: Flag = False
    """Read what is beyond 75 tokens too, in pieces, where diffusers draws with CLIP."""
    batch: Count | None = None
    """Panels drawn together; by default what the device takes."""
    memory: Memory = "auto"
    """"low" draws one panel at a time and never has UNet and picture decoder on a GPU together."""
    quality: Quality = "final"
    """"draft" draws by the table [draft], from the same noise."""
    draft: Annotated[DraftTable | None, AfterValidator(_beginning_as_finals)] = None
    controlnets: ControlNetTable = ControlNetTable()
    annotators: AnnotatorTable = AnnotatorTable()
    ip_adapter: IpAdapterTable | None = None
    """What reads the pictures of characters beside the words of panels that show them."""
    score: ScoreTable = ScoreTable()
    words: WordsTable | None = None
    """What style, identity, place and staging are seen through, beside the words that we know."""
    candidates: Annotated[
        tuple[Candidate, ...],
        Field(
            min_length=1,
            alias="candidate",
            examples=[mark('[[candidate]] with name = "base" below it, and for a LoRA lora = "FILE"')],
        ),
        AfterValidator(_swept),
    ]
    compare: Annotated[CompareTable, AfterValidator(_with_known_baseline)] = CompareTable()

    def seed_of(self, seed: int, panel: int) -> int:
        """Return the seed that a panel, 1 to 8, of a seed's set is drawn from."""
        rows = dict(zip(self.seeds, self.panel_seeds or (), strict=False))
        return rows[seed][panel - 1] if seed in rows else seed

    @property
    def own_words(self) -> dict[str, tuple[str, ...]]:
        """The words of its own by metric; metrics without any are left out."""
        return self.words.model_dump(exclude_none=True) if self.words else {}


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedExperiment:
    """An experiment with its stories; the paths in it are absolute."""

    path: Path
    experiment: Experiment
    stories: tuple[LoadedStory, ...]

    @property
    def settings(self) -> DrawSettings:
        """How the panels are drawn, the base's defaults filled in."""
        return self.settings_as(self.experiment.quality)

    def settings_as(self, quality: Quality) -> DrawSettings:
        """Return how the panels are drawn as finals or as drafts, whichever this run's are."""
        asked = self.experiment
        usual = usual_drawing(asked.base)
        final = DrawSettings(
            steps=asked.steps or usual.steps,
            size=asked.size or usual.size,
            cfg=usual.cfg if asked.cfg is None else asked.cfg,
            sampler=asked.sampler or usual.sampler,
            spacing=asked.spacing or (usual.spacing if asked.sampler is None else None),
            decoder_steps=asked.decoder_steps or usual.decoder_steps,
            **asked.model_dump(include={"noise", "batch", "memory", "long_prompts"}),
        )
        return final if quality == "final" else (asked.draft or DraftTable()).drawn_as(final, usual)

    def drawn_as(self, quality: Quality) -> Self:
        """Return the same experiment, to be drawn as drafts or as finals."""
        return replace(self, experiment=self.experiment.model_copy(update={"quality": quality}))


def baseline_of(experiment: Experiment) -> str | None:
    """Return the candidate that others are compared with; None when all have a LoRA and none is named."""
    bare = (candidate.name for candidate in experiment.candidates if candidate.is_bare)
    return experiment.compare.baseline or next(bare, None)


def load_experiment(
    path: Path, metrics: Collection[str] = (), *, weights_exist: bool = True, draft: bool = False
) -> LoadedExperiment:
    """Return an experiment file with its stories.

    Args:
        path: the experiment.
        metrics: what it may compare; none: its metrics are looked at when they are compared.
        weights_exist: whether weights and LoRAs must be on this machine.
        draft: whether drafts are to be drawn, whatever the file says.

    Raises:
        InputError: every fault of the experiment and of its stories, each with its place.
    """
    document = experiment_document(path)
    stories, faults = _load_stories(document, path.parent, drawn=not weights_exist)
    where = PathContext(folder=path.parent, must_exist=weights_exist, metrics=tuple(metrics))
    try:
        experiment = Experiment.model_validate(document, context=where)
    except ValidationError as error:
        found = faults_of(error, Experiment, elsewhere())
        raise InputError(str(path), [*found, *faults]) from error
    loaded = LoadedExperiment(path=path, experiment=experiment, stories=stories)
    if draft:
        loaded = loaded.drawn_as("draft")
    if weights_exist:
        faults += drawing_faults(loaded)
    if faults:
        raise InputError(str(path), faults)
    return loaded


def drawing_faults(loaded: LoadedExperiment) -> Iterator[str]:
    """Yield why an experiment that can be read cannot be drawn on this machine."""
    experiment, stories = loaded.experiment, loaded.stories
    steps = (loaded.settings_as("final").steps, loaded.settings.steps)
    yield from _foreign_faults(experiment.candidates)
    yield from _anchor_faults(experiment, stories)
    yield from table_faults(experiment, stories)
    yield from picture_faults(stories)
    yield from unheard_faults(stories, steps)
    yield from reference_faults(stories)
    yield from adapter_faults(experiment, stories, steps)


def _foreign_faults(candidates: Sequence[Candidate]) -> Iterator[str]:
    """Yield marks of other programs in what candidates put into prompts."""
    for number, candidate in enumerate(candidates, 1):
        for key, text in (("trigger", candidate.trigger), ("negative", candidate.negative or "")):
            place = f"candidate[{number}].{key}"
            yield from (tr("{place}: {fault}", place=place, fault=told) for told in foreign_marks(text))


def _anchor_faults(experiment: Experiment, stories: Sequence[LoadedStory]) -> Iterator[str]:
    """Yield why stories cannot be drawn with their characters kept the same, where that is asked for."""
    if any(candidate.consistency for candidate in experiment.candidates):
        for number, story in enumerate(stories, 1):
            place = f"stories[{number}] {story.name}"
            yield from (
                tr("{place}: {fault}", place=place, fault=told) for told in anchor_faults(story.story)
            )


def _load_stories(
    document: Mapping[str, object], folder: Path, *, drawn: bool
) -> tuple[tuple[LoadedStory, ...], list[str]]:
    """Return the stories that can be read and the faults of the others."""
    listed = document.get("stories")
    texts = [text for text in listed if isinstance(text, str)] if isinstance(listed, list) else []
    paths = [user_path(folder, text) for text in texts]
    stories: list[LoadedStory] = []
    faults: list[str] = []
    for number, (text, path) in enumerate(zip(texts, paths, strict=True), 1):
        try:
            stories.append(load_story(path, drawn=drawn))
        except InputError as error:
            told = list(error.faults)
            if isinstance(error.__cause__, FileNotFoundError):
                looked = tr(
                    " in {folder}, where the experiment looks for it", folder=printable(str(path.parent))
                )
                told = [missing_file(path, looked)]
            place = f"stories[{number}] {printable(text)}"
            faults += [tr("{place}: {fault}", place=place, fault=fault) for fault in told]
    return tuple(stories), faults + faults_of_names([path.stem for path in paths])


def faults_of_names(names: Sequence[str]) -> list[str]:
    """Return one line for each story name that cannot name a folder, or that another one has."""
    faults: list[str] = [
        tr(
            "stories[{number}]: a story's file name holds letters, digits, space, dot, dash "
            "or _, got {name!r}",
            number=number,
            name=name,
        )
        for number, name in enumerate(names, 1)
        if not _STORY_NAME.fullmatch(name)
    ]
    first: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if (before := first.setdefault(name.casefold(), number)) < number:
            faults.append(
                tr(
                    "stories[{number}]: {name!r} is the name of stories[{before}] too",
                    number=number,
                    name=name,
                    before=before,
                )
            )
    return faults
