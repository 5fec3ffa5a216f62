"""Statements of Python read in their order, loops and functions unrolled, nothing run: what do they draw?"""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kit.messages import tr
from kit.story.importing.code.constant_code import UNKNOWN, bound, value_of
from kit.story.importing.code.drawing_calls import DrawnPicture, name_of, prompt_in, settings_in
from kit.story.importing.foreign_story import ForeignPanel, NoStory, one_line
from kit.story.story import PANELS

_MOST_NODES = 100_000
"""Parts of code that are looked at, each round of a loop anew."""
_MOST_PICTURES = 500
_DEEPEST = 12
"""Blocks and functions inside each other."""
_SEEDS = ("manual_seed", "seed_everything", "manual_seed_all")
_CHANGES = frozenset(
    ("insert", "pop", "remove", "reverse", "sort", "clear", "update", "setdefault", "popitem", "shuffle")
)
"""What changes a list or a dict in a way that is not followed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeCell:
    """A piece of code and where it stands."""

    at: str
    """In words, such as `cell 3`; empty for a file that is code."""
    code: str

    def line(self, number: int) -> str:
        """Return where one of its lines is, in words."""
        here = tr("line {line}", line=number)
        return tr("{cell}, {line}", cell=self.at, line=here) if self.at else here


class CodeReader:
    """What names hold while code is read, and what was drawn."""

    def __init__(self) -> None:
        self.drawn: list[DrawnPicture] = []
        self._names: dict[str, object] = {}
        self._functions: dict[str, ast.FunctionDef] = {}
        self._pictures: dict[ast.AST, DrawnPicture] = {}
        """By the call that drew it last, which is kept: a later one could else take its place in memory."""
        self._seed: object = UNKNOWN
        self._nodes = self._depth = 0
        self._cell = CodeCell(at="", code="")

    def read(self, cell: CodeCell) -> None:
        """Read a cell; raises NoStory where it has no end, SyntaxError where it is no Python."""
        self._cell = cell
        self._block(ast.parse(cell.code).body)

    def listed(self) -> tuple[list[ForeignPanel], list[str]]:
        """Return the one list of eight texts that is called prompts, for code that draws nothing."""
        lists = {
            name: value
            for name, value in self._names.items()
            if "prompt" in name.casefold() and "neg" not in name.casefold() and isinstance(value, list)
        }
        whole = {
            name: value
            for name, value in lists.items()
            if len(value) == PANELS and all(isinstance(one, str) for one in value)
        }
        if len(whole) != 1:
            return [], []
        (name, texts), *_ = whole.items()
        rows = [ForeignPanel(at=f"{name}[{at}]", prompt=one_line(str(text))) for at, text in enumerate(texts)]
        return rows, [tr("the eight texts of {name} are taken, nothing here draws them", name=name)]

    def _block(self, statements: Sequence[ast.stmt]) -> None:
        if self._depth < _DEEPEST:
            self._depth += 1
            for statement in statements:
                self._statement(statement)
            self._depth -= 1

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.FunctionDef):
            self._functions[node.name] = node
        elif isinstance(node, ast.For):
            self._expression(node.iter)
            self._loop(node.target, node.iter, lambda: self._block(node.body))
        elif isinstance(node, ast.If):
            self._expression(node.test)
            self._branches(node)
        elif isinstance(node, ast.While):
            self._unrolled_in_vain(node)
        elif not isinstance(node, ast.ClassDef | ast.AsyncFunctionDef):
            self._plain(node)

    def _plain(self, node: ast.stmt) -> None:
        """Read a statement that is done once: its expressions, what it binds, the blocks in it."""
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self._expression(part)
            elif isinstance(part, ast.withitem):
                self._expression(part.context_expr)
                self._bind(part.optional_vars, UNKNOWN)
        self._assignment(node)
        for block in ("body", "orelse", "finalbody"):
            self._block(getattr(node, block, ()))

    def _assignment(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._bind(target, self._value(node.value))
        elif isinstance(node, ast.AnnAssign):
            self._bind(node.target, self._value(node.value))
        elif isinstance(node, ast.AugAssign):
            added = ast.BinOp(left=node.target, op=node.op, right=node.value)
            self._bind(node.target, value_of(added, self._names))

    def _branches(self, node: ast.If) -> None:
        """Read both ways; a name that they give two values has none that is known."""
        before = dict(self._names)
        self._block(node.body)
        one, self._names = self._names, dict(before)
        self._block(node.orelse)
        for name, value in one.items():
            if self._names.get(name) is not value and self._names.get(name) != value:
                self._names[name] = value if not node.orelse and name not in before else UNKNOWN

    def _unrolled_in_vain(self, node: ast.While) -> None:
        drawn = len(self.drawn)
        self._block(node.body)
        for picture in self.drawn[drawn:]:
            picture.prompt = UNKNOWN

    def _loop(self, target: ast.expr, over: ast.expr, body: Callable[[], None]) -> None:
        items = value_of(over, self._names)
        for item in list(items) if isinstance(items, list | dict | str) else [UNKNOWN]:
            self._bind(target, item)
            body()

    def _value(self, node: ast.expr | None) -> object:
        """Return a value, or the picture that an expression draws."""
        for part in ast.walk(node) if node is not None else ():
            if part in self._pictures:
                return self._pictures[part]
        return value_of(node, self._names)

    def _bind(self, target: ast.expr | None, value: object) -> None:
        if isinstance(target, ast.Subscript):
            self._put(target, value)
        elif target is not None:
            self._names |= bound(target, value)

    def _put(self, target: ast.Subscript, value: object) -> None:
        owner, key = value_of(target.value, self._names), value_of(target.slice, self._names)
        if isinstance(owner, dict) and isinstance(key, str | int):
            owner.update({key: value})
        elif isinstance(owner, list) and isinstance(key, int) and -len(owner) <= key < len(owner):
            owner[key] = value
        else:
            self._forget(target.value)

    def _forget(self, node: ast.expr) -> None:
        """What a name holds is not known any more."""
        while isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        if isinstance(node, ast.Name) and node.id in self._names:
            self._names[node.id] = UNKNOWN

    def _expression(self, node: ast.AST) -> None:
        """Read the calls in an expression, inner ones first, as they are run."""
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            place = self._cell.line(getattr(node, "lineno", 1))
            raise NoStory(tr("{place}: goes on for too long to be read; write the prompts out", place=place))
        if isinstance(node, ast.ListComp | ast.GeneratorExp) and len(node.generators) == 1:
            only, element = node.generators[0], node.elt
            self._loop(only.target, only.iter, lambda: self._expression(element))
            return
        for part in ast.iter_child_nodes(node):
            if not isinstance(part, ast.Lambda):
                self._expression(part)
        if isinstance(node, ast.NamedExpr):
            self._bind(node.target, self._value(node.value))
        elif isinstance(node, ast.Call):
            self._call(node)

    def _call(self, call: ast.Call) -> None:
        name = name_of(call.func)
        if name in _SEEDS:
            self._seed = value_of(next(iter(call.args), None), self._names)
        elif name == "save" and call.args:
            self._save(call)
        elif isinstance(call.func, ast.Name) and name in self._functions:
            self._inside(self._functions[name], call)
        elif name in ("append", "extend") or name in _CHANGES:
            self._change(call, name)
        else:
            self._draw(call)

    def _change(self, call: ast.Call, name: str) -> None:
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        known = value_of(owner, self._names)
        given = value_of(call.args[0], self._names) if call.args else UNKNOWN
        if isinstance(known, list) and name == "append" and call.args:
            known.append(given)
        elif isinstance(known, list) and name == "extend" and isinstance(given, list):
            known.extend(given)
        else:
            for one in (*([owner] if owner else []), *call.args):
                self._forget(one)

    def _inside(self, function: ast.FunctionDef, call: ast.Call) -> None:
        """Read a function's body with what it is called with."""
        parameters, defaults = function.args.args, function.args.defaults
        own: dict[str, object] = {one.arg: UNKNOWN for one in (*parameters, *function.args.kwonlyargs)}
        for one, value in zip(reversed(parameters), reversed(defaults), strict=False):
            own[one.arg] = value_of(value, self._names)
        for one, preset in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
            own[one.arg] = value_of(preset, self._names)
        own |= {
            one.arg: value_of(given, self._names) for one, given in zip(parameters, call.args, strict=False)
        }
        own |= dict(self._named(call))
        outside, self._names = self._names, {**self._names, **own}
        self._block(function.body)
        self._names = outside

    def _named(self, call: ast.Call) -> Iterator[tuple[str, object]]:
        """Yield what a call is given by name, `**settings` opened."""
        for one in call.keywords:
            value = value_of(one.value, self._names)
            if one.arg:
                yield one.arg, value
            elif isinstance(value, dict):
                yield from ((key, item) for key, item in value.items() if isinstance(key, str))

    def _draw(self, call: ast.Call) -> None:
        named = dict(self._named(call))
        prompt = prompt_in(call, named, lambda node: value_of(node, self._names))
        if prompt is None:
            return
        settings = settings_in(named, self._seed)
        prompts = prompt if isinstance(prompt, list) else [prompt]
        if len(self.drawn) + len(prompts) > _MOST_PICTURES:
            place = self._cell.line(call.lineno)
            raise NoStory(tr("{place}: draws too many pictures; keep those of the story", place=place))
        for words in prompts:
            self._pictures[call] = DrawnPicture(
                at=self._cell.line(call.lineno),
                prompt=words,
                negative=named.get("negative_prompt") or "",
                call=settings,
            )
            self.drawn.append(self._pictures[call])

    def _save(self, call: ast.Call) -> None:
        """Remember where a picture is saved: `image.save("1.jpg")`, `image.images[0].save("1.jpg")`."""
        owner, file = call.func, value_of(call.args[0], self._names)
        picture = self._value(owner.value) if isinstance(owner, ast.Attribute) else UNKNOWN
        while not isinstance(picture, DrawnPicture) and isinstance(owner, ast.Attribute | ast.Subscript):
            owner = owner.value
            picture = value_of(owner, self._names)
        if isinstance(picture, DrawnPicture) and isinstance(file, str):
            picture.file = file
