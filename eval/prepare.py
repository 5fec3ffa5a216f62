"""The stage that prepares a dataset: a source's pictures are sifted and written in the contest's layout."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.scorers.aesthetic import by_aesthetics
from eval.scorers.protocols import Scorer
from kit.dataset.data_juicer import Filter, read_result
from kit.dataset.filters import (
    FilteredPictures,
    FilterStep,
    apply_filters,
    by_caption,
    by_colour,
    by_near_duplicates,
    by_shape,
)
from kit.dataset.modelscope import fetch_dataset, is_dataset_name
from kit.dataset.sources import FoundPicture, find_pictures
from kit.dataset.warnings import dataset_warnings
from kit.dataset.write import DatasetContents, refuse_out, write_prepared
from kit.errors import InputError
from kit.story.trigger import Captioning


@dataclass(frozen=True, kw_only=True, slots=True)
class AestheticFloor:
    """The least aesthetic score of a picture, and what gives it."""

    score: float
    scorer: Scorer


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparationPlan:
    """What stays of a source, and what is said of it."""

    source: str
    """A folder, a result.jsonl, or a dataset of ModelScope."""
    captioning: Captioning
    filters: Sequence[Filter] = ()
    floor: AestheticFloor | None = None
    keep_near_duplicates: bool = False

    @property
    def steps(self) -> list[FilterStep]:
        """What drops pictures, in order; a sample's shape counts all its pictures, so that comes first."""
        steps = [*map(by_shape, self.filters), by_colour(), by_caption(self.captioning)]
        if self.floor is not None:
            steps.append(by_aesthetics(self.floor.scorer, self.floor.score))
        return steps if self.keep_near_duplicates else [*steps, by_near_duplicates()]

    @property
    def settings(self) -> dict[str, object]:
        """What the dataset's record says of how it was made."""
        path, floor = Path(self.source), self.floor
        return {
            "source": path.name if path.exists() else self.source,
            "filters": [{rule.operator: rule.model_dump()} for rule in self.filters],
            "caption": self.captioning.caption,
            "trigger": self.captioning.trigger,
            "near_duplicates": "keep" if self.keep_near_duplicates else "drop",
            "aesthetic": None
            if floor is None
            else {
                "floor": floor.score,
                "weights": floor.scorer.stamp.weights,
                "sha256": floor.scorer.stamp.weights_sha256,
            },
        }


def find(source: str, out: Path) -> list[FoundPicture]:
    """Return the pictures of a source, fetched first if it is a dataset of ModelScope.

    Raises InputError when there is no such source, or when writing `out` would touch it.
    """
    path = Path(source)
    refuse_out(out, [path])
    if path.is_dir():
        found = find_pictures(path)
    elif path.is_file() and path.suffix == ".jsonl":
        found = read_result(path)
    elif is_dataset_name(source) and not path.exists():
        found = find_pictures(fetch_dataset(source))
    else:
        raise InputError(
            source, ["must be a folder, a .jsonl file of Data-Juicer's or OWNER/NAME on ModelScope"]
        )
    refuse_out(out, [one.path for one in found])
    return found


def choose(
    found: Sequence[FoundPicture], plan: PreparationPlan, opened: Callable[[], None]
) -> FilteredPictures:
    """Return what stays of the pictures; raises InputError when nothing does, saying why."""
    sifted = apply_filters(found, plan.steps, opened)
    if not sifted.kept:
        reasons = Counter(drop.reason for drop in sifted.drops.values()).most_common(3)
        said = ", ".join(f"{reason} ({count})" for reason, count in reasons) or "it holds none"
        raise InputError(plan.source, [f"must leave at least one picture of {len(found)}, got none: {said}"])
    return sifted


def write(
    out: Path, sifted: FilteredPictures, plan: PreparationPlan, written: Callable[[], None]
) -> Sequence[str]:
    """Write the dataset and return what to mind before training on it."""
    captions = [plan.captioning.of(look.found.caption) for look in sifted.kept]
    said = dataset_warnings(captions, [look.size for look in sifted.kept])
    contents = DatasetContents(sifted=sifted, captions=captions, settings=plan.settings, cautions=said)
    write_prepared(out, contents, written)
    return said
