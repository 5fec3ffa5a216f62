"""What the constants of Python code say, without running it: texts, numbers, lists, and what joins them."""

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Final

UNKNOWN: Final = object()
"""What only running the code would tell."""
LONGEST = 10_000
"""Letters of a text and items of a list that code may make."""

_MOST_ITEMS = 200
"""Of a comprehension."""
_TEXT_METHODS = ("strip", "lstrip", "rstrip", "split", "splitlines", "replace", "lower", "title")

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
    if isinstance(node.op, ast.Mod) and isinstance(left, str):
        return _percent(left, right)
    if not isinstance(node.op, ast.Add):
        return UNKNOWN
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    return left + right if isinstance(left, list) and isinstance(right, list) else UNKNOWN


def _percent(text: str, value: object) -> object:
    """Read `"%s，在家" % name`; other marks than %s are not read."""
    parts, values = text.split("%s"), value if isinstance(value, list) else [value]
    if len(parts) != len(values) + 1 or any("%" in part for part in parts):
        return UNKNOWN
    return _one_text("", [part for pair in zip(parts, [*values, ""], strict=True) for part in pair])


def _subscript(node: ast.Subscript, names: Names) -> object:
    whole = value_of(node.value, names)
    if isinstance(node.slice, ast.Slice):
        return _part(whole, node.slice, names)
    key = value_of(node.slice, names)
    if isinstance(whole, list) and isinstance(key, int) and -len(whole) <= key < len(whole):
        return whole[key]
    return whole.get(key, UNKNOWN) if isinstance(whole, dict) and isinstance(key, str | int) else UNKNOWN


def _part(whole: object, bounds: ast.Slice, names: Names) -> object:
    """Read `list[:8]`."""
    ends = [value_of(end, names) if end else None for end in (bounds.lower, bounds.upper, bounds.step)]
    known = [end for end in ends if end is None or isinstance(end, int)]
    if len(known) < len(ends) or ends[2] == 0 or not isinstance(whole, list | str):
        return UNKNOWN
    return whole[known[0] : known[1] : known[2]]


def _comprehension(node: ast.ListComp | ast.GeneratorExp, names: Names) -> object:
    """Read `[f"{style}，{one}" for one in list]`."""
    only = node.generators[0]
    if any(isinstance(part, ast.ListComp | ast.GeneratorExp) for part in ast.walk(node.elt)):
        return UNKNOWN  # one within another may have no end
    items = value_of(only.iter, names)
    if len(node.generators) > 1 or only.ifs or not isinstance(items, list) or len(items) > _MOST_ITEMS:
        return UNKNOWN
    return [value_of(node.elt, {**names, **bound(only.target, item)}) for item in items]


def bound(target: ast.expr, value: object) -> dict[str, object]:
    """Return what names hold once a value is bound to a target, such as `i, prompt`."""
    if isinstance(target, ast.Name):
        return {target.id: value}
    if not isinstance(target, ast.Tuple | ast.List):
        return {}
    values = value if isinstance(value, list) else []
    held: dict[str, object] = {}
    for at, part in enumerate(target.elts):
        held |= bound(part, values[at] if at < len(values) else UNKNOWN)
    return held


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
    if isinstance(owner, str):
        return _text_method(owner, name, given, named)
    if isinstance(owner, dict) and name in ("items", "values", "keys") and not given:
        return [list(one) if isinstance(one, tuple) else one for one in getattr(owner, name)()]
    if isinstance(owner, dict) and name == "get" and given and isinstance(given[0], str | int):
        return owner.get(given[0], given[1] if len(given) > 1 else None)
    return UNKNOWN


def _text_method(text: str, name: str, given: list[object], named: dict[str, object]) -> object:
    if name == "join" and given and isinstance(given[0], list):
        return _one_text(text, given[0])
    if name == "format":
        return _filled(text, given, named)
    if name in _TEXT_METHODS and not named and all(isinstance(one, str) for one in given):
        return _changed(text, name, [str(one) for one in given])
    return UNKNOWN


def _changed(text: str, name: str, given: Sequence[str]) -> object:
    r"""Read `text.strip()`, `text.split("\n")`, `text.replace("a", "b")`; UNKNOWN where it would be long."""
    if name == "replace" and (len(given) != 2 or text.count(given[0]) * len(given[1]) > LONGEST):
        return UNKNOWN
    try:
        return getattr(text, name)(*given)
    except (TypeError, ValueError):
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
    ast.ListComp: _comprehension,
    ast.GeneratorExp: _comprehension,
}
