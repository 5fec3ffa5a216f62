import re
import tomllib
from pathlib import Path

import reports
from reports.page_templates import load_words


def test_both_languages_have_every_sentence_with_the_same_fields() -> None:
    table = tomllib.loads(
        (Path(reports.__file__).parent / "templates/words.toml").read_text(encoding="utf-8")
    )
    assert table["en"].keys() == table["zh"].keys()
    for key in table["en"]:
        fields = [set(re.findall(r"\{(\w+)", table[language][key])) for language in ("en", "zh")]
        assert fields[0] == fields[1], key


def test_english_counts_one_and_many() -> None:
    words = load_words("en")
    assert words.count("seeds", 1) == "1 seed"
    assert words.count("seeds", 6) == "6 seeds"
    assert words.joined(["a", "b", "c"]) == "a, b and c"
