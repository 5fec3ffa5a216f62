"""What is drawn already is not thrown away in silence, for other settings or when a hand has changed it."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from command import tree
from fakes import INK_CANDIDATES, FakePainter, pictures_of, toy_lora, write_story

from kit.errors import RunError
from kit.experiment.config import load_experiment
from kit.experiment.extras.extra_pictures import ExtraPicture, Spending, keep_spending
from kit.experiment.run import Run
from kit.generation.generate import GenerateReport, draw_experiment

BASE = '[[candidate]]\nname = "base"\n'
WOULD = "panels that are there would be drawn again and"
WORDS = [f"小猫{n}，睡觉{n}" for n in range(8)]


def written(folder: Path, head: str = "", candidates: str = INK_CANDIDATES, **story: object) -> Path:
    """Write an experiment of ink and base; return its file. Its run is to be folder/out."""
    if not (folder / "ink.safetensors").exists():
        (folder / "ink.safetensors").write_bytes(lora_bytes())
    write_story(folder / "cat.toml", story.get("prompts", WORDS), negative=str(story.get("negative", "模糊")))
    given = {line.partition(" ")[0] for line in head.splitlines()}
    defaults = {"stories": '["cat.toml"]', "seeds": "[0]", "size": "32", "steps": "2"}
    lines = [f"{name} = {value}" for name, value in defaults.items() if name not in given]
    path = folder / "experiment.toml"
    path.write_text("\n".join([*lines, head, candidates]), "utf-8")
    return path


@cache
def lora_bytes(scale: float = 0.1) -> bytes:
    with TemporaryDirectory() as folder:
        return toy_lora(Path(folder) / "ink.safetensors", scale).read_bytes()


def drawn(
    path: Path, painter: FakePainter | None = None, *, again: bool = False
) -> tuple[Run, GenerateReport]:
    return draw_experiment(
        load_experiment(path), path.parent / "out", [painter or FakePainter()], again=again
    )


@pytest.mark.parametrize(
    ("head", "candidates", "would", "why"),
    [
        ("steps = 3", INK_CANDIDATES, f"16 {WOULD} 0 stay", "steps 3 instead of 2"),
        ("cfg = 5.5", INK_CANDIDATES, "16 panels", "cfg 5.5 instead of 4.0"),
        ("size = 64", INK_CANDIDATES, "16 panels", "size 64 instead of 32"),
        ('noise = "contest"', INK_CANDIDATES, "16 panels", 'noise "contest" instead of "portable"'),
        ("noise_per_panel = true", INK_CANDIDATES, f"16 {WOULD} 0 stay", "noise_per_panel true instead of"),
        ("", INK_CANDIDATES.replace("0.8", "0.5"), f"8 {WOULD} 8 stay", "ink: strength 0.5 instead of 0.8"),
        ("", INK_CANDIDATES + 'trigger = "水墨"', "8 panels", 'ink: trigger "水墨" instead of ""; other'),
        ("seeds = [0, 1]\nsteps = 9", INK_CANDIDATES, "16 panels", "steps 9"),
    ],
)  # fmt: skip
def test_a_changed_setting_says_what_would_be_drawn_again_and_waits_for_again(
    tmp_path: Path, head: str, candidates: str, would: str, why: str
) -> None:
    run, _ = drawn(written(tmp_path))
    before = tree(run.folder)
    path = written(tmp_path, head, candidates)
    with pytest.raises(RunError) as refusal:
        drawn(path)
    assert would in str(refusal.value)
    assert why in str(refusal.value)
    assert "add --again to draw them again in place of the old pictures, or choose another --out" in str(
        refusal.value
    )
    assert tree(run.folder) == before
    _, report = drawn(path, again=True)
    assert report.again == int(would.split()[0])
    assert drawn(path)[1].drawn == 0


def test_another_negative_prompt_another_story_and_another_base_wait_for_again_too(tmp_path: Path) -> None:
    drawn(written(tmp_path))
    with pytest.raises(RunError, match=r"16 panels .*another negative prompt in cat"):
        drawn(written(tmp_path, negative="下雪"))
    with pytest.raises(RunError, match=r"16 panels .*other words in cat"):
        drawn(written(tmp_path, prompts=[f"小狗{n}" for n in range(8)]))
    with pytest.raises(RunError, match=r"16 panels .*another base"):
        drawn(written(tmp_path), FakePainter("another"))


def test_a_lora_that_was_trained_anew_waits_for_again_and_its_copy_in_the_run_stays(tmp_path: Path) -> None:
    path = written(tmp_path)
    run, _ = drawn(path)
    before = tree(run.folder)
    (tmp_path / "ink.safetensors").write_bytes(lora_bytes(0.3))
    with pytest.raises(RunError, match=r"8 panels .* again and 8 stay .ink: another LoRA file"):
        drawn(path)
    assert tree(run.folder) == before


def test_stacked_loras_go_on_without_again_until_one_is_changed(tmp_path: Path) -> None:
    (tmp_path / "b.safetensors").write_bytes(lora_bytes(0.3))
    stack = (
        '[[candidate]]\nname = "both"\nlora = [{ file = "ink.safetensors" }, { file = "b.safetensors" }]\n'
    )
    path = written(tmp_path, candidates=stack)
    drawn(path)
    assert drawn(path)[1].drawn == 0
    with pytest.raises(RunError, match="both: another LoRA file"):
        drawn(
            written(tmp_path, candidates=stack.replace('"b.safetensors"', '"b.safetensors", strength = 0.5'))
        )


@pytest.mark.parametrize(
    ("head", "candidates", "new"),
    [
        ("seeds = [0, 1]", INK_CANDIDATES, 16),
        ("", BASE, 0),
        ("", INK_CANDIDATES + '[[candidate]]\nname = "more"\nlora = "ink.safetensors"\n', 8),
        ("batch = 2", INK_CANDIDATES, 0),
        ('memory = "low"', INK_CANDIDATES, 0),
        ("[score]\ngate = 5.0", INK_CANDIDATES, 0),
    ],
)
def test_what_replaces_no_picture_needs_no_again(
    tmp_path: Path, head: str, candidates: str, new: int
) -> None:
    run, _ = drawn(written(tmp_path))
    before = pictures_of(run)
    _, report = drawn(written(tmp_path, head, candidates))
    assert (report.drawn, report.again) == (new, 0)
    assert before.items() <= pictures_of(run).items()


def test_a_reworded_panel_is_drawn_again_alone(tmp_path: Path) -> None:
    run, _ = drawn(written(tmp_path))
    before = pictures_of(run)
    painter = FakePainter()
    run, report = drawn(written(tmp_path, prompts=[*WORDS[:7], "小猫，回家"]), painter)
    assert (report.drawn, report.again) == (2, 2)
    changed = {file for file, data in pictures_of(run).items() if data != before[file]}
    assert {Path(file).name for file in changed} == {"8.png"}
    assert [row.prompt for row in run.rows() if row.slot.panel == 8 and row.candidate == "base"] == [
        "小猫，回家"
    ]


def test_a_new_caption_draws_nothing(tmp_path: Path) -> None:
    path = written(tmp_path)
    drawn(path)
    story = tmp_path / "cat.toml"
    story.write_text(story.read_text("utf-8").replace("[[panel]]", '[[panel]]\ncaption = "新"'), "utf-8")
    run, report = drawn(path)
    assert report.drawn == 0
    assert run.loaded.stories[0].story.panels[0].caption == "新"


def test_a_dropped_story_is_refused(tmp_path: Path) -> None:
    drawn(written(tmp_path))
    write_story(tmp_path / "dog.toml", [f"小狗{n}" for n in range(8)])
    with pytest.raises(RunError, match="story cat is changed or dropped; choose another folder"):
        drawn(written(tmp_path, 'stories = ["dog.toml"]'))


def test_a_retouched_picture_is_kept_aside_each_time_and_the_panel_is_drawn_anew(tmp_path: Path) -> None:
    path = written(tmp_path)
    run, _ = drawn(path)
    before = pictures_of(run)
    panel = run.panel_path("ink", "authored", "cat", 0, 3)
    aside = run.folder / "changed-by-hand" / "ink" / "authored" / "cat" / "seed-0"
    for touch, name in ((b"lighter", "3.png"), (b"darker", "3-2.png")):
        panel.write_bytes(touch)
        _, report = drawn(path)
        assert (report.drawn, report.aside) == (1, [aside / name])
        assert (aside / name).read_bytes() == touch
        assert panel.read_bytes() == before["panels/ink/authored/cat/seed-0/3.png"]


def test_a_retouched_picture_is_kept_also_where_settings_change_or_another_panel_has_the_picture(
    tmp_path: Path,
) -> None:
    run, _ = drawn(written(tmp_path))
    panel = run.panel_path("base", "authored", "cat", 0, 1)
    panel.write_bytes(b"by hand")
    _, report = drawn(written(tmp_path, "steps = 3"), again=True)
    assert [path.read_bytes() for path in report.aside] == [b"by hand"]
    copies = '[[candidate]]\nname = "base"\n[[candidate]]\nname = "same"\n'
    drawn(written(tmp_path, "steps = 3", copies))
    panel.write_bytes(b"again by hand")
    _, report = drawn(written(tmp_path, "steps = 3", copies))
    assert report.drawn == 0
    assert [path.read_bytes() for path in report.aside] == [b"again by hand"]


def test_a_picture_of_somebody_else_in_a_panels_place_is_kept_and_one_of_ours_without_a_row_is_not(
    tmp_path: Path,
) -> None:
    path = written(tmp_path)
    run, _ = drawn(path)
    rows = run.rows_path.read_bytes().splitlines(keepends=True)
    run.rows_path.write_bytes(b"".join(rows[:-2]))
    (run.folder / run.rows()[0].file).with_name("8.png").write_bytes(b"a photograph")
    lost = [run.panel_path("ink", "authored", "cat", 0, n) for n in (7, 8)]
    lost[1].write_bytes(b"a photograph")
    _, report = drawn(path)
    assert sorted(path.read_bytes() for path in report.aside) == [b"a photograph"] * 2


def test_words_of_one_panel_take_along_what_was_asked_for_of_that_panel_alone(tmp_path: Path) -> None:
    run, _ = drawn(written(tmp_path))
    begun = Spending(candidate="base", order="authored", story="cat", budget=9)
    keep_spending(run, begun.asking((ExtraPicture(3, 1), ExtraPicture(4, 2))))
    assert drawn(written(tmp_path))[1].drawn == 2
    changed = [*WORDS[:2], "小猫，跳舞", *WORDS[3:]]
    assert drawn(written(tmp_path, prompts=changed))[1].drawn == 3
    with pytest.raises(RunError, match=f"18 {WOULD} 0 stay"):
        drawn(written(tmp_path, "steps = 3", prompts=changed))
