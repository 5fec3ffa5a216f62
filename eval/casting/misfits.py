"""Which pictures of a set do not belong in it: another hero, another place, somebody missing, letters.

Only what was calibrated is named. What the words tell of the hero and the place any calibrated encoder says
(`metrics validate --drawn`); likeness to the other panels and missing figures those whose calibration has
the thresholds, as the embedded one; letters the reader where it is on, else on the embedded base a test on
pixels.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Self, get_args

import numpy as np
from numpy.typing import NDArray

from eval.casting.picks import Place
from eval.metrics.attributes import choice_rows, margins, told_attributes
from eval.metrics.concept_subspaces import projected, within
from eval.metrics.consistency import similarity
from eval.metrics.story_facts import StoryFacts, told_by
from eval.scorers.calibration import AttributeName, MisfitReason
from eval.scorers.letter_rows import letter_row
from eval.scorers.load import Scorers
from eval.scoring.measure import Measured
from kit.embedded import EMBEDDED
from kit.errors import ScoreError
from kit.experiment.run import Run, Slot
from kit.images.decode import open_picture
from kit.messages import Message, joined, mark, tr
from kit.story.anchors import figures_of
from kit.story.asked_letters import asks_for_letters
from kit.story.prompt import prompt_of
from kit.story.story import PANELS, Story

ATTRIBUTE_REASONS: Mapping[AttributeName, MisfitReason] = {
    "figure": "identity",
    "hair": "identity",
    "fur": "identity",
    "place": "place",
}
"""Told things by which a picture is named; what the hero does is no reason."""
REASONS: tuple[MisfitReason, ...] = get_args(MisfitReason)
_REASON_SAID: Mapping[MisfitReason, str] = {
    "letters": mark("letters in the picture"),
    "missing": mark("a figure is missing"),
    "identity": mark("the hero looks otherwise than in the other panels"),
    "place": mark("the place is another than in the panels of the same place"),
}
FEWEST_LETTERS = 4
"""That a reader must have read; a Chinese one counts as two."""
FEWEST_ALIKE = 3
"""Panels of one cast or place by which one is told from the others; of two it is open which is wrong."""
_HAN = "⺀"


class Gauge(NamedTuple):
    """One thing that a panel of a set was asked for."""

    panel: int
    """1 to 8."""
    reason: MisfitReason
    told: str
    """What the words tell of it, where they do."""
    value: float
    """Of letters their number, below 0; else a difference of cosines. Higher is better."""
    least: float
    """Below it the picture does not belong in the set."""
    box: tuple[int, int, int, int] | None = None
    """Where it is: left, top, right, bottom in pixels."""

    @property
    def behind(self) -> float:
        """How far it is below the least; above 0 the picture does not belong."""
        return self.least - self.value

    @property
    def firm(self) -> Self:
        """The same with half the way to 0 as its least: by that a picture that was mended is taken for right.

        At 0 it is as the others are, so what only just passes is seldom right.
        """
        return self._replace(least=self.least / 2) if self.least < 0 else self


def gauges_of(
    run: Run, measured: Measured, place: Place, seeds: Sequence[int], tools: Scorers
) -> list[Gauge]:
    """Return everything that a set's panels were asked for.

    Args:
        run: drawn.
        measured: the place's pictures.
        place: candidate, order and story.
        seeds: of panels 1 to 8.
        tools: what they were measured with.

    Raises:
        ScoreError: a panel of the set has no usable picture.
    """
    slots = [Slot(*place, seed, panel) for panel, seed in enumerate(seeds, 1)]
    lacking = [one.panel for one in slots if measured.readings[one].status != "ok"]
    if lacking:
        raise ScoreError(
            tr(
                "the set has no usable picture of panel {panels}: draw it first, or choose another",
                panels=joined(map(str, lacking), tr(", ")),
            )
        )
    story = next(one.story for one in run.loaded.stories if one.name == place[2])
    rows = np.stack([measured.embeddings[measured.readings[one].sha256] for one in slots])
    facts = told_by(run.loaded, tools.encoder)[place[2]]
    return [*gauges_of_rows(story, rows, facts, tools), *_letters(run, story, measured, slots)]


def gauges_of_rows(story: Story, rows: NDArray[np.float32], facts: StoryFacts, tools: Scorers) -> list[Gauge]:
    """Return what (8, dim) rows of a set's panels say of figures and places."""
    limits = tools.calibration.misfits if tools.calibration and tools.calibration.misfits else {}
    told = list(_told(story, rows, tools))
    placed = {one.panel for one in told if one.reason == "place"}
    places = [one for one in _places(rows, facts, limits) if one.panel not in placed]
    return [*told, *_likeness(rows, facts, limits), *places, *_missing(story, rows, facts, tools, limits)]


