"""Bundles made to do harm, and the process they are verified in: little memory, little time, no way to write.

Run as a script it verifies each file named on its command line in a child of its own and prints what came of
it. The first is sound and verified here too, so that what is loaded once is there for all.
"""

import importlib
import io
import json
import os
import pickle
import resource
import stat
import struct
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

MEMORY_BYTES = 1 << 30
TIME_S = 2
FORBIDDEN = (
    "pickle.find_class",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "socket.connect",
    "os.mkdir",
    "os.remove",
)
"""What no verification may do, as Python's audit events call it."""

sys.path[:0] = [str(Path(__file__).parents[2])] if __name__ == "__main__" else []
from kit.files.encodings import json_bytes, zip_bytes  # noqa: E402

Files = dict[str, bytes]


def zipped(files: Files, kind: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip, which is the one that storykit writes unless it is compressed."""
    if kind == zipfile.ZIP_STORED:
        return zip_bytes(files)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, kind)
    return buffer.getvalue()


def with_entry(files: Files, name: str, data: bytes = b"x", mode: int = 0) -> bytes:
    """Return a zip with one entry more, of a kind that only a hand can make."""
    buffer = io.BytesIO(zipped(files))
    with zipfile.ZipFile(buffer, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name twice
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = name
        entry.external_attr = mode << 16
        archive.writestr(entry, data)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes, bits: int = 8, colour: int = 2) -> bytes:
    """Return a PNG of any size whose picture is all zeros as far as its first mebibyte goes."""
    head = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + body + chunk(b"IEND", b"")


def whole_png(side: int, bits: int, colour: int, values: int) -> bytes:
    """Return a PNG with all of its pixels, which unpack to far more than they take."""
    head = chunk(b"IHDR", struct.pack(">LLBBBBB", side, side, bits, colour, 0, 0, 0))
    row = bytes(1 + side * values * bits // 8)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def safetensors(header: bytes, length: int | None = None) -> bytes:
    """Return a safetensors file with any header, which may lie about its length."""
    return struct.pack("<Q", len(header) if length is None else length) + header + bytes(64)


def notes(metadata: dict[str, str]) -> bytes:
    """Return a safetensors header that has metadata alone."""
    told = ",".join(f'"{name}":"{text}"' for name, text in metadata.items())
    return f'{{"__metadata__":{{{told}}}}}'.encode()


def tensors_in_one_place(count: int, side: int) -> bytes:
    """Return a safetensors file whose tensors of so many numbers all begin at its first byte."""
    rest = f'.lora_A.weight":{{"dtype":"F16","shape":[{side}],"data_offsets":[0,{2 * side}]}}'
    entries = ",".join(f'"blocks.7.{number}{rest}' for number in range(count))
    return safetensors(f"{{{entries}}}".encode())


class Evil:
    """What a pickle can do to whoever opens it."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch pwned",)


def million_entries() -> bytes:
    """Return a zip with 10^6 empty files, written by hand: zipfile would take minutes."""
    count = 1_000_000
    heads = (
        struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 0, 0, 7, 0),
        struct.pack("<4s6H3L5HL", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 7, 0, 0, 0, 0, 0),
    )
    local, central = (np.broadcast_to(np.frombuffer(head, np.uint8), (count, len(head))) for head in heads)
    names = (np.arange(count)[:, None] // 10 ** np.arange(6, -1, -1) % 10 + ord("0")).astype(np.uint8)
    places = np.arange(count, dtype="<u4") * (len(heads[0]) + 7)
    files = np.hstack([local, names]).tobytes()
    directory = np.hstack([central, places.view(np.uint8).reshape(count, 4), names]).tobytes()
    told = count & 0xFFFF
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, told, told, len(directory), len(files), 0)
    return files + directory + end


def overlapping(files: Files, name: str, copies: int) -> bytes:
    """Return a zip whose list names one packed kernel many times over."""
    entry = zipfile.ZipInfo(name)
    buffer = io.BytesIO(zipped(files))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(entry, bytes(16 << 20), zipfile.ZIP_DEFLATED)
        [first] = [one for one in archive.filelist if one.filename == name]
        for number in range(copies):
            twin = zipfile.ZipInfo(f"panels/x{number}.png")
            for slot in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
                setattr(twin, slot, getattr(first, slot))
            archive.filelist.append(twin)
            archive._didModify = True
    return buffer.getvalue()


