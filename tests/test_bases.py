"""The example experiments of other bases, each drawn as it is written, but in few steps, by toys."""

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="needs storykit[bases]")

from typer.testing import CliRunner

from kit.experiment.config import load_experiment
from kit.experiment.run import Run
from kit.images.decode import open_picture
from storykit.cli.main import app
from tests.support.toy_controlnets import toy_controlnets
from tests.support.toy_pipelines import toy_models

EXAMPLES = Path("kit/examples/bases").resolve()
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.toml"))
TOLD = {
    "sdxl": ("SDXL", 50, 5.0, "own", None, None),
    "sdxl-turbo": ("SDXL-Turbo", 1, 1.0, "own", None, None),
    "sdxl-lcm": ("LCM SDXL", 4, 8.0, "lcm", None, None),
    "sdxl-lightning": ("SDXL-Lightning", 4, 1.0, "euler", "trailing", None),
    "stable-cascade": ("Stable Cascade", 20, 4.0, "own", None, 10),
    "majicmix-lora": ("Stable Diffusion", 50, 7.5, "own", None, None),
}
"""Of each case of the notes its name, steps, guidance, sampler, spacing and the decoder's steps."""
STEPS = 4
"""As many are drawn of those that have more."""


@pytest.fixture(autouse=True)
def downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYKIT_MODELS", str(toy_models()))


def test_every_case_of_the_notes_is_an_example() -> None:
    assert set(TOLD) <= set(NAMES)


LIKE_OTHERS = {"sdxl", "sdxl-turbo"}
"""Those whose pipeline and sampler other tests draw with."""


def in_few_steps(text: str) -> str:
    return f"steps = {STEPS}\n" + re.sub(r"^steps = .*\n", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LIKE_OTHERS else name for name in TOLD]
)
def test_an_example_is_drawn(name: str, tmp_path: Path) -> None:
    text = (EXAMPLES / f"{name}.toml").read_text("utf-8")
    story = json.dumps(str(EXAMPLES.parent / "demo-en.toml"))
    text = text.replace('"../demo-en.toml"', story).replace("seeds = [0, 1]", "seeds = [0]")
    if name == "stable-cascade":
        text = "size = 128\n" + text  # a toy's UNet names no size
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(text, "utf-8")
    written = load_experiment(experiment).settings
    if written.steps > STEPS:
        experiment.write_text(in_few_steps(text), "utf-8")
    made = CliRunner().invoke(app, ["generate", str(experiment), "--out", str(tmp_path / "run")])
    assert made.exit_code == 0, made.output
    run = Run.open(tmp_path / "run")
    identity = run.read_json("run.json")
    how = identity["settings"]
    drawn = (identity["base"]["name"], written.steps, how["cfg"], how.get("sampler", "ddim"))
    assert drawn == TOLD[name][:4]
    assert how["steps"] == min(written.steps, STEPS)
    assert (how.get("spacing"), how.get("decoder_steps")) == TOLD[name][4:]
    pictures = [open_picture(run.folder / row.file) for row in run.rows()]
    assert len(pictures) == 8 * len(tomllib.loads(text)["candidate"])
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


def test_the_example_of_a_controlnet_is_drawn_and_its_panels_follow_the_pictures(tmp_path: Path) -> None:
    toy_controlnets()
    examples = shutil.copytree(EXAMPLES, tmp_path / "bases")
    text = (examples / "controlnet.toml").read_text("utf-8")
    assert "seeds = [0, 1]" in text
    (examples / "controlnet.toml").write_text(
        in_few_steps(text.replace("seeds = [0, 1]", "seeds = [0]")), "utf-8"
    )
    made = CliRunner().invoke(
        app, ["generate", str(examples / "controlnet.toml"), "--out", str(tmp_path / "run")]
    )
    assert made.exit_code == 0, made.output
    run = Run.open(tmp_path / "run")
    held = {row.panel: row.control for row in run.rows() if row.control}
    assert set(held) == {1, 8}
    assert {(one.kind, one.weight, one.until) for controls in held.values() for one in controls} == {
        ("canny", 0.5, 1.0)
    }
    assert run.read_json("run.json")["settings"]["memory"] == "low"
