"""The catalogue of translations: what the code says, put into `kit/locale`; `make messages` runs it."""

import ast
import io
import json
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, get_args

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2.ext import extract_from_ast
from typer.main import get_command

from eval.metrics.attributes import ATTRIBUTES
from eval.metrics.registry import compared
from eval.scoring.panel_file import Status
from kit.messages import DOMAIN, LOCALE
from kit.story.prompt import ORDERS
from storykit.board.pages import environment
from storykit.cli.main import app
from submissions.untrusted.secret_scan import shapes

ROOT = Path(__file__).parents[2]
PACKAGES = ("storykit", "kit", "eval", "reports", "submissions")
KEYWORDS = {"tr": 1, "mark": 1, "trn": 2, "ptr": 2}
"""How many texts a call has that says something."""
WEIGHTS = ("clip/open_clip_config.json", "aesthetic/config.json")
PAGES = {"page": "words.toml", "leaderboard": "leaderboard/leaderboard.toml"}
LANGUAGE = "zh"
PO = LOCALE / LANGUAGE / "LC_MESSAGES" / f"{DOMAIN}.po"
MO = PO.with_suffix(".mo")


class Template(NamedTuple):
    """What is translated."""

    id: str | tuple[str, str]
    """One text, or one and many."""
    context: str | None = None
    """What tells it apart from the same words elsewhere."""


def said() -> set[Template]:
    """Return every template that the code, its commands' help and its tables give to a reader."""
    return {*_called(), *_in_templates(), *map(Template, _helps(get_command(app))), *_in_tables()}


def _called() -> Iterator[Template]:
    """Yield what stands in calls of these functions, within f-strings too, which Babel passes over."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in KEYWORDS
                ):
                    yield from _template(node.func.id, node.args, f"{path}:{node.lineno}")


def _in_templates() -> Iterator[Template]:
    """Yield what the board's templates say, by the functions that Python code says it by."""
    for path in sorted((ROOT / "storykit" / "board" / "templates").rglob("*.html")):
        page = environment().parse(path.read_text("utf-8"))
        for line, function, texts in extract_from_ast(page, KEYWORDS):
            given = texts if isinstance(texts, tuple) else (texts,)
            said_ones = [ast.Constant(text) for text in given if text is not None]
            yield from _template(function, [*said_ones], f"{path}:{line}")


def _template(function: str, given: list[ast.expr], place: str) -> Iterator[Template]:
    """Yield the template of a call; none where a variable stands, which is marked elsewhere."""
    texts = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    assert not any(isinstance(one, ast.JoinedStr) for one in given), f"{place}: a template is no f-string"
    if len(texts) < KEYWORDS[function]:
        return
    if function == "trn":
        yield Template((texts[0], texts[1]))
    elif function == "ptr":
        yield Template(texts[1], texts[0])
    else:
        yield Template(texts[0])


def _in_tables() -> Iterator[Template]:
    """Yield what tables of ours name and say."""
    yield from (Template(entry.said or entry.name, "metric") for entry in compared())
    yield from (Template(status, "status") for status in get_args(Status))
    yield from (Template(name, "attribute") for name in ATTRIBUTES)
    for page, file in PAGES.items():
        sentences = tomllib.loads((ROOT / "reports" / "templates" / file).read_text("utf-8"))
        for key, text in sentences.items():
            one, _, many = text.partition(" | ")
            yield Template((one, many) if many else text, f"{page} {key}")
    yield from (Template(name, "name") for name in _names())
    yield from (Template(shape.name) for shape in shapes())


def _names() -> Iterator[str]:
    """Yield what files name and pages show: prompt orders, weights, contests and their parts."""
    yield from (order.replace("<n>", "{n}") for order in ORDERS)
    yield "simple-aesthetics-predictor {version}, AestheticsPredictorV2Linear"
    for config in WEIGHTS:
        yield json.loads((ROOT / "eval" / "mini" / "weights" / config).read_text("utf-8"))["storykit"]
    for path in sorted((ROOT / "submissions" / "contest").glob("*.toml")):
        rules = tomllib.loads(path.read_text("utf-8"))
        yield from (rules["title"], rules["ranking"]["source"])
        yield from (part["name"] for part in rules["ranking"]["part"])


def _helps(command) -> Iterator[str]:
    """Yield the help of a command, of its options and of the commands below it."""
    if command.help:
        yield command.help
    for parameter in command.params:
        if help_text := getattr(parameter, "help", None):
            yield help_text
    for child in getattr(command, "commands", {}).values():
        yield from _helps(child)


def read_catalogue(path: Path = PO) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=LANGUAGE)


def updated(*known: Catalog) -> Catalog:
    """Return the catalogue of what the code says, with the first translation that is known of each."""
    catalogue = Catalog(locale=LANGUAGE, domain=DOMAIN, fuzzy=False, header_comment="")
    for told, context in said():
        found = (one.get(told if isinstance(told, str) else told[0], context) for one in known)
        translations = [one.string for one in found if one is not None and one.id == told and is_told(one)]
        catalogue.add(told, translations[0] if translations else None, context=context)
    return catalogue


def is_told(message: Message) -> bool:
    """Has it a translation in every form?"""
    forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return bool(forms) and all(forms)


def po_bytes(catalogue: Catalog) -> bytes:
    out = io.BytesIO()
    write_po(out, catalogue, width=0, no_location=True, omit_header=False, sort_output=True)
    lines = out.getvalue().decode("utf-8").splitlines(keepends=True)
    dated = ('"POT-Creation-Date', '"PO-Revision-Date', '"Last-Translator', '"Generated-By', '"Project-Id')
    return "".join(line for line in lines if not line.startswith(dated)).encode("utf-8")


def mo_bytes(catalogue: Catalog) -> bytes:
    undated = read_po(io.BytesIO(po_bytes(catalogue)), locale=LANGUAGE)
    undated.creation_date = undated.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    out = io.BytesIO()
    write_mo(out, undated)
    return out.getvalue()


def write(catalogue: Catalog) -> None:
    PO.write_bytes(po_bytes(catalogue))
    MO.write_bytes(mo_bytes(catalogue))


if __name__ == "__main__":
    made = updated(*([read_catalogue()] if PO.exists() else []))
    write(made)
    for message in made:
        if message.id and not is_told(message):
            sys.stdout.write(f"not translated: {message.id!r}\n")
