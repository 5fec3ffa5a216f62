"""A hub on this machine that takes uploads as ModelScope's own does: repositories, blobs, commits."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from urllib.parse import urlsplit

from hub_server import Handler, digest, modelscope_entry, serving

TOKEN = "ms-0f1e2d3c-made-up-for-the-tests"


class Hub:
    """What the hub holds, what it was asked, and how it misbehaves."""

    def __init__(self, repositories: Mapping[str, Mapping[str, bytes]] | None = None) -> None:
        self.repositories = {path: dict(files) for path, files in (repositories or {}).items()}
        self.made: list[Mapping[str, object]] = []
        """What was asked of each repository that was made here."""
        self.blobs: dict[str, bytes] = {}
        self.arrived: list[str] = []
        """The sha256 of each blob that was sent."""
        self.committed: list[str] = []
        """The path of each file that was committed."""
        self.asked: list[str] = []
        self.breaks_after: int | None = None
        """Blobs that are taken before the hub stops answering writes."""
        self.denies: str = ""
        """What the hub says to who wants to write."""
        self.loses: frozenset[str] = frozenset()
        self.changes: Mapping[str, Mapping[str, object]] = {}
        """What the hub lists of a file other than what it holds."""
        self.lock = Lock()

    def breaks(self) -> bool:
        return self.breaks_after is not None and len(self.arrived) >= self.breaks_after


@contextmanager
def upload_hub(state: Hub) -> Iterator[str]:
    """Serve a hub and yield its address."""

    class Answering(Uploads):
        hub = state

    with serving(Answering) as address:
        yield address


class Uploads(Handler):
    hub: Hub

    def do_GET(self) -> None:
        self.act({"/repo/files": self.list_files})

    def do_POST(self) -> None:
        ends = {"/v1/models": self.make, "/objects/batch": self.sign, "/commit/master": self.commit}
        self.act(ends, writes=True)

    def do_PUT(self) -> None:
        self.act({"": self.take}, writes=True)

    def act(self, ends: Mapping[str, object], writes: bool = False) -> None:
        """Answer if the token is right and the hub is in the mood."""
        self.asked_path = urlsplit(self.path).path
        self.body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        with self.hub.lock:
            self.hub.asked.append(f"{self.command} {self.asked_path}")
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                told = self.headers["Authorization"]
                self.refuse(401, 10990101002, f"user not authorized: {told} is no token")
            elif writes and self.hub.denies:
                self.refuse(403, 10990101003, self.hub.denies)
            elif writes and self.hub.breaks():
                self.close_connection = True
            else:
                next(act for end, act in ends.items() if self.asked_path.endswith(end))()

    def refuse(self, status: int, code: int, message: str) -> None:
        self.answer_json({"Code": code, "Message": message, "Success": False}, status)

    def repository(self) -> dict[str, bytes] | None:
        owner, name = self.asked_path.partition("/models/")[2].split("/")[:2]
        return self.hub.repositories.get(f"{owner}/{name}")

    def list_files(self) -> None:
        held = self.repository()
        if held is None:
            self.refuse(404, 10010205001, "模型不存在")
            return
        listed = [
            modelscope_entry(path, data) | dict(self.hub.changes.get(path, {}))
            for path, data in held.items()
            if path not in self.hub.loses
        ]
        folders = [
            {"Path": path, "Type": "tree"} for path in {path.split("/")[0] for path in held if "/" in path}
        ]
        self.answer_json({"Code": 200, "Success": True, "Data": {"Files": listed + folders}})

    def make(self) -> None:
        wish = json.loads(self.body)
        path = f"{wish['Path']}/{wish['Name']}"
        if path in self.hub.repositories:
            self.refuse(400, 10010101001, "该名称已被注册使用，请重新命名")
            return
        self.hub.made.append(wish)
        self.hub.repositories[path] = {
            ".gitattributes": b"*.safetensors filter=lfs\n",
            "README.md": b"template",
        }
        self.answer_json({"Code": 200, "Success": True, "Data": {"Id": 1}})

    def sign(self) -> None:
        host = self.headers["Host"]
        lacking = [
            {**wanted, "actions": {"upload": {"href": f"http://{host}/lfs/{wanted['oid']}?signature=x"}}}
            for wanted in json.loads(self.body)["objects"]
            if wanted["oid"] not in self.hub.blobs
        ]
        self.answer_json({"Code": 200, "Success": True, "Data": {"objects": lacking}})

    def take(self) -> None:
        assert digest(self.body) == self.asked_path.removeprefix("/lfs/")
        self.hub.blobs[digest(self.body)] = self.body
        self.hub.arrived.append(digest(self.body))
        self.answer_json({"Code": 200, "Success": True})

    def commit(self) -> None:
        held = self.repository()
        assert held is not None
        for action in json.loads(self.body)["actions"]:
            assert action["action"] == "create"
            content = base64.b64decode(action["content"])
            held[action["path"]] = self.hub.blobs[action["sha256"]] if action["type"] == "lfs" else content
            self.hub.committed.append(action["path"])
        self.answer_json({"Code": 200, "Success": True, "Data": {"Id": "0" * 40}})
