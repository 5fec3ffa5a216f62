"""The stages for notebooks and scripts.

Each function is the command of its name (`draw` is `generate`) and leaves the same files in the folder.
"""

import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kit.errors import InputError
from kit.library_warnings import hide_pynvml_warning, name_user
from kit.messages import tr
from storykit.run_results import RunResults

if TYPE_CHECKING:
    from pandas import DataFrame

    from eval.casting.cast import CastRequest
    from eval.casting.selection import Selection
    from kit.experiment.run import Run
    from reports.run.story_page import ChosenStory
    from storykit.finishing import FinishingPlan
    from storykit.sharing import PostPicture, Wanted
    from submissions.finish import Finals
    from submissions.packing.entry_plan import EntryPlan
    from submissions.packing.pack import PackReport


class SharedStory(NamedTuple):
    """Where a story is that was written to be shown to others."""

    page: Path
    picture: Path
    slides: Path | None
    """None where they were not asked for."""
    drawn: "PostPicture"
    """The picture, its size, and which of the story's words are not on it."""


def open_run(folder: str | Path) -> RunResults:
    """Return what a run's folder holds; raises RunError when it is none.

    >>> open_run("nowhere")
    Traceback (most recent call last):
    ...
    kit.errors.RunError: nowhere does not exist; \
draw one with `storykit generate EXPERIMENT.toml --out nowhere`
    """
    hide_pynvml_warning()
    name_user()
    from kit.experiment.run import Run

    return RunResults(Run.open(Path(folder)))


def draw(
    experiment: str | Path,
    out: str | Path,
    devices: str = "auto",
    *,
    again: bool = False,
    shard: str = "",
    ray: str = "",
) -> RunResults:
    """Draw every panel of an experiment that is not drawn yet; warns of each that cannot be.

    Args:
        experiment: its TOML file.
        out: the run's folder; made when it is not there.
        devices: auto, all (every GPU), or a list such as cuda:0,cuda:1.
        again: whether pictures may be replaced that were drawn with other settings.
        shard: one part of the run, such as "1/3", for `gather`; empty: all of it.
        ray: a cluster of Ray that draws in place of this machine: auto, or HOST:PORT.

    Raises:
        InputError: the experiment has faults, or `shard` is none; `again` is for whole runs.
    """
    hide_pynvml_warning()
    name_user()
    from kit.experiment.config import load_experiment
    from kit.generation.devices.multi_gpu import painters_on
    from kit.generation.generate import draw_experiment, draw_shard
    from kit.generation.shards.shard import shard_named
    from storykit.cli.terminal.progress import progress_bar

    part, loaded = shard_named(shard) if shard else None, load_experiment(Path(experiment))
    if part is not None and again:
        raise InputError("again", [tr("is for whole runs: draw a part again in a new folder")])
    with (
        painters_on(loaded.experiment.base, devices, ray) as painters,
        progress_bar(tr("drawing")) as progress,
    ):
        if part is None:
            run, done = draw_experiment(loaded, Path(out), painters, progress, again=again)
        else:
            run, done = draw_shard(loaded, Path(out), painters, progress, part)
    _warn(done.faults)
    _warn(
        {str(path): tr("was changed after it was drawn, so the panel was drawn anew") for path in done.aside}
    )
    return RunResults(run)


def gather(out: str | Path, *parts: str | Path) -> RunResults:
    """Merge what several machines drew of an experiment into one run; warns of what stays behind.

    Args:
        out: the run's folder; made when it is not there, and nothing in it is written over.
        parts: folders that were drawn with `shard`.

    Raises:
        RunError: parts are of other experiments, or drew one panel otherwise; nothing was written then.
    """
    from kit.experiment.run import Run
    from kit.generation.shards.gather import gather as gather_parts
    from storykit.cli.terminal.progress import progress_bar

    with progress_bar(tr("gathering")) as progress:
        done = gather_parts(Path(out), [Path(part) for part in parts], progress)
    for note in done.notes:
        warnings.warn(note, stacklevel=2)
    return RunResults(Run.open(Path(out)))


def score(run: RunResults, devices: str = "auto", *, ray: str = "") -> "DataFrame":
    """Score every panel and return the scores of each set of eight; faulty panels are named in `faults`.

    Args:
        run: drawn.
        devices: auto, all (every GPU), or a list such as cuda:0,cuda:1.
        ray: a cluster of Ray that scores in place of this machine: auto, or HOST:PORT.
    """
    from eval.scoring.score import score as score_run
    from eval.scoring.score import scorer_loader
    from eval.scoring.shared_scorers import scorers_on
    from storykit.cli.terminal.progress import progress_bar

    load = scorer_loader(run.run.loaded)
    with scorers_on(load, devices, ray) as tools, progress_bar(tr("scoring")) as progress:
        scores = score_run(run.run, tools, progress)
    for note in scores.notes:
        warnings.warn(note, stacklevel=2)
    return run.stories


