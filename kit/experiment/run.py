"""A run folder: the resolved experiment, its panels, one row a panel, and what later stages write."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import product, starmap
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, NamedTuple, Self, TypeVar

import tomli_w
from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from kit.errors import InputError, RunError
from kit.experiment.candidates.candidate import EMBEDDINGS
from kit.experiment.config import Experiment, LoadedExperiment, baseline_of, load_experiment
from kit.experiment.controls.control_pictures import kept_stories
from kit.experiment.controls.control_record import CONTROLS, ControlRecords
from kit.experiment.drawing.usual import usual_drawing
from kit.experiment.out_folder import MARK, refuse_another, refuse_links_out, withdrawn_if_stopped
from kit.experiment.references.image_prompt_record import REFERENCES, ImagePromptRecords, reference_file
from kit.experiment.references.reference_pictures import kept_references
from kit.experiment.steps import FINISHERS, MASKS, OptionalFileHash, StepList, step_told
from kit.experiment.tables import DraftTable
from kit.files.atomic_write import append_line, write_atomic, write_together
from kit.files.documents import faults_of
from kit.files.encodings import canonical_json, finite_json, json_bytes
from kit.files.path_contents import kind_at, mistaken
from kit.files.regular_files import open_file, read_file
from kit.files.text.library_words import reason_of
from kit.files.user_paths import shell_word
from kit.lora.pipelines.layout import lora_layout
from kit.messages import in_english, joined, tr
from kit.models.bases.pipeline_class import pipeline_folder
from kit.story.story import PANELS
from kit.story.structure.story_text import story_toml

PAGE, FIGURES = "report.html", "figures"
"""What shows a run's numbers: the page, and its figures as files."""
CHANGED = "changed-by-hand"
"""Where pictures are kept that were changed after they were drawn, by their place below `panels`."""
EXTRAS = "extras.json"
"""Which single pictures were asked for beside the experiment's seeds."""

_WRITERS = {"run.json": "generate", "comparison.json": "compare", "selection.json": "cast"}
_WRITERS |= {"race.json": "run --race METRIC"} | dict.fromkeys(
    ("scores.json", "scores.panels.csv", "scores.stories.csv"), "score"
)
"""The command to run when a file is missing or damaged."""

OWN = (
    *("experiment.toml", "stories", "loras", "run.json", "panels.jsonl", "batching.json", "faults.json"),
    *("panels", CHANGED, "scores.json", "scores.panels.csv", "scores.stories.csv", "cache", "race.json"),
    *("selection.json", "comparison.json", "votes.jsonl", "voters.json", PAGE, FIGURES),
    *("entry.toml", "introduction.md", EXTRAS, MASKS, FINISHERS, CONTROLS, REFERENCES, EMBEDDINGS),
)
"""What is read and written in a run folder; other names are the user's."""

MOST_ROWS_BYTES = 2**28
"""Of panels.jsonl: a row has some thousand bytes."""

INPUTS = ("stories", "loras", CONTROLS, REFERENCES, EMBEDDINGS)
"""Folders of a run whose files came with its experiment."""

T = TypeVar("T")


class Slot(NamedTuple):
    """A panel that the experiment wants, whether drawn or not."""

    candidate: str
    order: str
    story: str
    seed: int
    panel: int
    """1 to 8."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchor:
    """A picture that a panel reads while it is drawn, so that whom it shows stays the same.

    It is drawn as the panel is, but for its words and its seed; one that is there gets noise of its seed.
    """

    prompt: str
    subject: str
    """The words of its prompt whom it is read for; empty for the whole picture."""
    seed: int
    picture: OptionalFileHash = ""
    """The sha256 of the picture that it is; empty where it is drawn."""

    @property
    def told(self) -> dict[str, object]:
        """What recipes and rows say of it: of a picture only where it is one, as before there were any."""
        return {name: value for name, value in asdict(self).items() if value or name != "picture"}


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelRow:
    """A panel that is safely on disk: one line of panels.jsonl."""

    key: str
    """The sha256 of everything that shapes the picture."""
    candidate: str
    order: str
    story: str
    seed: int
    panel: int
    """1 to 8."""
    file: str
    """Relative to the run folder, with forward slashes."""
    sha256: str
    """Of the PNG file."""
    prompt: str
    negative: str
    seconds: Annotated[FiniteFloat, Field(ge=0)]
    """What drawing it took, its share of the batch; 0 for a copy of another panel's picture."""
    anchors: tuple[Anchor, ...] = ()
    consistency: Annotated[FiniteFloat, Field(ge=0, le=1)] = 0.0
    """How strongly it was drawn to match its anchors."""
    bystanders: tuple[str, ...] = ()
    """The words of the prompt for figures that match nobody, where it has anchors."""
    noise_seed: int | None = None
    """What its noise was drawn from where that is another number than the seed; None for the seed."""
    control: ControlRecords = ()
    """The maps that it was held to."""
    image_prompts: ImagePromptRecords = ()
    """The pictures that an IP-Adapter read beside its words."""
    chain: StepList = ()
    """What was done to the picture after it was drawn."""

    @property
    def recipe_seed(self) -> int:
        """The seed that any program draws it again from."""
        return self.seed if self.noise_seed is None else self.noise_seed

    @property
    def slot(self) -> Slot:
        """Which panel of the experiment it is about."""
        return Slot(self.candidate, self.order, self.story, self.seed, self.panel)


