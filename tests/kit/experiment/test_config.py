"""An experiment file: defaults filled in, every fault of it and of its stories named."""

from pathlib import Path

import pytest
from paths import ROOT

from kit.errors import InputError
from kit.experiment.config import Experiment, LoadedExperiment, baseline_of, load_experiment
from kit.experiment.drawing.draw_settings import DrawSettings

HEAD = 'stories = ["snow.txt"]\nseeds = [0, 1]\n'
BASE = '[[candidate]]\nname = "base"\n'


def loaded(folder: Path, text: str) -> LoadedExperiment:
    (folder / "snow.txt").write_text("a cat, sleeping\n" * 8)
    path = folder / "experiment.toml"
    path.write_text(text, encoding="utf-8")
    return load_experiment(path)


def faults(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        loaded(folder, text)
    assert "\n" not in str(caught.value)
    return caught.value.faults


def experiment(**changes: object) -> Experiment:
    least = {"stories": ["a.toml"], "seeds": [0], "candidate": [{"name": "base"}]}
    return Experiment.model_validate(least | changes)


def test_an_experiment_brings_its_stories_and_defaults(tmp_path: Path) -> None:
    found = loaded(tmp_path, HEAD + BASE)
    assert [story.name for story in found.stories] == ["snow"]
    assert found.experiment.orders == ("authored",)
    assert found.experiment.score.gate == 6.0
    assert found.experiment.candidates[0].strength == 1.0


@pytest.mark.parametrize(
    ("changes", "steps", "size"),
    [
        ({}, 25, 256),
        ({"base": "kolors"}, 50, 1024),
        ({"base": "weights/my-kolors"}, 50, 1024),
        ({"base": "kolors", "steps": 20, "size": 512}, 20, 512),
    ],
)
def test_the_base_gives_the_steps_and_the_size_that_nobody_chose(
    changes: dict[str, object], steps: int, size: int
) -> None:
    drawn = LoadedExperiment(path=Path("e"), experiment=experiment(**changes), stories=()).settings
    assert drawn == DrawSettings(steps=steps, cfg=4.0, size=size, noise="portable")


def test_the_baseline_is_the_one_named_else_the_first_without_a_lora() -> None:
    ink, base, bare = {"name": "ink", "lora": "mini:ink"}, {"name": "base"}, {"name": "bare"}
    assert baseline_of(experiment(candidate=[ink, base, bare])) == "base"
    assert baseline_of(experiment(candidate=[ink, base, bare], compare={"baseline": "bare"})) == "bare"
    assert baseline_of(experiment(candidate=[ink])) is None


def test_paths_are_taken_from_the_experiments_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "deep"
    folder.mkdir()
    (folder / "weights").mkdir()
    (folder / "ink.safetensors").write_bytes(b"x")
    candidates = BASE + '[[candidate]]\nname = "ink"\nlora = "ink.safetensors"\n'
    text = HEAD + 'base = "weights"\n' + candidates + '[score]\nclip = "weights"\n'
    found = loaded(folder, text).experiment
    assert found.candidates[1].lora == str(folder / "ink.safetensors")
    assert found.base == found.score.clip == str(folder / "weights")
    assert found.score.aesthetic == "mini"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEAD,
            'candidate is missing; write [[candidate]] with name = "base" below it, '
            'and for a LoRA lora = "FILE"',
        ),
        ("candidate = []\n" + HEAD, "candidate: must have at least 1 item, not 0"),
        ('stories = ["snow.txt"]\nseeds = []\n' + BASE, "seeds: must have at least 1 item, not 0"),
        (
            'stories = ["snow.txt"]\n' + BASE,
            "seeds is missing; write seeds = [0] for a try, seeds = [0, 1, 2, 3, 4, 5, 6, 7] for a verdict",
        ),
        ('stories = ["snow.txt"]\nseeds = [3, 1, 3]\n' + BASE, "seeds: must differ, got 3 more than once"),
        (
            'stories = ["snow.txt"]\nseeds = [0, -1]\n' + BASE,
            "seeds[2]: must be at least 0, got -1",
        ),
        ('stories = ["snow.txt"]\nseeds = [true]\n' + BASE, "seeds[1]: must be a whole number, got True"),
        (
            'stories = ["snow.txt"]\nseeds = 4\n' + BASE,
            "seeds: must be a list in [ ], got 4; write seeds = [4]",
        ),
        (
            HEAD + 'orders = ["authored", "scene"]\n' + BASE,
            "orders[2]: must be one of authored, subject-first, scene-first, style-last, reversed, "
            "shuffle-<n>, got 'scene'",
        ),
        (
            HEAD + 'orders = ["reversed", "reversed"]\n' + BASE,
            "orders: must differ, got reversed more than once",
        ),
        (
            HEAD + BASE + BASE,
            "candidate[1] and candidate[2] are both named base: give one of them another name, as "
            'name = "base-2"',
        ),
        (
            HEAD + "[[candidate]]\n",
            'candidate[1] (no lora) has no name: write name = "base" below its [[candidate]]',
        ),
        (
            HEAD + BASE + '[[candidate]]\nlora = "mini:ink"\n',
            'candidate[2] (lora mini:ink) has no name: write name = "ink" below its [[candidate]]',
        ),
        (
            HEAD + '[[candidate]]\nname = "Ink wash"\n',
            "candidate[1].name: must be lower-case letters of any script, digits and dashes, got 'Ink wash'; "
            "write ink-wash",
        ),
        (
            HEAD + BASE + '[[candidate]]\nname = "ink"\nlora = "ink.safetensors"\n',
            "candidate[2].lora: file ink.safetensors does not exist in FOLDER",
        ),
        (
            HEAD + BASE + '[[candidate]]\nname = "ink"\nlora = "ink"\n',
            'candidate[2].lora: file ink does not exist; the style of storykit is "mini:ink"',
        ),
        (
            HEAD + '[[candidate]]\nname = "ink"\nlora = "mini:ink"\nstrength = 2.5\n',
            "candidate[1].strength: must be at most 2, got 2.5",
        ),
        (
            HEAD + '[[candidate]]\nname = "ink"\nlora = "mini:ink"\nstrength = 0\n',
            "candidate[1].strength: must be greater than 0, got 0",
        ),
        (
            HEAD + '[[candidate]]\nname = "ink"\nlora = "mini:ink"\nstrength = nan\n',
            "candidate[1].strength: must be a finite number, got nan",
        ),
        (HEAD + BASE + "strength = 0.5\n", "candidate[1]: strength and alpha need a lora"),
        (HEAD + BASE + "alpha = 4.0\n", "candidate[1]: strength and alpha need a lora"),
        (HEAD + BASE + "rank = 4\n", "candidate[1].rank: unknown key"),
        (HEAD + "[words]\nstyle = []\n" + BASE, "words.style: must have at least 1 item, not 0"),
        (
            HEAD + '[words]\nstyle = ["国潮", " "]\n' + BASE,
            "words.style[2]: must have at least 1 character, got ' '",
        ),
        (
            HEAD + '[words]\nplace = ["月球", "月球 "]\n' + BASE,
            "words.place: must differ, got 月球 more than once",
        ),
        (HEAD + '[words]\nmood = ["calm"]\n' + BASE, "words.mood: unknown key"),
        (HEAD + "steps = 0\n" + BASE, "steps: must be greater than 0, got 0"),
        (HEAD + "steps = 25.0\n" + BASE, "steps: must be a whole number, got 25.0"),
        (HEAD + "cfg = 0.5\n" + BASE, "cfg: must be at least 1, got 0.5"),
        (HEAD + "size = 100\n" + BASE, "size: must be a multiple of 32, got 100"),
        (HEAD + 'noise = "gpu"\n' + BASE, "noise: must be 'portable' or 'contest', got 'gpu'"),
        (
            HEAD + 'base = "kolor"\n' + BASE,
            'base: must be "mini", "kolors", a folder or a model that was downloaded, and kolor does not '
            "exist in FOLDER, did you mean kolors?",
        ),
        (
            HEAD + BASE + '[score]\naesthetic = "laion"\n',
            'score.aesthetic: must be "mini" or a folder, and laion does not exist in FOLDER',
        ),
        (
            HEAD + BASE + '[compare]\nbaseline = "none"\n',
            "compare: baseline must be one of base, got 'none'",
        ),
        (
            'seeds = [0]\nstories = ["snow.txt", "./snow.txt"]\n' + BASE,
            "stories[2]: 'snow' is the name of stories[1] too",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    assert faults(tmp_path, text) == (message.replace("FOLDER", str(tmp_path)),)


@pytest.mark.parametrize("name", ["...toml", "-snow.txt", "a,b.txt"])
def test_a_story_file_whose_name_cannot_name_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('title = "a"\n' + '[[panel]]\nprompt = "cat"\n' * 8)
    if name.endswith("txt"):
        (tmp_path / name).write_text("cat\n" * 8)
    stem = Path(name).stem
    assert faults(tmp_path, f'seeds = [0]\nstories = ["{name}"]\n' + BASE) == (
        f"stories[1]: a story's file name holds letters, digits, space, dot, dash or _, got {stem!r}",
    )


def test_faults_of_the_experiment_and_of_all_its_stories_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("cat\n" * 3)
    (tmp_path / "odd.toml").write_text('title = "a"\nmood = 1\n' + '[[panel]]\nprompt = "cat"\n' * 8)
    text = (
        'stories = ["short.txt", "snow.txt", "odd.toml", "gone.txt"]\nseed = [1]\n'
        + BASE
        + 'lora = "x.ckpt"\n'
    )
    assert faults(tmp_path, text) == (
        "seeds is missing; write seeds = [0] for a try, seeds = [0, 1, 2, 3, 4, 5, 6, 7] for a verdict",
        f"candidate[1].lora: file x.ckpt does not exist in {tmp_path}",
        "seed: unknown key; did you mean seeds?",
        "stories[1] short.txt: a story has exactly 8 lines that are not empty, got 3; "
        "write one prompt a panel, each in one line",
        "stories[3] odd.toml: mood: unknown key",
        f"stories[4] gone.txt: file does not exist in {tmp_path}, where the experiment looks for it",
    )


def test_a_missing_experiment_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_experiment(tmp_path / "gone.toml")
    assert str(caught.value).startswith(f"{tmp_path / 'gone.toml'}: file does not exist; begin with a copy")


def test_a_run_can_be_read_where_its_weights_are_gone(tmp_path: Path) -> None:
    text = HEAD + 'base = "weights"\n[[candidate]]\nname = "ink"\nlora = "ink.ckpt"\n'
    assert faults(tmp_path, text) == (
        'base: must be "mini", "kolors", a folder or a model that was downloaded, '
        f"and weights does not exist in {tmp_path}",
        f"candidate[1].lora: file ink.ckpt does not exist in {tmp_path}",
    )
    assert load_experiment(tmp_path / "experiment.toml", weights_exist=False).experiment.base == str(
        tmp_path / "weights"
    )


def test_the_example_experiment_allows_a_verdict_about_its_story() -> None:
    found = load_experiment(ROOT / "kit" / "examples" / "demo.toml")
    assert len(found.experiment.seeds) >= 6
    assert baseline_of(found.experiment) == "base"
    assert all(candidate.trigger for candidate in found.experiment.candidates if candidate.lora)


INK = '[[candidate]]\nname = "ink"\nlora = "mini:ink"\n'


def test_a_sweep_over_strengths_is_a_candidate_for_each(tmp_path: Path) -> None:
    candidates = loaded(tmp_path, HEAD + BASE + INK + "strengths = [0.4, 0.125, 1.0]\n").experiment.candidates
    assert [(one.name, one.strength, one.lora) for one in candidates] == [
        ("base", 1.0, None),
        ("ink-40", 0.4, "mini:ink"),
        ("ink-12-5", 0.125, "mini:ink"),
        ("ink-100", 1.0, "mini:ink"),
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (INK + "strengths = []\n", "strengths: "),
        (INK + "strengths = [0.5, 3.0]\n", "strengths[2]: must be at most 2"),
        (INK + "strengths = [0.5]\nstrength = 0.7\n", "must have strength or strengths, got both"),
        (INK + "strengths = [0.5, 0.5]\n", "candidate[1] makes ink-50 twice: name each value once"),
        (BASE + "strengths = [0.5]\n", "strength and alpha need a lora"),
        (INK.replace('"mini:ink"', '[{ file = "mini:ink" }]'), "at least 2"),
        (
            INK.replace('"mini:ink"', '[{ file = "mini:ink" }, { file = "gone.safetensors" }]'),
            "does not exist",
        ),
        (
            INK.replace('"mini:ink"', '[{ file = "mini:ink" }, { file = "mini:ink" }]') + "alpha = 4.0\n",
            "each of several LoRAs has an alpha of its own",
        ),
    ],
)
def test_a_sweep_or_a_stack_that_means_nothing_is_refused(tmp_path: Path, table: str, message: str) -> None:
    assert any(message in fault for fault in faults(tmp_path, HEAD + table))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("negative = 'x'\n" + HEAD + BASE, "negative: unknown key; it belongs into a story file, negative ="),
        ("seed = [1]\n" + HEAD + BASE, "seed: unknown key; did you mean seeds?"),
        ("lora = 'x'\n" + HEAD + BASE, "lora: unknown key; it belongs under [[candidate]]"),
        (HEAD + INK + "strenght = 1\n", "candidate[1].strenght: unknown key; did you mean strength?"),
        (HEAD + INK + "Trigger = 'ink'\n", "candidate[1].Trigger: unknown key; did you mean trigger?"),
        (HEAD + INK + "seeds = [1]\n", "candidate[1].seeds: unknown key; it belongs at the top of the file"),
        (HEAD + INK + "steps = 20\n", "candidate[1].steps: unknown key; it belongs at the top of the file"),
        (HEAD + BASE + "[scores]\ngate = 6.0\n", "scores: unknown key; did you mean score?"),
        ("gate = 6.0\n" + HEAD + BASE, "gate: unknown key; it belongs under [score]"),
        ("panel = []\n" + HEAD + BASE, "panel: unknown key; it belongs into a story file"),
        ("data = 'x'\n" + HEAD + BASE, "data: unknown key; it belongs into a training file"),
        (
            HEAD + '[candidate]\nname = "base"\n',
            "candidate: must be a list in [ ], got {'name': 'base'}; write [[cand",
        ),
        ("stories = 'snow.txt'\nseeds = [1]\n" + BASE, "got 'snow.txt'; write stories = [\"snow.txt\"]"),
        ("stories = ['snow.txt']\nseeds = '1,2'\n" + BASE, "got '1,2'; write seeds = [1, 2]"),
        ("stories = ['snow.txt']\nseeds = '1，2'\n" + BASE, "got '1，2'; write seeds = [1, 2]"),
        ("stories = ['snow.txt']\nseeds = ['1']\n" + BASE, "got '1'; write 1 without quotes"),
        ("steps = '25'\n" + HEAD + BASE, "steps: must be a whole number, got '25'; write 25 without quotes"),
        ("cfg = '4.5'\n" + HEAD + BASE, "cfg: must be a number, got '4.5'; write 4.5 without quotes"),
        ("cut_long_prompts = 1\n" + HEAD + BASE, "cut_long_prompts: must be true or false, got 1"),
        ("cut_long_prompts = 'true'\n" + HEAD + BASE, "got 'true'; write true without quotes"),
        ("noise_per_panel = 1\n" + HEAD + BASE, "noise_per_panel: must be true or false, got 1"),
        ("noise_per_panel = 'yes'\n" + HEAD + BASE, "noise_per_panel: must be true or false, got 'yes'"),
        ("noise_per_panel = [true]\n" + HEAD + BASE, "noise_per_panel: must be true or false, got"),
        (
            "noise_per_panels = true\n" + HEAD + BASE,
            "noise_per_panels: unknown key; did you mean noise_per_panel",
        ),
        (HEAD + BASE + "noise_per_panel = true\n", "candidate[1].noise_per_panel: unknown key"),
        (
            "noise_per_panel = true\nnoise = 'contest'\n" + HEAD + BASE,
            'noise_per_panel: must be false where noise = "contest": there a picture begins as in',
        ),
        (
            "noise_per_panel = true\nstories = ['snow.txt']\nseeds = [3, 922337203685477580]\n" + BASE,
            "seeds must be at most 922337203685477579, got 922337203685477580",
        ),
        (
            HEAD + BASE + "[[score]]\ngate = 6.0\n",
            "score: must be a table, got [{'gate': 6.0}]; write [score]",
        ),
        (
            HEAD + INK + "trigger = '<lora:ink:1>'\n",
            "candidate[1].trigger: '<lora:ink:1>' names a LoRA in A1111",
        ),
        (HEAD + BASE + "negative = '((bad))'\n", "candidate[1].negative: '((bad))' is emphasis in A1111"),
    ],
)
def test_a_fault_says_what_to_write_instead(tmp_path: Path, text: str, message: str) -> None:
    assert any(message in fault for fault in faults(tmp_path, text))