def compare(run: RunResults) -> "DataFrame":
    """Compare candidates and prompt orders and return the verdict on each pair in each metric."""
    from eval.comparison.compare import compare as compare_run

    compare_run(run.run)
    return run.comparisons


def cast(
    run: RunResults,
    candidate: str = "",
    order: str = "",
    story: str = "",
    keep: Mapping[int, int] | None = None,
    ban: Collection[tuple[int, int]] = (),
    *,
    forget: bool = False,
    like_votes: bool = False,
    draw: int | None = None,
) -> "DataFrame":
    """Choose one of the seeds drawn for each panel and return the seeds of each set, and how good it is.

    Args:
        run: its panels drawn with several seeds.
        candidate: only this one; so with the next two.
        order: a prompt order.
        story: a story.
        keep: panels and the seeds chosen for them by hand, such as {3: 5}.
        ban: panels and seeds that must not be chosen, such as [(7, 2)]. Both are kept: without them, what was
            decided before is obeyed.
        forget: whether what was decided before is dropped.
        like_votes: whether the metrics are weighed as the run's votes agree with them.
        draw: so many more pictures at most are drawn, of panels where one more most likely raises the set.
    """
    from pandas import DataFrame

    from eval.casting.cast import CastRequest
    from eval.casting.cast import cast as cast_run
    from eval.casting.summary import obeyed_said
    from eval.votes.weights import metric_weights
    from storykit.cli.terminal.progress import progress_bar

    wish = CastRequest(
        candidate=candidate,
        order=order,
        story=story,
        keep=keep or {},
        ban=frozenset(ban),
        forget=forget,
        weights=metric_weights(run.run) if like_votes else {},
    )
    if draw is not None:
        selections: Sequence[Selection] = [_drawn_more(run, wish, draw)]
    else:
        with progress_bar(tr("measuring")) as progress:
            casting = cast_run(run.run, wish, progress=progress)
        _warn({" ".join(place): reason for place, reason in casting.refused.items()})
        _warn({" ".join(place): obeyed_said(picks) for place, picks in casting.obeyed.items()})
        selections = casting.selections
    return DataFrame(
        {
            "candidate": one.candidate,
            "order": one.order,
            "story": one.story,
            "seeds": one.seeds,
            "weakest": one.standing.weakest,
            "lowest": one.standing.lowest,
            "mean": one.standing.mean,
        }
        for one in selections
    )


def finish(
    run: RunResults,
    out: str | Path | None = None,
    candidate: str = "",
    order: str = "",
    story: str = "",
    seed: int | None = None,
    devices: str = "auto",
    *,
    upscale: str = "",
    refine: float | None = None,
    size: int | None = None,
    ray: str = "",
) -> RunResults:
    """Draw chosen drafts as the contest draws, make the chosen eight larger, and return that run, scored.

    Args:
        run: cast or picked by hand.
        out: the finals' folder; by default RUN-final, beside the run.
        candidate: whose drafts; by default, as the next two, what was cast.
        order: a prompt order.
        story: a story.
        seed: all eight of this seed, instead of what was cast.
        devices: auto, all (every GPU), or a list such as cuda:0,cuda:1.
        upscale: enlarges the finals: "mini", or a network's file such as ESRGAN's.
        refine: draws them again at the larger size, the share of the steps that it says.
        size: side of the finished pictures; by default what the network makes, else twice.
        ray: a cluster of Ray that draws in place of this machine: auto, or HOST:PORT.

    Raises:
        RunError: nothing is chosen or asked for, or the folder holds something else.
        InputError: strength or size cannot be.
        WeightsError: what is to enlarge the pictures is no such network.
    """
    from kit.experiment.identity import is_draft
    from storykit.finishing import FinishingWish, plan_finishing
    from submissions.finish import chosen_set
    from submissions.packing.entry_plan import EntryPlan

    finals, wanted = run.run, plan_finishing(run.run, FinishingWish(upscale, refine, size))
    plan = EntryPlan(candidate=candidate, order=order, story=story, seed=seed)
    if is_draft(finals):
        drawn = _finals_drawn(finals, plan, out, (devices, ray))
        finals, plan = drawn.run, drawn.plan
    if wanted.steps:
        _made_larger(finals, chosen_set(finals, plan), wanted, (devices, ray))
    return RunResults(finals)


