import pytest
from command import tell
from entries import INTRODUCTION, make_scored_run

from kit.errors import InputError, RunError
from kit.experiment.run import Run
from submissions.packing.entry_file import (
    FILE,
    Decisions,
    decisions_version,
    keep_decisions,
    read_decisions,
)
from submissions.packing.entry_plan import EntryPlan, with_decisions

TOLD = Decisions(candidate="ink", seed=3, team="云上画师", title="墨猫夜行记", link="https://a.example/b")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return make_scored_run(tmp_path_factory.mktemp("drawn") / "work")


@pytest.fixture
def run(drawn):
    yield drawn
    keep_decisions(drawn, Decisions(), "")
    (drawn.folder / FILE).unlink(missing_ok=True)


def test_what_was_decided_is_there_at_the_next_visit(run):
    assert read_decisions(run) == Decisions()
    keep_decisions(run, TOLD, f"{INTRODUCTION}\r\n触发词：墨韵\r\n")
    assert read_decisions(run) == TOLD
    assert (run.folder / "introduction.md").read_text(encoding="utf-8").splitlines()[1] == "触发词：墨韵"


def test_a_version_changes_with_either_file_and_comes_back_with_what_they_hold(run):
    none = decisions_version(run)
    keep_decisions(run, TOLD, "")
    told = decisions_version(run)
    keep_decisions(run, TOLD, INTRODUCTION)
    assert len({none, told, decisions_version(run)}) == 3
    keep_decisions(run, TOLD, " ")
    assert decisions_version(run) == told


def test_pack_takes_what_was_decided_and_says_so_in_a_line(run, tmp_path):
    keep_decisions(run, TOLD, f"{INTRODUCTION} 触发词：墨韵")
    answer = tell("pack", run.folder, "--out", tmp_path / "entry.zip")
    assert answer.code == 0
    said = f"note    as decided in {run.folder}: candidate, seed, team, title, link, introduction"
    assert said in answer.out.splitlines()
    assert f"bundle  {tmp_path / 'entry.zip'}" in answer.out
    checked = tell("pack", run.folder, "--check", "--title", "另一个名字")
    assert checked.code == 0
    assert "title: the LoRA is published as 云上画师-可图Kolors训练-另一个名字" in checked.out


def test_what_nobody_decided_is_still_asked_for(run):
    keep_decisions(run, TOLD.model_copy(update={"title": ""}), INTRODUCTION)
    answer = tell("pack", run.folder, "--out", "entry.zip")
    assert answer.code == 2
    assert "--title is missing: the entry's own name; the whole command is" in answer.err


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ({}, {"candidate": "ink", "order": "scene-first", "story": "moon", "seed": 3}),
        ({"candidate": "base"}, {"candidate": "base", "order": "", "story": "", "seed": None}),
        ({"order": "authored"}, {"candidate": "", "order": "authored", "story": "", "seed": None}),
        ({"candidate": "ink"}, {"candidate": "ink", "order": "scene-first", "story": "moon", "seed": 3}),
        ({"seed": 0}, {"candidate": "ink", "order": "scene-first", "story": "moon", "seed": 0}),
    ],
)
def test_an_option_wins_and_another_set_takes_nothing_of_the_one_decided_on(run, asked, taken):
    keep_decisions(run, TOLD.model_copy(update={"order": "scene-first", "story": "moon"}), "")
    plan, _ = with_decisions(run, EntryPlan(**asked))
    assert {name: getattr(plan, name) for name in taken} == taken
    assert plan.team == "云上画师"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'introduction = "/etc/passwd"', "introduction: unknown key"),
        (b'out = "../entry.zip"', "out: unknown key"),
        (b'rules = "../rules.toml"', "rules: must be one of course-example, kolors-2024, practice"),
        (b"team = 5", "team: must be text in quotes, got 5"),
        (b'seed = "first"', "seed: must be a whole number"),
        (b"team = '" + b"x" * 10_001 + b"'", "team: must have at most 10000 characters"),
        (b"team", "line 1"),
        (b'team = "\xff"', "UTF-8"),
        (b"#" * 2**20 + b"##", "must be at most 1,048,576 bytes"),
    ],
)
def test_a_file_that_says_something_else_is_refused_by_every_command_that_takes_it(run, text, said):
    (run.folder / FILE).write_bytes(text)
    with pytest.raises(InputError, match="entry") as told:
        read_decisions(run)
    assert said in str(told.value)
    assert tell("pack", run.folder, "--check").code == 1
    assert tell("share", run.folder).code == 1


def test_an_introduction_larger_than_any_can_be_is_not_read(run):
    keep_decisions(run, TOLD, INTRODUCTION)
    (run.folder / "introduction.md").write_bytes(b"x" * (2**20 + 1))
    assert "missing introduction" in (checked := tell("pack", run.folder, "--check").out)
    assert "must be at most 1,048,576 bytes" in checked


@pytest.mark.parametrize("name", ["entry.toml", "introduction.md"])
def test_a_link_that_leads_out_of_the_run_is_refused(run, tmp_path, name):
    (tmp_path / "secret").write_text("token", encoding="utf-8")
    path = run.folder / name
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(RunError, match="is a link that leads out of"):
        Run.open(run.folder)
    path.unlink()
