import torch
from fakes import TOY_PROMPTS, toy_base

from kit.models.base import load_base
from kit.models.kolors.text_encoder import TaughtWords, encode_ids, token_places, tokenize

SAME_TEXT = 1e-3
"""How far a text's states may be apart: float32 rounds them by 1e-5, another text is 3 away."""


def test_text_states_are_those_of_kolors_prompter():
    base = load_base(toy_base())
    prompter, encoder = base.prompter(), base.text_encoder()
    prompter.fetch_models(encoder)
    cross, pooled = encode_ids(encoder, *tokenize(prompter, TOY_PROMPTS))
    for row, prompt in enumerate(TOY_PROMPTS):
        their_pooled, their_cross = prompter.encode_prompt(prompt, device="cpu")
        torch.testing.assert_close(cross[row], their_cross[0], rtol=0, atol=SAME_TEXT)
        torch.testing.assert_close(pooled[row], their_pooled[0], rtol=0, atol=SAME_TEXT)
    assert (cross[0] - cross[1]).abs().max() > 1
    assert (pooled[0] - pooled[1]).abs().max() > 1


def test_a_taught_word_is_read_as_the_pieces_whose_vectors_it_has():
    base = load_base(toy_base())
    prompter, encoder = base.prompter(), base.text_encoder()
    pieces = prompter.tokenizer.convert_tokens_to_ids(prompter.tokenizer.tokenize(TOY_PROMPTS[0]))
    taught = TaughtWords(
        rows={"<a>": range(2), "<ab>": range(2, len(pieces))},
        vectors=encoder.embedding.word_embeddings.weight[pieces].detach(),
    )
    spelled = encode_ids(encoder, *tokenize(prompter, TOY_PROMPTS[:1]))
    said = encode_ids(encoder, *tokenize(prompter, ["<a><ab>"], taught), taught.vectors)
    assert all(torch.equal(one, other) for one, other in zip(spelled, said, strict=True))
    other = encode_ids(encoder, *tokenize(prompter, ["<ab><a>"], taught), taught.vectors)
    assert (other[0] - said[0]).abs().max() > 1


def test_taught_words_move_what_stands_behind_them():
    prompter = load_base(toy_base()).prompter()
    taught = TaughtWords(rows={"<zu>": range(7)}, vectors=torch.zeros(7, 32))
    ids, _, _ = tokenize(prompter, ["<zu>小猫"], taught)
    assert ids[0, token_places(prompter, "<zu>小猫", "<zu>", taught)].tolist() == [-1 - k for k in range(7)]
    behind = token_places(prompter, "<zu>小猫", "小猫", taught)
    assert prompter.tokenizer.decode(ids[0, behind]) == "小猫"
