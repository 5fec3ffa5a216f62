"""One self-contained page about a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path, PurePath

from markupsafe import Markup
from matplotlib.figure import Figure as Drawing

from eval.comparison.compare import read_comparison
from eval.comparison.racing import read_race
from eval.comparison.verdict import Contrast
from eval.metrics.registry import is_reference
from eval.scorers.protocols import Metric
from eval.scoring.records import Similarity, StoryScore, read_scores
from eval.votes.summary import asked_said, pair_said
from eval.votes.tally import tally_of
from kit.errors import RunError
from kit.experiment.identity import draft_said, is_draft
from kit.experiment.run import FIGURES, PAGE, Run
from kit.files.atomic_write import write_together
from kit.files.folder_lock import lock_folder
from kit.messages import asked_language, speaking, tr
from kit.models.bases.base_parts import shown_base
from kit.story.prompt import prompt_of
from kit.story.story import PANELS
from kit.versions import installed_version
from reports.figures import Span, difference_strip, inline_svg, png_bytes, similarity_map, span, svg_bytes
from reports.number_format import (
    Summary,
    arrow_of,
    digits_of,
    score_columns,
    summarise,
    written,
    written_interval,
    written_p,
)
from reports.page_templates import Words, environment, load_words, page_assets
from reports.run.cast_sheets import cast_sheets
from reports.run.contact_sheets import FOLDER, Block, Sheet, SheetAlbum, ranked
from reports.run.next_commands import NextCommands
from reports.run.race_losers import race_losers
from reports.run.verdicts import pairs_of
from reports.run.weakest_panels import weaknesses
from reports.strength_bars import percent, strength_bar


def write_report(run: Run) -> Path:
    """Write RUN/report.html and RUN/figures/ from what the earlier stages left, and return the page's path.

    The page speaks the language that the reader asks for, else that of the first story. Without scores or
    comparison it shows the pictures and says what is missing.

    Raises:
        RunError: the run has no picture at all, or one of its files is damaged.
    """
    if not any(run.panel_path(*row.slot).is_file() for row in run.rows()):
        raise RunError(
            tr(
                "{folder}: a report needs at least one panel, got none; draw them with `storykit "
                "generate EXPERIMENT --out {folder}`",
                folder=run.folder,
            )
        )
    with lock_folder(run.folder, "reported"):
        page = Page(run)
        words = load_words(asked_language() or page.loaded.stories[0].story.language)
        figures = run.folder / FIGURES
        files: dict[Path, bytes] = {}
        for figure in (*(heat.figure for heat in page.heats), *page.strips.values()):
            files |= {figures / f"{figure.name}.svg": figure.svg, figures / f"{figure.name}.png": figure.png}
        files[run.folder / PAGE] = render(page, words).encode("utf-8")
        write_together(files, [old for old in run.page_files if old not in files])
    return run.folder / PAGE


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One figure: its name, its SVG for the page, and its two files."""

    name: str
    inline: Markup
    svg: bytes
    png: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Heat:
    """The similarity map of one contact sheet, with its lowest and highest pair of panels."""

    block: Block
    sheet: Sheet
    figure: Figure
    span: Span


class Page:
    """The report of one run; what a later stage would add is None or empty until it has run."""

    def __init__(self, run: Run) -> None:
        """Gather what a run has to show so far."""
        self.folder = run.folder.resolve().name
        """The run folder's own name: the page is made to be sent, so no path of this machine is in it."""
        self.next = NextCommands.of(run.folder, Path.cwd())
        self.loaded, self.draft = run.loaded, is_draft(run)
        self.scores, self.told, self.race = read_scores(run), read_comparison(run), read_race(run)
        self.album, self.casts = SheetAlbum(run, self.scores), cast_sheets(run)
        rows = self.scores.stories if self.scores else ()
        metrics = self.scores.metrics if self.scores else ()
        first = next((one.name for one in ranked(run) if one.lora is not None), ranked(run)[0].name)
        self.opened = first
        """The candidate that the page opens with: the first with a LoRA, for whose sake it is made."""
        own = [sheet for sheet in self.casts if sheet.candidate.name == first]
        self.opened_cast = next(iter([*own, *self.casts]), None)
        """What was cast of that candidate; of another where nothing was."""
        self.summaries, self.columns = _summaries(run, rows, metrics), score_columns(rows)
        self.votes = tally_of(run)
        """What blind votes say."""
        self.losers = race_losers(run, self.race)
        self.weak = weaknesses(self.album.blocks, self.scores.panels) if self.scores else []
        self.heats = _heats(self.album, self.scores.similarity) if self.scores else []
        pairs = pairs_of(self.told) if self.told else []
        self.pairs = [pair for pair in pairs if pair.kind != "interaction"]
        """Of candidates and of orders."""
        self.interactions = [pair for pair in pairs if pair.kind == "interaction"]
        """What an order does to one candidate more than to another."""
        self.strips = {one: _strip(one) for pair in pairs for one in (*pair.deciding, *pair.others)}
        self.identity = flatten(run.read_json("run.json")) if (run.folder / "run.json").exists() else []
        """What run.json says, flattened: place in the file, value."""


