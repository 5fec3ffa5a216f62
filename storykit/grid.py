"""A run's pictures along two axes: which of them stand where, and what rows and columns are called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, cast, get_args

from kit.did_you_mean import none_such
from kit.errors import RunError
from kit.experiment.candidates.candidate import Candidate
from kit.experiment.run import Run, Slot
from kit.messages import Language, joined, mark, speaking, tr
from kit.story.story import PANELS, Story
from submissions.packing.entry import USUAL_ORDER, only_candidate, only_story, unknown_choices
from submissions.packing.entry_file import read_decisions

AxisName = Literal["candidate", "step", "strength", "consistency", "order", "story", "seed", "panel"]
AXES: tuple[str, ...] = get_args(AxisName)
_TRAITS = ("candidate", "step", "strength", "consistency")
"""Axes along which candidates differ."""
_LABELS = {
    "step": mark("step {value}"),
    "strength": mark("strength {value:g}"),
    "consistency": mark("consistency {value:g}"),
    "seed": mark("seed {value}"),
    "panel": mark("panel {value}"),
}
_TOLD = 6
"""Candidates that a message names."""
Value: TypeAlias = str | int | float | None
"""Of an axis; None is the bare base on one of candidates' traits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GridWish:
    """Which two axes, and what all pictures share where that is no axis; empty for what is usual."""

    rows: AxisName
    columns: AxisName
    candidate: str = ""
    """Where candidates differ along an axis: one of those that are meant."""
    order: str = ""
    story: str = ""
    seed: int | None = None
    panel: int | None = None


class PictureGrid(NamedTuple):
    """Which pictures stand where."""

    title: str
    """The story's, where all show one."""
    subtitle: str
    """What else they share."""
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    slots: tuple[tuple[Slot | None, ...], ...]
    """By row; None where the run has no such candidate."""


class _Shown(NamedTuple):
    """The candidates that a grid shows."""

    traits: tuple[str, ...]
    """The axes along which they differ, none for one candidate."""
    names: Mapping[tuple[Value, ...], str]
    """Each by its values on them."""
    bare: str | None = None
    """Who is drawn without a LoRA, whatever a LoRA's traits are."""

    def shared(self, run: Run) -> dict[str, Value]:
        """Return what all that have a LoRA share of what candidates may differ in."""
        first = next(iter(self.names.values()))
        one = next(one for one in run.loaded.experiment.candidates if one.name == first)
        if not self.traits:
            return {"candidate": one.name}
        rest = {axis: _trait(one, axis) for axis in _TRAITS if axis not in self.traits}
        return {} if self.traits == ("candidate",) else {k: v for k, v in rest.items() if v}

    def values(self, axis: str) -> list[Value]:
        """Return an axis' values, numbers in their order, names in the run's; the bare base comes first."""
        place = self.traits.index(axis)
        found: list[Value] = list(dict.fromkeys(key[place] for key in self.names))
        if axis != "candidate":
            found.sort(key=lambda value: float(value or 0))
        return [None, *found] if self.bare and place == 0 else found

    def find(self, keys: Mapping[str, Value]) -> str | None:
        """Return the candidate that has these values; None where the run has none."""
        key = tuple(keys[trait] for trait in self.traits)
        return self.bare if key[:1] == (None,) else self.names.get(key)


def grid_axes(text: str) -> tuple[AxisName, AxisName]:
    """Return the axes of rows and of columns that a text such as "candidate,seed" names; or RunError."""
    names = [part.strip() for part in text.replace("，", ",").split(",")]
    for name in names:
        if name not in AXES:
            raise RunError(none_such(tr("a grid"), tr("axis"), name, AXES))
    if len(names) != 2 or names[0] == names[1]:
        raise RunError(tr("a grid has two axes, as candidate,seed, got {text!r}", text=text))
    return cast(AxisName, names[0]), cast(AxisName, names[1])


