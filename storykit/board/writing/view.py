"""What the templates of the writing pages are given."""

from collections.abc import Mapping
from typing import Any

from eval.metrics.registry import METRICS, judgeable
from kit.embedded import LORA_PREFIX, LORAS
from kit.messages import ptr, reader_language
from kit.story.prompt import ORDERS
from kit.story.story import PANELS, Role
from kit.writing.experiment_draft import ExperimentDraft
from kit.writing.experiment_fields import CANDIDATE_FIELDS, FIELDS
from kit.writing.story_draft import StoryDraft
from storykit.board.pages import ServedBoard
from storykit.board.writing.editing import Composed, Editing, place_of
from storykit.board.writing.listing import loras_beside, own_files, stories_beside
from storykit.board.writing.said import Said, fields_of


def view_of(
    board: ServedBoard, editing: Editing, composed: Composed, said: Said, *, choices: bool = True
) -> dict[str, Any]:
    """Return what a template is given of a draft.

    Args:
        board: that serves it.
        editing: the draft.
        composed: what it makes.
        said: of it.
        choices: whether its fields are shown, with what there is to choose.
    """
    draft = editing.draft
    view: dict[str, Any] = {
        "editing": editing,
        "draft": draft,
        "composed": composed,
        "said": said,
        "fields": fields_of(draft) if draft is not None else ["whole"],
        "folder_name": board.folder.root.name,
        "panels": PANELS,
    }
    if choices and isinstance(draft, StoryDraft):
        view["roles"] = role_names()
    if choices and isinstance(draft, ExperimentDraft):
        view |= _of_experiment(board, editing, draft)
    return view


def role_names() -> dict[Role, str]:
    """Return what the roles of clauses are called."""
    return {
        "subject": ptr("role", "subject"),
        "action": ptr("role", "action"),
        "place": ptr("role", "place"),
        "detail": ptr("role", "detail"),
        "style": ptr("role", "style"),
        "unknown": ptr("role", "unknown"),
    }


def _of_experiment(board: ServedBoard, editing: Editing, draft: ExperimentDraft) -> Mapping[str, Any]:
    folder = place_of(board.folder, editing).parent
    listed = own_files(board.folder)
    shipped = sorted(f"{LORA_PREFIX}{one.stem}" for one in LORAS.iterdir())
    boxes = {
        "stories": stories_beside(board.folder, folder, listed),
        "orders": list(ORDERS[:-1]),
        "compare.metrics": list(judgeable()),
    }
    return {
        "form_fields": FIELDS,
        "candidate_fields": CANDIDATE_FIELDS,
        "boxes": {name: _ticked(draft.said.get(name, ""), known) for name, known in boxes.items()},
        "suggestions": {
            "base": ["mini", "kolors"],
            "lora": [*shipped, *loras_beside(board.folder, folder)],
            "compare.baseline": [one.said.get("name", "") for one in draft.candidates],
        },
        "metric_names": {name: METRICS[name].called("short", reader_language()) for name in judgeable()},
    }


def _ticked(said: str, known: list[str]) -> list[tuple[str, bool]]:
    """Return the boxes of a field and which are ticked, those that are first."""
    given = [line for line in said.split("\n") if line]
    return [*((one, True) for one in given), *((one, False) for one in known if one not in given)]
