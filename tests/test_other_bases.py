"""What comes after drawing works with SDXL and its like as with Kolors, or is refused."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="needs storykit[bases]")

from command import refused, said, tell
from made_run import words_of

from kit.errors import WeightsError
from kit.experiment.config import load_experiment
from kit.experiment.identity import is_draft, read_identity
from kit.experiment.run import Run
from kit.generation.diffusers_painter import DiffusersPainter, load_diffusers_painter
from kit.generation.generate import draw_experiment
from kit.images.png_metadata import PARAMETERS
from kit.models.base import load_base
from storykit.board.sheet.large_view import recipe_of
from submissions.bundle.bundle import open_bundle
from submissions.untrusted.png_reader import picture_texts
from tests.support.toy_pipelines import CASCADE, MAJICMIX, SDXL, toy, toy_models
from tests.test_flow import packed

SAID = (
    "a girl in a red dress sits on a sofa",
    "a yellow cat sleeps in a park",
    "an old man in the snow at night",
    "a yellow cat on a sofa",
    "a girl in a park at night",
    "an old man in a pink coat",
    "a cat in the snow at night",
    "a girl asleep",
)
BASES = {
    "sdxl": f'base = "{SDXL}"\nsize = 64\n',
    "sd": f'base = "{MAJICMIX}"\nsize = 64\n',
    "cascade": f'base = {{ folder = "{CASCADE}", prior = "{CASCADE}-prior" }}\n'
    "size = 128\ndecoder_steps = 1\n",
}
CANDIDATES = """
[[candidate]]
name = "base"

[[candidate]]
name = "bold"
trigger = "bold lines"
"""
STEPS = {
    "vary": ("--vary", 0.3),
    "redraw": ("--redraw", 0.5),
    "masked": ("--redraw", 0.5, "--mask", "8,8,32,32"),
    "outpaint": ("--outpaint", "16,16,16,16"),
}
LONG = " ".join(["and a red fox walks over the snow"] * 12)


@pytest.fixture(scope="module", autouse=True)
def downloaded() -> object:
    """Have the toys where downloads are, for all that this module draws."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORYKIT_MODELS", str(toy_models()))
        yield


