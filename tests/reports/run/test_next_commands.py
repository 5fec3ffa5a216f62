import shlex
from pathlib import Path

import pytest

from reports.run.next_commands import NextCommands


@pytest.mark.parametrize(
    ("run", "here", "named"),
    [
        ("/in/runs/rain", "/in", "runs/rain"),
        ("/in/rain", "/in", "rain"),
        ("/in/rain", "/in/rain", "."),
        ("/in/my runs/雨 夜", "/in", "my runs/雨 夜"),
        ("/in/-rain", "/in", "./-rain"),
        ("/in/it's", "/in", "it's"),
        ("/in/$(reboot)", "/in", "$(reboot)"),
    ],
)
def test_a_command_names_the_run_as_the_reader_sees_it(run, here, named):
    told = NextCommands.of(Path(run), Path(here))
    assert not told.elsewhere
    for command in (told.score, told.compare, told.cast):
        assert shlex.split(command)[2:] == [named]
    drawn, *chosen = [shlex.split(command) for command in told.anew(cast=True)]
    assert drawn[2] == f"{named}/experiment.toml"
    assert (Path(here) / drawn[4]).resolve() == Path(f"{run}-again")
    assert [command[1:] for command in chosen] == [["cast", drawn[4]], ["report", drawn[4]]]


def test_a_run_of_which_nothing_was_cast_is_made_anew_by_one_command():
    (told,) = NextCommands.of(Path("/in/rain"), Path("/in")).anew(cast=False)
    assert told == "storykit run rain/experiment.toml --out rain-again"


def test_for_a_reader_elsewhere_no_folder_of_this_machine_is_in_a_command():
    told = NextCommands.of(Path("/home/me/secret/rain"), Path("/srv"))
    assert told.elsewhere
    assert "secret" not in "".join(told.anew(cast=True))
    assert told.score == "storykit score rain"
