"""How many tokens a base's tokenizer makes of a text, told without loading the base."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from sentencepiece import SentencePieceProcessor

from kit.embedded import EMBEDDED
from kit.errors import WeightsError
from kit.messages import tr
from kit.models.bases.base_parts import BaseChoice, BaseParts
from kit.models.bases.pipeline_class import pipeline_folder
from kit.models.layouts.model_folder import model_folder
from kit.models.sizes import PREFIX_TOKENS, TOKENS

_TOKENIZER = Path("tokenizer", "tokenizer.model")


CLIP_TOKENS = 75
"""Of a prompt that CLIP reads at once, the two that open and close it apart."""
_VOCABULARY = ("vocab.json", "merges.txt")


def most_tokens(base: BaseChoice) -> int:
    """Return how many tokens of a prompt a base reads at once, those that open and close it apart."""
    return TOKENS - PREFIX_TOKENS if pipeline_folder(base) is None else CLIP_TOKENS


def token_counter(base: BaseChoice) -> Callable[[str], int]:
    """Return what counts the tokens of a prompt, those that open and close every prompt apart.

    Args:
        base: "mini", "kolors", whose tokenizer comes with diffsynth, a folder as `load_base` takes it, or a
            pipeline of diffusers.

    Raises:
        WeightsError: for a folder that is not there, or a tokenizer that is damaged.
    """
    if (pipeline := pipeline_folder(base)) is not None:
        return _clip_counter(pipeline / "tokenizer")
    if isinstance(base, BaseParts):
        base = base.folder or "kolors"
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
    path = own if own.is_file() else shipped_tokenizer()
    try:
        tokenizer = SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:  # as sentencepiece says it
        raise WeightsError(tr("{file} is not a whole sentencepiece model", file=path)) from error
    return lambda text: len(tokenizer.encode(text))


def _clip_counter(folder: Path) -> Callable[[str], int]:
    """Return what counts CLIP's tokens; SDXL's second tokenizer makes as many."""
    from transformers import CLIPTokenizer

    if lacking := [name for name in _VOCABULARY if not (folder / name).is_file()]:
        raise WeightsError(tr("there is no {file}; download it again", file=folder / lacking[0]))
    try:
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(tr("{folder} is no whole tokenizer of CLIP", folder=folder)) from error
    return lambda text: len(tokenizer(text, add_special_tokens=False, verbose=False).input_ids)


def shipped_tokenizer() -> Path:
    """Return Kolors' own tokenizer, which diffsynth brings; diffsynth itself is not loaded."""
    found = find_spec("diffsynth")
    assert found is not None, "storykit needs diffsynth"
    assert found.submodule_search_locations is not None, "it is a package"
    return Path(found.submodule_search_locations[0], "tokenizer_configs", "kolors", _TOKENIZER)