def patched(data: bytes, mark: bytes, at: int, value: bytes) -> bytes:
    """Return bytes with a field after the last mark overwritten."""
    place = data.rfind(mark) + at
    return data[:place] + value + data[place + len(value) :]


def names(files: Files) -> Iterator[tuple[str, bytes]]:
    """Yield bundles with names that lead elsewhere."""
    for label, name in {
        "leads up": "../../evil.txt",
        "leads up inside": "panels/../../../evil.txt",
        "absolute": "/tmp/evil.txt",
        "another drive": "C:\\evil.txt",
        "a share": "\\\\host\\share\\evil.txt",
        "backslashes": "..\\..\\evil.txt",
        "a device": "panels/con:",
        "control letters": "\x1b[2J\x07.txt",
        "right to left": "panels/\u202egnp.1",
        "65 kB long": "a" * 65_000,
        "65 kB of folders": "a/" * 32_000 + "x",
    }.items():
        yield f"a name that is {label}", with_entry(files, name)
    yield "a link", with_entry(files, "panels/9.png", b"/etc/passwd", stat.S_IFLNK | 0o777)
    yield "a pipe", with_entry(files, "panels/9.png", b"", stat.S_IFIFO | 0o644)
    yield "a block device", with_entry(files, "panels/9.png", b"", stat.S_IFBLK | 0o644)
    yield "a name twice", with_entry(files, "panels/1.png", b"other")
    yield "a name twice in capitals", with_entry(files, "Panels/1.PNG", b"other")
    yield "a name that is no UTF-8", with_entry(files, "panels/é.png").replace("é".encode(), b"\xff\xfe")


