"""What a network that fails at a picture says, in a line that names its weights and the way out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kit.errors import WeightsError
from kit.files.text.library_words import reason_of
from kit.messages import tr

TROUBLE = (RuntimeError, ValueError, LookupError, TypeError, AttributeError, MemoryError, OSError)
"""What torch and transformers raise of weights that open and do not work, and of memory that is too small."""
_NO_ROOM = ("out of memory", "not enough memory", "can't allocate", "failed to allocate", "bad allocation")


@contextmanager
def network_errors(weights: Path, more: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Raise WeightsError where a network fails.

    Args:
        weights: its folder or file.
        more: what its library raises beside TROUBLE.
    """
    caught: tuple[type[Exception], ...] = (*TROUBLE, *more)
    try:
        yield
    except caught as error:
        said = str(error)
        if isinstance(error, MemoryError) or any(words in said.lower() for words in _NO_ROOM):
            told = tr(
                "{weights} needs more memory than is free: end other programs and type the same again; where "
                "the GPU is too small, CUDA_VISIBLE_DEVICES= in front of the command leaves it out",
                weights=weights,
            )
            raise WeightsError(told) from error
        told = tr(
            "{weights} does not work: {reason}; download it again, or take another captioner",
            weights=weights,
            reason=reason_of(said[:200]) or type(error).__name__,
        )
        raise WeightsError(told) from error
