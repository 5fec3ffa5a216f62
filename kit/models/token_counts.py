"""How many tokens a base's tokenizer makes of a text, told without loading the base."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from sentencepiece import SentencePieceProcessor

from kit.embedded import EMBEDDED
from kit.errors import WeightsError
from kit.messages import tr
from kit.models.layouts.model_folder import model_folder

_TOKENIZER = Path("tokenizer", "tokenizer.model")


def token_counter(base: str) -> Callable[[str], int]:
    """Return what counts the tokens of a prompt, the two that open every prompt apart.

    Args:
        base: "mini", "kolors", whose tokenizer comes with diffsynth, or a folder as `load_base` takes it.

    Raises:
        WeightsError: for a folder that is not there, or a tokenizer that is damaged.
    """
    folder = model_folder(base)
    if base not in (EMBEDDED, "kolors") and not folder.is_dir():
        raise WeightsError(
            tr(
                "base {base!r}: must be {embedded}, kolors, or a folder that is there",
                base=base,
                embedded=EMBEDDED,
            )
        )
    own = folder / _TOKENIZER
    path = own if own.is_file() else _shipped()
    try:
        tokenizer = SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:  # as sentencepiece says it
        raise WeightsError(tr("{file} is not a whole sentencepiece model", file=path)) from error
    return lambda text: len(tokenizer.encode(text))


def _shipped() -> Path:
    """Return Kolors' own tokenizer, which diffsynth brings; diffsynth itself is not loaded."""
    found = find_spec("diffsynth")
    assert found is not None, "storykit needs diffsynth"
    assert found.submodule_search_locations is not None, "it is a package"
    return Path(found.submodule_search_locations[0], "tokenizer_configs", "kolors", _TOKENIZER)