def zips(files: Files) -> Iterator[tuple[str, bytes]]:
    """Yield bundles whose zip lies."""
    whole = zipped(files)
    end = b"PK\x05\x06"
    yield "a zip bomb in one entry", zipped(files | {"panels/9.png": bytes(80 << 20)}, zipfile.ZIP_DEFLATED)
    yield (
        "a bomb of many entries",
        zipped(files | {f"panels/x{n}.png": bytes(20 << 20) for n in range(4)}, 8),
    )
    yield "a bomb of one kernel named thirty times", overlapping(files, "panels/9.png", 30)
    yield "a million entries", million_entries()
    yield "a million entries promised", patched(whole, end, 8, struct.pack("<2H", 0xFFFF, 0xFFFF))
    yield "a list of four gibibytes", patched(whole, end, 12, struct.pack("<L", 0xFFFFFFFF))
    yield "a list that begins elsewhere", patched(whole, end, 16, struct.pack("<L", 0x7FFFFFFF))
    yield "a size that lies", patched(whole, b"PK\x01\x02", 24, struct.pack("<L", 0x7FFFFFFF))
    yield "an encrypted entry", patched(whole, b"PK\x01\x02", 8, b"\x01")
    yield "packed with LZMA", zipped(files, zipfile.ZIP_LZMA)
    yield "packed with bzip2", zipped(files, zipfile.ZIP_BZIP2)
    yield "a comment of 65 kB", patched(whole, end, 20, b"\xff\xff") + b"x" * 65_535
    yield "a zip behind 32 MiB of something else", bytes(32 << 20) + whole
    gap = whole.replace(b"PK\x01\x02", bytes(1 << 20) + b"PK\x01\x02", 1)
    moved = gap.rfind(end)
    [start] = struct.unpack_from("<L", gap, moved + 16)
    yield "a mebibyte between files", patched(gap, end, 16, struct.pack("<L", start + (1 << 20)))
    yield "a cut zip", whole[: len(whole) // 2]
    yield "a zip in a zip", zipped({"bundle.zip": whole})
    yield "nothing", b""
    yield "noise", bytes(range(256)) * 4096


def pictures(files: Files) -> Iterator[tuple[str, bytes]]:
    """Yield bundles with pictures that unpack to more than they show."""
    bomb = zlib.compress(bytes(66 << 20), 1)
    large = whole_png(4096, 16, 6, 4)
    cases = {
        "60000 pixels wide": png(60_000, 60_000),
        "as large as four gibibytes of width": png(0xFFFFFFFF, 1),
        "16 bits deep at the largest size": large,
        "a zTXt bomb": png(32, 32, chunk(b"zTXt", b"Comment\0\0" + bomb)),
        "an iTXt bomb": png(32, 32, chunk(b"iTXt", b"XML\0\1\0\0\0" + bomb)),
        "a colour profile bomb": png(32, 32, chunk(b"iCCP", b"icc\0\0" + bomb)),
        "30 MiB of text": png(32, 32, *[chunk(b"tEXt", b"a\0" + b"/a" * 500_000) for _ in range(30)]),
        "10^6 chunks": png(32, 32, *[chunk(b"tEXt", b"a\0b")] * 1_000_000),
        "a chunk of four gibibytes": png(32, 32) + struct.pack(">L", 0xFFFFFFF0) + b"IDAT",
        "a GIF": b"GIF89a" + bytes(1000),
        "an SVG": b"<svg onload='alert(1)'/>",
    }
    for label, data in cases.items():
        yield f"a picture: {label}", zipped(files | {"panels/3.png": data})
    yield "37 pictures of the largest size", zipped(files | {f"more/{n}.png": large for n in range(37)})


def weights(files: Files) -> Iterator[tuple[str, bytes]]:
    """Yield bundles with LoRA files that lie or run."""
    evil = pickle.dumps(Evil())
    ckpts = {
        "a pickle with code": evil,
        "a torch zip with code": zipped({"archive/data.pkl": evil, "archive/version": b"3\n"}),
        "a torch zip bomb": zipped({"archive/data.pkl": bytes(64 << 20)}, zipfile.ZIP_DEFLATED),
    }
    for label, data in ckpts.items():
        yield f"a checkpoint: {label}", zipped(files | {"lora/ink.ckpt": data})
    tensor = '"dtype": "F16", "shape": {shape}, "data_offsets": {offsets}'
    headers = {
        "a header of 2^63 bytes": safetensors(b"{}", 2**63),
        "a header as long as the file": safetensors(b"{}", 66),
        "brackets without end": safetensors(b"[" * 1_000_000),
        "names without end": safetensors(json.dumps({f"n{i}": {} for i in range(200_000)}).encode()),
        "the largest shape there is": safetensors(
            ('{"a": {' + tensor.format(shape=f"[{2**63},{2**63}]", offsets="[0,64]") + "}}").encode()
        ),
        "a side of 2^62 and one of 0": safetensors(
            ('{"a.lora_A.weight": {' + tensor.format(shape=f"[{2**62},0]", offsets="[0,0]") + "}}").encode()
        ),
        "sides of 2^30 and 4 beside one of 0": safetensors(
            ('{"a.lora_A.weight": {' + tensor.format(shape=f"[0,{2**30},4]", offsets="[0,0]") + "}}").encode()
        ),
        "numbers before its beginning": safetensors(
            ('{"a.lora_A.weight": {' + tensor.format(shape="[32]", offsets="[-64,64]") + "}}").encode()
        ),
        "20000 tensors in one place": tensors_in_one_place(20_000, side=32),
        "no tensor": safetensors(b"{}"),
        "16 MiB of addresses": safetensors(notes({"a": "a@a.a-" * 2_800_000})),
        "10^6 notes": safetensors(notes({f"n{i}": "" for i in range(1_000_000)})),
        "200000 tensors": tensors_in_one_place(200_000, side=0),
    }  # fmt: skip
    for label, data in headers.items():
        yield f"a LoRA: {label}", zipped(files | {"lora/ink.safetensors": data})
    third = 20 << 20
    half = '"dtype": "F16", "shape": [2, {side}], "data_offsets": [{first}, {last}]'
    whole = {"A": (0, third), "B": (third, 3 * third)}
    name = "blocks.7.transformer_blocks.0.attn1.to_q.lora_"
    entries = [
        f'"{name}{side}.default.weight": {{'
        + half.format(side=(last - first) // 4, first=first, last=last)
        + "}"
        for side, (first, last) in whole.items()
    ]
    header = ("{" + ", ".join(entries) + "}").encode()
    large = (
        struct.pack("<Q", len(header))
        + header
        + os.urandom(third + (third >> 4))
        + bytes(2 * third - (third >> 4))
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file, data in (files | {"lora/ink.safetensors": large}).items():
            archive.writestr(zipfile.ZipInfo(file), data, zipfile.ZIP_DEFLATED)
    yield "a LoRA of 60 MiB in a third of that", packed.getvalue()


def texts(files: Files) -> Iterator[tuple[str, bytes]]:
    """Yield bundles with texts that a reader chokes on."""
    manifest = json.loads(files["manifest.json"])
    many = manifest | {"panels": manifest["panels"] * 300}
    cases = {
        "UTF-16": files["manifest.json"].decode().encode("utf-16"),
        "cut": files["manifest.json"][:500],
        "brackets without end": b"[" * 1_000_000,
        "a number of a million digits": b'{"format": ' + b"9" * 1_000_000 + b"}",
        "infinity": json.dumps(manifest | {"gate": manifest["gate"] | {"score": float("inf")}}).encode(),
        "2400 panels": json.dumps(many).encode(),
        "no object": b'"manifest"',
        "a name twice": files["manifest.json"].replace(b'"format": 3,', b'"format": 3, "format": 3,'),
        "lone surrogates": files["manifest.json"].replace(b'"team": "', b'"team": "\\ud800'),
    }
    for label, data in cases.items():
        yield f"a manifest: {label}", zipped(files | {"manifest.json": data})
    slow = {
        "addresses": b"a@a.a-" * 170_000,
        "paths": b"/a" * 500_000,
        "dots": b"." * 1_000_000,
        "words": b"secret=" * 140_000,
        "dashes": b"-----BEGIN " * 90_000,
        "hex": b"0123456789abcdef-" * 60_000,
        "quotes": b'"' * 1_000_000,
        "one line": b"a" * 1_000_000,
    }
    for label, data in slow.items():
        yield f"a text of {label}", zipped(files | {"prompts.csv": data})
    yield "a table of 400,000 rows", zipped(files | {"scores.csv": b"panel\n" + b"1\n" * 400_000})
    yield (
        "three texts of a mebibyte",
        zipped(files | {name: "密码，".encode() * 100_000 for name in ("README.md", "NOTICE", "post.txt")}),
    )
    told = {
        "40,000 notes": manifest
        | {"lora": manifest["lora"] | {"notes": {str(n): "" for n in range(40_000)}}},
        "a name of 900,000 letters": manifest | {"candidate": "a" * 900_000},
        "an introduction of line ends": manifest | {"introduction": "\n" * 500_000},
    }
    for label, document in told.items():
        yield f"a manifest: {label}", zipped(files | {"manifest.json": json_bytes(document)})
    yield "37 texts of a mebibyte", zipped(files | {f"more/{n}.txt": b"/a@a.a " * 140_000 for n in range(37)})
    yield "a card that tells the terminal", zipped(files | {"README.md": b"\x1b]0;pwned\x07" * 1000})


def hostile_bundles(files: Files) -> Iterator[tuple[str, bytes]]:
    """Yield every hostile bundle with what is wrong with it, made from the files of a sound one."""
    for kind in (names, zips, pictures, weights, texts):
        yield from kind(files)


def _guard() -> None:
    """Bind this process to its limits and let nothing be written, opened or started."""

    def watch(event: str, details: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(details[1], str) and set(details[1]) & set("wax+")
        if event.startswith(FORBIDDEN) or writes:
            os.write(2, f"forbidden: {event} {details[:2]}\n".encode())
            os._exit(3)

    sys.addaudithook(watch)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (TIME_S, TIME_S))


def _said_of(path: Path) -> list[str]:
    from submissions.bundle.bundle import open_bundle
    from submissions.verification.verify import verify

    return list(map(str, verify(open_bundle(path))))


def _verified(path: Path) -> dict[str, object]:
    """Return what a child of this process said of a bundle."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _guard()
        os.write(writer, json.dumps(_said_of(path))[:60_000].encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read().decode()
    _, status, used = os.wait4(child, 0)
    return {"code": os.waitstatus_to_exitcode(status), "told": told, "cpu_s": used.ru_utime + used.ru_stime,
            "kib": used.ru_maxrss}  # fmt: skip


if __name__ == "__main__":
    importlib.import_module("small_mosaics")
    _said_of(Path(sys.argv[1]))
    sys.stdout.write(json.dumps({name: _verified(Path(name)) for name in sys.argv[1:]}))
