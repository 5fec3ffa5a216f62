"""A hub on this machine that answers Hugging Face's client and ModelScope's own as the real ones do."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

COMMIT = "0" * 40


@contextmanager
def hub(files: Mapping[str, bytes]) -> Iterator[str]:
    """Serve the files of one repository and yield the address."""

    class Answering(Handler):
        held = files

    with serving(Answering) as address:
        yield address


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer with a handler on this machine and yield the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    held: Mapping[str, bytes]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if "/resolve/" in asked.path:
            data = self.held[asked.path.split("/resolve/")[1].partition("/")[2]]
            self.answer(data, {"ETag": f'"{digest(data)}"', "X-Repo-Commit": COMMIT})
        elif asked.path.endswith("/repo"):
            self.answer(self.held[parse_qs(asked.query)["FilePath"][0]], {})
        elif asked.path.endswith(("/repo/files", "/repo/tree")):
            listed = [modelscope_entry(path, data) for path, data in self.held.items()]
            self.answer_json({"Code": 200, "Success": True, "Data": {"Files": listed}})
        elif asked.path.startswith("/api/models/"):
            siblings = [huggingface_entry(path, data) for path, data in self.held.items()]
            self.answer_json({"id": "Kwai-Kolors/Kolors", "sha": COMMIT, "siblings": siblings})
        else:
            self.answer_json({"Code": 200, "Success": True, "Data": {}})

    def answer_json(self, value: object, status: int = 200) -> None:
        self.answer(json.dumps(value).encode(), {"Content-Type": "application/json"}, status)

    def answer(self, data: bytes, heads: Mapping[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in {**heads, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def modelscope_entry(path: str, data: bytes) -> dict[str, object]:
    return {"Path": path, "Name": path, "Type": "blob", "Size": len(data), "Sha256": digest(data)}


def huggingface_entry(path: str, data: bytes) -> dict[str, object]:
    large = {"lfs": {"sha256": digest(data), "size": len(data), "pointerSize": 100}}
    return {"rfilename": path, "size": len(data), **({} if path.endswith(".json") else large)}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
