import random
from pathlib import Path

from encoder_shards import labels_in
from hypothesis import given
from hypothesis import strategies as st

from eval.mini.training.zero_shot import name_scene, shorten
from kit.world import words


def test_short_texts_hold_for_the_scene(shards: Path) -> None:
    for scene in labels_in(shards).scenes:
        kind, place, style, *_ = name_scene(scene, random.Random(0))
        assert any(kind in words.KINDS["zh"][figure.kind] for figure in scene.characters)
        assert place in words.PLACES["zh"][scene.place]
        assert style in words.STYLES["zh"][scene.style]


@given(
    st.lists(st.sampled_from(["小猫", "在公园", "晚上", "全身"]), min_size=1, max_size=4, unique=True),
    st.integers(),
)
def test_a_shortened_caption_keeps_one_or_two_clauses_in_order(clauses: list[str], seed: int) -> None:
    kept = shorten("，".join(clauses), random.Random(seed)).split("，")
    assert 1 <= len(kept) <= 2
    assert kept == [clause for clause in clauses if clause in kept]
