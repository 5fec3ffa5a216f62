import shutil

import pytest

from kit.embedded import BASE_WEIGHTS
from kit.errors import WeightsError
from kit.models.kolors.text_encoder import build_prompter
from kit.models.token_counts import most_tokens, token_counter

TEXTS = ["一个黑色长发的小女孩，穿着红色裙子", "A boy's cat, 12 😀 \t x", "", " a", "\n", "龘靐" * 40]


@pytest.mark.parametrize(("base", "folder"), [("kolors", None), ("mini", BASE_WEIGHTS / "tokenizer")])
def test_tokens_are_counted_as_the_text_encoder_gets_them(base, folder):
    tokenizer, count = build_prompter(folder).tokenizer, token_counter(base)
    assert [count(text) for text in TEXTS] == [len(tokenizer.tokenize(text)) for text in TEXTS]


def test_a_folder_has_its_own_tokenizer_or_that_of_kolors(tmp_path):
    assert token_counter(str(BASE_WEIGHTS))(TEXTS[0]) == token_counter("mini")(TEXTS[0])
    assert token_counter(str(tmp_path))(TEXTS[0]) == token_counter("kolors")(TEXTS[0])
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "tokenizer.model").write_bytes(b"torn")
    with pytest.raises(WeightsError, match="not a whole sentencepiece model"):
        token_counter(str(tmp_path))


def test_clip_counts_the_tokens_of_other_bases_and_reads_fewer(tmp_path):
    pytest.importorskip("diffusers", reason="needs storykit[bases]")
    from tests.support.toy_pipelines import SDXL, clip_tokenizer, toy

    base = str(toy(SDXL))
    tokenizer, count = clip_tokenizer(), token_counter(base)
    assert [count(text) for text in TEXTS] == [len(tokenizer.tokenize(text)) for text in TEXTS]
    assert (most_tokens(base), most_tokens("kolors"), most_tokens("mini")) == (75, 254, 254)
    shutil.copytree(base, tmp_path / "base")
    (tmp_path / "base/tokenizer/vocab.json").write_text("{")
    with pytest.raises(WeightsError, match="is no whole tokenizer of CLIP"):
        token_counter(str(tmp_path / "base"))
    (tmp_path / "base/tokenizer/vocab.json").unlink()
    with pytest.raises(WeightsError, match=r"there is no .*tokenizer/vocab.json; download it again"):
        token_counter(str(tmp_path / "base"))