@pytest.mark.parametrize("name", ["水墨", "水墨-2", "чернила", "encre-à-l-eau", "ink", "1"])
def test_a_candidate_is_named_in_any_script(tmp_path: Path, name: str) -> None:
    found = loaded(tmp_path, HEAD + f'[[candidate]]\nname = "{name}"\n')
    assert found.experiment.candidates[0].name == name


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Ink", "ink"),
        ("ink_wash", "ink-wash"),
        ("水墨 画", "水墨-画"),
        ("水墨/画", "水墨-画"),
        ("../ink", "ink"),
        ("ｉｎｋ", "ink"),
        ("ink①", "ink1"),
        ("ink\t", "ink"),
    ],
)
def test_a_name_that_two_systems_could_read_as_two_is_refused_with_one_that_does(
    tmp_path: Path, name: str, near: str
) -> None:
    (told,) = faults(tmp_path, HEAD + f"[[candidate]]\nname = '{name}'\n")
    assert told.endswith(f"; write {near}")
    assert loaded(tmp_path, HEAD + f'[[candidate]]\nname = "{near}"\n')


@pytest.mark.parametrize("name", ["", "-", "-ink", "墨" * 41, "🎨"])
def test_a_name_that_no_folder_can_have_is_refused(tmp_path: Path, name: str) -> None:
    assert faults(tmp_path, HEAD + f'[[candidate]]\nname = "{name}"\n')


