"""What Ray runs in a process of its own: an object that is made there and asked by its methods' names."""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from kit.errors import StorykitError
from kit.library_warnings import hide_pynvml_warning, name_user
from kit.messages import OWN_VARIABLE


class Refused(NamedTuple):
    """What the object there refuses; Ray would bring an error that is raised as another one."""

    error: StorykitError


class Actor:
    """Objects in another process; what they refuse is an answer."""

    def __init__(self, language: str) -> None:
        """Begin as the process that asks: in its language."""
        os.environ[OWN_VARIABLE] = language
        hide_pynvml_warning()
        name_user()
        self._made: list[object] = []

    def ready(self) -> None:
        """Answer as soon as the process is there."""

    def make(self, maker: Callable[[], object]) -> object:
        """Make an object, which is asked before those that are there."""
        try:
            self._made.insert(0, maker())
        except StorykitError as error:
            return Refused(error)
        return None

    def answer_apart(self, name: str, *arguments: object) -> tuple[Refused | None, object]:
        """Return what is refused, and else the answer, each to be fetched by itself."""
        answer = self.answer(name, *arguments)
        return (answer, None) if isinstance(answer, Refused) else (None, answer)

    def answer(self, name: str, *arguments: object) -> object:
        """Return what a method of the first object that has it returns, or what a property is."""
        try:
            asked: Any = getattr(next(one for one in self._made if hasattr(type(one), name)), name)
            return asked(*arguments) if callable(asked) else asked
        except StorykitError as error:
            return Refused(error)