def picture_grid(run: Run, wish: GridWish, language: Language) -> PictureGrid:
    """Return which pictures stand where, with labels in a language.

    Raises:
        RunError: the run has no such axis, or it is open what is meant.
    """
    axes = (wish.rows, wish.columns)
    _refuse_named_axes(wish)
    values: dict[str, list[Value]] = {axis: _values(run, axis) for axis in axes if axis not in _TRAITS}
    shown = _shown(run, tuple(axis for axis in axes if axis in _TRAITS), wish.candidate)
    values |= {axis: shown.values(axis) for axis in shown.traits}
    fixed = _fixed(run, wish)
    slots: list[tuple[Slot | None, ...]] = []
    for row in values[wish.rows]:
        places: list[dict[str, Value]] = [
            {wish.rows: row, wish.columns: column} for column in values[wish.columns]
        ]
        slots.append(tuple(_slot(fixed, place, shown) for place in places))
    shared = {name: value for name, value in fixed.items() if name not in axes}
    with speaking(language):
        return PictureGrid(
            title=_story(run, str(shared["story"])).title if "story" in shared else "",
            subtitle=joined(_subtitle(run, shared, shown), " · "),
            rows=tuple(_label(run, wish.rows, value) for value in values[wish.rows]),
            columns=tuple(_label(run, wish.columns, value) for value in values[wish.columns]),
            slots=tuple(slots),
        )


def _slot(fixed: Mapping[str, Value], keys: Mapping[str, Value], shown: _Shown) -> Slot | None:
    """Return the panel at a place of the grid; None where the run has no such candidate."""
    place = {**fixed, **keys}
    name = shown.find(keys)
    if name is None:
        return None
    seed, panel = (int(place[axis] or 0) for axis in ("seed", "panel"))
    return Slot(name, str(place["order"]), str(place["story"]), seed, panel)


def _refuse_named_axes(wish: GridWish) -> None:
    """Raise RunError where an option names one value of what is an axis."""
    for axis in {wish.rows, wish.columns} & {"order", "story", "seed", "panel"}:
        if getattr(wish, axis) not in ("", None):
            raise RunError(tr("{axis} is an axis of the grid, so leave out --{axis}", axis=axis))
    if "candidate" in (wish.rows, wish.columns) and wish.candidate:
        raise RunError(tr("{axis} is an axis of the grid, so leave out --{axis}", axis="candidate"))


def _shown(run: Run, traits: tuple[str, ...], named: str) -> _Shown:
    """Return the candidates that a grid shows: one, all by name, or those that differ in its traits alone."""
    every = run.loaded.experiment.candidates
    if named and named not in (names := [one.name for one in every]):
        raise RunError(none_such(tr("the run"), tr("candidate"), named, names))
    if not traits:
        return _Shown((), {(): named or read_decisions(run).candidate or only_candidate(run)})
    if traits == ("candidate",):
        ranked = sorted(every, key=lambda one: not one.is_bare)
        return _Shown(traits, _several(traits, {(one.name,): one.name for one in ranked}, run))
    rest = [trait for trait in _TRAITS if trait not in traits]
    groups: dict[tuple[Value, ...], dict[tuple[Value, ...], str]] = {}
    for one in every:
        if not one.is_bare:
            group = groups.setdefault(tuple(_trait(one, name) for name in rest), {})
            group.setdefault(tuple(_trait(one, name) for name in traits), one.name)
    bare = next((one.name for one in every if one.is_bare), None)
    return _Shown(traits, _group(groups, traits, named, run), bare)


def _group(
    groups: Mapping[tuple[Value, ...], Mapping[tuple[Value, ...], str]],
    traits: tuple[str, ...],
    named: str,
    run: Run,
) -> Mapping[tuple[Value, ...], str]:
    """Return the candidates that differ in the traits of a grid alone; of several such sets the one named."""
    if named:
        return _several(traits, next((g for g in groups.values() if named in g.values()), {}), run)
    usable = [group for group in groups.values() if _differ(traits, group)]
    if len(usable) > 1:
        ones = joined((next(iter(group.values())) for group in usable[:_TOLD]), tr(", "))
        raise RunError(
            tr("several sets of candidates differ so, name one of yours with --candidate: {ones}", ones=ones)
        )
    return _several(traits, usable[0] if usable else {}, run)


def _differ(traits: Sequence[str], group: Mapping[tuple[Value, ...], str]) -> bool:
    return all(len({key[place] for key in group} - {None}) > 1 for place in range(len(traits)))


