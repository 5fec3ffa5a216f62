"""TOML that a person wrote, changed in places: comments, order and spaces of all the rest stay.

tomlkit reads and changes it. What comes out is read again: it says what is wanted, or it is written anew.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

import tomlkit
from tomlkit.container import Container, OutOfOrderTableProxy
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array, Comment, Item, Table, Whitespace

from kit.files.text.toml_text import comments_in, parse_toml
from kit.files.text.toml_values import toml_key, toml_value

Document = Mapping[str, object]
_AoT = Sequence[Document]


def rewritten(text: str, document: Document, order: Sequence[str] = ()) -> str:
    r"""Return a TOML text that says another document, with as little of it changed as can be.

    Args:
        text: as it was; sound TOML with line ends of \n.
        document: what it shall say; keys without a value are left out.
        order: keys in the order in which new ones stand within a table.

    Returns:
        The text; where nothing is different, the very same.
    """
    if parse_or_empty(text) == document:
        return text
    try:
        kept = tomlkit.parse(text)
        _change(kept, document, order)
        made = _with_one_end(kept.as_string(), text)
        if tomllib.loads(made) == document:
            return made
    except (TOMLKitError, tomllib.TOMLDecodeError, ValueError, KeyError, TypeError, RecursionError):
        pass  # a form of TOML that cannot be changed in its place: what is lost, `lost_comments` tells
    return toml_of(document)


def _with_one_end(made: str, text: str) -> str:
    """Return a text without the blank lines at its end that the one before had not."""
    return made if text.endswith("\n\n") or not made.strip() else made.rstrip("\n") + "\n"


def parse_or_empty(text: str) -> dict[str, object]:
    """Return a TOML text as tables; one that says nothing is empty, as a new file is."""
    return parse_toml(text) if re.sub(r"(?m)^\s*#.*$", "", text).strip() else {}


def lost_comments(before: str, after: str) -> list[str]:
    r"""Return the comments of a text that another one has no more.

    >>> lost_comments("a = 1 # one\n# two\n", "a = 2 # one\n")
    ['# two']
    """
    left = Counter(comments_in(before)) - Counter(comments_in(after))
    return list(left.elements())


def toml_of(document: Document) -> str:
    """Return a document as TOML: values, then tables, then lists of tables."""
    return "\n".join(_lines(document, "")).strip("\n") + "\n"


def _lines(table: Document, above: str) -> list[str]:
    lines = [
        f"{toml_key(key)} = {toml_value(one)}" for key, one in table.items() if not _is_below(one, above)
    ]
    for key, one in table.items():
        name = f"{above}{toml_key(key)}"
        if isinstance(one, Mapping):
            inside = _lines(one, f"{name}.")
            tables_only = one and all(isinstance(value, Mapping) for value in one.values())
            lines += inside if tables_only else ["", f"[{name}]", *inside]
        elif _is_below(one, above):
            assert isinstance(one, list)
            for each in one:
                lines += ["", f"[[{name}]]", *_lines(each, f"{name}.")]
    return lines


def _is_below(value: object, above: str) -> bool:
    """Return whether a value has a header of its own; lists of tables only at the top of a file."""
    if isinstance(value, Mapping):
        return True
    return not above and _is_tables(value)


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _change(table: Container | Table | OutOfOrderTableProxy, wanted: Document, order: Sequence[str]) -> None:
    """Make a table say what is wanted."""
    for key in [key for key in table if key not in wanted]:
        del table[key]
    new = {}
    for key, value in wanted.items():
        if key not in table:
            new[key] = value
        elif _plain(table[key]) != value:
            _change_value(table, key, value, order)
    _add(table, new, order)


def _change_value(
    table: Container | Table | OutOfOrderTableProxy, key: str, value: object, order: Sequence[str]
) -> None:
    """Change the value of a key that a table has."""
    old = table[key]
    if isinstance(value, Mapping) and isinstance(old, Container | Table | OutOfOrderTableProxy):
        _change(old, value, order)
    elif isinstance(old, AoT) and isinstance(value, list) and _is_tables(value):
        _change_tables(old, value, order)
    elif isinstance(old, Array) and isinstance(value, list) and _changed_in_place(old, value):
        return
    else:
        table[key] = _item(value)


def _change_tables(old: AoT, wanted: _AoT, order: Sequence[str]) -> None:
    """Make a list of tables say what is wanted; each takes the table that was most like it."""
    there = list(old)
    taken = _matched([_plain(one) for one in there], wanted)
    if taken != list(range(len(there))):
        rest = [there[at] for at in taken if at is not None]
        while len(old):
            del old[len(old) - 1]
        for at in taken:
            _append(old, tomlkit.table() if at is None else rest.pop(0))
    for one, value in zip(old, wanted, strict=True):
        _change(one, value, order)


def _append(tables: AoT, table: Table) -> None:
    """Put a table behind the others, a line apart."""
    if tables:
        _end_blank(tables[-1])
    tables.append(table)


def _end_blank(table: Table) -> None:
    """Have a table end in a blank line, so that the next header stands a line apart."""
    if not table.as_string().endswith("\n\n"):
        table.add(tomlkit.nl())


def _matched(before: Sequence[object], wanted: _AoT) -> list[int | None]:
    """Return for each wanted table which of those before it was: the same, of the same name, in its place."""
    free = dict(enumerate(before))
    found: list[int | None] = [None] * len(wanted)

    def take(place: int, at: int | None) -> None:
        if at is not None:
            found[place] = at
            del free[at]

    for place, table in enumerate(wanted):
        take(place, next((at for at, one in free.items() if one == table), None))
    for place, table in enumerate(wanted):
        if found[place] is None and "name" in table:
            named = (
                at for at, one in free.items() if isinstance(one, dict) and one.get("name") == table["name"]
            )
            take(place, next(named, None))
    for place in range(len(wanted)):
        if found[place] is None and place in free:
            take(place, place)
    return found


def _changed_in_place(old: Array, wanted: list[object]) -> bool:
    """Change, add and take out single items of a list that has lines; return whether it was one."""
    if "\n" not in old.as_string():
        return False
    before = [toml_value(_plain(one)) for one in old]
    steps = SequenceMatcher(None, before, [toml_value(one) for one in wanted], False).get_opcodes()
    for _, first, last, new, end in reversed(steps):  # from the end, so that places stay true
        both = min(last - first, end - new)
        for place in range(both):
            if before[first + place] != toml_value(wanted[new + place]):
                old[first + place] = _item(wanted[new + place])
        for _ in range(last - first - both):
            del old[first + both]
        for value in reversed(wanted[new + both : end]):
            old.insert(first + both, _item(value))
    return True


def _add(
    table: Container | Table | OutOfOrderTableProxy, new: Mapping[str, object], order: Sequence[str]
) -> None:
    """Add keys to a table where they belong by the order; what stood at its end stays there."""
    if new and isinstance(table, Table):
        entries = _taken_out(table)
        for key, value in new.items():
            place = _place_of(key, [name for name, _ in entries], order)
            entries.insert(place, (key, _new(value)))
        _put_back(table, entries)
        return
    for key, value in new.items():
        table[key] = _tables(value) if _is_tables(value) else _new(value)


def _taken_out(table: Table) -> list[tuple[str | None, Item]]:
    """Empty a table and return what stood in it, comments and spaces without a key."""
    body = list(table.value.body)
    if body and isinstance(body[-1][1], Table):
        _end_blank(body[-1][1])
    for key, _ in body:
        if key is not None:
            table.remove(key)
    del table.value.body[:]
    return [(key.key if key is not None else None, item) for key, item in body]


def _put_back(table: Table, entries: Sequence[tuple[str | None, Item]]) -> None:
    for name, item in entries:
        if name is not None:
            table.append(name, item)
        elif isinstance(item, Comment | Whitespace):
            table.add(item)


def _tables(value: object) -> AoT:
    found = tomlkit.parse(toml_of({"x": value}))["x"]
    assert isinstance(found, AoT)
    return found


def _new(value: object) -> Item:
    """Return a value that is new in a table: tables have headers of their own."""
    if isinstance(value, Mapping):
        made = tomlkit.table()
        for key, one in value.items():
            made.append(key, _new(one))
        if not any(isinstance(one, Mapping) for one in value.values()):
            made.add(tomlkit.nl())
        return made
    return _item(value)


def _place_of(key: str, names: Sequence[str | None], order: Sequence[str]) -> int:
    """Return where a new key goes: behind the last one that comes before it, else in front of the first."""
    before = order[: order.index(key)] if key in order else ()
    behind = [
        at + 1 for at, name in enumerate(names) if name is not None and (name in before or key not in order)
    ]
    first = next((at for at, name in enumerate(names) if name is not None), len(names))
    return behind[-1] if behind else first


def _item(value: object) -> Item:
    """Return a value in the form in which a person writes it."""
    return tomlkit.value(toml_value(value))


def _plain(item: object) -> object:
    return item.unwrap() if isinstance(item, Item | Container | OutOfOrderTableProxy) else item