def test_home_and_backslashes_lead_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "loras").mkdir()
    (tmp_path / "loras" / "ink.safetensors").write_bytes(b"x")
    for written in ("~/loras/ink.safetensors", r"loras\ink.safetensors", r"~\loras\ink.safetensors"):
        text = HEAD.replace("snow.txt", r".\\snow.txt") + f"[[candidate]]\nname = 'ink'\nlora = '{written}'\n"
        found = loaded(tmp_path, text)
        assert found.experiment.candidates[0].lora == str(tmp_path / "loras" / "ink.safetensors")
        assert [story.name for story in found.stories] == ["snow"]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            '"loras\\tiny\\new.safetensors"',
            'a backslash means something else between "; write / or put the path',
        ),
        ('"~/gone.safetensors"', "does not exist in HOME"),
        ('"snow.text"', "does not exist in HOME, did you mean snow.txt?"),
        ('"' + "x" * 5000 + '"', "does not exist in HOME"),
        (r'"a\u0000b"', "does not exist"),
    ],
)
def test_a_lora_that_is_not_there_is_told_with_the_place_that_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, told: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (fault,) = faults(tmp_path, HEAD + f"[[candidate]]\nname = 'ink'\nlora = {written}\n")
    assert told.replace("HOME", str(tmp_path)) in fault


