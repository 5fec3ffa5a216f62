"""Changes of RUN/selection.json: picks by hand, and what was cast, each written whole under a short lock.

The file has a lock of its own, so that one can pick while the run is still being drawn. Whoever changes a
place says which version of it was seen; where another has changed it since, the change is refused.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from eval.casting.picks import KeptPicture, Picks, Place
from eval.casting.selection import (
    FILE,
    RULE,
    WEIGHTED_RULE,
    Selection,
    Selections,
    read_selection_file,
)
from kit.did_you_mean import none_such
from kit.errors import ScoreError, StaleError
from kit.experiment.extras.extra_pictures import seeds_at
from kit.experiment.run import Run
from kit.files.encodings import canonical_json, json_bytes, sha256_bytes
from kit.files.folder_lock import lock_file
from kit.messages import joined, mark, tr
from kit.story.story import PANELS
from kit.versions import installed_version

PATIENCE_S = 2.0
"""How long one waits for another who is writing the file, which takes milliseconds."""
MOST_NAMED = 20
"""Seeds that a refusal names."""
KINDS = {"candidate": mark("candidate"), "order": mark("order"), "story": mark("story")}
"""What a place is made of."""
_PLAIN: Mapping[str, object] = {"weighted": None, "free": None, "weights": {}, "proven": True}
"""What is not written where nothing was asked for: such files are as they always were."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceState:
    """What is decided and chosen of a place."""

    picks: Picks
    selection: Selection | None

    @property
    def version(self) -> str:
        """A short text that changes when one of them does."""
        chosen = _row(self.selection) if self.selection else None
        return sha256_bytes(canonical_json([_row(self.picks), chosen]))[:16]


def state_of(run: Run, place: Place) -> PlaceState:
    """Return what is decided and chosen of a place."""
    return _state(read_selection_file(run), place)


def change_picks(
    run: Run, place: Place, change: Callable[[Picks], Picks], seen: str | None = None
) -> PlaceState:
    """Change what is decided by hand for a place, and return what is there then.

    A set that was chosen and contradicts the new picks goes, and with it the page that shows it.

    Args:
        run: it may be being drawn meanwhile.
        place: candidate, order and story.
        change: gives the new picks for the old ones.
        seen: the version that was seen; None to change whatever is there.

    Raises:
        ScoreError: the run has no such place, or the picks name what it has not.
        StaleError: another version is there by now; it carries the `PlaceState`.
    """
    refuse_unknown(run, place)

    def changed(before: PlaceState) -> PlaceState:
        picks = change(before.picks)
        fresh = dict(picks.kept.items() - before.picks.kept.items())  # others may be of seeds dropped since
        refuse_undrawable(run, place, fresh, picks.banned - before.picks.banned)
        chosen = _agreeing(before.selection, picks) if before.selection else None
        return PlaceState(picks=picks, selection=chosen)

    return _replaced(run, place, changed, seen)


def put_finished(
    run: Run, place: Place, before: Sequence[int], finished: Sequence[KeptPicture]
) -> PlaceState:
    """Put finished pictures in the place of those that they were made of, chosen or picked as these were.

    A set that was neither cast nor picked is then picked.

    Args:
        run: whose.
        place: candidate, order and story.
        before: the seed of each panel of the set.
        finished: of each panel, in their order.
    """

    def changed(state: PlaceState) -> PlaceState:
        chosen = state.selection
        if chosen is None or tuple(chosen.seeds) != tuple(before):
            return PlaceState(picks=replace(state.picks, keep=tuple(finished)), selection=None)
        by_hand = state.picks.kept
        keep = tuple(one for one in finished if one.panel in by_hand)
        parts = (
            replace(part, seed=one.seed, sha256=one.sha256)
            for part, one in zip(chosen.parts, finished, strict=True)
        )
        return PlaceState(
            picks=replace(state.picks, keep=keep), selection=replace(chosen, parts=tuple(parts))
        )

    return _replaced(run, place, changed, None)


def put_state(run: Run, state: PlaceState, seen: str) -> PlaceState:
    """Write what is decided and chosen of a place as it is given, such as what was cast or was there before.

    Raises:
        StaleError: another version than the seen one is there by now; it carries the `PlaceState`.
    """
    return _replaced(run, state.picks.place, lambda before: state, seen)


def _replaced(
    run: Run, place: Place, change: Callable[[PlaceState], PlaceState], seen: str | None
) -> PlaceState:
    with lock_file(run.folder / FILE, "written", PATIENCE_S):
        file = read_selection_file(run)
        before = _state(file, place)
        if seen is not None and seen != before.version:
            raise StaleError(
                tr(
                    "what is picked of {place} was changed elsewhere since this was shown; it is shown as it "
                    "is now",
                    place=" ".join(place),
                ),
                before,
            )
        after = change(before)
        _write(run, file, _with(file, [after]))
    return after


