"""What a run's folder holds, for notebooks and scripts: its tables as data frames, its pictures."""

from pathlib import Path
from typing import TYPE_CHECKING

from kit.errors import RunError, ScoreError
from kit.messages import tr

if TYPE_CHECKING:
    from pandas import DataFrame
    from PIL.Image import Image

    from kit.experiment.run import Run


class RunResults:
    """What a run's folder holds; it is read anew at each look."""

    def __init__(self, run: "Run") -> None:
        """Look into a run."""
        self.run = run

    def __repr__(self) -> str:
        return f"RunResults({str(self.folder)!r})"

    @property
    def folder(self) -> Path:
        """Where the run is."""
        return self.run.folder

    @property
    def panels(self) -> "DataFrame":
        """The scores of each panel; RunError before the run is scored."""
        from eval.scoring.records import panels_frame

        return panels_frame(self.run)

    @property
    def stories(self) -> "DataFrame":
        """The scores of each set of eight; RunError before the run is scored."""
        from eval.scoring.records import stories_frame

        return stories_frame(self.run)

    @property
    def comparisons(self) -> "DataFrame":
        """The verdict on each pair in each metric; RunError before the run is compared."""
        from pandas import DataFrame

        return DataFrame(self.run.read_json("comparison.json")["comparisons"])

    def picture(
        self, candidate: str, panel: int, order: str = "authored", story: str = "", seed: int | None = None
    ) -> "Image":
        """Return a panel, RGB.

        Args:
            candidate: whose.
            panel: 1 to 8.
            order: the prompt order it was drawn in.
            story: needed where the run has several.
            seed: by default what was cast, else the run's first.

        Raises:
            RunError: there is no such panel in the folder.
        """
        from submissions.packing.entry import only_story, seeds_of

        place = (candidate, order, story or only_story(self.run))
        seeds = dict(enumerate(seeds_of(self.run, place, seed), 1))
        if panel not in seeds:
            raise RunError(tr("panel must be from 1 to {panels}, got {got}", panels=len(seeds), got=panel))
        return _read(self.run, self.run.panel_path(*place, seeds[panel], panel))

    def sheet(
        self,
        candidate: str,
        order: str = "authored",
        story: str = "",
        seed: int | None = None,
        columns: int = 4,
    ) -> "Image":
        """Return the eight panels on one sheet with the story's captions, as a bundle holds it.

        The other arguments, and the errors, are those of `picture`.

        Args:
            candidate: whose.
            order: the prompt order.
            story: needed where the run has several.
            seed: by default what was cast, else the run's first.
            columns: how many panels stand beside each other: 4, or 2 for a phone.
        """
        from kit.images.lettering import find_lettering
        from kit.story.story import PANELS
        from submissions.bundle.mosaic import Grid, MosaicText, draw_mosaic
        from submissions.packing.entry import only_story

        story = story or only_story(self.run)
        pictures = [self.picture(candidate, panel, order, story, seed) for panel in range(1, PANELS + 1)]
        shown = next(loaded.story for loaded in self.run.loaded.stories if loaded.name == story)
        captions = [panel.caption for panel in shown.panels]
        lettering = find_lettering([shown.title, *captions])
        text = MosaicText(title=shown.title, captions=captions, lettering=lettering)
        return draw_mosaic(pictures, text, Grid(rows=PANELS // columns, columns=columns))


def _read(run: "Run", path: Path) -> "Image":
    """Return a panel's picture."""
    from eval.scoring.panel_file import read_picture

    try:
        return read_picture(path)
    except ScoreError as error:
        if path.exists():
            raise
        experiment = run.loaded.experiment
        known = {
            "candidates": [candidate.name for candidate in experiment.candidates],
            "orders": experiment.orders,
            "stories": [story.name for story in run.loaded.stories],
            "seeds": experiment.seeds,
        }
        there = "; ".join(f"{kind} {', '.join(map(str, names))}" for kind, names in known.items())
        raise RunError(tr("{path} is not there; the run has {there}", path=path, there=there)) from error
