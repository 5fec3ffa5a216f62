"""The commands that draw: `storykit demo`, `run`, `generate` and `download`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import kit
import storykit
from kit.embedded import EMBEDDED
from kit.hub.repository import Hub
from kit.messages import mark, tr, trn
from storykit.cli.scores import compare_run, report_run, score_run
from storykit.cli.setup.plan import PlanFirst
from storykit.cli.terminal.console import (
    Cluster,
    Devices,
    Draft,
    ExperimentFile,
    OutFolder,
    faults_counted,
    say,
    say_fault,
)
from storykit.cli.terminal.painters import ready_painters
from storykit.cli.terminal.progress import NotesFirst, progress_bar
from storykit.cli.terminal.usage_errors import WrongUsage

if TYPE_CHECKING:
    from eval.scorers.load import Scorers
    from kit.experiment.config import LoadedExperiment
    from kit.experiment.run import Run
    from kit.generation.generate import GenerateReport
    from kit.generation.painter import Painter

CHANGED = mark(
    "it was changed after it was drawn, and the panel was drawn anew. An entry's pictures must come out the "
    "same when the contest draws them again, so a retouched one cannot be packed"
)
"""Said of a picture that was found in another's place."""
Again = Annotated[
    bool, typer.Option("--again", help="Draw again what was drawn with other settings, in its place.")
]
Model = Annotated[
    Literal[
        "kolors",
        "kolors-inpainting",
        "kolors-controlnet-canny",
        "kolors-controlnet-depth",
        "kolors-controlnet-pose",
        "kolors-ip-adapter-plus",
        "kolors-ip-adapter-faceid-plus",
    ],
    typer.Argument(
        metavar="MODEL",
        help="What to fetch: kolors, kolors-inpainting for repairs, a ControlNet or an IP-Adapter.",
    ),
]


def download(
    model: Model,
    out: Annotated[
        Path | None, typer.Option(help="The folder; by default where base = 'kolors' looks.")
    ] = None,
    source: Annotated[Hub, typer.Option("--from", help="Which hub.")] = "modelscope",
    layout: Annotated[
        Literal["original", "diffusers"],
        typer.Option(help="As Kolors was first published, or as diffusers loads it; both draw the same."),
    ] = "original",
) -> None:
    """Fetch Kolors (18 GB), its UNet for repairs (5 GB), a ControlNet or IP-Adapter; stopped, it goes on."""
    from kit.hub.repository import inpainting_folder, kolors_folder, models_folder
    from kit.models.download import MODELS, SOURCES
    from kit.models.download import download as fetch

    if layout == "diffusers" and model != "kolors":
        raise WrongUsage(tr("--layout is for kolors: {model} has one only", model=model))
    wanted, held = MODELS["kolors-diffusers" if layout == "diffusers" else model], "controlnet" in model
    reads = "ip-adapter" in model
    usual = kolors_folder() if model == "kolors" else inpainting_folder(kolors_folder())
    if held or reads:
        usual = models_folder() / wanted.repository
    folder = (out or usual).absolute()
    fetched = fetch(folder, SOURCES[source](wanted.repository), wanted)
    told = trn("{n} file fetched", "{n} files fetched", len(fetched))
    say(f"{model}  {folder}  ({told})")
    if model == "kolors-inpainting" and folder != usual:
        say(tr("It repairs for the base beside which it lies, as the folder {name}", name=usual.name))
    elif held:
        table = f'[controlnets] {model.rpartition("-")[2]} = "{folder if out else wanted.repository}"'
        say(tr("Hold panels with it: {table} in the experiment", table=table))
    elif reads:
        key = "face" if "faceid" in model else "folder"
        table = f'[ip_adapter] {key} = "{folder if out else wanted.repository}"'
        say(tr("Have it read pictures of characters: {table} in the experiment", table=table))
    elif out is not None:
        say(tr('Draw with it: base = "{folder}" in the experiment', folder=folder))


DEMO = Path(kit.__file__).parent / "examples" / "demo.toml"
"""The experiment of `demo`."""


def demo(
    out: OutFolder = Path("runs/demo"),
    seeds: Annotated[int, typer.Option(min=1, help="How many of the example's seven seeds.")] = 7,
    ray: Cluster = "",
) -> None:
    """Run the shipped example, all eight stages, on the embedded base."""
    from kit.experiment.config import load_experiment
    from kit.generation.generate import drawing_in

    loaded = load_experiment(DEMO)
    experiment = loaded.experiment.model_copy(update={"seeds": loaded.experiment.seeds[:seeds]})
    with drawing_in(out):
        with ready_painters(experiment.base, "auto", ray) as painters:
            drawn = _draw(replace(loaded, experiment=experiment), out, painters)
            _score_drawn(drawn, painters)
        _judge_demo(drawn, out, several=seeds > 1)