def _finals_drawn(run: "Run", plan: "EntryPlan", out: str | Path | None, where: tuple[str, str]) -> "Finals":
    """Draw the finals of what was chosen among drafts, scored, and return them."""
    from kit.generation.devices.multi_gpu import painters_on
    from storykit.cli.terminal.progress import progress_bar
    from submissions.finish import both_sides, chosen_drafts, draw_finals, final_experiment, usual_folder

    chosen, folder = chosen_drafts(run, plan), Path(out) if out is not None else usual_folder(run)
    base = final_experiment(run, chosen, folder).experiment.base
    with painters_on(base, *where) as painters, progress_bar(tr("drawing")) as progress:
        finals = draw_finals(run, chosen, folder, painters, progress)
    _warn(finals.drawn.faults)
    with progress_bar(tr("scoring")) as progress:
        both_sides(run, chosen, finals, progress)
    return finals


def _made_larger(run: "Run", chosen: "ChosenStory", wanted: "FinishingPlan", where: tuple[str, str]) -> None:
    """Make the finished pictures of a set, pick them, and score the run."""
    from kit.generation.devices.multi_gpu import painters_on
    from storykit.cli.terminal.progress import progress_bar
    from storykit.finishing import finished
    from submissions.finished_set import two_scores

    base = run.loaded.experiment.base
    with painters_on(base, *where) as painters, progress_bar(tr("drawing")) as progress:
        done = finished(run, chosen, wanted, painters, progress)
    with progress_bar(tr("scoring")) as progress:
        two_scores(run, done, progress)


def _drawn_more(run: RunResults, wish: "CastRequest", budget: int) -> "Selection":
    """Return the set that a budget of further pictures led to."""
    from eval.casting.more.draw_more import Workshop, draw_more
    from kit.generation.devices.multi_gpu import painters_on
    from storykit.cli.terminal.progress import progress_bar

    with painters_on(run.run.loaded.experiment.base, "auto") as painters:
        shop = Workshop(painters=painters, showing=progress_bar)
        return draw_more(run.run, wish, budget, shop, lambda done: None).selection


def repair(
    run: RunResults,
    panel: int | None = None,
    *,
    auto: int | None = None,
    vary: float | None = None,
    redraw: float | None = None,
    instruct: str = "",
    guidance: float | None = None,
    picture_guidance: float | None = None,
    outpaint: str = "",
    restore: str = "",
    upscale: str = "",
    size: int | None = None,
    prompt: str = "",
    mask: str = "",
    seed: int | None = None,
    candidate: str = "",
    order: str = "",
    story: str = "",
    tries: int | None = None,
) -> "DataFrame":
    """Mend one panel and return each try: its number, its score and the set's; the first row is before.

    Args:
        run: drawn.
        panel: 1 to 8; with `auto` only this one, else any that the scores name.
        auto: takes the panel and the reason that the scores name, and returns each try with these; at most so
            many pictures. No step is given beside it.
        vary: mixes the noise with another seed's, as far as that says, above 0 to 1; or
        redraw: draws again from the picture, the share of the steps that it says; or
        instruct: edits it as a sentence says, such as "make it night", by the experiment's editor; or
        outpaint: draws on beyond the edges, so many pixels on each side, or LEFT,TOP,RIGHT,BOTTOM; or
        restore: cleans it with the network of a file; a face restorer needs a mask around the face; or
        upscale: enlarges it with a network: "mini", or a file as of ESRGAN.
        guidance: of `instruct`, how strongly it follows the sentence; by default 7.5.
        picture_guidance: of `instruct`, how strongly it keeps to the picture; by default 1.5.
        size: of the enlarged picture, pixels of a side; by default as the network makes it, at most 2048.
        prompt: other words for what is drawn again.
        mask: only there: character, place, X,Y,WIDTH,HEIGHT in pixels, or the path of a picture with white.
        seed: which picture of the panel; by default, as the next three, the one that was chosen.
        candidate: whose.
        order: a prompt order.
        story: a story.
        tries: pictures to draw, each with its own noise; by default 1.

    Raises:
        InputError: strength, mask or words do not fit, or stand beside `auto`; the run names no editor.
        RunError: the picture is not there, or cannot have the step.
        WeightsError: what is to restore, enlarge or edit it is no such network.
    """
    from pandas import DataFrame

    from kit.generation.devices.multi_gpu import painters_on
    from storykit.cli.terminal.progress import progress_bar
    from storykit.repair_options import RepairOptions
    from storykit.repairing import asked_repair, repaired
    from submissions.packing.entry_plan import EntryPlan

    asks = RepairOptions(
        vary=vary,
        redraw=redraw,
        instruct=instruct,
        guidance=guidance,
        picture_guidance=picture_guidance,
        outpaint=outpaint,
        restore=restore,
        upscale=upscale,
        size=size,
        prompt=prompt,
        mask=mask,
        tries=tries,
    )
    asks.refuse_unclear(auto, panel)
    plan = EntryPlan(candidate=candidate, order=order, story=story, seed=seed)
    if auto is not None:
        from storykit.auto_repair import auto_frame

        return auto_frame(run.run, plan, auto, panel)
    step = asks.step(0)
    asked = asked_repair(run.run, plan, panel or 0, step, mask, tries or 1)
    base = run.run.loaded.experiment.base
    with painters_on(base, "auto") as painters, progress_bar(tr("drawing")) as progress:
        done = repaired(run.run, painters[0], asked, progress)
    _warn({str(one.repair.number): one.reason for one in done.tries if one.reason})
    _warn({tr("not judged"): done.unjudged} if done.unjudged else {})
    numbers = [done.source.seed, *(one.repair.number for one in done.tries)]
    return DataFrame(
        {
            "number": number,
            "aesthetic": done.standings[number].aesthetic,
            "weakest": done.standings[number].standing.weakest,
            "lowest": done.standings[number].standing.lowest,
            "mean": done.standings[number].standing.mean,
        }
        for number in numbers
        if number in done.standings
    )


