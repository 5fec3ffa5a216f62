"""Where pages read their templates and their sentences in two languages."""

import tomllib
from collections.abc import Iterable
from importlib import resources

import jinja2

from eval.metrics.registry import METRICS
from eval.scorers.protocols import Metric
from kit.story.story import Language


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


class Words(dict[str, str]):
    """The sentences of one language, by key; an unknown key raises KeyError."""

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
        language: Language = "zh" if self["language"] == "zh" else "en"
        names = METRICS[column].names if column in METRICS else {}
        return names.get(language) or (metric.title if metric else column)


def load_words(language: Language) -> Words:
    """Return the sentences of a language."""
    return Words(tomllib.loads(template_text("words.toml"))[language])
