"""Fuzz the readers of foreign files: whatever the bytes, they are read or refused in storykit's own words.

python -m tests.benchmarks.fuzz TARGET --inputs 100000 --seed 0

TARGET is verify, lora, dataset, story or experiment. Each input is a sound file with a few places changed:
bits turned, bytes cut out, doubled, put in, tokens that parsers trip over. An escape is any exception that is
not one of storykit's, or a file of a bundle changed without a fault; it is printed with the input's number,
which makes it again. A manifest or a score may be another and sound: then the bundle claims another thing.
"""

import argparse
import copy
import importlib
import json
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from random import Random

from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from entries import (  # noqa: E402
    INTRODUCTION,
    KOLORS,
    MINI,
    STORY,
    lora_bytes,
    make_entry,
    make_scored_run,
    picture_bytes,
    unpack,
    verified,
)

from kit.dataset.prepare import find_source  # noqa: E402
from kit.errors import StorykitError  # noqa: E402
from kit.experiment.config import load_experiment  # noqa: E402
from kit.files.encodings import json_bytes, zip_bytes  # noqa: E402
from kit.story.story import load_story  # noqa: E402
from submissions.bundle import bundle, mosaic  # noqa: E402
from submissions.bundle.manifest import MANIFEST, file_record, seal_of  # noqa: E402
from submissions.contest.rules import load_rules  # noqa: E402
from submissions.packing.pack import pack  # noqa: E402
from submissions.verification import file_checks  # noqa: E402

TOKENS = [
    b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"'", b"{", b"[" * 2000, b"}", b"\\ud800", b"\r", b"\n",
    b"\x1b[2J", b"1e999", b"-1", b"9" * 5000, b"NaN", b"null", b"true", b"[]", b"{}", b"../", b"<lora:x:1>",
    "墨，“”［］\u2028".encode(), "密码".encode("gbk"), b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06",
    b"IDAT", b"iTXt", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"F16", b"__metadata__", b"data_offsets",
]  # fmt: skip
"""What parsers trip over."""


def mutated(data: bytes, chance: Random) -> bytes:
    """Return bytes with one to eight places changed."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        first, last = sorted(chance.randrange(len(changed) + 1) for _ in range(2))
        last = min(last, first + chance.choice((1, 4, 64, 4096)))
        match chance.randrange(6):
            case 0 if first < len(changed):
                changed[first] ^= 1 << chance.randrange(8)
            case 1:
                del changed[first:last]
            case 2:
                changed[first:first] = changed[first:last]
            case 3:
                changed[first:last] = chance.randbytes(last - first)
            case _:
                changed[first : chance.choice((first, last))] = chance.choice(TOKENS)
    return bytes(changed)


ODD = (None, True, False, 0, -1, 1, 0.5, 1e308, -1e308, 5e-324, 2**63, 10**400, "", "\0", "a" * 5000, "../x",
       "\u2028", "=1+1", "a" * 64, "0" * 64, "mini", "3", [], {}, [[]], {"": ""}, [0] * 70)  # fmt: skip
"""What nobody expects as a value of a manifest."""


def exchanged(value: object, chance: Random) -> object:
    """Return a JSON value with one thing in it lost, doubled or exchanged for an odd one."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.15:
        return copy.deepcopy(chance.choice(ODD))
    found: dict[object, object] = dict(value if isinstance(value, dict) else enumerate(value))
    key = chance.choice(list(found))
    match chance.randrange(8):
        case 0:
            del found[key]
        case 1:
            found |= {f"{key}x": found[key]}
        case _:
            found[key] = exchanged(found[key], chance)
    return found if isinstance(value, dict) else list(found.values())


def sealed(files: dict[str, bytes], name: str, data: bytes) -> dict[str, bytes]:
    """Return a bundle with another file, of which its manifest and its scores tell as of the right one."""
    told = json.loads(files[MANIFEST])
    before = told["files"][name]["sha256"]
    told["files"][name] = file_record(data).model_dump()
    text = json.dumps(told).replace(before, told["files"][name]["sha256"])
    scores = files["scores.csv"].replace(before.encode(), told["files"][name]["sha256"].encode())
    told = json.loads(text)
    if name != "scores.csv":
        told["files"]["scores.csv"] = file_record(scores).model_dump()
        files = files | {"scores.csv": scores}
    return files | {name: data, MANIFEST: json_bytes(told | {"seal": seal_of(told)})}


def _remember() -> None:
    """Look once at texts and pictures that stay as they are: most of an input's are the sound ones."""
    file_checks.find_leaks = lru_cache(1000)(file_checks.find_leaks)
    bundle.read_picture = lru_cache(100)(bundle.read_picture)
    form_problem, known = file_checks.form_problem, dict[object, str]()

    def form_problem_once(data: bytes, picture: Image.Image, texts: dict[str, str]) -> str:
        key = (data, *texts.items())
        if len(known) > 100:
            known.clear()
        known[key] = known[key] if key in known else form_problem(data, picture, texts)
        return known[key]

    file_checks.form_problem = form_problem_once


