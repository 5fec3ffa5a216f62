"""Which words of a Chinese page are English: no names, no code, none that everybody writes so."""

import re

from made_run import words_of

KNOWN = {
    *("storykit", "lora", "kolors", "clip", "clip-i", "clip-t", "mrr", "cfg", "sha256", "safetensors", "esc"),
    *(
        "mini",
        "px",
        "p",
        "holm",
        "t",
        "n",
        "csv",
        "scores",
        "panels",
        "stories",
        "json",
        "alpha",
        "rank",
        "css",
    ),
    *(
        "simple-aesthetics-predictor",
        "aestheticspredictorv2linear",
        "vendi",
        "copy",
        "above",
        "https",
        "fp32",
    ),
    *("html", "leaderboard", "notes", "cast", "looks"),
}
"""Names, and terms that Chinese texts about pictures leave in Latin letters."""


def foreign_words(page: str, *names: str) -> list[str]:
    """Return the English words that a reader sees on a page, outside of code.

    Args:
        page: as HTML; code, commands and names of files are no prose.
        names: what the run or the entries call things.
    """
    prose = re.sub(r"<(code|pre)\b.*?</\1>", " ", page, flags=re.DOTALL)
    prose = re.sub(r"[\w/-]+(?:\.[A-Za-z]{2,12})*\.(?:png|json|csv|md|txt|html|toml)\b", " ", prose)
    spoken = " ".join(re.findall(r'(?:aria-label|alt|data-title)="([^"]*)"', prose))
    known = KNOWN | {word.lower() for name in names for word in _words(name)}
    return sorted({word for word in _words(f"{words_of(prose)} {spoken}") if word.lower() not in known})


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z][A-Za-z0-9-]*", text)
