"""What is refused and noted on the way to a picture is told in Chinese, and no file of a run is."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from english_sentences import english_sentences
from fakes import FakePainter, HeardProgress, make_run, toy_base, toy_lora, write_story
from safetensors.torch import save_file
from torch import nn

from kit.errors import StorykitError
from kit.experiment.config import load_experiment
from kit.experiment.identity import read_identity
from kit.experiment.notes import notes_on
from kit.experiment.run import Run
from kit.files.encodings import json_bytes
from kit.generation.generate import draw_experiment, generate
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.lora.blocks import strengths_of
from kit.lora.formats import read_content
from kit.lora.inspection import bases_of, loaders_of, problems_of
from kit.lora.lora import find_lora, load_lora
from kit.lora.merge import MergePart
from kit.models.base import load_base
from kit.models.kolors.unet import linear_shapes
from kit.models.sizes import EMBEDDED_SIZES
from kit.models.unet_files import UNET
from kit.training.config import load_training
from kit.training.folder import claim_folder
from kit.workers.devices import pick_device, pick_devices

KOLORS = "lora_unet_input_blocks_5_1_transformer_blocks_0_attn1_to_q"
BASE = '[[candidate]]\nname = "base"\n'


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYKIT_LANG", "zh")


def said(error: StorykitError) -> str:
    """Return what an error says in Chinese."""
    told = str(error)
    assert not english_sentences(told), told
    assert told != error.message.english
    return told


@pytest.mark.parametrize(
    ("head", "candidates"),
    [
        ("seeds = [3, 1, 3]", BASE),
        ("anchor_seed = 5", BASE),
        ('noise = "contest"\nnoise_per_panel = true', BASE),
        ("noise_per_panel = true\nseeds = [1_000_000_000_000_000_000]", BASE),
        ('negative = "rain"', BASE),
        ("learn = 1", BASE),
        ("", BASE + BASE),
        ("", "[[candidate]]\n"),
        ("", '[[candidate]]\nlora = "mini:水墨"\n'),
        ("", '[[candidate]]\nname = "Ink wash"\n'),
        ("", f'[[candidate]]\nname = "{"n" * 121}"\n'),
        ("", BASE + "strength = 0.5\n"),
        ("", '[[candidate]]\nname = "ink"\nlora = "mini:ink"\nstrength = 0.5\nstrengths = [0.5]\n'),
        ("", '[[candidate]]\nname = "ink"\nlora = "mini:ink"\nstrengths = [0.5, 0.5]\n'),
        ("", '[[candidate]]\nname = "ink"\nlora = "mini:ink"\nblocks = { stile = 1.0 }\n'),
        ("", '[[candidate]]\nname = "ink"\nlora = "mini:ink"\nblocks = { style = 1.0, input4 = 1.0 }\n'),
        ("", '[[candidate]]\nname = "ink"\nlora = "mini:ink"\nblocks = { rest = 0 }\n'),
        ("", '[[candidate]]\nname = "ink"\nlora = "gone/*.safetensors"\n'),
        ("", '[[candidate]]\nname = "ink"\nlora = "*.safetensors"\n'),
        ("", '[[candidate]]\nname = "ink"\nlora = "ink"\n'),
        ("", '[[candidate]]\nname = "ink"\nlora = "my/ink.safetensors"\n'),
        ('base = "kolor"', BASE),
        ('colour = "red"', BASE),
        ("", BASE + '[compare]\nbaseline = "ink"\n'),
        ("", BASE + "[score]\ncopy_above = 0.9\n"),
    ],
)
def test_faults_of_an_experiment(tmp_path: Path, head: str, candidates: str) -> None:
    seeds = "" if "seeds = [" in head.split("anchor")[0] else "seeds = [0]\n"
    write_story(tmp_path / "cat.toml")
    path = tmp_path / "experiment.toml"
    path.write_text(f'stories = ["cat.toml"]\n{seeds}{head}\n{candidates}', encoding="utf-8")
    with pytest.raises(StorykitError) as caught:
        load_experiment(path)
    said(caught.value)


def test_notes_on_an_experiment(tmp_path: Path) -> None:
    write_story(tmp_path / "cat.toml", ["一只小猫"] * 8)
    path = tmp_path / "experiment.toml"
    head = 'stories = ["cat.toml"]\nseeds = [0]\ncfg = 1.0\norders = ["authored", "style-last"]\n'
    ink = '[[candidate]]\nname = "{}"\nlora = "mini:ink"\nnegative = "雨"\nconsistency = 0.5\n'
    path.write_text(head + BASE + ink.format("ink") + ink.format("again"), encoding="utf-8")
    notes = notes_on(load_experiment(path))
    assert len(notes) == 6
    assert not [note for note in notes if english_sentences(note)]


def another_story(folder: Path) -> None:
    run = make_run(folder)
    generate(run, [FakePainter()])
    write_story(folder / "dog.toml")
    text = (folder / "experiment.toml").read_text("utf-8").replace("cat.toml", "dog.toml")
    (folder / "experiment.toml").write_text(text, "utf-8")
    draw_experiment(load_experiment(folder / "experiment.toml"), run.folder, [FakePainter()], again=True)


def other_settings(folder: Path) -> None:
    generate(make_run(folder), [FakePainter()])
    text = (folder / "experiment.toml").read_text("utf-8").replace("steps = 2", "steps = 3\ncfg = 5.0")
    (folder / "experiment.toml").write_text(text, "utf-8")
    painter = FakePainter("another")
    painter.identity = {**painter.identity, "sha256": {"unet": "2" * 64}}
    draw_experiment(load_experiment(folder / "experiment.toml"), folder / "run", [painter])


def users_folder(folder: Path) -> None:
    loaded = make_run(folder).loaded
    (folder / "mine").mkdir()
    (folder / "mine" / "diary.txt").write_text("x")
    draw_experiment(loaded, folder / "mine", [FakePainter()])


def long_prompt(folder: Path) -> None:
    painter = FakePainter()
    painter.reads = 3
    generate(make_run(folder), [painter])


def stopped(folder: Path) -> None:
    painter = FakePainter()
    painter.stop_before_batch = 1
    generate(make_run(folder), [painter])


def too_small(folder: Path) -> None:
    generate(make_run(folder, f'base = "{toy_base()}"\ncfg = 1.0\nbatch = 1'), [real_painter()])


def moved_rows(folder: Path) -> None:
    run = make_run(folder)
    generate(run, [FakePainter()])
    run.rows_path.write_bytes(run.rows_path.read_bytes().replace(b"panels/base", b"panels/ink"))
    run.rows()


def torn_rows(folder: Path) -> None:
    run = make_run(folder)
    run.rows_path.write_text('{"key": 1}\n')
    run.rows()


def torn_record(folder: Path) -> None:
    run = make_run(folder)
    (run.folder / "run.json").write_text("{")
    run.read_json("run.json")


def another_record(folder: Path) -> None:
    run = make_run(folder)
    run.write_json("run.json", {"base": 1})
    read_identity(run)


def rows_that_cannot_be_read(folder: Path) -> None:
    run = make_run(folder)
    run.rows_path.mkdir()
    run.rows()


def lost_story(folder: Path) -> None:
    run = make_run(folder)
    (run.folder / "stories" / "cat.toml").unlink()
    _ = Run(run.folder).loaded


def no_scores(folder: Path) -> None:
    make_run(folder).read_json("scores.json")


def real_painter() -> KolorsPainter:
    return KolorsPainter(load_base(toy_base()), "cpu")


def lora_of(folder: Path, *names: str) -> Path:
    save_file({name: torch.ones(2, 2) for name in names}, folder / "a.safetensors")
    return folder / "a.safetensors"


def half_a_lora(folder: Path) -> None:
    read_content(lora_of(folder, f"{KOLORS}.lora_up.weight"))


def two_tools(folder: Path) -> None:
    other = "unet.mid_block.attentions.0.proj_in.lora.{}.weight"
    names = [
        f"{KOLORS}.lora_down.weight",
        f"{KOLORS}.lora_up.weight",
        other.format("up"),
        other.format("down"),
    ]
    read_content(lora_of(folder, *names))


def no_alpha(folder: Path) -> None:
    layer = "blocks.7.proj_in"
    load_lora(lora_of(folder, f"{layer}.lora_A.default.weight", f"{layer}.lora_B.default.weight"))


def other_base(folder: Path) -> None:
    load_lora(toy_lora(folder / "toy.safetensors")).check_fit(linear_shapes(EMBEDDED_SIZES.unet))


def nothing_left(folder: Path) -> None:
    MergePart(find_lora("mini:ink"), 1.0, strengths_of({"rest": 0.0}, "mini"))


def damaged_base(base: Path) -> None:
    (base / UNET).write_bytes(b"x")
    load_base(base)


def uneven_training(folder: Path) -> None:
    (folder / "data").mkdir()
    path = folder / "train.toml"
    path.write_text('data = "data"\n[learn]\nbuckets = true\nsize = 96\n')
    load_training(path)


def taken_folder(folder: Path) -> None:
    (folder / "mine.txt").write_text("x")
    claim_folder(folder, {"base": "mini"})


def other_training(folder: Path) -> None:
    claim_folder(folder, {"base": "mini"})
    claim_folder(folder, {"base": "kolors"})


REFUSED: list[Callable[[Path], object]] = [
    another_story, other_settings, users_folder, long_prompt, stopped, too_small, moved_rows, torn_rows,
    torn_record, another_record, rows_that_cannot_be_read, lost_story,
    no_scores, half_a_lora, two_tools, no_alpha, other_base, nothing_left, uneven_training, taken_folder,
    other_training,
    lambda folder: read_content(lora_of(folder, f"{KOLORS}.hada_w1_a", f"{KOLORS}.hada_w1_b")),
    lambda folder: read_content(lora_of(folder, "emb_params")),
    lambda folder: read_content(lora_of(folder, "nobody.weight")),
    lambda folder: read_content(lora_of(folder, "diffusion_model.blocks.0.self_attn.q.lora_A.weight")),
    lambda folder: find_lora(str(folder)),
    lambda folder: load_base(folder),
    lambda folder: pick_device("cuda:99"),
    lambda folder: pick_devices("cpu,cpu"),
]  # fmt: skip


@pytest.mark.parametrize("refused", REFUSED)
def test_what_is_refused(tmp_path: Path, refused: Callable[[Path], object]) -> None:
    with pytest.raises(StorykitError) as caught:
        refused(tmp_path)
    said(caught.value)


def test_a_damaged_base(base_copy: Path) -> None:
    with pytest.raises(StorykitError) as caught:
        damaged_base(base_copy)
    said(caught.value)


def test_what_a_lora_is_good_for(tmp_path: Path) -> None:
    content = read_content(toy_lora(tmp_path / "toy.safetensors"))
    told = [one for loader in loaders_of(content) for one in (loader.loader, loader.note)]
    assert not [
        one for one in [*problems_of(content), *bases_of(content.pairs), *told] if english_sentences(one)
    ]


class OnceGrey(nn.Module):
    """A decoder whose first picture is all grey."""

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        self.whole, self.begun = whole, False

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        picture = self.whole(latent)
        first, self.begun = not self.begun, True
        return torch.zeros_like(picture) if first else picture


def files_of(run: Run) -> dict[str, bytes]:
    """Return a run's files by name, but for how long the drawing took."""
    files = {path.relative_to(run.folder).as_posix(): path.read_bytes() for path in run.folder.rglob("*.*")}
    rows = map(json.loads, files["panels.jsonl"].splitlines())
    return files | {"panels.jsonl": json_bytes([{**row, "seconds": 0} for row in rows])}


def test_a_run_has_the_same_files_in_every_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, faults = {}, {}
    for language in ("en", "zh"):
        monkeypatch.setenv("STORYKIT_LANG", language)
        run = make_run(tmp_path / language, f'base = "{toy_base()}"')
        painter, progress = real_painter(), HeardProgress()
        vars(painter._networks)["decoder"] = OnceGrey(painter._networks.decoder)
        faults[language] = list(generate(run, [painter], progress).faults.values())
        files[language] = files_of(run)
        assert bool(english_sentences("; ".join(progress.notes))) == (language == "en")
    assert files["zh"] == files["en"]
    assert faults == {"en": ["it has one colour all over"], "zh": ["整张图只有一种颜色"]}
    assert (
        files["zh"]["faults.json"]
        == b'{"panels/base/authored/cat/seed-0/1.png":"it has one colour all over"}\n'
    )
