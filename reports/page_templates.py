"""Where pages read their templates and their sentences in two languages."""

import base64
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Literal

import jinja2
from markupsafe import Markup

from eval.metrics.registry import METRICS
from eval.scorers.protocols import Metric
from kit.messages import Language

_NESTED = 3
"""How deep fields within fields are translated: a place, its problem, and what that quotes."""


def environment() -> jinja2.Environment:
    """Return an environment for the templates, without filters of its own."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def template_text(name: str) -> str:
    """Return a file beside the templates as it is."""
    return resources.files("reports").joinpath("templates", name).read_text(encoding="utf-8")


def page_assets() -> Mapping[str, str]:
    """Return what the head and foot of a page need: the style sheet, and the one script with its hash."""
    script = template_text("lightbox.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return {"style": Markup(template_text("style.css")), "script": Markup(script), "script_sha256": digest}


class Words(dict[str, str]):
    """The sentences of one language, by key; an unknown key raises KeyError."""

    @property
    def spoken(self) -> Language:
        """Which of the two languages it is."""
        return "zh" if self["language"].startswith("zh") else "en"

    def count(self, key: str, n: int) -> str:
        """Return the sentence that fits a number ("one | many"), with {n} filled in and other fields left."""
        one, _, many = self[key].partition(" | ")
        return (many if many and n != 1 else one).replace("{n}", str(n))

    def joined(self, names: Iterable[str]) -> str:
        """Return names as a list within a sentence: "a, b and c"."""
        *first, last = list(names)
        return self["and"].join([self["comma"].join(first), last]) if first else last

    def metric(self, column: str, metric: Metric | None = None) -> str:
        """Return a score column's title: our own words, else what the run's metric says, else its name."""
        names = METRICS[column].names if column in METRICS else {}
        return names.get(self.spoken) or (metric.title if metric else column)

    def source(self, metric: Metric) -> str:
        """Return what a metric is found from; a formula that is no longer ours in its own words."""
        entry = METRICS.get(metric.name)
        if entry is not None and entry.source == metric.source and self.spoken in entry.explained:
            return entry.explained[self.spoken]
        return self.said(metric.source)

    def said(self, name: str) -> str:
        """Return what a name of storykit's own is called in this language; any other name as it is."""
        return translated(name, self.spoken)

    def reason(self, text: str) -> str:
        """Return why something is wrong, in this language as far as we have words for it."""
        return translated(text, self.spoken, "reasons")


def load_words(language: Language) -> Words:
    """Return the sentences of a language."""
    return Words(tomllib.loads(template_text("words.toml"))[language])


def translated(text: str, language: Language, kind: Literal["names", "reasons"] = "names") -> str:
    """Return an English text of said.toml in a language, its fields translated as well; any other as it is.

    >>> translated("must be 64 x 64 pixels, got 32 x 64", "zh", "reasons")
    '应为 64 × 64 像素，实际 32 × 64'
    """
    return _filled(text, _translations(language, kind), _NESTED)


def _filled(text: str, patterns: Mapping[re.Pattern[str], str], depth: int) -> str:
    for pattern, other in patterns.items() if depth else ():
        if found := pattern.fullmatch(text):
            fields = {name: _filled(value, patterns, depth - 1) for name, value in found.groupdict().items()}
            return other.format(**fields)
    return text


@lru_cache
def _translations(language: Language, kind: str) -> Mapping[re.Pattern[str], str]:
    """Return by pattern of an English text what it is in a language."""
    table: dict[str, str] = tomllib.loads(template_text("said.toml")).get(language, {}).get(kind, {})
    field = re.compile(r"\\\{(\w+)\\\}")
    return {
        re.compile(field.sub(r"(?P<\1>.+?)", re.escape(text)), re.S): said for text, said in table.items()
    }
