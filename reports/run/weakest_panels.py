"""Which panel holds a set back, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, pstdev

from eval.metrics.registry import reason_columns
from eval.metrics.story_facts import casts_of
from eval.scoring.records import PanelScore
from reports.run.contact_sheets import FOLDER, Block, Sheet, Shot

FAR_BELOW = 1.0
"""Standard deviations below the other panels from which a second or third reason is named too."""


STILL = 2 / 3
"""Share of the other candidates' staging below which little happens in a set; stilled tales have a third."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One score in which a panel falls behind: its value, and the mean of the story's other panels."""

    column: str
    value: float
    others: float
    behind: float
    """How far below the others, in standard deviations of all eight."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Weakness:
    """The weakest panel of one contact sheet; shot is None where the set is incomplete or not scored."""

    block: Block
    sheet: Sheet
    shot: Shot | None
    reasons: tuple[Reason, ...]
    rank: float | None
    """Place of the panel among the eight by its own text, where it is not the first; ties share places."""
    times: int
    """Seeds in which the same panel is the weakest."""
    still: tuple[float, float] | None
    """Staging of the set and the mean of the other candidates', where little happens in it; no gate."""


def weaknesses(blocks: Sequence[Block], panels: Sequence[PanelScore]) -> list[Weakness]:
    """Return the weakest panel of every contact sheet, at the seed shown."""
    return [
        _weakness(block, sheet, panels, stillness(place, [_staging(one) for one in block.sheets]))
        for block in blocks
        for place, sheet in enumerate(block.sheets)
    ]


def stillness(place: int, staging: Sequence[float | None]) -> tuple[float, float] | None:
    """Return the staging of one of several sets and the mean of the others' where it is far below that.

    >>> stillness(0, [0.2, 0.6, 0.5, None])
    (0.2, 0.55)
    >>> stillness(1, [0.2, 0.6, 0.5, None]), stillness(0, [0.2])
    (None, None)
    """
    own = staging[place]
    others = [one for k, one in enumerate(staging) if k != place and one is not None]
    if own is None or not others or own >= STILL * mean(others):
        return None
    return own, mean(others)


def _staging(sheet: Sheet) -> float | None:
    return sheet.shown.score.values.get("staging") if sheet.shown.score else None


def reasons(panel: int, scored: Sequence[PanelScore], *, alone: bool = False) -> tuple[Reason, ...]:
    """Return where a panel lies below the mean of the other panels, the strongest reason first.

    Args:
        panel: 1 to 8.
        scored: All panels of one story, one seed.
        alone: whether no other panel has its cast; then likeness of figures to the others is no reason.

    Returns:
        The strongest reason, and others at least 1 standard deviation behind; () where nothing explains it.
    """
    columns = [column for column in reason_columns() if not (alone and column == "identity")]
    found = [reason for column in columns if (reason := _reason(column, panel, scored))]
    found.sort(key=lambda reason: -reason.behind)
    return tuple(reason for i, reason in enumerate(found) if i == 0 or reason.behind >= FAR_BELOW)


def _reason(column: str, panel: int, scored: Sequence[PanelScore]) -> Reason | None:
    values = {score.panel: v for score in scored if (v := score.values.get(column)) is not None}
    others = [value for number, value in values.items() if number != panel]
    spread = pstdev(values.values()) if values else 0.0
    if panel not in values or not others or spread == 0:
        return None
    behind = (mean(others) - values[panel]) / spread
    if behind <= 0:
        return None
    return Reason(column=column, value=values[panel], others=mean(others), behind=behind)


def _weakness(
    block: Block, sheet: Sheet, panels: Sequence[PanelScore], still: tuple[float, float] | None
) -> Weakness:
    place = (sheet.candidate.name, block.order, block.story.name, block.seed)
    scored = [panel for panel in panels if FOLDER(panel) == place]
    shot = next((shot for shot in sheet.shown.shots if shot.weakest), None)
    number = shot.panel if shot else 0
    casts = casts_of(block.story.story)
    alone = shot is not None and casts.count(casts[number - 1]) == 1 and len(set(casts)) < len(casts)
    ranks = (score.values.get("text_rank") or 1.0 for score in scored if score.panel == number)
    return Weakness(
        block=block,
        sheet=sheet,
        shot=shot,
        reasons=reasons(number, scored, alone=alone),
        rank=next((rank for rank in ranks if rank > 1.0), None),
        times=sum(
            strip.score is not None and strip.score.weakest_panel == number
            for strip in (sheet.shown, *sheet.others)
        ),
        still=still,
    )
