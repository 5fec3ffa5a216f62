"""The pickle inside a torch file, walked opcode by opcode: nothing in it is imported, called or run."""

import io
import pickletools
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import BinaryIO, NamedTuple

from kit.messages import mark, tr

_STORAGES = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
    "ByteStorage": "U8", "BoolStorage": "BOOL", "ComplexFloatStorage": "C64", "ComplexDoubleStorage": "C128",
    "Float8_e4m3fnStorage": "F8_E4M3", "Float8_e5m2Storage": "F8_E5M2",
}  # fmt: skip
"""torch's arrays by the kind of their numbers, as safetensors calls it."""
_DTYPES = {"torch float8_e4m3fn": "F8_E4M3", "torch float8_e5m2": "F8_E5M2"}
"""Kinds that have no array of their own."""
_STRANGE = {
    "qtensor": mark("quantised"), "sparse": mark("sparse"), "meta": mark("empty (meta)"),
    "nested": mark("nested"), "wrapper": mark("wrapped"), "layout": mark("sparse"),
}  # fmt: skip
"""Parts of the names of torch's makers of other tensors."""
_WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "params_ema",
    "params-ema",
    "params",
    "model",
    "net",
    "string_to_param",
)
"""What the table of tensors is called beside other things of a training."""
_PARTS = ("image_proj", "ip_adapter", "adapter_modules")
"""Tables of tensors side by side in an IP-Adapter; its safetensors form has them before the names."""
_LARGE = 2**40
"""More numbers than any file holds."""
_MOST_VALUES = 1 << 20
"""Opcodes of one pickle; a whole model has 60,000."""


class Storage(NamedTuple):
    """An array of the file."""

    dtype: str
    """Empty for bytes, whose kind the tensor tells."""
    key: str


