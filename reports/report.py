"""One self-contained page about a run: verdict, story, pictures, scores, and how to reproduce them."""

import base64
import hashlib
from importlib import metadata
from pathlib import Path

import jinja2
from markupsafe import Markup

from kit.errors import RunError
from kit.files import write_whole
from kit.run import Run
from reports.environment import environment, template_text
from reports.page import Page, gather
from reports.records import Metric
from reports.tables import arrow_of, digits_of, metric_of, written, written_interval, written_p
from reports.words import Words, load_words


def write_report(run: Run) -> Path:
    """Write RUN/report.html and RUN/figures/ from what the earlier stages left, and return the page's path.

    The page speaks the language of the first story. Without scores or comparison it shows the pictures and
    says what is missing.

    Raises:
        RunError: the run has no picture at all, or one of its files is damaged.
    """
    if not any(run.panel_path(*run.slot_of(row)).is_file() for row in run.rows()):
        raise RunError(
            f"{run.folder}: a report needs at least one panel, got none; "
            f"draw them with `storykit generate EXPERIMENT --out {run.folder}`"
        )
    page = gather(run)
    words = load_words(page.stories[0].story.language)
    for figure in page.figures:
        write_whole(run.folder / "figures" / f"{figure.name}.svg", figure.svg)
        write_whole(run.folder / "figures" / f"{figure.name}.png", figure.png)
    path = run.folder / "report.html"
    write_whole(path, render(page, words).encode("utf-8"))
    return path


def render(page: Page, words: Words) -> str:
    """Return the page as HTML; every text of the run is escaped."""
    script = template_text("lightbox.js")
    return (
        _environment(page, words)
        .get_template("page.html")
        .render(
            page=page,
            w=words,
            style=Markup(template_text("style.css")),
            script=Markup(script),
            script_sha256=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
            version=_version(),
        )
    )


def _environment(page: Page, words: Words) -> jinja2.Environment:
    metrics: tuple[Metric, ...] = page.scores.metrics if page.scores else ()
    known = environment()
    known.filters |= {
        "written": written,
        "interval": written_interval,
        "p_value": written_p,
        "digits": lambda column: digits_of(metric_of(column, metrics)),
        "arrow": lambda column: arrow_of(metric_of(column, metrics)),
        "title_of": lambda column: words.metric(column, metrics),
        "file_name": lambda path: Path(path).name,
    }
    return known


def _version() -> str | None:
    """Return the installed version, None where storykit runs from its source folder."""
    try:
        return metadata.version("storykit")
    except metadata.PackageNotFoundError:
        return None
