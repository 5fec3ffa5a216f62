import random
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kit.dataset.captioning.scenes.questions import FIGURE, SCENE, UNSEEN, Answers, labels_of, scene_of
from kit.world.scene import ANIMALS, PEOPLE, STYLES, Scene, sample_scene


def sure_of(scene: Scene) -> Answers:
    """Return answers that are all true; of what is not seen all answers are alike."""
    whole, figures = labels_of(scene)

    def told(questions: dict[str, list[str]], labels: list[int]) -> dict[str, np.ndarray]:
        found = {}
        for (name, known), label in zip(questions.items(), labels, strict=True):
            found[name] = np.full(len(known), 1 / len(known))
            if label != UNSEEN:
                found[name] = np.eye(len(known))[label]
        return found

    return Answers(told(dict(SCENE), whole), [told(dict(FIGURE), one) for one in figures])


@given(st.integers(0, 2**32))
def test_a_scene_comes_back_from_its_true_answers(seed: int) -> None:
    rng = random.Random(seed)
    scene = sample_scene(rng, rng.choice(STYLES))
    told = scene_of(sure_of(scene))
    assert labels_of(replace(told, seed=scene.seed)) == labels_of(scene)


@given(st.integers(0, 2**32))
def test_whatever_is_answered_the_world_can_draw_it(seed: int) -> None:
    dice = np.random.default_rng(seed)
    answers = Answers(
        {name: dice.dirichlet(np.ones(len(known))) for name, known in SCENE.items()},
        [{name: dice.dirichlet(np.ones(len(known))) for name, known in FIGURE.items()} for _ in range(2)],
    )
    scene = scene_of(answers)
    kinds = [one.kind for one in scene.characters]
    assert len(set(kinds)) == len(kinds)
    for one in scene.characters:
        assert (one.hair is None) == (one.kind in ANIMALS)
        assert (one.prop is not None) == (one.pose == "hold")
        assert one.pose != "bathe" or scene.place == "bathroom"
        assert one.pose != "hug" or len(kinds) == 2
        assert one.kind in PEOPLE or one.pose not in ("sing", "read", "hold", "door", "hug")