def _several(
    traits: tuple[str, ...], group: Mapping[tuple[Value, ...], str], run: Run
) -> Mapping[tuple[Value, ...], str]:
    """Return a group that differs along each axis, or raise RunError."""
    if not _differ(traits, group):
        if "step" in traits and not any(one.step for one in run.loaded.experiment.candidates):
            raise RunError(
                tr(
                    "no candidate of the run is a saved step; a pattern such as "
                    'lora = "my/steps/*.safetensors" makes one of each'
                )
            )
        told = joined(traits, tr(" and "))
        raise RunError(
            tr("no candidates of the run differ in {traits} alone, so there is no such axis", traits=told)
        )
    return group


def _trait(candidate: Candidate, axis: str) -> Value:
    if axis == "candidate":
        return family_of(candidate)
    value: Value = getattr(candidate, axis)
    return value or (0.0 if axis == "consistency" else None)


def family_of(candidate: Candidate) -> str:
    """Return what a candidate was called before a sweep put its step, strength and consistency behind.

    >>> family_of(Candidate(name="ink-300-40", lora="ink.safetensors", step=300, strength=0.4))
    'ink'
    """
    consistency = f"-c{100 * (candidate.consistency or 0):g}"
    ends = (consistency, f"-{100 * candidate.strength:g}", f"-{candidate.step}")
    name = candidate.name
    for end in ends:
        short = name.removesuffix(end.replace(".", "-"))
        name = short or name
    return name


def _values(run: Run, axis: str) -> list[Value]:
    """Return the values of an axis that is none of candidates; RunError where there is one alone."""
    experiment = run.loaded.experiment
    known: dict[str, Sequence[Value]] = {
        "order": experiment.orders,
        "story": [story.name for story in run.loaded.stories],
        "seed": experiment.seeds,
        "panel": range(1, PANELS + 1),
    }
    if len(known[axis]) < 2:
        told = {"axis": axis, "value": known[axis][0]}
        raise RunError(tr("the run has {axis} {value} alone, so there is no such axis", **told))
    return list(known[axis])


def _fixed(run: Run, wish: GridWish) -> dict[str, Value]:
    """Return what all pictures share that is no axis."""
    experiment, axes = run.loaded.experiment, (wish.rows, wish.columns)
    decided = read_decisions(run)
    usual = USUAL_ORDER if USUAL_ORDER in experiment.orders else experiment.orders[0]
    order = usual if "order" in axes else wish.order or decided.order or usual
    first = run.loaded.stories[0].name
    story = first if "story" in axes else wish.story or decided.story or only_story(run)
    seed = experiment.seeds[0] if wish.seed is None else wish.seed
    panel = 1 if wish.panel is None else wish.panel
    place = (experiment.candidates[0].name, order, story)
    if unknown := unknown_choices(run, place, (seed,)):
        raise RunError(joined((fault.problem for fault in unknown), tr("; ")))
    if not 1 <= panel <= PANELS:
        raise RunError(tr("panel must be from 1 to {panels}, got {got}", panels=PANELS, got=panel))
    return {"order": order, "story": story, "seed": seed, "panel": panel}


def _story(run: Run, name: str) -> Story:
    return next(one.story for one in run.loaded.stories if one.name == name)


def _subtitle(run: Run, shared: Mapping[str, Value], shown: _Shown) -> list[str]:
    """Return what all pictures share, but for the story's title."""
    told = [_label(run, axis, value) for axis, value in shown.shared(run).items()]
    if "order" in shared and len(run.loaded.experiment.orders) > 1:
        told.append(str(shared["order"]))
    told += [_label(run, axis, shared[axis]) for axis in ("seed", "panel") if axis in shared]
    if "panel" in shared and "story" in shared:
        told.append(_story(run, str(shared["story"])).panels[int(shared["panel"] or 0) - 1].caption)
    return [text for text in told if text]


def _label(run: Run, axis: str, value: Value) -> str:
    """Return what a row or a column is called."""
    if value is None:
        return tr("no LoRA")
    if axis in _LABELS:
        return tr(_LABELS[axis], value=value)
    if axis == "story":
        return _story(run, str(value)).title or str(value)
    bare = [one.name for one in run.loaded.experiment.candidates if one.is_bare]
    return tr("{name} (no LoRA)", name=value) if axis == "candidate" and value in bare else str(value)
