import random

import numpy as np
import pytest

from eval.mini.training.unfinished import (
    BETWEEN,
    LEFT,
    UNDERCOOKED,
    WELL_DONE,
    Drawn,
    DrawPlan,
    UnfinishedPainter,
    draw_scenes,
    sample_batches,
)
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.painter import PanelRequest
from kit.lora.lora import embedded_loras
from kit.models.base import load_base


def test_the_latent_after_the_last_step_is_the_picture_itself() -> None:
    painter, settings = (
        UnfinishedPainter(load_base("mini"), "cpu"),
        DrawSettings(steps=2, cfg=4.0, size=64, noise="portable"),
    )
    painter.encode_prompts(["一只橙色的小猫，坐着", ""])
    requests = [PanelRequest(key="", prompt="一只橙色的小猫，坐着", negative="", seed=k) for k in (5, 6)]
    drawn = painter.draw(requests, settings)
    last = painter.decoded(painter.unfinished(requests, settings)[2])
    assert [np.asarray(one).tolist() for one in drawn] == [np.asarray(one).tolist() for one in last]


@pytest.mark.parametrize("plan", [UNDERCOOKED, WELL_DONE])
def test_what_is_drawn_holds_every_style_and_a_batch_has_one_lora(plan: DrawPlan) -> None:
    batches = sample_batches(plan, random.Random(f"fog {plan.lot}"))
    numbers = [int(one.key) for _, batch in batches for one in batch]
    assert sorted(numbers) == list(range(plan.sampled))
    assert {plan.styles[number % len(plan.styles)] for number in numbers[: plan.drawn]} == set(plan.styles)
    for style, batch in batches:
        styles = {plan.styles[int(one.key) % len(plan.styles)] for one in batch}
        assert styles == {style} if style in embedded_loras() else not styles & set(embedded_loras())


def test_the_same_plan_draws_the_same_pictures_and_names_each_one_s_scene() -> None:
    plan = UNDERCOOKED._replace(sampled=6, drawn=4, steps=(1,), slow=())
    first, again = draw_scenes(plan), draw_scenes(plan)
    assert first.pictures.tolist() == again.pictures.tolist()
    assert len(set(first.scenes.tolist())) == len(first.pictures)
    assert first.kinds.tolist() == [[1, 1]] * len(first.pictures)
    assert first.left().tolist() == pytest.approx([LEFT[1, 1]] * len(first.pictures))


def test_neither_kept_out_scenes_nor_nearly_finished_pictures_are_taught() -> None:
    kinds = np.array([(1, 1), (6, 6), *BETWEEN, (1, 1)])
    scenes = np.array([1, 2, *range(3, 3 + len(BETWEEN)), 8])
    drawn = Drawn(np.zeros((len(kinds), 2, 2, 3), np.uint8), kinds, scenes)
    assert drawn.taught(8).scenes.tolist() == [1, 2]
    assert drawn.taught(8).left().tolist() == pytest.approx([LEFT[1, 1], 1])
