import pytest
from command import tell, tree
from entries import (
    INTRODUCTION,
    MINI,
    edit_row,
    ink_panel,
    make_scored_run,
    picture_bytes,
    write_comparison,
    write_scores,
)

from kit.files.encodings import sha256_bytes
from submissions.faults import Remedy
from submissions.packing.checklist import checklist
from submissions.packing.entry_plan import EntryPlan, next_command

WORDS = {"team": "云上画师", "title": "墨猫夜行记"}


@pytest.fixture
def intro(tmp_path):
    path = tmp_path / "intro.txt"
    path.write_text(f"{INTRODUCTION} 触发词：墨韵", encoding="utf-8")
    return path


def ticked(run, **told) -> dict[str, list[str]]:
    """Return the lines of a checklist by their state."""
    lines: dict[str, list[str]] = {"ok": [], "missing": [], "later": []}
    for tick in checklist(run, EntryPlan(**told)):
        lines[tick.state].append(tick.told)
    return lines


def test_of_a_sound_entry_everything_holds_and_its_command_packs_it(run, intro):
    write_comparison(run)
    plan = {**WORDS, "introduction": intro, "link": "https://modelscope.cn/models/a/b"}
    lines = ticked(run, **plan)
    assert lines["missing"] == []
    assert [line.partition(":")[0] for line in lines["later"]] == ["licence"]
    assert "gate: 6.50, at least 6 is asked for" in lines["ok"]
    assert "title: the LoRA is published as 云上画师-可图Kolors训练-墨猫夜行记" in lines["ok"]
    assert "bundle: made on trial, `storykit verify` finds no faults" in lines["ok"]
    command = next_command(run, EntryPlan(**plan))
    answer = tell(*command.split()[1:])
    assert (answer.code, answer.err) == (0, "")
    assert "note    post.txt: paste it at https://modelscope.cn/brand/view/Kolors" in answer.out


def test_an_introduction_that_does_not_name_the_trigger_words_is_asked_about(run, intro):
    intro.write_text("这是另一个 LoRA 的介绍，说的是别的画风，一共超过二十个字。", encoding="utf-8")
    assert [line for line in ticked(run, **{**WORDS, "introduction": intro})["later"] if "墨韵" in line]


def test_what_nobody_has_told_yet_is_named_with_its_option(run):
    said = "\n".join(ticked(run)["missing"])
    for option in ("--team", "--title", "--introduction intro.txt"):
        assert option in said
    assert ticked(run)["ok"][1] == "set: ink, moon, seed 3"


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda run: ink_panel(run, 2).write_bytes(b"x"), "panels/2.png: is not the picture that the run"),
        (lambda run: ink_panel(run, 2).unlink(), "panels/2.png: cannot be read from the run"),
        (lambda run: write_scores(run, (5.9,) * 8), "gate: the pictures' mean aesthetic score is 5.90"),
        (lambda run: write_scores(run, (6.5,) * 8, embedded=True), "gate: the contest scores with AI-Mod"),
        (lambda run: (run.folder / "scores.json").unlink(), "scores.json: "),
        (lambda run: run.write_json("run.json", {}), "run.json: the run file must be readable"),
        (lambda run: (run.folder / "panels.jsonl").unlink(), "panels/1.png: is not drawn"),
        (lambda run: (run.folder / "loras/ink.safetensors").write_bytes(b"x"), "lora: "),
        (
            lambda run: edit_row(run, 4, prompt="ask me" + "@" + "example.org"),
            "prompt of panel 4, line 1: hol",
        ),
        (lambda run: twin(run, 5, 1), "copies, panels/5.png: is nearly the same picture as panels/1.png"),
    ],
)
def test_what_packing_would_refuse_is_missing(run, intro, spoil, line):
    spoil(run)
    lines = ticked(run, **WORDS, introduction=intro)
    assert [told for told in lines["missing"] if told.startswith(line)]
    topics = [told.partition(":")[0] for told in lines["ok"]]
    assert "bundle" not in topics
    assert line.partition(":")[0] not in topics


def twin(run, panel: int, other: int) -> None:
    """Have a panel show what another shows."""
    data = picture_bytes(other, {"a": "b"})
    ink_panel(run, panel).write_bytes(data)
    edit_row(run, panel, sha256=sha256_bytes(data))


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"candidate": "wash"}, "candidate: the run has no candidate 'wash', it has base, ink"),
        ({"seed": 9}, "seed: the run has no seed 9, it has 3"),
        ({"candidate": "base"}, "lora: the contest asks for a LoRA, candidate 'base' has none"),
        ({"title": "xxxxxx"}, "title: is still the placeholder 'xxxxxx'"),
        ({"link": "modelscope.cn/x"}, "link: must be an https:// address"),
    ],
)
def test_a_choice_that_packing_would_refuse_is_missing(packed, told, line):
    assert [one for one in ticked(packed[0], **{**WORDS, **told})["missing"] if one.startswith(line)]