def render(page: Page, words: Words) -> str:
    """Return the page as HTML; every text of the run is escaped."""
    metrics = {metric.name: metric for metric in page.scores.metrics} if page.scores else {}
    known = environment()
    known.filters |= {
        "written": written,
        "interval": written_interval,
        "p_value": written_p,
        "digits": lambda column: digits_of(metrics.get(column)),
        "arrow": lambda column: arrow_of(metrics.get(column)),
        "title_of": lambda column: words.metric(column, metrics.get(column)),
        "side": lambda name, pair: words.said(name) if pair.kind == "order" else name,
        "percent": percent,
        "strength_bar": strength_bar,
        "file_name": lambda path: Path(path).name,
        "shown_base": shown_base,
        "prompts_in": lambda story, order: [prompt_of(story, panel, order) for panel in range(PANELS)],
    }
    known.tests["reference"] = is_reference
    with speaking(words.spoken):
        return known.get_template("page.html").render(
            page=page,
            w=words,
            version=installed_version("storykit") or "",
            asked_said=asked_said,
            draft_said=draft_said,
            pair_said=pair_said,
            **page_assets(),
        )


def flatten(value: object, place: str = "") -> list[tuple[str, str]]:
    """Return the leaves of nested tables, each with its dotted place; of a path only the last part is kept.

    >>> flatten({"base": {"name": "mini", "parts": [1, 2]}, "folder": "/home/me/kolors"})
    [('base.name', 'mini'), ('base.parts', '1, 2'), ('folder', 'kolors')]
    """
    if isinstance(value, Mapping):
        inside = ((f"{place}.{key}".removeprefix("."), item) for key, item in value.items())
        return [leaf for inner, item in inside for leaf in flatten(item, inner)]
    if isinstance(value, list | tuple):
        return [(place, ", ".join(text for item in value for _, text in flatten(item)))]
    text = "" if value is None else str(value)
    return [(place, PurePath(text).name if PurePath(text).is_absolute() else text)]


def _summaries(run: Run, rows: Sequence[StoryScore], metrics: Sequence[Metric]) -> list[Summary]:
    """Return the summaries in the order of the contact sheets; dropped candidates and orders are out."""
    found = {(row.candidate, row.order): row for row in summarise(rows, metrics)}
    places = product([candidate.name for candidate in ranked(run)], run.loaded.experiment.orders)
    return [found[place] for place in places if place in found]


def _heats(album: SheetAlbum, similarity: Sequence[Similarity]) -> list[Heat]:
    """Return a map for every contact sheet that has one, all on one scale."""
    found = {FOLDER(one): one for one in similarity}
    shown = [
        (block, sheet, found[key])
        for block in album.blocks
        for sheet in block.sheets
        if (key := (sheet.candidate.name, block.order, block.story.name, block.seed)) in found
    ]
    scale = span([one.matrix for _, _, one in shown])
    return [
        Heat(
            block=block,
            sheet=sheet,
            figure=_figure(
                f"similarity-{one.candidate}-{one.order}-{one.story}-seed-{one.seed}",
                similarity_map(one.matrix, scale),
            ),
            span=span([one.matrix]),
        )
        for block, sheet, one in shown
    ]


def _strip(one: Contrast) -> Figure:
    where = "-against-".join(one.step) if one.step else "all"
    name = f"difference-{one.a}-{one.b}-{where}-{one.metric}"
    return _figure(name, difference_strip(one))


def _figure(name: str, drawn: Drawing) -> Figure:
    svg = svg_bytes(drawn, name)
    return Figure(name=name, inline=Markup(inline_svg(svg)), svg=svg, png=png_bytes(drawn))
