"""Where pages read their templates and their sentences, in the language of the page."""

import base64
import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from types import CodeType
from typing import Literal

import jinja2
from markupsafe import Markup

from eval.metrics.registry import METRICS
from eval.scorers.protocols import Metric
from kit.messages import Language, pgettext
from kit.retold import retold


class CompiledTemplates(jinja2.BytecodeCache):
    """Templates compiled in this process, for every environment: compiling takes longer than filling in."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Give a template that is as it was when it was compiled."""
        bucket.code = self._compiled.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Keep a template that was just compiled."""
        if bucket.code is not None:
            self._compiled[bucket.key, bucket.checksum] = bucket.code


_COMPILED = CompiledTemplates()


def environment() -> jinja2.Environment:
    """Return an environment for the templates, without filters of its own."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("reports"),
        bytecode_cache=_COMPILED,
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def template_text(name: str) -> str:
    """Return a file beside the templates as it is."""
    return resources.files("reports").joinpath("templates", name).read_text(encoding="utf-8")


def page_assets(*parts: str, script: str = "lightbox.js") -> Mapping[str, str]:
    """Return what the head and foot of a page need: the style sheet, and the one script, with their hashes.

    Args:
        parts: of the style sheet, behind that of all pages.
        script: its file beside the templates.
    """
    code, style = template_text(script), style_sheet(*parts)
    return {
        "style": Markup(style),
        "style_sha256": _sha256(style),
        "script": Markup(code),
        "script_sha256": _sha256(code),
    }


def _sha256(text: str) -> str:
    """Return the hash by which a content policy knows an inline script or style."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def style_sheet(*more: str) -> str:
    """Return the one style sheet of all pages, with the parts that only some need behind it, by name."""
    return "\n".join(template_text(f"styles/{part}.css") for part in ("page", *more))


class Words(dict[str, str]):
    """The sentences of one language, by key; an unknown key raises KeyError."""

    def __init__(self, sentences: Mapping[str, str], spoken: Language) -> None:
        """Take the sentences; `load_words` is the usual way in."""
        super().__init__(sentences)
        self.spoken: Language = spoken
        """Which language it is."""

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
        return retold(name, self.spoken, "name")

    def reason(self, text: str) -> str:
        """Return why something is wrong, which files hold in English, in this language."""
        return retold(text, self.spoken)


def load_words(language: Language, page: Literal["page", "leaderboard"] = "page") -> Words:
    """Return the sentences of a page: of a run and a training, or of a leaderboard."""
    file = "words.toml" if page == "page" else "leaderboard/leaderboard.toml"
    english: dict[str, str] = tomllib.loads(template_text(file))
    if language == "en":
        return Words({**english, "language": language, "gap": " "}, language)
    told = {
        key: pgettext(f"{page} {key}", text.partition(" | ")[0], language) for key, text in english.items()
    }
    return Words({**told, "language": language, "gap": ""}, language)
