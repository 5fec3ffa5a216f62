import shutil
from threading import Event

import pytest
from fakes import FakePainter, HeardProgress, ink_run, make_run, pictures_of

from kit.errors import RunError
from kit.experiment.extras.extra_pictures import ExtraPicture, Spending, keep_spending
from kit.experiment.run import Slot
from kit.generation.batching import recorded_batches
from kit.generation.generate import generate


def test_batches_hold_as_many_pictures_as_the_experiment_says(tmp_path):
    painter = FakePainter()
    generate(make_run(tmp_path, "batch = 3"), [painter])
    assert [len(batch) for batch in painter.batches] == [3, 3, 2]


def test_a_run_that_goes_on_draws_in_the_batches_it_began_with(tmp_path):
    painter = FakePainter()
    painter.stop_before_batch = 1
    run = make_run(tmp_path)
    with pytest.raises(RunError, match="4 of 8"):
        generate(run, [painter])
    fuller = FakePainter()
    fuller.takes = 1
    generate(run, [fuller])
    assert ([len(batch) for batch in fuller.batches], fuller.settled) == ([4], [])


def test_a_note_of_batches_that_is_not_ours_is_written_anew(tmp_path):
    run = make_run(tmp_path)
    for spoilt in ("[]", '{"asked": {}}'):
        (run.folder / "batching.json").write_text(spoilt)
        shutil.rmtree(run.folder / "panels", ignore_errors=True)
        painter = FakePainter()
        generate(run, [painter])
        assert painter.settled == [8]
        assert run.read_json("batching.json")["settled"] == {"panels": 4, "compiled": False}


@pytest.mark.parametrize("head", ["seeds = [0, 1]", "steps = 3", 'memory = "low"', "batch = 2"])
def test_a_run_that_is_to_be_drawn_otherwise_settles_its_batches_anew(tmp_path, head):
    generate(make_run(tmp_path), [FakePainter()])
    painter = FakePainter()
    run = make_run(tmp_path, head)
    run.panel_path("base", "authored", "cat", 0, 3).unlink()
    generate(run, [painter])
    assert len(painter.settled) == 1


def test_another_device_settles_its_own_batches(tmp_path):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    shutil.rmtree(run.folder / "panels")
    other = FakePainter()
    other.hardware = "NVIDIA H200"
    generate(run, [other])
    assert other.settled == [8]


@pytest.mark.parametrize(("takes", "known"), [(4, True), (1, False)])
def test_what_two_devices_drew_in_other_batches_is_not_told_as_those_of_the_last(tmp_path, takes, known):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    for panel in (7, 8):
        run.panel_path("base", "authored", "cat", 0, panel).unlink()
    other = FakePainter()
    other.hardware, other.takes = "NVIDIA H200", takes
    generate(run, [other])
    told = [len(batch.rows) for batch in recorded_batches(run)]
    assert told == ([4, 4] if known else [])


def test_several_painters_share_the_batches_and_give_the_same_files(tmp_path):
    head = "seeds = [0, 1, 2]\nbatch = 3"
    one, other = (ink_run(tmp_path / name, head) for name in ("one", "two"))
    generate(one, [FakePainter()])
    crew = [FakePainter(), FakePainter()]
    heard = HeardProgress()
    report = generate(other, crew, heard)
    assert (report.drawn, heard.began, sum(heard.steps)) == (48, (48, 0), 48)
    assert pictures_of(one) == pictures_of(other)
    assert {row.file: row.sha256 for row in one.rows()} == {row.file: row.sha256 for row in other.rows()}
    assert sum(len(painter.drawn) for painter in crew) == 48, "each picture is drawn once"
    assert crew[0].settled == crew[1].settled == [48], "as one alone would, so that all draw the same bytes"
    assert crew[0].read_prompts == crew[1].read_prompts


def test_an_error_of_one_of_several_painters_ends_the_run_and_keeps_what_is_there(tmp_path):
    run = make_run(tmp_path, "seeds = [0, 1, 2, 3]")
    broken = FakePainter()
    broken.lost_after = 0
    with pytest.raises(RunError, match="the process has ended"):
        generate(run, [FakePainter(), broken])
    there = len(pictures_of(run))
    assert there == len(run.rows())
    report = generate(run, [FakePainter()])
    assert (report.drawn, report.kept) == (32 - there, there)


PLACE = ("base", "authored", "cat")


