"""The pictures of a place as rows of panels and columns of seeds, a page of seeds at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eval.casting.decisions import PlaceState
from eval.casting.pool import Pool
from eval.metrics.registry import METRICS
from eval.scoring.records import PanelScore
from kit.experiment.extras.extra_pictures import seeds_at
from kit.experiment.run import PanelRow, Run, Slot
from kit.messages import Message, reader_language, tr
from kit.retold import retold
from kit.story.prompt import prompt_of
from kit.story.story import PANELS
from reports.number_format import digits_of, written
from storykit.board.sheet.run_numbers import OF_PANEL, OF_SET, PictureNumbers, words_in
from storykit.board.sheet.sheet_query import ALL, NONE, SheetQuery

SEEDS_A_PAGE = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureCell:
    """One picture of the sheet, or the place where one would be."""

    panel: int
    seed: int
    sha256: str = ""
    """Empty where there is none."""
    absent: str = ""
    """Why there is none, in words."""
    caption: str = ""
    marks: tuple[str, ...] = ()
    """What is wrong with it."""
    chips: tuple[tuple[str, str], ...] = ()
    """Score by name."""
    picked: bool = False
    banned: bool = False
    chosen: bool = False
    """Whether it is in the set that was cast."""

    @property
    def label(self) -> Message:
        """What a screen reader says of it."""
        told = {"panel": self.panel, "seed": self.seed}
        if self.absent:
            return tr("Panel {panel}, seed {seed}: {absent}", absent=self.absent, **told)
        if self.picked:
            return tr("Panel {panel}, seed {seed}: picked", **told)
        if self.banned:
            return tr("Panel {panel}, seed {seed}: banned", **told)
        if self.chosen:
            return tr("Panel {panel}, seed {seed}: in the set", **told)
        return tr("Panel {panel}, seed {seed}", **told)


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelLine:
    """One panel of the story with its pictures."""

    panel: int
    caption: str
    prompt: str
    cells: tuple[PictureCell, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetGrid:
    """A page of the sheet."""

    seeds: tuple[int, ...]
    values: tuple[str, ...]
    """What each seed has in what they are sorted by."""
    lines: tuple[PanelLine, ...]
    page: int
    pages: int
    found: int
    """Seeds on all pages."""

    def cells(self) -> dict[tuple[int, int], PictureCell]:
        """Return the cells by panel and seed."""
        return {(cell.panel, cell.seed): cell for line in self.lines for cell in line.cells}


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceFacts:
    """All that is known of a place."""

    run: Run
    drawn: Mapping[tuple[int, int], PanelRow]
    numbers: PictureNumbers
    failed: Mapping[str, str]
    """Why panels could not be drawn when that was last tried, by file."""
    pool: Pool | None
    """What the set is cast from, where that is known already."""


def grid_of(facts: PlaceFacts, query: SheetQuery, state: PlaceState) -> SheetGrid:
    """Return the page of a sheet that is asked for; a page behind the last is the last."""
    ranked = _ranked(facts, query)
    page, pages = _page_of(ranked, query)
    shown = _shown(ranked, query)
    story = next(one.story for one in facts.run.loaded.stories if one.name == query.story)
    digits = digits_of(facts.numbers.metrics.get(query.by.partition(".")[2]))
    makes = _CellMaker(facts, query, state)
    return SheetGrid(
        seeds=tuple(shown),
        values=tuple("" if not query.by else written(value, digits) for value in shown.values()),
        lines=tuple(
            PanelLine(
                panel=panel,
                caption=story.panels[panel - 1].caption,
                prompt=prompt_of(story, panel - 1, query.order),
                cells=tuple(makes.cell(panel, seed, story.panels[panel - 1].caption) for seed in shown),
            )
            for panel in range(1, PANELS + 1)
        ),
        page=page,
        pages=pages,
        found=len(ranked),
    )


def cells_of(
    facts: PlaceFacts, query: SheetQuery, state: PlaceState, asked: Iterable[tuple[int, int]]
) -> list[PictureCell]:
    """Return the cells of these panels and seeds."""
    story = next(one.story for one in facts.run.loaded.stories if one.name == query.story)
    makes = _CellMaker(facts, query, state)
    return [makes.cell(panel, seed, story.panels[panel - 1].caption) for panel, seed in asked]


def changed_cells(
    query: SheetQuery, before: tuple[PlaceFacts, PlaceState], after: tuple[PlaceFacts, PlaceState]
) -> list[PictureCell]:
    """Return the cells of the page that look different after a change of picks or of the set."""
    facts, state = after
    shown = _shown(_ranked(facts, query), query)
    looks = [
        {
            *(("kept", *one) for one in state.picks.kept.items()),
            *(("banned", *one) for one in state.picks.banned),
            *(("chosen", *one) for one in enumerate(state.selection.seeds if state.selection else (), 1)),
            *(("copied", *one) for one in _copies(facts.pool)),
        }
        for facts, state in (before, after)
    ]
    touched = sorted({(panel, seed) for _, panel, seed in looks[0] ^ looks[1] if seed in shown})
    return cells_of(facts, query, state, touched)


def _ranked(facts: PlaceFacts, query: SheetQuery) -> list[tuple[int, float | None]]:
    """Return the seeds in the order that is asked for, the best first, each with what it is sorted by."""
    seeds = seeds_at(facts.run, query.place)
    if not query.by:
        return [(seed, None) for seed in seeds]
    values = [(seed, _value(facts.numbers, query, seed)) for seed in seeds]
    sign = -1 if _falls(query.by) else 1
    if query.least is not None:
        least = query.least
        values = [(seed, one) for seed, one in values if one is not None and sign * one >= sign * least]
    return sorted(values, key=lambda one: (one[1] is None, -sign * (one[1] or 0)))


def _page_of(ranked: Sequence[object], query: SheetQuery) -> tuple[int, int]:
    """Return which page is shown, and how many there are."""
    pages = max(1, -(-len(ranked) // SEEDS_A_PAGE))
    return min(query.page, pages), pages


def _shown(ranked: Sequence[tuple[int, float | None]], query: SheetQuery) -> dict[int, float | None]:
    """Return the seeds on the page, each with what it is sorted by."""
    page, _ = _page_of(ranked, query)
    return dict(ranked[(page - 1) * SEEDS_A_PAGE : page * SEEDS_A_PAGE])


def _falls(by: str) -> bool:
    entry = METRICS.get(by.partition(".")[2])
    return entry is not None and entry.direction == "lower"


def _value(numbers: PictureNumbers, query: SheetQuery, seed: int) -> float | None:
    if query.by.startswith(OF_SET):
        found = numbers.sets.get((query.place, seed))
        return found.values.get(query.by.removeprefix(OF_SET)) if found else None
    column = query.by.removeprefix(OF_PANEL)
    panels = (query.of,) if query.of else range(1, PANELS + 1)
    values = [
        value
        for panel in panels
        if (one := numbers.panels.get(Slot(*query.place, seed, panel))) is not None
        and (value := one.values.get(column)) is not None
    ]
    return sum(values) / len(values) if values else None


class _CellMaker:
    """Makes the cells of one place."""

    def __init__(self, facts: PlaceFacts, query: SheetQuery, state: PlaceState) -> None:
        self._facts, self._query = facts, query
        self._kept, self._banned = state.picks.kept, state.picks.banned
        self._chosen = dict(enumerate(state.selection.seeds, 1)) if state.selection else {}
        self._words = words_in(reader_language())
        self._copies = _copies(facts.pool)

    def cell(self, panel: int, seed: int, caption: str) -> PictureCell:
        """Return the cell of a panel and a seed."""
        slot, row = Slot(*self._query.place, seed, panel), self._facts.drawn.get((panel, seed))
        banned = (panel, seed) in self._banned
        if row is None:
            return PictureCell(panel=panel, seed=seed, banned=banned, absent=self._why_absent(slot))
        score = self._facts.numbers.panels.get(slot)
        current = score if score is not None and score.sha256 == row.sha256 else None
        return PictureCell(
            panel=panel,
            seed=seed,
            sha256=row.sha256,
            caption=caption or row.prompt,
            marks=tuple(self._marks(slot, score if current or _is_bad(score) else None)),
            chips=tuple(self._chips(current)),
            picked=self._kept.get(panel) == seed,
            banned=banned,
            chosen=self._chosen.get(panel) == seed,
        )

    def _why_absent(self, slot: Slot) -> str:
        run = self._facts.run
        failed = self._facts.failed.get(run.panel_path(*slot).relative_to(run.folder).as_posix())
        if failed:
            return retold(failed)
        if slot.seed in self._facts.run.loaded.experiment.seeds:
            return self._words["not_drawn"]
        return tr("of another panel")

    def _marks(self, slot: Slot, score: PanelScore | None) -> list[str]:
        numbers = self._facts.numbers
        marks = []
        if score is not None and score.status != "ok":
            marks.append(self._words[f"status_{score.status}"])
        marks += [
            self._words[f"lacks_{attribute}"].format(told=told)
            for attribute, told in numbers.lacking.get(slot, ())
        ]
        if letters := numbers.letters.get(slot):
            marks.append(tr("letters “{read}”", read=letters))
        if twin := self._copies.get((slot.panel, slot.seed)):
            marks.append(tr("the same picture as panel {panel}, seed {seed}", panel=twin[0], seed=twin[1]))
        return marks

    def _chips(self, score: PanelScore | None) -> list[tuple[str, str]]:
        show = self._query.show
        if score is None or show == NONE:
            return []
        metrics = self._facts.numbers.metrics
        return [
            (self._words.metric(name, metrics.get(name)), written(value, digits_of(metrics.get(name))))
            for name, value in score.values.items()
            if value is not None and show in (ALL, name)
        ]


def _is_bad(score: PanelScore | None) -> bool:
    return score is not None and score.status != "ok"


def _copies(pool: Pool | None) -> dict[tuple[int, int], tuple[int, int]]:
    """Return by panel and seed the first other picture of the place that is the same, where one is known."""
    if pool is None:
        return {}
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for one, other in zip(*pool.choices.copied.nonzero(), strict=True):
        here, there = pool.slots[int(one)], pool.slots[int(other)]
        found.setdefault((here.panel, here.seed), (there.panel, there.seed))
    return found


def sort_choices(numbers: PictureNumbers) -> Sequence[tuple[str, list[tuple[str, str]]]]:
    """Return what seeds can be sorted by: groups of value and name."""
    words = words_in(reader_language())

    def named(prefix: str, columns: Sequence[str]) -> list[tuple[str, str]]:
        return [(f"{prefix}{name}", words.metric(name, numbers.metrics.get(name))) for name in columns]

    return [
        (tr("Scores of the set of eight"), named(OF_SET, numbers.set_columns)),
        (tr("Scores of a panel"), named(OF_PANEL, numbers.panel_columns)),
    ]