def misfits(gauges: Sequence[Gauge]) -> list[Gauge]:
    """Return why panels do not belong in a set, each reason of a panel once, the worst first.

    Where somebody is missing, that the figures look otherwise is no reason of its own.
    """
    worst: dict[tuple[int, MisfitReason], Gauge] = {}
    for one in sorted(gauges, key=lambda one: -one.behind):
        if one.behind > 0:
            worst.setdefault((one.panel, one.reason), one)
    return [
        one
        for key, one in worst.items()
        if key != (one.panel, "identity") or (one.panel, "missing") not in worst
    ]


def nameable(run: Run, tools: Scorers) -> list[MisfitReason]:
    """Return the reasons that these scorers can name in a run's pictures."""
    known = tools.calibration
    found = {
        ATTRIBUTE_REASONS[name] for name in (known.attributes if known else ()) if name in ATTRIBUTE_REASONS
    }
    found |= set((known.misfits or {}) if known else ())
    if tools.reader or run.loaded.experiment.base == EMBEDDED:
        found.add("letters")
    return [one for one in REASONS if one in found]


def reason_said(reason: MisfitReason, told: str = "") -> Message:
    """Return a reason in words, with what the panel's own tell."""
    if not told:
        return tr(_REASON_SAID[reason])
    if reason == "letters":
        return tr("letters in the picture: {told}", told=told)
    return tr("{reason} (told: {told})", reason=tr(_REASON_SAID[reason]), told=told)


def _told(story: Story, rows: NDArray[np.float32], tools: Scorers) -> Iterator[Gauge]:
    """Yield what is told of looks and places."""
    known = tools.calibration.attributes if tools.calibration else {}
    asked = [one for one in told_attributes(story) if one.name in known and one.name in ATTRIBUTE_REASONS]
    for one, margin in zip(asked, margins(rows, asked, choice_rows(asked, tools.encoder)), strict=True):
        yield Gauge(one.panel + 1, ATTRIBUTE_REASONS[one.name], one.told, margin, known[one.name])


def _likeness(
    rows: NDArray[np.float32], facts: StoryFacts, limits: Mapping[MisfitReason, float]
) -> Iterator[Gauge]:
    """Yield how far each panel's figures are from its cast's, against the median of the other panels."""
    if "identity" not in limits or not len(facts.facets.identity):
        return
    casts = list(facts.casts)
    alike = within(projected(rows, facts.facets.identity), casts)
    counted = [panel for panel in range(PANELS) if casts.count(casts[panel]) >= FEWEST_ALIKE]
    for panel in counted:
        others = [alike[other] for other in counted if other != panel]
        yield Gauge(panel + 1, "identity", "", float(alike[panel] - np.median(others)), limits["identity"])


def _places(
    rows: NDArray[np.float32], facts: StoryFacts, limits: Mapping[MisfitReason, float]
) -> Iterator[Gauge]:
    """Yield how like each panel is to those of its place, where there are enough of these."""
    if "place" not in limits or not len(facts.facets.place):
        return
    alike, places = similarity(projected(rows, facts.facets.place)), list(facts.places)
    for panel, where in enumerate(places):
        others = [other for other in range(PANELS) if other != panel and places[other] == where]
        if where is not None and len(others) + 1 >= FEWEST_ALIKE:
            yield Gauge(panel + 1, "place", "", float(np.median(alike[panel, others])), limits["place"])


def _missing(
    story: Story,
    rows: NDArray[np.float32],
    facts: StoryFacts,
    tools: Scorers,
    limits: Mapping[MisfitReason, float],
) -> Iterator[Gauge]:
    """Yield of panels with several figures how well each picture fits the words for the one it fits least."""
    directions = facts.facets.identity
    if "missing" not in limits or not len(directions):
        return
    shown = [figures_of(story, panel) for panel in range(PANELS)]
    texts = list(dict.fromkeys(text for one in shown for text in one))
    if not texts:
        return
    known = dict(zip(texts, projected(tools.encoder.texts(texts), directions), strict=True))
    for panel, figures in enumerate(shown):
        if len(figures) > 1:
            seen = projected(rows[panel], directions)
            fits = [similarity([seen, known[one]])[0, 1] for one in figures]
            yield Gauge(
                panel + 1, "missing", figures[int(np.argmin(fits))], float(min(fits)), limits["missing"]
            )


def _letters(run: Run, story: Story, measured: Measured, slots: Sequence[Slot]) -> Iterator[Gauge]:
    """Yield how many letters each panel shows that its words do not ask for, and where they are seen."""
    by_pixels = not measured.letters
    if by_pixels and run.loaded.experiment.base != EMBEDDED:
        return
    for slot in slots:
        if asks_for_letters(prompt_of(story, slot.panel - 1, slot.order)):
            continue
        read = " ".join(one.text for one in measured.letters.get(measured.readings[slot].sha256, ()))
        number = sum(2 if one >= _HAN else 1 for one in read if one.isalnum())
        row = None
        if by_pixels or number >= FEWEST_LETTERS:
            row = letter_row(open_picture(run.panel_path(*slot), ("PNG",)))
        if by_pixels:
            number = row.glyphs if row else 0
        letters = number if number >= FEWEST_LETTERS else 0
        yield Gauge(slot.panel, "letters", read if letters else "", -letters, 0, row.box if row else None)