_ROW = TypeAdapter(PanelRow)
_ADAPTERS: dict[type, TypeAdapter[Any]] = {}
"""Of the records that were read: making one takes longer than reading a file by it."""
_DEPTH = 5
"""Slashes in a panel's place: panels/CANDIDATE/ORDER/STORY/seed-N/K.png."""


def _text_of(experiment: Experiment) -> str:
    told = experiment.model_dump(mode="json", by_alias=True, exclude_none=True)
    if experiment.quality == "final":  # as runs were written before there were drafts
        del told["quality"]
    for table in ("controlnets", "annotators"):  # and before there were ControlNets
        if not told[table]:
            del told[table]
    if not experiment.long_prompts:  # and before there were bases that read in pieces
        del told["long_prompts"]
    return tomli_w.dumps(told)


@dataclass(frozen=True)
class Run:
    """One experiment on disk; see docs/architecture.md for its files.

    `create` makes a run folder, `open` checks that it is one.
    """

    folder: Path

    @classmethod
    def create(cls, folder: Path, loaded: LoadedExperiment, *, reworded: bool = False) -> Self:
        """Make or take up a run folder and copy the experiment, its stories and LoRA files into it.

        A folder may be taken up with more seeds, candidates, orders or stories. Raises RunError when
        that would drop a story already drawn there, or change it and `reworded` does not allow it, or when
        the folder cannot be written.
        """
        run = cls(folder)
        refuse_links_out(folder, OWN)
        stories, pictures = kept_stories(loaded.stories)
        stories, references = kept_references(stories)
        pictures |= {reference_file(sha256): data for sha256, data in references.items()}
        loaded = replace(loaded, stories=stories)
        refuse_another(run, loaded, reworded=reworded)
        with withdrawn_if_stopped(folder, INPUTS):
            for place, data in pictures.items():
                write_atomic(folder / place, data)
            for story in loaded.stories:
                write_atomic(folder / "stories" / f"{story.name}.toml", story_toml(story.story).encode())
            write_atomic(run.experiment_path, (MARK + _text_of(run._resolved(loaded))).encode())
        return cls(folder)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Return the run in a folder; raises RunError when there is none."""
        run = cls(folder)
        if kind_at(folder) != "run":
            raise RunError(tr("{folder} {why}", folder=folder, why=mistaken(folder, "run")))
        refuse_links_out(folder, OWN)
        return run

    @classmethod
    def planned(cls, folder: Path, loaded: LoadedExperiment) -> Self:
        """Return the run that `create` would make of a folder, without writing anything."""
        run = cls(folder)
        vars(run)["loaded"] = loaded
        return run

    @property
    def experiment_path(self) -> Path:
        """The resolved experiment."""
        return self.folder / "experiment.toml"

    @property
    def rows_path(self) -> Path:
        """One JSON row a drawn panel."""
        return self.folder / "panels.jsonl"

    @property
    def page_files(self) -> list[Path]:
        """The page and its figures, where they are; they show numbers and must not outlive them."""
        figures = [path for kind in ("similarity", "difference") for path in self._figures(kind)]
        return [path for path in (self.folder / PAGE, *figures) if path.is_file()]

    def _figures(self, kind: str) -> list[Path]:
        return sorted((self.folder / FIGURES).glob(f"{kind}-*"))

    @cached_property
    def loaded(self) -> LoadedExperiment:
        """The experiment and its stories, as this folder holds them; RunError where they are damaged."""
        try:
            return load_experiment(self.experiment_path, weights_exist=False)
        except InputError as error:
            raise RunError(
                tr(
                    "{error}; delete {file} and type `storykit generate EXPERIMENT.toml --out {folder}` with "
                    "the experiment that was drawn here: it writes the file again and keeps the pictures "
                    "(run.json tells base and settings)",
                    error=error,
                    file=self.experiment_path,
                    folder=shell_word(self.folder),
                )
            ) from error

    def panel_path(self, candidate: str, order: str, story: str, seed: int, panel: int) -> Path:
        """Return where a panel (1 to 8) is kept."""
        return self.folder / "panels" / candidate / order / story / f"seed-{seed}" / f"{panel}.png"

    def wanted(self) -> Iterator[Slot]:
        """Yield every panel of the experiment, candidate by candidate."""
        experiment = self.loaded.experiment
        candidates = [candidate.name for candidate in experiment.candidates]
        stories = [story.name for story in self.loaded.stories]
        panels = range(1, PANELS + 1)
        return starmap(Slot, product(candidates, experiment.orders, stories, experiment.seeds, panels))

    def rows(self) -> list[PanelRow]:
        """Return the rows of the drawn panels; of several about one file, the last.

        A line torn by a crash is left out: its panel counts as not drawn.
        """
        return list({row.file: row for _, row in self._read_rows() if row is not None}.values())

    def unread_lines(self) -> list[int]:
        """Return which lines `rows` leaves out, from 1."""
        return [number for number, row in self._read_rows() if row is None]

    def _read_rows(self) -> Iterator[tuple[int, PanelRow | None]]:
        """Yield the number and the row of each line, None for one that is torn."""
        try:
            with open_file(self.rows_path) as file:
                if file.seek(0, 2) > MOST_ROWS_BYTES:
                    told = {"file": self.rows_path, "most": MOST_ROWS_BYTES >> 20}
                    raise RunError(
                        tr(
                            "{file} must have {most} MiB at most: take it from a copy of the run, or delete "
                            "it to draw the panels again",
                            **told,
                        )
                    )
                file.seek(0)
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield number, self._row(number, line)
        except FileNotFoundError:
            return
        except OSError as error:
            raise RunError(
                tr("{file} cannot be read: {error}", file=self.rows_path, error=reason_of(error))
            ) from error

    def _row(self, number: int, line: bytes) -> PanelRow | None:
        place = {"file": self.rows_path, "line": number}
        try:
            row = _ROW.validate_json(line)
        except ValidationError as error:
            if error.errors()[0]["type"] == "json_invalid":
                return None
            raise RunError(
                tr(
                    "{file} line {line}: {faults}; delete the line to draw the panel again",
                    faults=joined(faults_of(error), tr("; ")),
                    **place,
                )
            ) from error
        own = f"panels/{row.candidate}/{row.order}/{row.story}/seed-{row.seed}/{row.panel}.png"
        if row.file != own or ".." in PurePosixPath(own).parts or own.count("/") != _DEPTH:
            raise RunError(
                tr(
                    "{file} line {line}: file must be the panel's own, {own!r}, got {got!r}; delete the line "
                    "to draw the panel again",
                    own=own[:99],
                    got=row.file[:99],
                    **place,
                )
            )
        return row

    def append(self, row: PanelRow) -> None:
        """Add a row; it is on disk when this returns. A torn last line is closed first."""
        told = asdict(row)
        if not row.anchors:  # as all rows were written before there were any
            del told["anchors"], told["consistency"], told["bystanders"]
        else:
            told["anchors"] = [anchor.told for anchor in row.anchors]
        if row.noise_seed is None:
            del told["noise_seed"]
        for name in ("control", "image_prompts"):
            if not told[name]:
                del told[name]
        told["chain"] = [step_told(step) for step in row.chain]
        if not row.chain:
            del told["chain"]
        append_line(self.rows_path, canonical_json(told))

    def faults(self) -> dict[str, str]:
        """Return why panels could not be drawn when that was last tried, by file."""
        try:
            found = finite_json(read_file(self.folder / "faults.json"))
        except (OSError, ValueError):
            return {}
        return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}

    def note_faults(self, faults: Mapping[str, str]) -> None:
        """Replace what `faults` returns."""
        if faults:
            told = {file: in_english(why) for file, why in faults.items()}
            write_atomic(self.folder / "faults.json", canonical_json(told) + b"\n")
        else:
            (self.folder / "faults.json").unlink(missing_ok=True)

    def write_json(self, name: str, value: object) -> None:
        """Write a file of the run, whole; NaN is a ValueError."""
        write_atomic(self.folder / name, json_bytes(value))

    def write_results(self, files: Mapping[str, bytes], made_of_them: Collection[str] = ()) -> None:
        """Write files that belong together, by name; where they change, the page of the old ones goes first.

        Args:
            files: their data; the last one stands for all.
            made_of_them: what else was made of the old ones.
        """
        old = [self.folder / name for name in made_of_them]
        data = {self.folder / name: content for name, content in files.items()}
        write_together(data, [*old, *self.page_files])

    def read_text(self, name: str) -> str:
        """Return a text file of the run; raises RunError, with the command that writes it."""
        path = self.folder / name
        try:
            return read_file(path).decode("utf-8-sig")
        except FileNotFoundError as error:
            if name in _WRITERS:
                raise RunError(
                    tr("{file} does not exist; run {command} first", file=path, command=self._writer(name))
                ) from error
            raise RunError(tr("{file} does not exist", file=path)) from error
        except UnicodeDecodeError as error:
            raise RunError(
                tr("{file} is not UTF-8 text: {error}", file=path, error=reason_of(error))
            ) from error
        except OSError as error:
            raise RunError(tr("{file} cannot be read: {error}", file=path, error=reason_of(error))) from error

    def read_json(self, name: str) -> Any:
        """Return what a file of the run holds; raises RunError, with the command that writes it."""
        try:
            return finite_json(self.read_text(name))
        except ValueError as error:
            told = {"file": self.folder / name, "error": reason_of(error)}
            if name in _WRITERS:
                command = self._writer(name)
                raise RunError(
                    tr("{file} is not whole JSON: {error}; run {command} again", command=command, **told)
                ) from error
            raise RunError(tr("{file} is not whole JSON: {error}; delete it", **told)) from error

    def read_record(self, name: str, kind: type[T]) -> T:
        """Return a JSON file of the run as a checked record; keys of newer versions are let through.

        Raises RunError with what is wrong and the command that writes the file.
        """
        document = self.read_json(name)
        try:
            if kind not in _ADAPTERS:
                _ADAPTERS[kind] = TypeAdapter(kind)
            checked: T = _ADAPTERS[kind].validate_python(document)
            return checked
        except ValidationError as error:
            raise RunError(
                tr(
                    "{folder}: the {stage} file must be readable, got {faults}; run {command} again",
                    folder=self.folder,
                    stage=name.removesuffix(".json"),
                    faults=joined(faults_of(error)[:3], tr("; ")),
                    command=self._writer(name),
                )
            ) from error

    def _writer(self, name: str) -> str:
        """Return the command that writes a file of this run."""
        command, *options = _WRITERS[name].split(" ")
        drawing = ["EXPERIMENT.toml", "--out"] if command in ("generate", "run") else []
        return f"`{' '.join(['storykit', command, *drawing, shell_word(self.folder), *options])}`"

    def _resolved(self, loaded: LoadedExperiment) -> Experiment:
        """Return the experiment with every default written out and every path inside this folder."""
        from kit.experiment.candidates.kept_embeddings import keep_embeddings
        from kit.experiment.candidates.kept_loras import keep_lora

        experiment, drawn = loaded.experiment, loaded.settings_as("final")
        layout = lora_layout(experiment.base)
        resolved: dict[str, object] = {
            "stories": tuple(f"stories/{story.name}.toml" for story in loaded.stories),
            "steps": drawn.steps,
            "size": drawn.size,
            "cfg": drawn.cfg,
            "candidates": tuple(
                keep_embeddings(self.folder, keep_lora(self.folder, one, layout), experiment.base)
                for one in experiment.candidates
            ),
            "compare": experiment.compare.model_copy(update={"baseline": baseline_of(experiment)}),
        }
        if pipeline_folder(experiment.base) is not None:  # elsewhere nobody could tell them from its files
            resolved |= {name: getattr(drawn, name) for name in ("sampler", "spacing", "decoder_steps")}
        if experiment.quality == "draft":
            how = loaded.settings
            draft = experiment.draft or DraftTable()
            guided = draft.guidance_until or usual_drawing(experiment.base).draft_guided
            told = {"steps": how.steps, "size": how.size, "sampler": how.sampler, "guidance_until": guided}
            resolved["draft"] = draft.model_copy(update=told)
        return experiment.model_copy(update=resolved)
