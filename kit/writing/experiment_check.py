"""What is said of an experiment while it is written: faults in their place, notes, how many pictures."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from kit.errors import InputError, printable
from kit.experiment.config import Experiment, LoadedExperiment, faults_of_names
from kit.experiment.fields import PathContext
from kit.experiment.notes import notes_on
from kit.experiment.other_files import elsewhere
from kit.files.documents import PlacedFault, placed_faults, told_place
from kit.files.text.unknown_keys import Loc
from kit.files.user_paths import user_path
from kit.messages import tr
from kit.story.anchors import anchor_faults
from kit.story.foreign_syntax import foreign_marks
from kit.story.story import PANELS, LoadedStory, load_story


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentCheck:
    """What is said of an experiment that may not be one yet."""

    experiment: Experiment | None
    """The experiment, if it is one."""
    faults: tuple[PlacedFault, ...]
    notes: tuple[str, ...]
    """What is allowed and rarely meant, and what was not looked at."""

    @property
    def pictures(self) -> int | None:
        """How many panels it draws."""
        asked = self.experiment
        if asked is None:
            return None
        sets = len(asked.candidates) * len(asked.orders) * len(asked.stories) * len(asked.seeds)
        return sets * PANELS


def check_experiment(
    document: Mapping[str, object], path: Path, root: Path, metrics: Collection[str] = ()
) -> ExperimentCheck:
    """Return what is wrong with an experiment's document.

    Args:
        document: a file's tables and lists.
        path: where the file lies or will lie.
        root: the only folder that is looked into; what the experiment names outside is told, not read.
        metrics: what may be compared.
    """
    root = root.resolve()
    where = PathContext(folder=path.parent, must_exist=True, metrics=tuple(metrics), inside=root)
    faults: list[PlacedFault] = []
    experiment = None
    try:
        experiment = Experiment.model_validate(document, context=where)
        faults += _foreign(experiment)
    except ValidationError as error:
        faults += placed_faults(error, Experiment, elsewhere())
    stories, unread, outside = _stories(document.get("stories"), path.parent, root)
    faults += unread
    if experiment and any(one.consistency for one in experiment.candidates):
        for number, story in stories.items():
            faults += [_fault(("stories", number), told) for told in anchor_faults(story.story)]
    notes: list[str] = [
        tr("{file} lies outside the folder that is served: it is not looked at here", file=printable(text))
        for text in outside
    ]
    if experiment and not faults and not outside:
        loaded = LoadedExperiment(path=path, experiment=experiment, stories=tuple(stories.values()))
        notes += notes_on(loaded)
    return ExperimentCheck(experiment=experiment, faults=tuple(faults), notes=tuple(notes))


def _fault(place: Loc, problem: str) -> PlacedFault:
    return PlacedFault(place, tr("{place}: {fault}", place=told_place(place), fault=problem), problem)


def _foreign(experiment: Experiment) -> Iterator[PlacedFault]:
    """Yield marks of other programs in what candidates put into prompts."""
    for at, one in enumerate(experiment.candidates):
        for key, text in (("trigger", one.trigger), ("negative", one.negative or "")):
            yield from (_fault(("candidate", at, key), told) for told in foreign_marks(text))


def _stories(
    listed: object, folder: Path, root: Path
) -> tuple[dict[int, LoadedStory], list[PlacedFault], list[str]]:
    """Return the stories that can be read by their place, faults of others, and those outside the root."""
    stories: dict[int, LoadedStory] = {}
    faults: list[PlacedFault] = []
    outside: list[str] = []
    names: list[str] = []
    for number, text in enumerate(listed if isinstance(listed, list) else ()):
        if not isinstance(text, str):
            continue
        path = user_path(folder, text)
        names.append(path.stem)
        if not _is_inside(path, root):
            outside.append(text)
            continue
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would never end
            faults.append(_fault(("stories", number), tr("is neither a file nor a folder")))
            continue
        try:
            stories[number] = load_story(path)
        except InputError as error:
            faults += [_fault(("stories", number), told) for told in error.faults]
    faults += [PlacedFault(("stories",), told, told) for told in faults_of_names(names)]
    return stories, faults, outside


def _is_inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, ValueError):
        return False
