"""A process of its own that is at work in a folder."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paths import ROOT

HOLDER = """
import sys
sys.path[:0] = [sys.argv[2]]
from pathlib import Path
from kit.files.folder_lock import lock_folder
with lock_folder(Path(sys.argv[1]), "drawn"):
    print("at work", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_at_work(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Have a process of its own hold a folder until its input ends."""
    words = [sys.executable, "-c", HOLDER, str(folder), str(ROOT)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        try:
            yield process
        finally:
            process.kill()
