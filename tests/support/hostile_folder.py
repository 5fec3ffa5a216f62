"""A folder of runs whose every text is markup, and what a browser would make of a page that shows it."""

import json
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit

import tomli_w
from fakes import write_story
from made_run import Plan, make_run, write_made_up_comparison, write_made_up_scores
from starlette.testclient import TestClient

from kit.experiment.run import PAGE, Run
from storykit.board.app import ROUTERS
from storykit.board.served_folder import OWN

SECRET = "what lies outside of the folder"
GOOD, BAD = "good/run", "bad/run"
WORD = "zeugma"
"""Found in every text of the folder, and nowhere in the board."""
MARKUP = (
    f"""<{WORD} {WORD}=1>"'><{WORD}></script><{WORD}>{{{{ {WORD} }}}} ' {WORD}=1 " """
    f"""{WORD}=1 javascript:{WORD}"""
)
NAME = f"""<{WORD} {WORD}=1>"' {WORD}=1 &amp;?#% 雨"""
"""The same as a name of a file."""
JOB = "20260101-000000-abcdef"
_FREE = ("reason", "claim", "title", "source")
"""Keys of our files whose values are for people alone."""
_FOLLOWED = ("href", "src", "hx-get", "sse-connect")


def hostile_folder(folder: Path) -> Run:
    """Fill a folder with a run and all that the board shows beside it; every text is markup."""
    run = make_run(folder / NAME, Plan(title=MARKUP, seeds=(0,)))
    write_made_up_scores(run, faulty={("ink", 0, 3): "blank"})
    write_made_up_comparison(run, ["a", "b"], 8)
    _mark_story(run.folder / "stories" / "cat.toml")
    for name in ("run.json", "scores.json", "comparison.json"):
        _mark_json(run.folder / name)
    rows = [json.loads(line) for line in run.rows_path.read_text("utf-8").splitlines()]
    told = [json.dumps(row | {"prompt": MARKUP, "negative": MARKUP}) for row in rows[1:]]
    run.rows_path.write_text("\n".join(told) + "\n", encoding="utf-8")
    (run.folder / "faults.json").write_text(json.dumps({rows[0]["file"]: MARKUP}))
    (run.folder / PAGE).write_text(f"<script>{WORD}</script>{MARKUP}", encoding="utf-8")
    (run.folder / "entry.toml").write_text(tomli_w.dumps({"team": MARKUP, "title": MARKUP}), "utf-8")
    (run.folder / "introduction.md").write_text(MARKUP, encoding="utf-8")
    (run.folder / "scores.panels.csv").write_text(
        (run.folder / "scores.panels.csv").read_text("utf-8").replace("blank", MARKUP.replace('"', "'")),
        "utf-8",
    )
    _beside(folder)
    return run


def _beside(folder: Path) -> None:
    """Put files of every kind into the folder, whose names and texts are markup, and a job."""
    write_story(folder / f"{NAME}.toml")
    _mark_story(folder / f"{NAME}.toml")
    (folder / f"{NAME}.experiment.toml").write_text(f'stories = ["x.toml"]\n[[candidate]]\nname = "{WORD}"\n')
    (folder / f"{NAME}.train.toml").write_text('data = "data"\n[learn]\nsteps = 1\n', encoding="utf-8")
    for ending in ("zip", "safetensors", "txt", "csv", "md", "png", "html"):
        (folder / f"{NAME}.{ending}").write_text(MARKUP, encoding="utf-8")
    own = folder / OWN / "jobs" / JOB
    own.mkdir(parents=True)
    told = {"command": MARKUP, "values": {MARKUP: MARKUP}, "line": MARKUP, "started": MARKUP}
    (own / "job.json").write_text(json.dumps(told), encoding="utf-8")
    (own / "result.json").write_text(json.dumps({"status": 1, "ended": MARKUP}), encoding="utf-8")
    (own / "log.txt").write_text(f"\x1b]0;{MARKUP}\x07\x1b[31m{MARKUP}\n", encoding="utf-8")


def _mark_story(path: Path) -> None:
    document = tomllib.loads(path.read_text("utf-8"))
    document |= {"title": MARKUP, "negative": MARKUP}
    for number, panel in enumerate(document["panel"], 1):
        panel |= {"caption": f"{number} {MARKUP}", "prompt": f"{number} {MARKUP}"}
    path.write_text(tomli_w.dumps(document), encoding="utf-8")


def _mark_json(path: Path) -> None:
    """Put markup behind each text of a file that is for people alone."""

    def marked(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            return {name: marked(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [marked(one, key) for one in value]
        return f"{value} {MARKUP}" if isinstance(value, str) and key in _FREE else value

    path.write_text(json.dumps(marked(json.loads(path.read_text("utf-8")))), encoding="utf-8")


class SeenPage(HTMLParser):
    """What a browser makes of a page: where it leads, what it may do, what of it is ours."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.leads: list[str] = []
        self.faults: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag in (WORD, "style", "iframe", "object", "embed", "base", "meta-refresh"):
            self.faults.append(f"<{tag}>")
        if tag == "script" and not told.get("src", "").startswith("/static/"):
            self.faults.append(f"a script of its own: {told}")
        for name, value in told.items():
            if (
                name == WORD
                or name == "style"
                or (name.startswith("on") and name.isalpha())
                or name == "srcdoc"
            ):
                self.faults.append(f"<{tag} {name}={value!r}>")
            if value.strip().lower().startswith(("javascript:", "data:text", "//", "http:")):
                self.faults.append(f"<{tag} {name}={value!r}> leads elsewhere")
        self.leads += [told[name] for name in _FOLLOWED if told.get(name)]


def addresses(name: str) -> list[str]:
    """Return the address of each page of the board for a run of that name."""
    asked = urlencode(
        {"run": name, "candidate": "base", "order": "authored", "story": "cat", "seed": 0, "panel": 1}
    )
    return [f"{path}?{asked}" for path in plain_addresses()]


def plain_addresses() -> list[str]:
    """Return the address of each page of the board as it is without a question; streams are left out."""
    routes = [route for router in ROUTERS for route in router.routes if "GET" in route.methods]
    paths = sorted({route.path for route in routes if "{" not in route.path})
    return [path for path in paths if not path.endswith("/live")]


def walked(client: TestClient, *first: str) -> Iterator[tuple[str, object]]:
    """Yield each address of a board that its pages lead to, from the first ones on, and its answer."""
    todo, seen = list(first), set(first)
    while todo:
        address = todo.pop(0)
        answer = client.get(address)
        yield address, answer
        if not answer.headers.get("content-type", "").startswith("text/html") or address.startswith(
            "/report"
        ):
            continue
        for lead in SeenPage(answer.text).leads:
            target = urlsplit(urljoin(address, lead))
            path = f"{target.path}?{target.query}" if target.query else target.path
            if not target.scheme and path not in seen:
                seen.add(path)
                todo.append(path)


def asked_all(client: TestClient, name: str, *more: str) -> str:
    """Ask every page about a run; no answer is a crash. Return all that was answered."""
    told = []
    with client:
        for address in (*addresses(name), *more):
            if not address.startswith(("/jobs", "/writing/new")):  # which say nothing of what is in a run
                answer = client.get(address)
                assert answer.status_code < 500, address
                told.append(answer.text)
    return "\n".join(told)