class PickledTensor(NamedTuple):
    """What a pickle says of a tensor; nothing of it is checked against the file yet."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class WalkedPickle(NamedTuple):
    """What a pickle makes, tensors as records, and every array that it names by its key."""

    made: object
    storages: Mapping[str, Storage]


class _Global(NamedTuple):
    name: str
    """Module and name with a space between them."""


class _Mark(NamedTuple):
    """Where the parts of a tuple, list or table begin."""


_MARK = _Mark()
_TABLE = "collections OrderedDict"


def walk_pickle(file: BinaryIO) -> WalkedPickle:
    """Return what a file's next pickle makes; ValueError where it asks for more than tensors and tables."""
    walk = _Walk()
    try:
        with warnings.catch_warnings(action="ignore"):  # of odd escapes in old opcodes
            return WalkedPickle(walk.result(file), walk.storages)
    except (IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(tr("is damaged, its list of tensors makes no sense: get it again")) from error


class NamedContent(NamedTuple):
    """What a pickle names."""

    tensors: Mapping[str, PickledTensor]
    lists: Mapping[str, tuple[str, ...]]
    """Lists of texts that were asked for and lie beside the tensors."""


def content_by_name(pickled: bytes, lists: Collection[str] = ()) -> NamedContent:
    """Return the tensors that a pickle names, as `named_tensors` does.

    Args:
        pickled: the pickle.
        lists: names under which lists of texts may lie beside the tensors.
    """
    whole, found = walk_pickle(io.BytesIO(pickled)).made, dict[str, tuple[str, ...]]()
    if isinstance(whole, dict):
        for name in lists:
            texts = whole.get(name)
            if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
                found[name] = tuple(texts)
                del whole[name]
    return NamedContent(named_tensors(whole), found)


def named_tensors(whole: object) -> dict[str, PickledTensor]:
    """Return the tensors of a walked pickle, of its "state_dict" if any; ValueError where it holds else.

    Other trainings call that table "params_ema", "params", "model" or "net"; averaged weights come first.
    """
    inner = whole
    if isinstance(whole, dict):
        inner = next((whole[name] for name in _WRAPPERS if isinstance(whole.get(name), dict)), whole)
    if not isinstance(inner, dict):
        raise ValueError(tr("must hold tensors by name"))
    inner = _flat(inner)
    tensors = {str(name)[:500]: value for name, value in inner.items() if isinstance(value, PickledTensor)}
    if len(tensors) != len(inner) or not all(isinstance(name, str) for name in inner):
        others = [str(name)[:100] for name, value in inner.items() if not isinstance(value, PickledTensor)]
        if others and others[0]:
            raise ValueError(tr("must hold tensors by name, got something else at {name}", name=others[0]))
        raise ValueError(tr("must hold tensors by name, got something else"))
    return tensors


def _flat(table: dict[object, object]) -> dict[object, object]:
    """Return of an IP-Adapter its parts' tables as one, each name behind its part's; of others the table."""
    parts = {part: told for part in _PARTS if isinstance(told := table.get(part), dict)}
    return {f"{part}.{name}": one for part, told in parts.items() for name, one in told.items()} or table


class _Walk:
    """A stack machine that knows what torch.save writes of tensors, numbers, texts, lists and tables."""

    def __init__(self) -> None:
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}
        self.storages: dict[str, Storage] = {}

    def result(self, pickled: BinaryIO) -> object:
        for number, (name, argument) in enumerate(_opcodes(pickled)):
            if number > _MOST_VALUES:
                raise ValueError(tr("names more tensors than a model has"))
            self._step(name, argument)
        return self._stack.pop()

    def _step(self, name: str, argument: object) -> None:
        if name in _PLAIN:
            self._stack.append(argument)
        elif name == "GLOBAL":
            self._stack.append(_Global(str(argument)))
        elif name in _MADE:
            self._stack.append(_MADE[name]())
        elif name in _PUT:
            assert argument is None or isinstance(argument, int)
            self._memo[len(self._memo) if argument is None else argument] = self._stack[-1]
        elif name in _GET:
            assert isinstance(argument, int)
            self._stack.append(self._memo[argument])
        elif name in _ACTS:
            _ACTS[name](self)
        elif name not in _SILENT:
            raise ValueError(tr("must hold tensors alone: give it as .safetensors"))

    def _marked(self) -> list[object]:
        """Take everything above the last mark."""
        at = len(self._stack) - 1
        while self._stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise IndexError
        parts = self._stack[at + 1 :]
        del self._stack[at:]
        return parts

    def mark(self) -> None:
        self._stack.append(_MARK)

    def pop(self) -> None:
        self._stack.pop()

    def tuple_of(self, count: int | None) -> None:
        parts = self._marked() if count is None else self._stack[len(self._stack) - count :]
        if count is not None:
            del self._stack[len(self._stack) - count :]
        self._stack.append(tuple(parts))

    def extend(self, several: bool) -> None:
        parts = self._marked() if several else [self._stack.pop()]
        target = self._stack[-1]
        if not isinstance(target, list):
            raise TypeError
        target += parts

    def set_items(self, several: bool) -> None:
        if several:
            parts = self._marked()
        else:
            parts = self._stack[-2:]
            del self._stack[-2:]
        target = self._stack[-1]
        if not isinstance(target, dict) or len(parts) % 2:
            raise TypeError
        for key, value in zip(parts[::2], parts[1::2], strict=True):
            if not isinstance(key, str) and not (isinstance(key, int) and abs(key) < _LARGE):
                raise ValueError(tr("must hold tensors by name"))
            target[key] = value

    def stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise TypeError
        self._stack.append(_Global(f"{module} {name}"))

    def storage(self) -> None:
        """Read torch's ("storage", type, key, place, count), and None behind them in the form before 1.6."""
        told = self._stack.pop()
        if not (isinstance(told, tuple) and told[0] == "storage" and told[5:] in ((), (None,))):
            raise TypeError
        kind, key = told[1], told[2]
        if not (isinstance(kind, _Global) and isinstance(key, str)):
            raise TypeError
        module, _, name = kind.name.partition(" ")
        if module not in ("torch", "torch.storage") or not (name in _STORAGES or name == "UntypedStorage"):
            raise ValueError(
                tr("holds numbers of a kind that is not read here ({name}): give it in fp16", name=name[:40])
            )
        self.storages[key] = Storage(_STORAGES.get(name, ""), key)
        self._stack.append(self.storages[key])

    def call(self) -> None:
        """Make what torch.save wrote as a call: a tensor's record or a table; refuse everything else."""
        told, maker = self._stack.pop(), self._stack.pop()
        if not (isinstance(told, tuple) and isinstance(maker, _Global)):
            raise TypeError
        if maker.name == _TABLE and told in ((), ([],)):
            self._stack.append({})
        elif maker.name in ("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor_v3"):
            self._stack.append(_tensor(told))
        elif maker.name == "torch._utils _rebuild_parameter" and isinstance(told[0], PickledTensor):
            self._stack.append(told[0])
        else:
            raise ValueError(_refusal(maker.name))

    def build(self) -> None:
        """Leave out what a table or a tensor knows of itself beside its content."""
        self._stack.pop()
        if not isinstance(self._stack[-1], dict | PickledTensor):
            raise TypeError


