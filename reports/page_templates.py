"""Where pages read their templates and their sentences in two languages."""

import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Literal

import jinja2

from reports.number_format import metric_of
from reports.records import Metric


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


Language = Literal["zh", "en"]


class Words:
    """The sentences of one language, by key; an unknown key raises KeyError."""

    def __init__(self, sentences: Mapping[str, str], metrics: Mapping[str, str]) -> None:
        """Keep the sentences and the metrics' titles."""
        self._sentences = dict(sentences)
        self._metrics = dict(metrics)

    def __getitem__(self, key: str) -> str:
        return self._sentences[key]

    def count(self, key: str, n: int) -> str:
        """Return the sentence that fits a number ("one | many"), with {n} filled in and other fields left."""
        one, _, many = self._sentences[key].partition(" | ")
        return (many if many and n != 1 else one).replace("{n}", str(n))

    def joined(self, names: Iterable[str]) -> str:
        """Return names as a list within a sentence: "a, b and c"."""
        *first, last = list(names)
        return self["and"].join([self["comma"].join(first), last]) if first else last

    def metric(self, column: str, metrics: Iterable[Metric]) -> str:
        """Return the title of a score column: our own words, else the metric's title, else its name."""
        if column in self._metrics:
            return self._metrics[column]
        metric = metric_of(column, metrics)
        return metric.title if metric and metric.name == column and metric.title else column


def load_words(language: Language) -> Words:
    """Return the sentences of a language."""
    text = resources.files("reports").joinpath("templates/words.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)[language]
    return Words({key: value for key, value in table.items() if key != "metric"}, table["metric"])
