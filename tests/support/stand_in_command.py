"""A storykit that does what the file it is given says, in jobs of the board, as long as a test wants.

The file is JSON: `say` (lines), `until` (a file in the folder, waited for), `status`, `deaf` (to ctrl-c).
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

from storykit.board.jobs.commands import job_order
from storykit.board.jobs.job import BoardJob, find_job
from storykit.board.jobs.start import start_job
from storykit.board.served_folder import ServedFolder

PATIENCE_S = 60.0
_STAND_IN = """
import json, os, signal, sys, time, types
from pathlib import Path

def main(words):
    from storykit.cli.terminal.progress import progress_bar
    told = json.loads(Path(words[1]).read_text())
    if told.get("deaf"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    with progress_bar("drawing") as bar:
        bar.begin(8, 2)
        for line in told.get("say", ()):
            print(line.format(**os.environ), flush=True)
        Path("began").touch()
        try:
            while told.get("until") and not Path(told["until"]).exists():
                time.sleep(0.01)
        except KeyboardInterrupt:
            print("stopped; every file that is finished stays")
            sys.exit(1)
        bar.advance(6)
    sys.exit(told.get("status", 0))

stand_in = types.ModuleType("storykit.cli.main")
stand_in.main = main
if "storykit.board.jobs.runner" in sys.orig_argv:  # else it is the board itself, which may be served, too
    sys.modules["storykit.cli.main"] = stand_in
"""


class PlayedFolder:
    """A served folder whose jobs are played."""

    def __init__(self, root: Path) -> None:
        """Take an empty folder."""
        self.root = root
        self.served = ServedFolder.open(root)

    def start(self, name: str = "a.toml", **play: object) -> BoardJob:
        """Start a job that does so, and return it once it is at work or over."""
        (self.root / name).write_text(json.dumps(play))
        (self.root / "began").unlink(missing_ok=True)
        order = job_order(self.served, "generate", {"experiment": name, "out": "runs/a"})
        job = start_job(self.served, order)
        self.until((self.root / "began").exists)
        return job

    def now(self, job: BoardJob) -> BoardJob:
        """Return a job as it stands."""
        found = find_job(self.served, job.id)
        assert found is not None
        return found

    def ended(self, job: BoardJob) -> BoardJob:
        """Return a job once it has ended."""
        self.until(lambda: not self.now(job).runs)
        return self.now(job)

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so."""
        end = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < end
            time.sleep(0.01)


def stand_in(folder: Path) -> None:
    """Put what stands in for storykit's commands into a folder, for PYTHONPATH."""
    (folder / "sitecustomize.py").write_text(_STAND_IN)