def keep_cast(
    run: Run, cast: Sequence[PlaceState], seen: Mapping[Place, Picks], *, forget: Iterable[Place] = ()
) -> None:
    """Write what was cast, with the picks that it was cast with.

    Args:
        run: whose.
        cast: what was chosen, and by which picks.
        seen: what was decided by hand when the casting began; where that changed, nothing is written.
        forget: places whose picks go even where nothing was cast.

    Raises:
        StaleError: somebody picked meanwhile.
    """
    with lock_file(run.folder / FILE, "written", PATIENCE_S):
        file = read_selection_file(run)
        for place, picks in seen.items():
            if (now := _state(file, place)).picks != picks:
                raise StaleError(
                    tr(
                        "{place}: picks were changed while it was cast, so nothing is written; cast again",
                        place=" ".join(place),
                    ),
                    now,
                )
        gone = [replace(_state(file, place), picks=Picks.none(place)) for place in forget]
        _write(run, file, _with(_with(file, gone), cast))


def refuse_unknown(run: Run, place: Sequence[str]) -> None:
    """Raise ScoreError where the run lacks a candidate, order or story; empty names are any."""
    for (kind, names), asked in zip(names_of(run).items(), place, strict=True):
        if asked and asked not in names:
            raise ScoreError(none_such(tr("the run"), tr(KINDS[kind]), asked, names))


def refuse_undrawable(
    run: Run, place: Place, keep: Mapping[int, int], ban: Iterable[tuple[int, int]]
) -> None:
    """Raise ScoreError where a panel or a seed is named that the run does not have at a place."""
    seeds = seeds_at(run, place)
    known = frozenset(seeds)
    for panel, seed in sorted({*keep.items(), *ban}):
        if not 1 <= panel <= PANELS or seed not in known:
            more = ["…"] if len(seeds) > MOST_NAMED else []
            raise ScoreError(
                tr(
                    "the run has panels 1 to {panels} and seeds {seeds}, got {panel}=seed{seed}",
                    panels=PANELS,
                    seeds=joined([*map(str, seeds[:MOST_NAMED]), *more], tr(", ")),
                    panel=panel,
                    seed=seed,
                )
            )


def names_of(run: Run) -> dict[str, list[str]]:
    """Return the run's candidates, orders and stories, in its order."""
    experiment = run.loaded.experiment
    return {
        "candidate": [candidate.name for candidate in experiment.candidates],
        "order": list(experiment.orders),
        "story": [story.name for story in run.loaded.stories],
    }


def _state(file: Selections, place: Place) -> PlaceState:
    return PlaceState(
        picks=next((one for one in file.picks if one.place == place), Picks.none(place)),
        selection=next((one for one in file.selections if one.place == place), None),
    )


def _agreeing(selection: Selection, picks: Picks) -> Selection | None:
    """Return what was chosen with the new picks marked in it; None where they contradict it."""
    kept, banned = picks.kept, picks.banned
    parts = []
    for part in selection.parts:
        if kept.get(part.panel, part.seed) != part.seed or (part.panel, part.seed) in banned:
            return None
        by_hand = part.panel in kept
        parts.append(replace(part, kept=by_hand, free=part.free if by_hand else None))
    return replace(selection, parts=tuple(parts))


def _with(file: Selections, states: Sequence[PlaceState]) -> Selections:
    """Return the file with other states of some places, sorted by place."""
    picks = {one.place: one for one in file.picks}
    chosen = {one.place: one for one in file.selections}
    for state in states:
        place = state.picks.place
        picks[place] = state.picks
        chosen.pop(place, None)
        if state.selection is not None:
            chosen[place] = state.selection
    return Selections(
        selections=tuple(chosen[place] for place in sorted(chosen)),
        picks=tuple(picks[place] for place in sorted(picks) if picks[place]),
    )


def _write(run: Run, before: Selections, after: Selections) -> None:
    """Write the file; the page goes where it shows a set that is another by now."""
    weighted = {"weighted_rule": WEIGHTED_RULE} if any(one.weights for one in after.selections) else {}
    told: dict[str, object] = {"storykit": installed_version("storykit"), "rule": RULE, **weighted}
    told["selections"] = [_row(one) for one in after.selections]
    if after.picks:
        told["picks"] = [_row(one) for one in after.picks]
    if _shown(before) == _shown(after) and (run.folder / FILE).exists():
        run.write_json(FILE, told)
    else:
        run.write_results({FILE: json_bytes(told)})


def _shown(file: Selections) -> tuple[object, ...]:
    return file.selections, [one for one in file.picks if one.complete]


def _row(record: Selection | Picks) -> dict[str, object]:
    return asdict(record, dict_factory=_as_written)


def _as_written(items: list[tuple[str, object]]) -> dict[str, object]:
    return {name: value for name, value in items if name not in _PLAIN or _PLAIN[name] != value}