def test_a_story_in_place_of_the_experiment_is_named(tmp_path: Path) -> None:
    story = tmp_path / "rain.toml"
    story.write_text('title = "rain"\n' + '[[panel]]\nprompt = "cat"\n' * 8)
    text = tmp_path / "rain.txt"
    text.write_text("cat\n" * 8)
    for path in (story, text):
        with pytest.raises(InputError, match=rf"stories = \[\"{path.name}\"\]"):
            load_experiment(path)


def test_a_run_that_was_drawn_with_marks_of_other_programs_is_still_read(tmp_path: Path) -> None:
    (tmp_path / "snow.toml").write_text('title = "a"\n' + '[[panel]]\nprompt = "(cat:1.3)"\n' * 8)
    path = tmp_path / "experiment.toml"
    path.write_text(HEAD.replace("snow.txt", "snow.toml") + BASE + "trigger = '[ink]'\n")
    assert load_experiment(path, weights_exist=False).experiment.candidates[0].trigger == "[ink]"
    with pytest.raises(InputError, match="is a weight in A1111"):
        load_experiment(path)


def test_a_candidates_own_negative_stands_in_place_of_the_storys(tmp_path: Path) -> None:
    (tmp_path / "rain.toml").write_text('title = "a"\nnegative = "fog"\n' + '[[panel]]\nprompt = "cat"\n' * 8)
    more = (
        "negative = 'text'\n"
        + '[[candidate]]\nname = "free"\nnegative = ""\n[[candidate]]\nname = "as-told"\n'
    )
    found = loaded(tmp_path, HEAD.replace("snow.txt", "rain.toml") + BASE + more)
    story = found.stories[0].story
    assert [one.negative_for(story) for one in found.experiment.candidates] == ["text", "", "fog"]


def test_hundreds_of_thousands_of_seeds_are_checked_or_refused_at_once(tmp_path: Path) -> None:
    seeds = ", ".join(map(str, range(100_000)))
    assert (
        len(loaded(tmp_path, f'stories = ["snow.txt"]\nseeds = [{seeds}]\n{BASE}').experiment.seeds)
        == 100_000
    )
    (fault,) = faults(tmp_path, f'stories = ["snow.txt"]\nseeds = [{seeds}, {seeds}]\n{BASE}')
    assert "must be at most 1,048,576 bytes" in fault


def test_the_threshold_that_runs_of_before_wrote_down_is_passed_over_and_one_that_was_set_is_told(
    tmp_path: Path,
) -> None:
    before = loaded(tmp_path, HEAD + BASE + "[score]\ncopy_above = 0.95\ngate = 5.5\n")
    assert before.experiment.score.model_dump(exclude_defaults=True) == {"gate": 5.5}
    [said] = faults(tmp_path, HEAD + BASE + "[score]\ncopy_above = 0.99\n")
    assert (
        "copy_above is gone, copies are known by their pixels whatever the encoder: delete that line" in said
    )