@pytest.mark.parametrize(
    ("spoil", "topic", "remedy"),
    [
        (lambda run: ink_panel(run, 2).write_bytes(b"x"), "pictures", Remedy("generate")),
        (lambda run: ink_panel(run, 2).unlink(), "pictures", Remedy("generate")),
        (lambda run: (run.folder / "panels.jsonl").unlink(), "pictures", Remedy("generate")),
        (lambda run: edit_row(run, 4, prompt="another"), "pictures", Remedy("generate")),
        (lambda run: (run.folder / "scores.json").unlink(), "scores", Remedy("score")),
        (lambda run: unscored(run), "scores", Remedy("score")),
        (lambda run: (run.folder / "loras/ink.safetensors").write_bytes(b"x"), "lora", None),
    ],
)
def test_what_one_of_our_commands_mends_is_said_for_a_button(run, intro, spoil, topic, remedy):
    spoil(run)
    missing = [
        tick for tick in checklist(run, EntryPlan(**WORDS, introduction=intro)) if tick.state == "missing"
    ]
    assert (missing[0].topic, missing[0].remedy) == (topic, remedy)


def unscored(run) -> None:
    for name in ("scores.json", "scores.panels.csv", "scores.stories.csv"):
        (run.folder / name).unlink()


@pytest.mark.parametrize(
    ("told", "topic", "remedy"),
    [
        ({"team": ""}, "team", Remedy("answer", decision="team")),
        ({"team": "x" * 99}, "team", Remedy("answer", decision="team")),
        ({"title": "xxxxxx"}, "title", Remedy("answer", decision="title")),
        ({"introduction": None}, "introduction", Remedy("answer", decision="introduction")),
        ({"link": "modelscope.cn/x"}, "post", Remedy("answer", decision="link")),
        ({"link": ""}, "post", Remedy("answer", decision="link")),
        ({"candidate": "wash"}, "set", Remedy("answer", decision="candidate", known=("base", "ink"))),
        ({"seed": 9}, "set", Remedy("answer", decision="seed", known=("3",))),
        ({"candidate": "base"}, "lora", Remedy("answer", decision="candidate", known=("ink",))),
        ({}, "compare", Remedy("compare")),
        ({"title": f"m{'@'}example.org"}, "secrets", Remedy("answer", decision="title")),
    ],
)
def test_what_the_team_decides_is_asked_for_by_name(packed, intro, told, topic, remedy):
    assert remedies(packed[0], intro, **told)[topic] == remedy


def remedies(run, intro, **told) -> dict[str, Remedy | None]:
    plan = EntryPlan(**{**WORDS, "introduction": intro, **told})
    return {tick.topic: tick.remedy for tick in checklist(run, plan) if tick.state != "ok"}


def test_an_introduction_that_is_not_there_or_too_short_is_missing_and_the_rest_is_looked_at(
    packed, tmp_path
):
    short = tmp_path / "short.txt"
    short.write_text("short", encoding="utf-8")
    for path, said in ((tmp_path / "none.txt", "does not exist"), (short, "at least 20 characters, got 5")):
        lines = ticked(packed[0], **WORDS, introduction=path)
        [line] = lines["missing"]
        assert line.startswith("introduction: ")
        assert said in line
        assert [one for one in lines["ok"] if one.startswith("gate: 6.50")]


def test_the_first_of_several_seeds_is_told_as_nobodys_choice(tmp_path, intro):
    run = make_scored_run(tmp_path / "work", seeds=(3, 5))
    lines = ticked(run, **WORDS, introduction=intro)
    casting = Remedy("cast", candidate="ink", order="authored", story="moon")
    assert remedies(run, intro)["set"] == casting
    assert lines["missing"] == []
    assert f"seed 3 is only the first of 2: `storykit cast {run.folder} --candidate ink`" in lines["later"][0]
    assert "set: ink, moon, seed 5" in ticked(run, **WORDS, introduction=intro, seed=5)["ok"]


def test_several_loras_and_stories_are_to_be_chosen_from(run):
    loaded = run.loaded
    ink = loaded.experiment.candidates[1]
    many = (*loaded.experiment.candidates, ink.model_copy(update={"name": "wash"}))
    experiment = loaded.experiment.model_copy(update={"candidates": many})
    object.__setattr__(loaded, "experiment", experiment)
    object.__setattr__(loaded, "stories", loaded.stories * 2)
    said = ticked(run)["missing"]
    assert "candidate: is not chosen (--candidate and one of ink, wash)" in said
    assert "story: is not chosen (--story and one of moon, moon)" in said


def test_the_command_ends_with_1_while_something_is_missing_and_writes_nothing(tmp_path, intro):
    run = make_scored_run(tmp_path / "work", MINI)
    before = tree(tmp_path)
    words = ("--team", "云上画师", "--title", "墨猫夜行记", "--introduction", intro)
    contest = tell("pack", run.folder, "--check", *words, "--rules", "kolors-2024")
    assert contest.code == 1
    assert "missing contest: the pictures are the embedded base's, which is for practice" in contest.out
    practice = tell("pack", run.folder, "--check", *words)
    assert (practice.code, practice.err) == (0, "")
    assert "later   contest: practice; the embedded base is for practice" in practice.out
    assert practice.out.splitlines()[-1].startswith(f"next    storykit pack {run.folder} --candidate ink")
    assert tree(tmp_path) == before
    assert tell("pack", run.folder).code == 2, "without --check its options must be given"


def test_the_checklist_speaks_chinese(packed, monkeypatch):
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    said = tell("pack", packed[0].folder, "--check").out
    assert "缺少    team：没有给出" in said
    assert "通过    美学分：6.50，至少要 6" in said
