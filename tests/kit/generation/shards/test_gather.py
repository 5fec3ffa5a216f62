"""Shards that were drawn apart and gathered are the run that one machine draws."""

import json
import os
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fakes import FakePainter, HeardProgress, ink_run, make_run, pictures_of, write_story
from full_disk import disk_with_room_for

from kit.errors import InputError, RunError
from kit.experiment.config import LoadedExperiment, load_experiment
from kit.experiment.extras.extra_pictures import ExtraPicture, Spending, keep_spending
from kit.experiment.identity import read_identity
from kit.experiment.run import Run, Slot
from kit.generation.batching import recorded_batches
from kit.generation.generate import draw_experiment, draw_shard, generate
from kit.generation.shards.gather import gather
from kit.generation.shards.shard import RunShard, shard_named

TWINS = '[[candidate]]\nname = "a"\n[[candidate]]\nname = "twin"\n[[candidate]]\nname = "b"\ntrigger = "b"\n'
"""Of which the first two have the very same pictures."""
HEAD = "seeds = [0, 3]\nbatch = 3"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> LoadedExperiment:
    folder = tmp_path_factory.mktemp("asked")
    make_run(folder, HEAD, TWINS)
    return load_experiment(folder / "experiment.toml")


@pytest.fixture(scope="module")
def whole(asked: LoadedExperiment, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return draw_experiment(asked, tmp_path_factory.mktemp("whole"), [FakePainter()])[0]


@cache
def kept(experiment: Path, count: int) -> Path:
    """Draw every shard of so many, each in a folder of its own, once."""
    folder = experiment.parent / f"in {count}"
    for number in range(1, count + 1):
        asked = load_experiment(experiment)
        draw_shard(asked, folder / f"part {number}", [FakePainter()], None, RunShard(number, count))
    return folder


def drawn(asked: LoadedExperiment, folder: Path, count: int) -> list[Path]:
    """Return every shard of so many, drawn in a folder of its own."""
    shutil.copytree(kept(asked.path, count), folder, dirs_exist_ok=True)
    return [folder / f"part {number}" for number in range(1, count + 1)]


def told(run: Run) -> list[object]:
    """Return a run's rows without what drawing took."""
    return sorted((replace(row, seconds=0.0) for row in run.rows()), key=lambda row: row.file)


@pytest.mark.parametrize("count", [1, 3])
def test_shards_gathered_are_the_whole(asked, whole, tmp_path, count):
    parts = drawn(asked, tmp_path, count)
    assert sum(len(pictures_of(Run(part))) for part in parts) == 48
    done = gather(tmp_path / "run", parts)
    run = Run.open(tmp_path / "run")
    assert (done.taken, done.there, done.missing, list(done.notes)) == (48, 0, 0, [])
    assert pictures_of(run) == pictures_of(whole)
    assert told(run) == told(whole)
    for name in ("run.json", "batching.json", "experiment.toml", "stories/cat.toml"):
        assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    painter = FakePainter()
    assert generate(run, [painter]).drawn == 0
    assert painter.batches == []


def test_a_disk_that_is_full_before_the_run_began_does_not_keep_it_from_beginning(asked, tmp_path):
    parts = drawn(asked, tmp_path, 1)
    too_long = (parts[0] / "experiment.toml").stat().st_size - 1
    assert (parts[0] / "stories" / "cat.toml").stat().st_size < too_long
    with disk_with_room_for(too_long), pytest.raises(RunError, match=r"experiment\.toml cannot be written"):
        gather(tmp_path / "run", parts)
    assert gather(tmp_path / "run", parts).taken == 48


def test_a_shard_is_drawn_in_the_batches_of_the_whole(asked, tmp_path):
    """Two sets share their pictures: whoever draws them draws them with those that one machine does."""
    alone, painters = FakePainter(), [FakePainter() for _ in range(3)]
    draw_experiment(asked, tmp_path / "whole", [alone])
    for number, painter in enumerate(painters, 1):
        draw_shard(asked, tmp_path / str(number), [painter], None, RunShard(number, 3))
    assert sorted(map(str, alone.batches)) == sorted(str(batch) for one in painters for batch in one.batches)


def test_a_shard_that_was_stopped_goes_on(asked, whole, tmp_path):
    painter = FakePainter()
    painter.stop_before_batch = 2
    with pytest.raises(RunError, match="run the same command to go on"):
        draw_shard(asked, tmp_path / "part 1", [painter], None, RunShard(1, 2))
    _, done = draw_shard(asked, tmp_path / "part 1", [FakePainter()], None, RunShard(1, 2))
    assert 0 < done.drawn < 24
    gather(tmp_path / "run", [tmp_path / "part 1", drawn(asked, tmp_path / "two", 2)[1]])
    assert pictures_of(Run(tmp_path / "run")) == pictures_of(whole)


def test_what_is_missing_is_told_by_its_shard_and_can_be_drawn_or_gathered_later(asked, whole, tmp_path):
    first, second, third = drawn(asked, tmp_path, 3)
    done = gather(tmp_path / "run", [first, third])
    assert done.missing == 48 - done.taken > 0
    assert done.shards == ["2/3"]
    assert gather(tmp_path / "run", [first, third]).shards == ["2/3"], "the same command tells the same"
    assert gather(tmp_path / "run", [third]).shards == [], "what the run has of others, nobody knows"
    again = gather(tmp_path / "run", [third, second, second])
    assert (again.there, again.missing, list(again.shards)) == (done.taken, 0, [])
    assert pictures_of(Run(tmp_path / "run")) == pictures_of(whole)


def test_a_shard_twice_adds_nothing_and_changes_nothing(asked, tmp_path):
    parts = drawn(asked, tmp_path, 2)
    gather(tmp_path / "run", parts)
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    done = gather(tmp_path / "run", [parts[0], parts[0], tmp_path / "part 1"])
    assert (done.taken, done.there, done.missing) == (0, 48, 0)
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_parts_may_be_gathered_into_one_of_them(asked, whole, tmp_path):
    parts = drawn(asked, tmp_path, 2)
    gather(parts[0], parts)
    assert pictures_of(Run(parts[0])) == pictures_of(whole)


@pytest.mark.parametrize(
    ("head", "candidates", "difference"),
    [
        (HEAD.replace("[0, 3]", "[0, 4]"), TWINS, r"seeds\[2\] 4 instead of 3"),
        (f"{HEAD}\nsteps = 3", TWINS, "steps 3 instead of 2"),
        (
            HEAD,
            TWINS.replace('trigger = "b"', 'trigger = "c"'),
            r'candidate\[3\]\.trigger "c" instead of "b"',
        ),
    ],
)
def test_parts_of_other_experiments_are_refused_and_nothing_is_written(
    asked, tmp_path, head, candidates, difference
):
    [part] = drawn(asked, tmp_path, 1)
    make_run(tmp_path / "other", head, candidates)
    other = load_experiment(tmp_path / "other" / "experiment.toml")
    draw_shard(other, tmp_path / "foreign", [FakePainter()], None, RunShard(2, 2))
    with pytest.raises(RunError, match=f"foreign is not of the run that .*part 1 is of: {difference}"):
        gather(tmp_path / "run", [part, tmp_path / "foreign"])
    assert not (tmp_path / "run").exists()


def test_another_base_is_refused_by_its_sha256(asked, tmp_path):
    first, second = drawn(asked, tmp_path, 2)
    identity = json.loads((second / "run.json").read_bytes())
    identity["base"]["sha256"] = "another"
    (second / "run.json").write_text(json.dumps(identity))
    with pytest.raises(RunError, match=r'base\.sha256 "another" instead of'):
        gather(tmp_path / "run", [first, second])


def test_a_panel_that_two_parts_drew_otherwise_is_a_conflict_that_is_named(asked, tmp_path):
    first, second = drawn(asked, tmp_path, 1)[0], tmp_path / "second"
    shutil.copytree(first, second)
    row = Run(second).rows()[5]
    Run(second).append(replace(row, key="0" * 64))
    with pytest.raises(RunError, match=f"{row.file} was drawn otherwise in .*second than in .*part 1"):
        gather(tmp_path / "run", [first, second])
    assert not (tmp_path / "run").exists()


def test_another_lora_under_the_same_name_is_a_conflict(tmp_path):
    ink_run(tmp_path, "seeds = [0, 1]")
    loaded = load_experiment(tmp_path / "experiment.toml")
    first, second = drawn(loaded, tmp_path, 2)
    [file] = (second / "loras").iterdir()
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(RunError, match=r"ink\.safetensors is another one than in"):
        gather(tmp_path / "run", [first, second])


@pytest.mark.parametrize(
    ("harm", "reason"), [("changed", "it was changed after it was drawn"), ("gone", "the file is not there")]
)
def test_a_picture_that_is_not_the_rows_stays_behind_and_is_told(asked, tmp_path, harm, reason):
    [part] = drawn(asked, tmp_path, 1)
    file = part / Run(part).rows()[7].file
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(b"something else")
    done = gather(tmp_path / "run", [part])
    assert (done.taken, done.missing) == (47, 1)
    assert [note for note in done.notes] == [f"{file} stays behind: {reason}"]


def test_pictures_that_may_not_be_read_stay_behind_and_come_when_they_may(asked, whole, tmp_path):
    gather(tmp_path / "run", drawn(asked, tmp_path, 1))  # whatever is imported is so before one is another
    me = os.geteuid()
    with TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        [part] = drawn(asked, Path(name) / "parts", 1)
        (part / "panels").chmod(0)
        os.seteuid(me or 65534)  # root may read everything
        try:
            done = gather(Path(name) / "run", [part])
        finally:
            os.seteuid(me)
            (part / "panels").chmod(0o755)
        assert (done.taken, done.missing) == (0, 48)
        assert "1.png stays behind: cannot be read: Permission denied" in done.notes[0]
        assert gather(Path(name) / "run", [part]).missing == 0
        assert pictures_of(Run(Path(name) / "run")) == pictures_of(whole)


def test_nothing_in_the_run_is_written_over(asked, tmp_path):
    [part] = drawn(asked, tmp_path, 1)
    row = Run(part).rows()[3]
    gather(tmp_path / "run", drawn(asked, tmp_path / "two", 2)[:1])
    mine = next(one for one in Run(part).rows() if not (tmp_path / "run" / one.file).exists())
    (tmp_path / "run" / mine.file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "run" / mine.file).write_bytes(b"mine")
    done = gather(tmp_path / "run", [part])
    assert (tmp_path / "run" / mine.file).read_bytes() == b"mine"
    assert done.missing == 1
    assert "is in its place" in done.notes[0]
    assert row.file in {one.file for one in Run(tmp_path / "run").rows()}


def test_machines_that_differ_are_listed_and_batches_that_differ_are_not_claimed(asked, tmp_path):
    first, second = drawn(asked, tmp_path, 2)
    for name, key, value in (("run.json", "device", "another card"), ("batching.json", "asked", {})):
        document = json.loads((second / name).read_bytes())
        document[key] = value
        (second / name).write_text(json.dumps(document))
    done = gather(tmp_path / "run", [first, second])
    machines = json.loads((tmp_path / "run" / "run.json").read_bytes())["gathered"]
    assert [one["device"] for one in machines] == ["cpu", "another card"]
    assert not (tmp_path / "run" / "batching.json").exists()
    assert len(done.notes) == 2


def test_what_is_no_run_is_named(asked, tmp_path):
    [part] = drawn(asked, tmp_path, 1)
    (tmp_path / "notes").mkdir()
    with pytest.raises(RunError, match="notes"):
        gather(tmp_path / "run", [part, tmp_path / "notes"])
    (tmp_path / "notes" / "mine.txt").touch()
    with pytest.raises(RunError, match=r"notes holds mine\.txt and no run"):
        gather(tmp_path / "notes", [part])


@pytest.mark.parametrize(
    "text", ["", "3", "0/3", "4/3", "1/0", "a/b", "1/10001", "01/3", "-1/3", "1/3/5", "１/3"]
)
def test_a_shard_is_a_number_of_how_many(text):
    with pytest.raises(InputError, match="must be a number and how many there are, such as 1/3"):
        shard_named(text)
    assert str(shard_named("3/8")) == "3/8"


def test_a_shard_of_more_than_there_are_sets_draws_nothing(asked, whole, tmp_path):
    _, done = draw_shard(asked, tmp_path / "part", [FakePainter()], None, RunShard(9, 9))
    assert done.drawn == 0
    parts = drawn(asked, tmp_path, 5)
    gather(tmp_path / "run", [tmp_path / "part", *parts][1:])
    assert pictures_of(Run(tmp_path / "run")) == pictures_of(whole)


def stopping_after(count: int):
    """Return a progress that stops the gathering once so many pictures were taken."""

    class Stops(HeardProgress):
        def advance(self, number: int, note: str = "") -> None:
            nonlocal count
            count -= number
            if not count:
                raise KeyboardInterrupt

    return Stops()


def test_a_gathering_that_was_stopped_goes_on(asked, whole, tmp_path):
    parts = drawn(asked, tmp_path, 2)
    with pytest.raises(KeyboardInterrupt):
        gather(tmp_path / "run", parts, stopping_after(5))
    done = gather(tmp_path / "run", parts)
    assert (done.there, done.taken, done.missing) == (5, 43, 0)
    assert pictures_of(Run(tmp_path / "run")) == pictures_of(whole)
    for name in ("run.json", "batching.json"):
        assert (tmp_path / "run" / name).read_bytes() == (whole.folder / name).read_bytes()


def changed(part: Path, name: str, **values: object) -> None:
    document = json.loads((part / name).read_bytes())
    (part / name).write_text(json.dumps(document | values))


def test_machines_and_batches_of_three_are_told_rightly_step_by_step(asked, tmp_path):
    parts = drawn(asked, tmp_path, 3)
    for number, part in enumerate(parts[:2]):
        changed(part, "run.json", device=f"card {number}")
        changed(part, "batching.json", asked={"device": f"card {number}"})
    gather(tmp_path / "run", parts[:2])
    assert not (tmp_path / "run" / "batching.json").exists()
    gather(tmp_path / "run", parts[2:])
    machines = json.loads((tmp_path / "run" / "run.json").read_bytes())["gathered"]
    assert [one["device"] for one in machines] == ["card 0", "card 1", "cpu"]
    assert not (tmp_path / "run" / "batching.json").exists(), "two sets were drawn otherwise"


@pytest.mark.parametrize("shard", ["1/30000000000", "9" * 5000 + "/2", "1/10000"])
def test_whatever_a_part_says_of_its_shard_is_bounded(asked, tmp_path, shard):
    part = drawn(asked, tmp_path, 2)[0]
    changed(part, "run.json", shard=shard)
    done = gather(tmp_path / "run", [part])
    assert done.missing == 24
    assert len(done.shards) < 10_000


@pytest.mark.parametrize("text", ["x = [" * 5000, "x = 2020-01-01", "seeds = ["])
def test_a_damaged_experiment_of_a_part_is_one_line(asked, tmp_path, text):
    first, second = drawn(asked, tmp_path, 2)
    experiment = second / "experiment.toml"
    experiment.write_text(f"{experiment.read_text().splitlines()[0]}\n{text}\n")
    with pytest.raises(RunError, match="part 2"):
        gather(tmp_path / "run", [first, second])
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_another_runs_pictures_is_not_taken_for_a_new_one(asked, tmp_path):
    part, other = drawn(asked, tmp_path, 2)
    (other / "experiment.toml").unlink()
    before = (other / "run.json").read_bytes()
    with pytest.raises(RunError):
        gather(other, [part])
    assert (other / "run.json").read_bytes() == before


def test_links_and_tables_that_are_none_are_named(asked, tmp_path):
    first, second = drawn(asked, tmp_path, 2)
    (second / "run.json").write_text("[]")
    with pytest.raises(RunError, match=r"run\.json is no table"):
        gather(tmp_path / "run", [first, second])
    (first / "panels" / "loop").symlink_to("loop")
    with pytest.raises(RunError, match="is a link that leads out"):
        gather(tmp_path / "run", [first])


def test_a_gathered_run_that_goes_on_keeps_its_machines_and_claims_no_batches(asked, tmp_path):
    parts = drawn(asked, tmp_path, 3)[:2]
    changed(parts[1], "run.json", device="another card")
    changed(parts[1], "batching.json", asked={})
    gather(tmp_path / "run", parts)
    run, done = draw_experiment(asked, tmp_path / "run", [FakePainter()])
    assert done.drawn > 0
    assert [one["device"] for one in run.read_json("run.json")["gathered"]] == ["cpu", "another card"]
    assert recorded_batches(run) == [], "who drew before drew in batches that nobody knows"


def test_a_folder_with_two_shards_is_not_named_after_the_last(asked, tmp_path):
    part = drawn(asked, tmp_path, 3)[0]
    assert Run(part).read_json("run.json")["shard"] == "1/3"
    draw_shard(asked, part, [FakePainter()], None, RunShard(2, 3))
    done = gather(tmp_path / "run", [part])
    assert done.missing > 0
    assert list(done.shards) == [], "it would name 1/3 or 2/3, too"


def test_what_of_a_part_is_not_taken_is_told(asked, tmp_path):
    part = drawn(asked, tmp_path, 1)[0]
    (part / "selection.json").write_text("[]")
    (part / "votes.jsonl").write_text("{}\n")
    lines = (part / "panels.jsonl").read_bytes().splitlines(keepends=True)
    (part / "panels.jsonl").write_bytes(b"\xef\xbb\xbf" + b"".join(lines[:-1]))
    done = gather(tmp_path / "run", [part])
    assert done.missing == 2
    assert done.notes[1].startswith(f"{part}: 2 pictures of which panels.jsonl says nothing stay behind")
    assert done.notes[2].startswith(
        f"{part}: selection.json, votes.jsonl stay behind; what was decided by hand"
    )
    shutil.copy(part / "selection.json", tmp_path / "run")
    assert f"{part}: votes.jsonl stay behind" in gather(tmp_path / "run", [part]).notes[2]


def test_faults_of_a_part_that_drew_nothing_are_kept(asked, tmp_path):
    parts = drawn(asked, tmp_path, 2)
    file = Run(parts[1]).rows()[0].file
    (parts[1] / "panels.jsonl").unlink()
    Run(parts[1]).note_faults({file: "too little memory"})
    gather(tmp_path / "run", parts)
    assert Run(tmp_path / "run").faults() == {file: "too little memory"}


def test_a_story_with_other_line_ends_and_what_systems_leave_are_no_conflict(asked, whole, tmp_path):
    parts = drawn(asked, tmp_path, 2)
    story = parts[1] / "stories" / "cat.toml"
    story.write_bytes(story.read_bytes().replace(b"\n", b"\r\n"))
    for number, part in enumerate(parts):
        (part / "loras").mkdir()
        (part / "loras" / "Thumbs.db").write_bytes(bytes(number))
    assert gather(tmp_path / "run", parts).missing == 0
    assert not (tmp_path / "run" / "loras").exists()
    assert pictures_of(Run(tmp_path / "run")) == pictures_of(whole)


@pytest.mark.parametrize("file", ["run.json", "batching.json", "stories/cat.toml"])
def test_a_copy_that_is_torn_is_refused_before_anything_is_written(asked, tmp_path, file):
    parts = drawn(asked, tmp_path, 2)
    (parts[1] / file).write_bytes((parts[1] / file).read_bytes()[:40])
    with pytest.raises(RunError, match=f"; where {parts[1]} is a copy, make the copy again$"):
        gather(tmp_path / "run", parts)
    assert not (tmp_path / "run").exists()


def test_what_a_gathering_that_was_killed_left_of_another_run_is_replaced(asked, whole, tmp_path):
    (tmp_path / "run" / "stories").mkdir(parents=True)
    (tmp_path / "run" / "stories" / "cat.toml").write_text("of another run")
    (tmp_path / "run" / ".storykit.lock").touch()
    gather(tmp_path / "run", drawn(asked, tmp_path, 1))
    story = Path("stories", "cat.toml")
    assert (tmp_path / "run" / story).read_bytes() == (whole.folder / story).read_bytes()


def test_who_brings_nothing_takes_nothing_from_what_the_run_says(asked, tmp_path):
    part = drawn(asked, tmp_path, 1)[0]
    gather(tmp_path / "run", [part])
    before = (tmp_path / "run" / "batching.json").read_bytes()
    changed(part, "run.json", device="another card")
    changed(part, "batching.json", asked={})
    done = gather(tmp_path / "run", [part])
    assert (done.taken, list(done.notes)) == (0, [])
    assert (tmp_path / "run" / "batching.json").read_bytes() == before
    assert "gathered" not in Run(tmp_path / "run").read_json("run.json")


def beside_the_seeds(part: Run) -> Slot:
    """Ask for a picture beside the seeds and return which it is."""
    spending = Spending(candidate="a", order="authored", story="cat", budget=1)
    keep_spending(part, spending.asking((ExtraPicture(3, 1001),)))
    return Slot("a", "authored", "cat", 1001, 3)


def test_pictures_beside_the_seeds_are_in_no_shard_and_a_part_that_has_some_stays_a_part(asked, tmp_path):
    part = Run(drawn(asked, tmp_path, 2)[0])
    slot = beside_the_seeds(part)
    for number in (1, 2):
        assert draw_shard(asked, part.folder, [FakePainter()], None, RunShard(1, 2))[1].drawn == 0, number
        generate(part, [FakePainter()], only=frozenset([slot]))
        told = part.read_json("run.json")
        assert (told["shard"], told["shard_panels"]) == ("1/2", 24)
    assert list(gather(tmp_path / "run", [part.folder]).shards) == ["2/2"]


def test_pictures_beside_the_seeds_that_two_parts_call_the_same_are_no_conflict(asked, whole, tmp_path):
    parts = drawn(asked, tmp_path, 2)
    for part in parts:
        generate(Run(part), [FakePainter()], only=frozenset([beside_the_seeds(Run(part))]))
    row = Run(parts[0]).rows()[-1]
    Run(parts[0]).append(replace(row, key="0" * 64))
    done = gather(tmp_path / "run", parts)
    told = "1 picture beside the experiment's seeds stays behind; repair after gathering"
    assert list(done.notes) == [f"{part}: {told}" for part in parts]
    assert pictures_of(Run(tmp_path / "run")) == pictures_of(whole)


@pytest.fixture
def reworded(tmp_path) -> tuple[LoadedExperiment, list[Path]]:
    """Return an experiment, and two copies of its run that each drew a shard of it in other words since."""
    make_run(tmp_path, "seeds = [0, 1]")
    before = load_experiment(tmp_path / "experiment.toml")
    write_story(tmp_path / "cat.toml", ["小猫，跳舞"])
    now = load_experiment(tmp_path / "experiment.toml")
    parts = [tmp_path / "part 1", tmp_path / "part 2"]
    for number, part in enumerate(parts, 1):
        draw_experiment(before, part, [FakePainter()])
        draw_shard(now, part, [FakePainter()], None, RunShard(number, 2))
    return now, parts


def test_of_each_panel_the_picture_is_taken_that_was_drawn_with_its_words_of_now(reworded, tmp_path):
    now, parts = reworded
    done = gather(tmp_path / "gathered", parts[:1])
    told = "1 picture was drawn before the words of its panel were changed, and stays behind"
    assert (done.taken, done.missing, list(done.notes)) == (15, 1, [f"{parts[0]}: {told}"])
    assert gather(tmp_path / "gathered", parts).missing == 0
    whole, _ = draw_experiment(now, tmp_path / "whole", [FakePainter()])
    assert pictures_of(Run(tmp_path / "gathered")) == pictures_of(whole)


def test_a_picture_of_older_words_in_the_run_is_not_written_over_and_told_as_missing(reworded):
    _, parts = reworded
    before = pictures_of(Run(parts[0]))
    done = gather(parts[0], parts)
    assert (done.there, done.taken, done.missing) == (15, 0, 1)
    assert done.notes[0] == (
        f"{parts[0]}: 1 picture was drawn before the words of its panel were changed; gather into a new "
        "folder, or have it drawn again"
    )
    assert pictures_of(Run(parts[0])) == before


def test_a_link_that_leads_nowhere_is_no_part(asked, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(RunError, match="loop does not exist"):
        gather(tmp_path / "run", [*drawn(asked, tmp_path, 1), tmp_path / "loop"])


def without_the_last_picture(run: Run) -> None:
    lines = run.rows_path.read_bytes().splitlines(keepends=True)
    (run.folder / run.rows()[-1].file).unlink()
    run.rows_path.write_bytes(b"".join(lines[:-1]))


def test_a_run_that_goes_on_elsewhere_lists_all_that_drew_and_none_that_had_nothing_to_draw(asked, tmp_path):
    run, _ = draw_experiment(asked, tmp_path / "run", [FakePainter()])
    changed(run.folder, "run.json", device="another card")
    _, done = draw_experiment(asked, run.folder, [FakePainter()])
    assert done.drawn == 0
    assert run.read_json("run.json")["device"] == "another card"
    assert "gathered" not in run.read_json("run.json")
    without_the_last_picture(run)
    draw_experiment(asked, run.folder, [FakePainter()])
    assert [one["device"] for one in run.read_json("run.json")["gathered"]] == ["another card", "cpu"]
    assert [one["device"] for one in read_identity(run).others] == ["another card"]
    without_the_last_picture(run)
    draw_experiment(asked, run.folder, [FakePainter()])
    assert len(run.read_json("run.json")["gathered"]) == 2, "each is listed once"


def test_who_draws_every_picture_anew_is_listed_alone(asked, tmp_path):
    run, _ = draw_experiment(asked, tmp_path / "run", [FakePainter()])
    changed(run.folder, "run.json", device="another card")
    for row in run.rows():
        (run.folder / row.file).unlink()
    draw_experiment(asked, run.folder, [FakePainter()])
    assert run.read_json("run.json")["device"] == "cpu"
    assert "gathered" not in run.read_json("run.json")
