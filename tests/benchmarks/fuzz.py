"""Fuzz the verification of bundles with atheris: whatever the bytes, faults come back and nothing else.

python -m tests.benchmarks.fuzz FOLDER -max_total_time=300

FOLDER is where the inputs are kept; what follows goes to libFuzzer. The first byte of an input chooses what
the rest is: the zip itself, or one of its files, with every hash and the seal made anew so that it is looked
into.
"""

import sys
import tempfile
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

with atheris.instrument_imports(include=["submissions", "kit"]):
    from entries import forge, make_entry, make_scored_run, picture_bytes, unpack, verified

    from submissions.faults import Fault
    from submissions.packing.pack import pack

FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


def sound_bundle() -> bytes:
    """Return a bundle without faults, small enough to be changed many times a second."""
    path = pack(make_scored_run(FOLDER / "work"), make_entry(FOLDER)).path
    forge(
        path,
        lambda files, _: files.update({n: picture_bytes(1, {}) for n in files if n.startswith("mosaic")}),
    )
    return path.read_bytes()


SOUND = sound_bundle()
PATH = FOLDER / "fuzzed.zip"
PATH.write_bytes(SOUND)
NAMES = sorted(unpack(PATH))


def verify_input(data: bytes) -> None:
    """Verify what an input stands for; anything but faults is a crash that atheris reports."""
    if not data:
        return
    choice, rest = data[0] % (len(NAMES) + 1), data[1:]
    PATH.write_bytes(rest if choice == len(NAMES) else SOUND)
    if choice < len(NAMES):
        name = NAMES[choice]
        if name == "manifest.json":
            from kit.files.encodings import zip_bytes

            PATH.write_bytes(zip_bytes(unpack(PATH) | {name: rest}))
        else:
            forge(PATH, lambda files, _: files.update({name: rest}))
    faults = verified(PATH)
    assert all(isinstance(fault, Fault) and str(fault) for fault in faults)


def main() -> None:
    """Write the first inputs, then fuzz."""
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate([*(unpack(PATH)[name] for name in NAMES), SOUND]):
        (corpus / f"seed-{number}").write_bytes(bytes([number]) + data)
    atheris.Setup([sys.argv[0], str(corpus), "-timeout=10", "-max_len=65536", *sys.argv[2:]], verify_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