def report(run: RunResults) -> Path:
    """Write the page with pictures, scores and verdicts, and return where it is."""
    from reports.run.report import write_report

    return write_report(run.run)


def share(
    run: RunResults,
    out: str | Path | None = None,
    wanted: "Wanted | None" = None,
    *,
    candidate: str = "",
    order: str = "",
    story: str = "",
    seed: int | None = None,
    scores: bool = False,
) -> SharedStory:
    """Write a page of one story to show to others, and a picture for a post; return where they are.

    Args:
        run: drawn.
        out: the folder to write; by default `share` in the run's.
        wanted: the picture's form, and whether there are slides; by default two panels beside each other.
        candidate: whose pictures; by default as the team decided, the one that was cast, or the only one with
            a LoRA.
        order: which prompt order; by default as the team decided, or authored.
        story: needed where the run has several.
        seed: by default what was cast, else the run's first.
        scores: whether the page shows the set's scores.

    Raises:
        RunError: it is open whose pictures are meant, there is none of that name, or one of them is missing.
    """
    from kit.files.atomic_write import write_together
    from reports.run.slides import slides_page
    from reports.run.story_page import story_page
    from storykit.sharing import Wanted, chosen_story, post_picture
    from submissions.packing.entry_file import read_decisions

    wanted = wanted or Wanted()
    chosen = chosen_story(run.run, candidate, order, story, seed)
    folder = Path(out) if out is not None else run.folder / "share"
    page, picture = folder / "story.html", folder / wanted.picture_file
    slides = folder / "slides.html" if wanted.slides else None
    told = story_page(run.run, chosen, scores=scores)
    drawn = post_picture(run.run, chosen, wanted)
    files = {page: told.encode("utf-8"), picture: drawn.jpeg}
    if slides is not None:
        team = read_decisions(run.run).team
        files[slides] = slides_page(run.run, chosen, team=team, text=wanted.text).encode("utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    write_together(files, [])
    return SharedStory(page=page, picture=picture, slides=slides, drawn=drawn)


def pack(
    run: RunResults,
    out: str | Path,
    *,
    candidate: str,
    team: str,
    title: str,
    introduction: str,
    order: str = "authored",
    story: str = "",
    seed: int | None = None,
    rules: str = "",
    link: str = "",
    overwrite: bool = False,
) -> "PackReport":
    """Pack a story as the contest wants it; raises BundleError with all that the contest would refuse.

    Args:
        run: scored.
        out: the zip to write.
        candidate: whose pictures.
        team: its name as registered.
        title: the entry's own name.
        introduction: the team's text about its LoRA, Markdown.
        order: which prompt order.
        story: needed where the run has several.
        seed: by default what was cast, else the run's first.
        rules: a contest that storykit knows, or a rules file; by default the practice contest for pictures
            of the embedded base, else kolors-2024.
        link: where the LoRA is published.
        overwrite: whether another entry's bundle may be replaced.
    """
    from submissions.contest.rules import load_rules
    from submissions.packing.entry import Entry, fitting_rules, only_story, seeds_of
    from submissions.packing.pack import pack as pack_run

    story = story or only_story(run.run)
    entry = Entry(
        candidate=candidate,
        order=order,
        story=story,
        seeds=seeds_of(run.run, (candidate, order, story), seed),
        rules=load_rules(rules) if rules else fitting_rules(run.run),
        team=team,
        title=title,
        introduction=introduction,
        out=Path(out),
        link=link,
        overwrite=overwrite,
    )
    return pack_run(run.run, entry)


def _warn(faults: Mapping[str, str]) -> None:
    for place, reason in faults.items():
        warnings.warn(f"{place}: {reason}", stacklevel=3)
