"""The command that tells what blind votes say: `storykit votes`."""

from kit.files.user_paths import shell_word
from kit.messages import tr
from storykit.cli.terminal.console import AsJson, RunFolder, say, say_json, say_unread


def votes(run_folder: RunFolder, as_json: AsJson = False) -> None:
    """Tell what blind votes say: who is preferred, how surely, and which metrics agree."""
    from eval.votes.summary import summary_lines
    from eval.votes.tally import as_json as plain
    from eval.votes.tally import tally_of
    from kit.experiment.run import Run

    run = Run.open(run_folder)
    tally = tally_of(run)
    if as_json:
        say_json(plain(tally))
        return
    say_unread(run)
    for line in summary_lines(tally):
        say(line)
    if not tally.votes:
        say(
            tr(
                "{folder} has no votes yet: type `storykit board {folder}` and choose “Votes” there",
                folder=shell_word(run.folder),
            )
        )
