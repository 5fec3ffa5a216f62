"""The addresses of the sheet: the page, its pieces, and what changes picks."""

from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from eval.casting.decisions import PlaceState, change_picks, names_of, put_state, state_of
from eval.casting.picks import Picks
from eval.casting.pool import Aims, choose
from kit.errors import ScoreError
from kit.experiment.identity import draft_said, is_draft
from kit.messages import Message, tr
from storykit.board.sheet.background import CastingSessions, ThumbnailsAhead
from storykit.board.sheet.grid import PlaceFacts, grid_of, sort_choices
from storykit.board.sheet.history import ChangeHistory
from storykit.board.sheet.large_view import large_view, recipe_of
from storykit.board.sheet.sheet_request import Here, changed
from storykit.board.sheet.strip import strip_of

PATIENCE_S = 1.2
"""How long the search for the rest goes on, and that for the cost of each pick."""

router = APIRouter()
PanelNumber = Annotated[int, Form(ge=1, le=8)]
PanelAsked = Annotated[int, Query(ge=1, le=8)]
Seed = Annotated[int, Form(ge=0)]
Seen = Annotated[str, Form(max_length=64)]


@router.get("/sheet")
def sheet(here: Here) -> Response:
    """Show the sheet of a run."""
    run, query, facts = here.run, here.query, here.facts
    state = state_of(run, query.place)
    grid = grid_of(facts, query, state)
    shown = [row for key in grid.cells() if (row := facts.drawn.get(key)) is not None]
    here.board.part(CastingSessions).prepare(run, query.place)
    return here.answer(
        "sheet/sheet.html",
        grid=grid,
        strip=strip_of(facts, state, here.gate),
        far=here.board.part(ThumbnailsAhead).want(run, shown, here.rows()),
        names=names_of(run),
        sorts=sort_choices(facts.numbers),
        trouble=facts.numbers.trouble,
        draft=draft_said(run.loaded.settings) if is_draft(run) else "",
        story=next(one.story for one in run.loaded.stories if one.name == query.story),
    )


@router.get("/sheet/far")
def far(here: Here) -> Response:
    """Say how far the small pictures are."""
    return here.answer("sheet/far.html", far=here.board.part(ThumbnailsAhead).how_far(here.run))


@router.get("/sheet/large")
def large(here: Here, panel: PanelAsked, seed: int, beside: int | None = None) -> Response:
    """Show a picture large, with a second one of the same panel over it."""
    view = large_view(here.facts, here.query, state_of(here.run, here.query.place), (panel, seed, beside))
    if view is None:
        raise HTTPException(404)
    return here.answer("sheet/large.html", view=view, draft=is_draft(here.run))


@router.get("/sheet/recipe")
def recipe(here: Here, panel: PanelAsked, seed: int) -> Response:
    """Show how a picture was drawn."""
    row = here.facts.drawn.get((panel, seed))
    if row is None:
        raise HTTPException(404)
    return here.answer("sheet/recipe.html", lines=recipe_of(here.run, row), row=row)


@router.post("/sheet/pick")
def pick(here: Here, panel: PanelNumber, seed: Seed, seen: Seen) -> Response:
    """Pick a picture for its panel; one that is picked already is let go."""

    def change(facts: PlaceFacts, before: PlaceState) -> tuple[PlaceState, Message]:
        told = {"panel": panel, "seed": seed}
        if before.picks.kept.get(panel) == seed:
            after = change_picks(here.run, here.query.place, lambda picks: picks.freeing(panel), seen)
            return after, tr("Panel {panel}: seed {seed} is no longer picked.", **told)
        row = facts.drawn.get((panel, seed))
        if row is None:
            raise ScoreError(
                tr("panel {panel}, seed {seed} is not drawn yet, so it cannot be picked", **told)
            )
        after = change_picks(
            here.run, here.query.place, lambda picks: picks.keeping(panel, seed, row.sha256), seen
        )
        return after, tr("Panel {panel}: seed {seed} is picked.", **told)

    return changed(here, change)


@router.post("/sheet/ban")
def ban(here: Here, panel: PanelNumber, seed: Seed, seen: Seen) -> Response:
    """Ban a seed of a panel; one that is banned already is allowed again."""

    def change(facts: PlaceFacts, before: PlaceState) -> tuple[PlaceState, Message]:
        del facts
        told = {"panel": panel, "seed": seed}
        if (panel, seed) in before.picks.banned:
            after = change_picks(here.run, here.query.place, lambda picks: picks.allowing(panel, seed), seen)
            return after, tr("Panel {panel}: seed {seed} is allowed again.", **told)
        after = change_picks(here.run, here.query.place, lambda picks: picks.banning(panel, seed), seen)
        return after, tr("Panel {panel}: seed {seed} is banned.", **told)

    return changed(here, change)


@router.post("/sheet/undo")
def undo(here: Here, seen: Seen) -> Response:
    """Take back the last change of this place that was made on the board."""
    history = here.board.part(ChangeHistory)

    def change(facts: PlaceFacts, before: PlaceState) -> tuple[PlaceState, Message]:
        del facts
        step = history.last(here.run.folder, before)
        if step is None:
            return before, tr("There is nothing to undo.")
        after = put_state(here.run, step.before, seen)
        history.drop(here.run.folder, here.query.place)
        return after, tr("The last change is undone.")

    return changed(here, change, remembered=False)


@router.post("/sheet/fill")
def fill(here: Here, seen: Seen) -> Response:
    """Choose the best pictures for the panels that are open, and say what each pick costs."""

    def change(facts: PlaceFacts, before: PlaceState) -> tuple[PlaceState, Message]:
        del facts
        pool = here.board.part(CastingSessions).of(here.run).pool(here.query.place)
        weights = before.selection.weights if before.selection else {}
        aims = Aims(gate=here.gate, weights=weights, patience_s=PATIENCE_S)
        selection = choose(pool, before.picks, aims)
        after = put_state(here.run, PlaceState(picks=before.picks, selection=selection), seen)
        seeds = " ".join(map(str, selection.seeds))
        return after, tr("The set is filled: seeds {seeds}.", seeds=seeds)

    return changed(here, change)


@router.post("/sheet/clear")
def clear(here: Here, seen: Seen) -> Response:
    """Drop every pick and ban of this place."""

    def change(facts: PlaceFacts, before: PlaceState) -> tuple[PlaceState, Message]:
        del facts
        none = Picks.none(before.picks.place)
        after = change_picks(here.run, here.query.place, lambda picks: none, seen)
        return after, tr("Picks and bans are dropped; undo brings them back.")

    return changed(here, change)