def _judge_demo(drawn: "Run", out: Path, *, several: bool) -> None:
    """Do the other six stages."""
    from submissions.bundle.bundle import open_bundle
    from submissions.verification.verify import verify as verify_bundle

    experiment = drawn.loaded.experiment
    compare_run(drawn, just_scored=True)
    opened = storykit.open_run(out)
    if several:  # else there is nothing to choose
        sets = len(storykit.cast(opened))
        say(
            tr(
                "cast    {sets} sets of panels, each the best of its {seeds} seeds",
                sets=sets,
                seeds=len(experiment.seeds),
            )
        )
        for candidate in experiment.candidates:
            storykit.finish(opened, candidate=candidate.name, upscale=EMBEDDED)
        count = len(experiment.candidates)
        say(tr("finish  {sets} sets enlarged by storykit's own network", sets=count))
    report_run(drawn)
    packed = storykit.pack(
        opened,
        out / "bundle" / "demo.zip",
        candidate=experiment.candidates[-1].name,
        team="storykit",
        title="demo",
        introduction="A style LoRA of the embedded base, trained on the drawn world.",
        rules="practice",
    )
    faults = verify_bundle(open_bundle(packed.path))
    say(
        tr(
            "bundle  {path}  ({files} files, {faults})",
            path=packed.path,
            files=len(packed.files),
            faults=faults_counted(len(faults)),
        )
    )
    say(tr("report  {path}", path=out / "report.html"))


def run(
    experiment: ExperimentFile,
    out: OutFolder,
    devices: Devices = "auto",
    ray: Cluster = "",
    race: Annotated[
        str, typer.Option(metavar="METRIC", help="Draw no further who cannot win on this metric any more.")
    ] = "",
    again: Again = False,
    draft: Draft = False,
) -> None:
    """Draw, score, compare and report an experiment; goes on where it stopped."""
    from eval.comparison.racing import refuse_race
    from kit.experiment.run import Run
    from kit.generation.generate import drawing_in

    with drawing_in(out):
        loaded, notes = _read(experiment, draft=draft)
        if race:
            refuse_race(loaded.experiment, race)
        with ready_painters(loaded.experiment.base, devices, ray) as painters:
            plan = PlanFirst(loaded, painters, race=bool(race))
            draw = partial(_draw, out=out, painters=painters, notes=notes, again=again, plan=plan)
            if race:
                tools = _scorers(loaded, painters)
                _race(loaded, race, draw, tools)
                opened = Run.open(out)
                score_run(opened, tools)
            else:
                opened = draw(loaded)
                _score_drawn(opened, painters)
        compare_run(opened, just_scored=True)
        report_run(opened)


def generate(
    experiment: ExperimentFile,
    out: OutFolder,
    devices: Devices = "auto",
    ray: Cluster = "",
    shard: Annotated[
        str | None,
        typer.Option(metavar="N/COUNT", help="Draw one part, such as 1/3; `storykit gather` merges them."),
    ] = None,
    again: Again = False,
    draft: Draft = False,
) -> None:
    """Draw every panel of an experiment that is not drawn yet."""
    if shard is None:
        loaded, notes = _read(experiment, draft=draft)
        with ready_painters(loaded.experiment.base, devices, ray) as painters:
            _draw(loaded, out, painters, notes, again=again)
    elif again:
        raise WrongUsage(tr("--again draws a whole run again: draw a part again in a new folder, with --out"))
    else:
        _draw_part(experiment, out, (devices, ray), shard, draft=draft)


def _draw_part(experiment: Path, out: Path, where: tuple[str, str], shard: str, *, draft: bool) -> None:
    """Draw one part of an experiment and say so."""
    from kit.generation.generate import draw_shard
    from kit.generation.shards.shard import shard_named

    part = shard_named(shard)
    loaded, notes = _read(experiment, draft=draft)
    with (
        ready_painters(loaded.experiment.base, *where) as painters,
        progress_bar(tr("drawing"), announced=True) as bar,
    ):
        _, done = draw_shard(loaded, out, painters, NotesFirst(bar, notes), part)
    say_drawn(done)
    say(tr("shard   {shard} is in {out}: merge with `storykit gather RUN PART...`", shard=shard, out=out))