def _opcodes(pickled: BinaryIO) -> Iterator[tuple[str, object]]:
    """Yield a pickle's opcodes with what they carry; ValueError in our words where one is torn."""
    codes = pickletools.genops(pickled)
    while True:
        try:
            code, argument, _ = next(codes)
        except StopIteration:
            return
        except (ValueError, LookupError, OverflowError) as error:
            raise ValueError(
                tr("is damaged, its list of tensors is torn: download or copy it again")
            ) from error
        yield code.name, argument


def _tensor(told: tuple[object, ...]) -> PickledTensor:
    storage, offset, shape, strides = told[:4]
    if not isinstance(storage, Storage) or not isinstance(offset, int):
        raise TypeError
    dtype = storage.dtype or (_DTYPES.get(told[6].name, "") if isinstance(told[6], _Global) else "")
    if not dtype:
        raise ValueError(tr("holds numbers of a kind that is not read here: give it in fp16"))
    return PickledTensor(storage, dtype, offset, _whole_numbers(shape), _whole_numbers(strides))


def _whole_numbers(told: object) -> tuple[int, ...]:
    if not isinstance(told, tuple) or len(told) > 8:
        raise TypeError
    numbers = tuple(number for number in told if isinstance(number, int) and 0 <= number < _LARGE)
    if len(numbers) != len(told):
        raise ValueError(tr("is damaged: a tensor's shape must be whole numbers"))
    return numbers


def _refusal(maker: str) -> str:
    """Return why something that a pickle asks to be called is refused."""
    name = maker.rpartition(" ")[2]
    if maker.startswith("torch") and (
        kind := next((_STRANGE[part] for part in _STRANGE if part in name), "")
    ):
        return tr("holds {kind} tensors, not plain ones: give it in fp16 as .safetensors", kind=tr(kind))
    return tr(
        "asks to run {function!r} when it is opened, which storykit never does: give it "
        "as .safetensors, and do not open this file elsewhere unless you know who made it",
        function=maker.replace(" ", ".")[:100],
    )


_PLAIN = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING",
    "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
})  # fmt: skip
"""Opcodes that carry a value."""
_MADE: Mapping[str, Callable[[], object]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list, "EMPTY_DICT": dict,
}  # fmt: skip
_PUT = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"})
_GET = frozenset({"GET", "BINGET", "LONG_BINGET"})
_SILENT = frozenset({"PROTO", "FRAME", "STOP"})
_ACTS: Mapping[str, Callable[[_Walk], None]] = {
    "MARK": _Walk.mark,
    "POP": _Walk.pop,
    "TUPLE": lambda walk: walk.tuple_of(None),
    "TUPLE1": lambda walk: walk.tuple_of(1),
    "TUPLE2": lambda walk: walk.tuple_of(2),
    "TUPLE3": lambda walk: walk.tuple_of(3),
    "APPEND": lambda walk: walk.extend(several=False),
    "APPENDS": lambda walk: walk.extend(several=True),
    "SETITEM": lambda walk: walk.set_items(several=False),
    "SETITEMS": lambda walk: walk.set_items(several=True),
    "STACK_GLOBAL": _Walk.stack_global,
    "BINPERSID": _Walk.storage,
    "REDUCE": _Walk.call,
    "BUILD": _Walk.build,
}