def verify_target(folder: Path) -> Callable[[Random], object]:
    """Return what verifies a bundle: its zip changed, or one of its files, all hashes made anew or not.

    Three of four are of the embedded base, which needs half the time. Mosaics are as small as panels.
    """
    mosaic.CELL = 32
    _remember()
    path, bundles = folder / "entry.zip", list[tuple[bytes, dict[str, bytes]]]()
    for base, rules in ((MINI, "practice"), (KOLORS, "kolors-2024")):
        run = make_scored_run(folder / rules, base)
        pack(run, make_entry(folder, rules=load_rules(rules)))
        bundles.append((path.read_bytes(), unpack(path)))

    def change(chance: Random) -> object:
        sound, files = bundles[chance.randrange(4) // 3]
        name = chance.choice(["", MANIFEST, MANIFEST, *files])
        claim: object = name == "scores.csv"
        if not name:
            data = mutated(sound, chance)
        elif name == MANIFEST and chance.random() < 0.8:
            told = claim = exchanged(json.loads(files[MANIFEST]), chance)
            seal = {"seal": seal_of(told)} if isinstance(told, dict) else {}
            data = zip_bytes(files | {MANIFEST: json_bytes({**told, **seal} if seal else told)})
        elif name == MANIFEST or chance.random() < 0.2:
            data = zip_bytes(files | {name: mutated(files[name], chance)})
        else:
            data = zip_bytes(sealed(files, name, mutated(files[name], chance)))
        path.write_bytes(data)
        faults = verified(path)
        if not faults and not claim and data != sound:
            raise AssertionError(f"{name or 'the zip'} is changed and the bundle sound")
        return faults

    return change


def lora_target(folder: Path) -> Callable[[Random], object]:
    """Return what reads a LoRA file as `storykit lora inspect` does."""
    from lora_files import EVERY_LAYER, lora_file, random_pairs

    from kit.lora.convert import checkpoint_pieces
    from kit.lora.formats import read_content
    from kit.lora.inspection import loaders_of, problems_of

    tools = ("diffsynth", "peft", "diffusers", "kohya")
    pairs = random_pairs(EVERY_LAYER[:3])
    seeds = [
        (".safetensors", lora_file(folder / "a.safetensors", tool, pairs).read_bytes()) for tool in tools
    ]
    read = importlib.import_module("kit.files.safetensors_files").read_safetensors
    seeds += [(".safetensors", lora_bytes()), (".ckpt", b"".join(checkpoint_pieces(read(lora_bytes()))))]

    def change(chance: Random) -> object:
        suffix, data = chance.choice(seeds)
        path = folder / f"fuzzed{suffix}"
        path.write_bytes(mutated(data, chance))
        content = read_content(path)
        return [problems_of(content), loaders_of(content)]

    return change


def dataset_target(folder: Path) -> Callable[[Random], object]:
    """Return what finds the pictures and captions of a source: a table, a Data-Juicer result, text files."""
    source = folder / "source"
    source.mkdir()
    for name in ("0", "1"):
        (source / f"{name}.png").write_bytes(picture_bytes(int(name), {}))
    seeds = {
        "metadata.csv": b"file_name,text\n0.png,a cat\n1.png,a dog\n",
        "metadata.jsonl": b'{"file_name": "0.png", "text": "a cat"}\n{"file_name": "1.png", "text": "b"}\n',
        "0.txt": "一只猫，水墨\n".encode(),
    }

    def change(chance: Random) -> object:
        name = chance.choice(list(seeds))
        (source / name).write_bytes(mutated(seeds[name], chance))
        try:
            return find_source(str(source), folder / "out")
        finally:
            (source / name).unlink()

    return change


def story_target(folder: Path) -> Callable[[Random], object]:
    """Return what reads a story, as TOML or as lines."""
    lines = "\n\n".join(f"第{number}格，{INTRODUCTION}" for number in range(8))
    seeds = {"story.toml": STORY.encode(), "story.txt": lines.encode()}

    def change(chance: Random) -> object:
        name = chance.choice(list(seeds))
        (folder / name).write_bytes(mutated(seeds[name], chance))
        return load_story(folder / name)

    return change


def experiment_target(folder: Path) -> Callable[[Random], object]:
    """Return what reads an experiment with its story."""
    seed = make_scored_run(folder / "work").folder.parent / "experiment.toml"
    data = seed.read_bytes()

    def change(chance: Random) -> object:
        seed.write_bytes(mutated(data, chance))
        return load_experiment(seed)

    return change


TARGETS: dict[str, Callable[[Path], Callable[[Random], object]]] = {
    "verify": verify_target,
    "lora": lora_target,
    "dataset": dataset_target,
    "story": story_target,
    "experiment": experiment_target,
}


def outcomes(read: Callable[[Random], object], seed: int, inputs: int) -> Iterator[tuple[int, str]]:
    """Yield what became of each input: taken, refused, or the escape's last lines."""
    for number in range(inputs):
        try:
            found = read(Random(f"{seed} {number}"))
            yield number, "refused" if isinstance(found, tuple) and found else "taken"
        except StorykitError as error:
            yield number, "refused" if str(error) else "refused without a word"
        except Exception:  # noqa: BLE001 what is looked for
            yield number, traceback.format_exc(limit=-2)


def main() -> None:
    """Try the inputs and print how many were taken, refused, or escaped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    began, counts = time.monotonic(), Counter[str]()
    try:
        for number, outcome in outcomes(TARGETS[asked.target](folder), asked.seed, asked.inputs):
            kind = outcome if outcome in ("taken", "refused") else "escaped"
            counts[kind] += 1
            if kind == "escaped":
                sys.stdout.write(f"input {number} of seed {asked.seed}: {outcome}\n")
    except KeyboardInterrupt:
        sys.stdout.write("stopped: these are the inputs until then\n")
    finally:
        shutil.rmtree(folder)
    told = ", ".join(f"{counts[kind]:,} {kind}" for kind in ("taken", "refused", "escaped"))
    sys.stdout.write(
        f"{asked.target}: {counts.total():,} inputs in {time.monotonic() - began:.0f} s, {told}\n"
    )


if __name__ == "__main__":
    main()
