"""Letters in pictures: how much they cover, how they are kept, and whether a panel's words ask for any."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from eval.scorers.protocols import Inscription
from eval.scoring.panel_file import PanelFile
from eval.scoring.records import UnaskedLetters
from kit.experiment.config import LoadedExperiment
from kit.experiment.run import Slot
from kit.story.asked_letters import asks_for_letters
from kit.story.prompt import prompt_of


def covered(inscriptions: Sequence[Inscription]) -> float:
    """Return the share of a picture that letters cover, 0 to 1."""
    return min(1.0, sum((one.share for one in inscriptions), 0.0))


def to_row(inscriptions: Sequence[Inscription]) -> NDArray[np.float32]:
    """Return what was read as numbers: how many, then of each share, length and its letters' codes."""
    row: list[float] = [len(inscriptions)]
    for one in inscriptions:
        row += [one.share, len(one.text), *map(ord, one.text)]
    return np.array(row, dtype=np.float32)  # exact: codes are below 2^24


def from_row(row: NDArray[np.float32]) -> tuple[Inscription, ...]:
    """Return what `to_row` made a row of."""
    found, place = [], 1
    for _ in range(int(row[0])):
        text = place + 2
        end = text + int(row[place + 1])
        found.append(Inscription("".join(chr(int(code)) for code in row[text:end]), float(row[place])))
        place = end
    return tuple(found)


def unasked_letters(
    loaded: LoadedExperiment,
    readings: Mapping[Slot, PanelFile],
    letters: Mapping[str, Sequence[Inscription]],
) -> Iterator[UnaskedLetters]:
    """Yield each panel that shows letters though its words ask for none.

    Args:
        loaded: the experiment with its stories.
        readings: every panel's file.
        letters: what is legible in the pictures, by the sha256 of their files.
    """
    stories = {one.name: one.story for one in loaded.stories}
    for slot, reading in readings.items():
        read = " ".join(one.text for one in letters.get(reading.sha256, ()))
        asked = asks_for_letters(prompt_of(stories[slot.story], slot.panel - 1, slot.order))
        if reading.status == "ok" and read and not asked:
            yield UnaskedLetters(**slot._asdict(), read=read)
