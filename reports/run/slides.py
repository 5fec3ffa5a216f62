"""A slide show of one story for a talk: one page that needs nothing else, a picture a slide."""

from kit.experiment.identity import is_draft
from kit.experiment.run import Run
from kit.messages import asked_language
from reports.page_templates import environment, load_words, page_assets
from reports.run.story_page import ChosenStory, shown_panels

SIDE = 1024
"""Side of a picture in pixels: as large as Kolors draws; a show of eight has about 2 MB."""


def slides_page(run: Run, chosen: ChosenStory, *, team: str = "", text: bool = False) -> str:
    """Return the slide show, HTML; in the language asked for, else the story's.

    Args:
        run: drawn.
        chosen: one picture for each panel.
        team: whose story it is, for the title slide; empty where that is not to be said.
        text: whether the captions stand together on a last slide.

    Raises:
        RunError: a picture is missing.
    """
    story = next(one.story for one in run.loaded.stories if one.name == chosen.story)
    return (
        environment()
        .get_template("slides.html")
        .render(
            story=story,
            panels=shown_panels(run, chosen, SIDE),
            draft=is_draft(run),
            team=team,
            text=text,
            w=load_words(asked_language() or story.language),
            **page_assets("slides", script="slides.js"),
        )
    )
