"""Values and keys as a person writes them in TOML: of a list of tables each on a line of its own."""

import re
from collections.abc import Mapping

import tomli_w

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(text: str) -> str:
    r"""Return a text as TOML has it, on one line.

    >>> toml_text('he said "no"')
    '"he said \\"no\\""'
    """
    return tomli_w.dumps({"x": text}).removeprefix("x = ").rstrip("\n")


def toml_key(name: str) -> str:
    """Return a key as TOML has it.

    >>> toml_key("cat"), toml_key("小满")
    ('cat', '"小满"')
    """
    return name if _BARE.fullmatch(name) else toml_text(name)


def toml_value(value: object) -> str:
    """Return a value of a key; a list of tables has a line for each.

    >>> toml_value([0, 1.5, True])
    '[0, 1.5, true]'
    >>> print(toml_value([{"role": "action", "text": "runs"}]))
    [
        { role = "action", text = "runs" },
    ]
    """
    if isinstance(value, str):
        return toml_text(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{toml_key(key)} = {toml_value(one)}" for key, one in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        if value and all(isinstance(one, Mapping) for one in value):
            return "\n".join(["[", *(f"    {toml_value(one)}," for one in value), "]"])
        return f"[{', '.join(map(toml_value, value))}]"
    return tomli_w.dumps({"x": value}).removeprefix("x = ").rstrip("\n")
