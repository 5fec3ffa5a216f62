"""The catalogue of translations: what the code says, put into `kit/locale`; `make messages` runs it."""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from typer.main import get_command

from kit.messages import DOMAIN, LOCALE
from storykit.cli.main import app
from submissions.untrusted.secret_scan import shapes

ROOT = Path(__file__).parents[2]
PACKAGES = ("storykit", "kit", "eval", "reports", "submissions")
KEYWORDS = {"tr": None, "trn": (1, 2), "mark": None}
LANGUAGE = "zh"
PO = LOCALE / LANGUAGE / "LC_MESSAGES" / f"{DOMAIN}.po"
MO = PO.with_suffix(".mo")
SAME_IN_BOTH: frozenset[str] = frozenset()
"""Templates that are the same in Chinese: names and punctuation."""


def said() -> set[str | tuple[str, str]]:
    """Return every template that the code gives to a reader: one text, or one and many."""
    return {*_called(), *_helps(get_command(app)), *(shape.name for shape in shapes())}


def _called() -> Iterator[str | tuple[str, str]]:
    """Yield what stands in calls of `tr`, `trn` and `mark`."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for _, told, _, _ in extract_from_file("python", path, keywords=KEYWORDS):
                yield told if isinstance(told, str) else (told[0], told[1])


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
    for template in said():
        found = (one.get(template if isinstance(template, str) else template[0]) for one in known)
        translations = [
            one.string for one in found if one is not None and one.id == template and is_told(one)
        ]
        catalogue.add(template, translations[0] if translations else None)
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
    out = io.BytesIO()
    read = read_po(io.BytesIO(po_bytes(catalogue)), locale=LANGUAGE)
    read.creation_date = datetime(2000, 1, 1, tzinfo=UTC)  # the same bytes whenever it is written
    write_mo(out, read)
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
