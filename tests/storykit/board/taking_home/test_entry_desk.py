import threading

import pytest
from entries import make_scored_run
from served_board import PORT

from kit.errors import RunError
from storykit.board.access import Access
from storykit.board.pages import ServedBoard
from storykit.board.served_folder import ServedFolder
from storykit.board.taking_home.entry_desk import EntryChangedError, EntryDesks, desk_of, entry_of
from submissions.packing.entry_file import Decisions, decisions_version, keep_decisions, read_decisions


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_scored_run(tmp_path_factory.mktemp("desk") / "work")


@pytest.fixture
def desks(run) -> EntryDesks:
    keep_decisions(run, Decisions(), "")
    board = ServedBoard(folder=ServedFolder.open(run.folder.parent), access=Access(port=PORT))
    return board.part(EntryDesks)


def test_of_many_who_saw_the_same_entry_one_writes(run, desks) -> None:
    seen, told = decisions_version(run), []

    def write(name: str) -> None:
        try:
            desks.keep(run, {"team": name}, "", seen)
        except EntryChangedError:
            return
        told.append(name)

    writers = [threading.Thread(target=write, args=(f"team {number}",)) for number in range(8)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert told == [read_decisions(run).team]


def test_the_checks_are_made_anew_when_an_editor_changed_a_file(run, desks) -> None:
    first = desks.ticks(run)
    assert desks.ticks(run) is first
    (run.folder / "entry.toml").write_text('team = "云上画师"\n', encoding="utf-8")
    again = {tick.topic: tick.state for tick in desks.ticks(run)}
    assert again["team"] == "ok"


def test_an_introduction_stays_where_it_is_not_spoken_of(run, desks) -> None:
    desks.keep(run, {"team": "a"}, "words of ours", decisions_version(run))
    desks.keep(run, {"team": "b"}, None, decisions_version(run))
    assert desk_of(run).introduction.strip() == "words of ours"


def test_an_entry_of_nobody_chosen_says_between_whom(run, desks) -> None:
    assert entry_of(run, overwrite=False).candidate == "ink"
    object.__setattr__(run.loaded, "stories", run.loaded.stories * 2)
    with pytest.raises(RunError, match="story: is not chosen"):
        entry_of(run, overwrite=False)
