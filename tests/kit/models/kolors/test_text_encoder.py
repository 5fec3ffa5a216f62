import torch
from fakes import TOY_PROMPTS, toy_base

from kit.models.base import load_base
from kit.models.kolors.text_encoder import encode_ids, tokenize

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
