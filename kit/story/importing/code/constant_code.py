"""What the constants of Python code say, without running it: texts, numbers, lists, and what joins them."""

import ast
from collections.abc import Callable, Mapping
from typing import Final

UNKNOWN: Final = object()
"""What only running the code would tell."""
LONGEST = 20_000
"""Letters of a text and items of a list that code may make."""

Names = Mapping[str, object]


def value_of(node: ast.expr | None, names: Names) -> object:
    """Return the value of an expression of constants, else UNKNOWN.

    >>> value_of(ast.parse("f'{style}，' + '，'.join(['猫', '跑'])", mode="eval").body, {"style": "水彩"})
    '水彩，猫，跑'
    """
    reader = _READERS.get(type(node))
    value = reader(node, names) if reader else UNKNOWN
    if isinstance(value, str | list | tuple | dict) and len(value) > LONGEST:
        return UNKNOWN
    return value


def _name(node: ast.Name, names: Names) -> object:
    return names.get(node.id, UNKNOWN)


def _list(node: ast.List | ast.Tuple, names: Names) -> object:
    return [value_of(item, names) for item in node.elts]


def _dict(node: ast.Dict, names: Names) -> object:
    keys = [value_of(key, names) for key in node.keys]
    if not all(isinstance(key, str | int) for key in keys):
        return UNKNOWN
    return dict(zip(keys, (value_of(value, names) for value in node.values), strict=True))


def _joined(node: ast.JoinedStr, names: Names) -> object:
    return _one_text("", [value_of(part, names) for part in node.values])


def _one_text(between: str, parts: list[object]) -> object:
    """Return texts and whole numbers put together; UNKNOWN where there is another thing, or too much."""
    texts = [str(part) for part in parts if isinstance(part, str | int)]
    longest = sum(map(len, texts)) + len(between) * len(texts)
    return between.join(texts) if len(texts) == len(parts) and longest <= LONGEST else UNKNOWN


def _formatted(node: ast.FormattedValue, names: Names) -> object:
    value = value_of(node.value, names)
    plain = node.format_spec is None and node.conversion in (-1, ord("s")) and isinstance(value, str | int)
    return str(value) if plain else UNKNOWN


def _binary(node: ast.BinOp, names: Names) -> object:
    left, right = value_of(node.left, names), value_of(node.right, names)
    if not isinstance(node.op, ast.Add):
        return UNKNOWN
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    return left + right if isinstance(left, list) and isinstance(right, list) else UNKNOWN


def _subscript(node: ast.Subscript, names: Names) -> object:
    whole, key = value_of(node.value, names), value_of(node.slice, names)
    if isinstance(whole, list) and isinstance(key, int) and -len(whole) <= key < len(whole):
        return whole[key]
    return whole.get(key, UNKNOWN) if isinstance(whole, dict) and isinstance(key, str | int) else UNKNOWN


def _call(node: ast.Call, names: Names) -> object:
    """Read `"，".join(list)`, `text.strip()`, `text.format(name=…)`, `str(n)` and the iterables of loops."""
    given = [value_of(one, names) for one in node.args]
    named = {one.arg: value_of(one.value, names) for one in node.keywords if one.arg}
    if isinstance(node.func, ast.Attribute):
        return _method(value_of(node.func.value, names), node.func.attr, given, named)
    function = _FUNCTIONS.get(node.func.id) if isinstance(node.func, ast.Name) else None
    if function is None or UNKNOWN in given or UNKNOWN in named.values():
        return UNKNOWN
    try:
        return function(*given, **named)
    except (TypeError, ValueError):
        return UNKNOWN


def _method(owner: object, name: str, given: list[object], named: dict[str, object]) -> object:
    if isinstance(owner, str) and name == "join" and given and isinstance(given[0], list):
        return _one_text(owner, given[0])
    if isinstance(owner, str) and name == "strip" and not given:
        return owner.strip()
    if isinstance(owner, str) and name == "format":
        return _filled(owner, given, named)
    if isinstance(owner, dict) and name in ("items", "values", "keys") and not given:
        return [list(one) if isinstance(one, tuple) else one for one in getattr(owner, name)()]
    if isinstance(owner, dict) and name == "get" and given and isinstance(given[0], str | int):
        return owner.get(given[0], given[1] if len(given) > 1 else None)
    return UNKNOWN


def _filled(text: str, given: list[object], named: dict[str, object]) -> object:
    """Return a text with `{}` and `{name}` filled in; other marks between the braces are not read."""
    values = {**{str(at): one for at, one in enumerate(given)}, **named}
    if UNKNOWN in values.values() or not all(isinstance(one, str | int) for one in values.values()):
        return UNKNOWN
    parts, place = text.split("{"), 0
    filled: list[object] = [parts[0]]
    for part in parts[1:]:
        name, closed, rest = part.partition("}")
        key, place = (str(place), place + 1) if not name else (name, place)
        if not closed or key not in values:
            return UNKNOWN
        filled += [values[key], rest]
    return _one_text("", filled)


def _counted(*bounds: int) -> list[int]:
    numbers = range(*bounds)
    return list(numbers[:LONGEST])


def _enumerated(items: list[object], start: int = 0) -> list[object]:
    return [[at, item] for at, item in enumerate(items, start)]


def _zipped(*lists: list[object]) -> list[object]:
    return [list(items) for items in zip(*lists, strict=False)]


_FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "str": lambda value: str(value) if isinstance(value, str | int) else UNKNOWN,
    "int": lambda value: value if isinstance(value, int) else UNKNOWN,
    "range": _counted,
    "enumerate": _enumerated,
    "zip": _zipped,
    "list": lambda items: items if isinstance(items, list) else UNKNOWN,
    "len": len,
    "tqdm": lambda items, **_: items,
    "dict": lambda **named: named,
}
_READERS: Mapping[type, Callable[..., object]] = {
    ast.Constant: lambda node, names: node.value,
    ast.Name: _name,
    ast.List: _list,
    ast.Tuple: _list,
    ast.Dict: _dict,
    ast.JoinedStr: _joined,
    ast.FormattedValue: _formatted,
    ast.BinOp: _binary,
    ast.Subscript: _subscript,
    ast.Call: _call,
}