def _read(experiment: Path, *, draft: bool) -> "tuple[LoadedExperiment, list[str]]":
    """Return an experiment, and what is to be said of it before anything is drawn."""
    from eval.metrics.registry import judgeable
    from kit.experiment.config import load_experiment
    from kit.experiment.notes import notes_on

    loaded = load_experiment(experiment, judgeable(), draft=draft)
    return loaded, [*notes_on(loaded), *_notes_on_loras(loaded)]


def _race(
    loaded: "LoadedExperiment", metric: str, draw: "Callable[[LoadedExperiment], Run]", tools: "Scorers"
) -> None:
    """Draw an experiment as a race on a metric, and say who left it."""
    from eval.comparison.racing import race

    for one in race(loaded, metric, draw, tools):
        say(
            tr(
                "out     {candidate} after {seeds} seeds: {behind:.3g} behind {leader}, "
                "chance to win {chance:.2%}",
                candidate=one.candidate,
                seeds=one.seeds,
                behind=one.behind,
                leader=one.leader,
                chance=one.chance,
            )
        )


def _scorers(loaded: "LoadedExperiment", painters: "Sequence[Painter]") -> "Scorers":
    """Return what an experiment is scored with, where it is drawn."""
    from eval.scoring.score import scorer_loader
    from eval.scoring.shared_scorers import scorers_beside

    with progress_bar(tr("loading"), transient=True) as progress:
        progress.note(tr("loading the scorers"))
        return scorers_beside(scorer_loader(loaded), painters)


def _score_drawn(run: "Run", painters: "Sequence[Painter]") -> None:
    """Score a run where it was drawn, once what draws is freed."""
    painters[0].unload()
    score_run(run, _scorers(run.loaded, painters))


def _notes_on_loras(loaded: "LoadedExperiment") -> list[str]:
    """Return what is wrong with a LoRA, what packing would refuse and what it leaves behind."""
    from kit.embedded import LORA_PREFIX

    told = dict.fromkeys(one.lora for one in loaded.experiment.candidates if one.lora)
    files = [file for file in told if not file.startswith(LORA_PREFIX)]
    if not files:  # then the networks need not be imported
        return []
    from kit.lora.formats import read_content
    from kit.lora.inspection import training_problems
    from kit.lora.pipelines.layout import lora_layout
    from submissions.untrusted.lora_reader import packing_problems, sorted_notes

    notes: list[str] = []
    for file in files:
        content = read_content(Path(file), lora_layout(loaded.experiment.base))
        left = [tr("packing will leave behind {note}", note=note) for note in sorted_notes(content.notes)[1]]
        remarks = [*training_problems(content), *packing_problems(content), *left]
        notes += [tr("{place}: {remark}", place=Path(file).name, remark=remark) for remark in remarks]
    return notes


def _draw(
    loaded: "LoadedExperiment",
    out: Path,
    painters: "Sequence[Painter]",
    notes: list[str] | None = None,
    *,
    again: bool = False,
    plan: PlanFirst | None = None,
) -> "Run":
    """Draw what a run lacks, say so, and return the run; notes are said once, when nothing is refused."""
    from kit.generation.generate import draw_experiment

    with progress_bar(tr("drawing"), announced=True) as bar:
        noted = NotesFirst(bar, notes if notes is not None else [])
        progress = plan.before(noted) if plan is not None else noted
        opened, done = draw_experiment(loaded, out, painters, progress, again=again)
    say_drawn(done)
    return opened


def say_drawn(done: "GenerateReport") -> None:
    """Say what was drawn, what lay in its place, and what could not be."""
    for path in done.aside:
        say(tr("kept    {path}: {reason}", path=path, reason=tr(CHANGED)))
    if done.again:
        say(
            tr(
                "again   {panels} panels in place of pictures drawn with other words or settings",
                panels=done.again,
            )
        )
    for file, reason in done.faults.items():
        say_fault(file, reason)
    say(_drawn_told(done))


def _drawn_told(done: "GenerateReport") -> str:
    """Return how many panels were drawn, and how fast."""
    if not done.drawn:
        return tr("drawn   {drawn} panels, {kept} were there", drawn=done.drawn, kept=done.kept)
    return tr(
        "drawn   {drawn} panels, {kept} were there, {pace:.2f} s a panel",
        drawn=done.drawn,
        kept=done.kept,
        pace=done.seconds / done.drawn,
    )
