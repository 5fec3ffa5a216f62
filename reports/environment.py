"""Where the pages' templates are read: every text is escaped, and an unknown name is an error."""

from importlib import resources

import jinja2


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