def asked_for(run, *pictures):
    """Have single pictures wanted of a run, of panels and seeds."""
    begun = Spending(candidate="base", order="authored", story="cat", budget=99)
    keep_spending(run, begun.asking(tuple(ExtraPicture(*one) for one in pictures)))
    return [Slot(*PLACE, seed, panel) for panel, seed in pictures]


def prompts_in(batches):
    return [[request.prompt for request in batch] for batch in batches]


def test_what_is_asked_for_alone_is_drawn_in_batches_of_its_own_and_recorded_so(tmp_path):
    run, painter = make_run(tmp_path, "batch = 8"), FakePainter()
    generate(run, [painter])
    wanted = asked_for(run, (2, 1), (5, 1), (5, 2))
    assert generate(run, [painter], only=wanted).drawn == 3
    assert [len(batch) for batch in painter.batches] == [8, 2, 1]
    recorded = [[row.slot for row in batch.rows] for batch in recorded_batches(run)]
    assert recorded[1:] == [wanted[:2], wanted[2:]]
    assert run.read_json("batching.json")["asked"]["panels"] == 8, "as the run began"


def test_a_set_that_is_filled_up_later_is_recorded_as_it_was_drawn(tmp_path):
    generate(make_run(tmp_path, "batch = 8"), [FakePainter()])
    run = make_run(tmp_path, "batch = 8")
    wanted = asked_for(run, (2, 1), (5, 1))
    generate(run, [FakePainter()], only=wanted)
    grown, painter = make_run(tmp_path, "batch = 8\nseeds = [0, 1]"), FakePainter()
    assert generate(grown, [painter]).drawn == 6
    assert [len(batch) for batch in painter.batches] == [6]
    recorded = [[row.slot for row in batch.rows] for batch in recorded_batches(grown)]
    assert sorted(map(len, recorded)) == [2, 6, 8]
    assert wanted in recorded


def test_a_lost_picture_that_was_asked_for_comes_back_in_the_batch_it_had(tmp_path):
    run, painter = make_run(tmp_path, "batch = 8"), FakePainter()
    generate(run, [painter])
    generate(run, [painter], only=asked_for(run, (2, 1), (5, 1)))
    run.panel_path(*PLACE, 1, 5).unlink()
    assert generate(run, [painter]).drawn == 1
    assert prompts_in(painter.batches[1:]) == prompts_in([painter.batches[1]] * 2)


def test_ctrl_c_while_prompts_are_read_waits_for_no_painter(tmp_path):
    at_work, let_go, ended = Event(), Event(), []

    class Slow(FakePainter):
        def encode_prompts(self, prompts):
            at_work.set()
            let_go.wait(10)
            ended.append(self)

    class Stopped(FakePainter):
        def encode_prompts(self, prompts):
            assert at_work.wait(10)
            raise KeyboardInterrupt

    with pytest.raises(RunError, match="stopped: 0 of 8"):
        generate(make_run(tmp_path), [Stopped(), Slow()])
    assert ended == []
    let_go.set()


def test_who_draws_nothing_after_all_changes_nothing_of_what_is_told(tmp_path):
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    run.panel_path("base", "authored", "cat", 0, 8).unlink()
    before = [run.read_json(name) for name in ("run.json", "batching.json")]
    other = FakePainter()
    other.hardware, other.takes, other.stop_before_batch = "NVIDIA H200", 1, 0
    with pytest.raises(RunError, match="7 of 8"):
        generate(run, [other])
    assert [run.read_json(name) for name in ("run.json", "batching.json")] == before


def test_pictures_of_seeds_that_are_no_longer_asked_for_do_not_count_as_drawn_otherwise(tmp_path):
    generate(make_run(tmp_path), [FakePainter()])
    run, other = make_run(tmp_path, "seeds = [1]"), FakePainter()
    other.hardware, other.takes = "NVIDIA H200", 1
    generate(run, [other])
    assert [len(batch.rows) for batch in recorded_batches(run)] == [1] * 8
    assert "gathered" not in run.read_json("run.json")


def test_what_is_added_in_other_batches_keeps_to_them_where_it_goes_on(tmp_path):
    generate(make_run(tmp_path), [FakePainter()])
    run, other = make_run(tmp_path, "seeds = [0, 1]"), FakePainter()
    other.takes, other.stop_before_batch = 2, 1
    with pytest.raises(RunError, match="10 of 16"):
        generate(run, [other])
    last = FakePainter()
    last.takes = 1
    generate(run, [last])
    assert [len(batch) for batch in last.batches] == [2, 2, 2]
    assert recorded_batches(run) == []
