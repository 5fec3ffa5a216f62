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
    drawn = shlex.split(told.all[0])
    assert drawn[2] == f"{named}/experiment.toml"
    assert (Path(here) / drawn[4]).resolve() == Path(f"{run}-again")


def test_for_a_reader_elsewhere_no_folder_of_this_machine_is_in_a_command():
    told = NextCommands.of(Path("/home/me/secret/rain"), Path("/srv"))
    assert told.elsewhere
    assert "secret" not in "".join(told.all)
    assert told.score == "storykit score rain"