def written(folder: Path, name: str, head: str = "", said_so: tuple[str, ...] = SAID) -> Path:
    """Return an experiment with one of the bases."""
    folder.mkdir(parents=True, exist_ok=True)
    panels = "".join(f'[[panel]]\ncaption = "{one}"\nprompt = "{one}"\n' for one in said_so)
    (folder / "cat.toml").write_text(
        f'title = "A cat"\nlanguage = "en"\nnegative = "blurry"\n{panels}', "utf-8"
    )
    path = folder / f"{name}.toml"
    how = f'stories = ["cat.toml"]\n{BASES[name]}seeds = [0]\nsteps = 2\nnoise_per_panel = true\n'
    path.write_text(how + head + CANDIDATES, "utf-8")
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scored run of each base, by its name, and the experiments."""
    folder = tmp_path_factory.mktemp("bases")
    for name in BASES:
        said("generate", written(folder, name), "--out", folder / name)
        said("score", folder / name)
    return folder


@pytest.mark.parametrize("name", BASES)
def test_a_run_says_with_what_it_was_drawn(runs: Path, name: str) -> None:
    run = Run.open(runs / name)
    identity = read_identity(run)
    assert identity.versions["diffusers"] == "0.35.2"
    assert "compel" not in identity.versions
    assert all(len(str(sha256)) == 64 for sha256 in dict(identity.base["sha256"]).values())
    drawn, told = run.loaded.settings, identity.settings
    assert (drawn.steps, drawn.sampler, drawn.decoder_steps) == (2, "own", told.decoder_steps)
    assert told.decoder_steps == (1 if name == "cascade" else None)
    assert not is_draft(run)


@pytest.mark.parametrize("name", BASES)
def test_a_run_keeps_its_settings_where_its_base_is_not(runs: Path, name: str, tmp_path: Path) -> None:
    before = Run.open(runs / name).loaded.settings
    shutil.copytree(runs / name, tmp_path / "run")
    text = (tmp_path / "run" / "experiment.toml").read_text("utf-8")
    (tmp_path / "run" / "experiment.toml").write_text(text.replace(str(toy_models()), "/gone"), "utf-8")
    elsewhere = Run.open(tmp_path / "run")
    assert elsewhere.loaded.settings == before
    assert not is_draft(elsewhere)
    page = said("report", tmp_path / "run")
    assert "report.html" in page


def test_the_page_and_the_large_view_name_base_sampler_and_steps(runs: Path) -> None:
    said("report", runs / "cascade")
    page = words_of((runs / "cascade" / "report.html").read_text("utf-8"))
    assert "drawn by stable-cascade, prior stable-cascade-prior: 2 steps, cfg 4, 128 px" in page
    assert "base.pipeline StableCascadeDecoderPipeline" in page
    assert "settings.decoder_steps 1" in page
    assert str(toy_models()) not in page
    run = Run.open(runs / "cascade")
    told = {str(name): value for name, value in recipe_of(run, run.rows()[0])}
    assert told["Sampler"] == "the base's own sampler"
    assert told["Decoder steps"] == "1"
    assert told["Base"].endswith("/stable-cascade-prior")


def test_pictures_tell_other_programs_sampler_and_model(runs: Path) -> None:
    told = {}
    for name in BASES:
        picture = next((runs / name).rglob("seed-0/1.png")).read_bytes()
        told[name] = picture_texts(picture)[PARAMETERS].splitlines()[-1]
    assert "Sampler: Euler, CFG scale: 5.0" in told["sdxl"]
    assert "Sampler: PLMS" in told["sd"]
    assert "Sampler" not in told["cascade"]
    models = [line.rpartition("Model: ")[2] for line in told.values()]
    assert models == ["SDXL", "Stable Diffusion", "Stable Cascade"]


def test_a_run_that_was_stopped_goes_on_with_the_same_pictures(runs: Path, tmp_path: Path) -> None:
    class Stopped(DiffusersPainter):
        """Stops when its third batch is asked for, as the user would."""

        asked = 0

        def draw(self, *told: object) -> object:
            self.asked += 1
            if self.asked == 3:
                raise KeyboardInterrupt
            return super().draw(*told)  # type: ignore[arg-type]

    loaded = load_experiment(runs / "sdxl.toml")
    painter = load_diffusers_painter(loaded.experiment.base, "cpu")
    painter.__class__ = Stopped
    with pytest.raises(Exception, match="stopped: 8 of 16 panels"):
        draw_experiment(loaded, tmp_path / "run", [painter])
    assert "8 panels, 8 were there" in said("generate", runs / "sdxl.toml", "--out", tmp_path / "run")
    whole = {row.file: row.sha256 for row in Run.open(runs / "sdxl").rows()}
    assert {row.file: row.sha256 for row in Run.open(tmp_path / "run").rows()} == whole


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", ["sdxl", "sd"])
def test_a_panel_is_repaired(runs: Path, name: str, step: str) -> None:
    place = ("--panel", 2, "--candidate", "base", "--seed", 0)
    assert "try     number" in said("repair", runs / name, *place, *STEPS[step])


@pytest.mark.parametrize("step", ["vary", "redraw", "masked"])
def test_stable_cascade_repairs_nothing_and_says_so(runs: Path, step: str) -> None:
    before = {path: path.read_bytes() for path in (runs / "cascade").glob("*.json*")}
    place = ("--panel", 2, "--candidate", "base", "--seed", 0)
    line = refused("repair", runs / "cascade", *place, *STEPS[step])
    assert "Stable Cascade draws no picture again: draw more seeds and pick another one" in line
    assert {path: path.read_bytes() for path in (runs / "cascade").glob("*.json*")} == before


def test_a_mask_by_words_is_refused_with_what_to_do(runs: Path) -> None:
    words = ("--panel", 2, "--candidate", "base", "--seed", 0, "--redraw", 0.5, "--mask", "character")
    line = refused("repair", runs / "sdxl", *words)
    assert "where words are in a picture is found for Kolors and the embedded base: draw a mask" in line


@pytest.mark.parametrize("name", BASES)
def test_a_bundle_is_sound_and_drawn_again_to_the_bit(runs: Path, name: str) -> None:
    bundle, rules = runs / f"{name}.zip", ("--rules", runs / "easy.toml")
    packed(runs / name, bundle, "--candidate", "bold", "--seed", 0, "--overwrite")
    assert "no faults" in said("verify", bundle, *rules)
    told = json.loads(said("reproduce", bundle, *rules, "--base", runs / f"{name}.toml", "--json"))
    assert {panel["verdict"] for panel in told["reproduced"]["panels"]} == {"identical"}
    with zipfile.ZipFile(bundle) as opened:
        card = opened.read("README.md").decode()
        assert not any(file.startswith("comfyui/") for file in opened.namelist())
        assert "Kolors" not in card
        assert "Kolors" not in opened.read("NOTICE").decode()
    assert f"({open_bundle(bundle).sound_manifest.pipeline})" in card


def test_a_bundle_asks_where_its_base_is_and_refuses_another_kind(runs: Path) -> None:
    bundle, rules = runs / "asked.zip", ("--rules", runs / "easy.toml")
    packed(runs / "sdxl", bundle, "--candidate", "bold", "--seed", 0, "--overwrite")
    assert "it was drawn with SDXL: say where that is, --base" in tell("reproduce", bundle, *rules).out
    for base, kind in (
        ("mini", "mini"),
        (toy(MAJICMIX), "Stable Diffusion"),
        (runs / "cascade.toml", "Cascade"),
    ):
        line = tell("reproduce", bundle, *rules, "--base", base).out
        assert "it was drawn with SDXL, and" in line
        assert f"{kind} is another kind of base" in line


def test_a_contest_on_kolors_refuses_it_and_one_on_its_base_takes_it(runs: Path) -> None:
    packed(runs / "sdxl", runs / "any.zip", "--candidate", "bold", "--seed", 0, "--overwrite")
    easy = (runs / "easy.toml").read_text("utf-8")
    for base, verdict in (("kolors", "must be kolors, got 'SDXL'"), ("SDXL", "no faults")):
        told = easy.replace("[panels]", f'[base]\nname = "{base}"\nsource = "us"\n\n[panels]', 1)
        (runs / "own.toml").write_text(told, "utf-8")
        assert verdict in tell("verify", runs / "any.zip", "--rules", runs / "own.toml").out


@pytest.mark.parametrize("name", BASES)
def test_drafts_are_drawn_and_finished(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, name)
    said("generate", path, "--draft", "--out", tmp_path / "drafts")
    drafts = Run.open(tmp_path / "drafts")
    assert is_draft(drafts)
    assert drafts.loaded.settings.sampler == ("own" if name == "cascade" else "dpm++2m")
    said("score", tmp_path / "drafts")
    said("finish", tmp_path / "drafts", "--candidate", "base", "--seed", 0, "--out", tmp_path / "finals")
    finals = Run.open(tmp_path / "finals")
    assert finals.loaded.settings.sampler == "own"
    assert not is_draft(finals)


def test_no_word_is_cut_without_being_told(tmp_path: Path) -> None:
    path = written(tmp_path, "sdxl", said_so=(f"{SAID[0]} {LONG}", *SAID[1:]))
    line = refused("generate", path, "--out", tmp_path / "run")
    assert "story cat, panel 1, order authored, candidate base: must be at most 75 tokens" in line
    assert "set long_prompts = true in the experiment" in line
    assert "or cut_long_prompts = true" in line
    assert not (tmp_path / "run").exists()
    path = written(tmp_path, "cascade", said_so=(f"{SAID[0]} {LONG}", *SAID[1:]))
    line = refused("generate", path, "--out", tmp_path / "run")
    assert " long_prompts" not in line
    assert "set cut_long_prompts = true" in line


def test_long_prompts_are_read_and_said(tmp_path: Path) -> None:
    path = written(tmp_path, "sdxl", "long_prompts = true\n", (f"{SAID[0]} {LONG}", *SAID[1:]))
    said("generate", path, "--out", tmp_path / "run")
    identity = read_identity(Run.open(tmp_path / "run"))
    assert identity.settings.long_prompts
    assert identity.versions["compel"]


@pytest.mark.parametrize(
    ("base", "line", "why"),
    [
        ("mini", "long_prompts = true", "long_prompts is for SDXL and Stable Diffusion"),
        ("mini", 'sampler = "euler"', "sampler must be 'ddim' or 'dpm++2m', got 'euler'"),
        ("mini", 'sampler = "dpm++2m"', "sampler must be 'ddim' for finals of this base, got 'dpm++2m'"),
        ("mini", 'spacing = "trailing"', "spacing is for bases that diffusers draws with"),
        ("mini", "decoder_steps = 3", "decoder_steps is for Stable Cascade"),
        ("sdxl", "decoder_steps = 3", "decoder_steps is for Stable Cascade"),
        ("sdxl", "consistency = 0.7", "consistency is for Kolors and the embedded base: set it to 0"),
        ("sdxl", 'noise = "contest"', 'write noise = "portable"'),
        ("cascade", 'sampler = "euler"', "Stable Cascade has a sampler of its own: delete sampler"),
        ("cascade", 'spacing = "trailing"', "Stable Cascade has a sampler of its own: delete spacing"),
    ],
)
def test_what_a_base_cannot_do_is_refused_before_a_folder_is_made(
    base: str, line: str, why: str, tmp_path: Path
) -> None:
    path = written(tmp_path, "sdxl" if base == "mini" else base, f"{line}\n")
    text = (
        path.read_text("utf-8").replace(BASES["sdxl"], 'size = 64\nbase = "mini"\n') if base == "mini" else ""
    )
    if text or "contest" in line:
        text = text or path.read_text("utf-8")
        path.write_text(text.replace("noise_per_panel = true\n", ""), "utf-8")
    if line.startswith("consistency"):
        told = path.with_name("cat.toml").read_text("utf-8")
        who = '[characters.cat]\ntext = "a yellow cat"\n'
        clauses = "".join(
            f'[[panel]]\ncaption = "c{n}"\n[[panel.clauses]]\nrole = "subject"\ncharacter = "cat"\n'
            f'[[panel.clauses]]\nrole = "action"\ntext = "walks {n}"\n'
            for n in range(8)
        )
        path.with_name("cat.toml").write_text(told.split("[[panel]]")[0] + who + clauses, "utf-8")
    assert why in refused("generate", path, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_training_with_such_a_base_is_refused() -> None:
    with pytest.raises(WeightsError, match="is a StableDiffusionXLPipeline, and this takes Kolors"):
        load_base(str(toy(SDXL)))
