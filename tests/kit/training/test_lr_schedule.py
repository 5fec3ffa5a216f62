import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.training.config import TrainConfig
from kit.training.lr_schedule import BatchSampler, learning_rate, seeded_generator


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=20), st.integers(1, 6), st.integers(0, 9))
def test_an_epoch_shows_every_picture_and_mixes_no_shapes(shapes, batch, seed):
    epochs = BatchSampler(shapes, batch, seed)
    for epoch in range(2):
        seen = [epochs.batch(epoch * epochs.steps + step) for step in range(1, epochs.steps + 1)]
        assert {k for chosen in seen for k in chosen} == set(range(len(shapes)))
        assert all(len(chosen) == batch for chosen in seen)
        assert all(len({shapes[k] for k in chosen}) == 1 for chosen in seen)


def test_epochs_differ_and_hang_on_the_seed():
    orders = [[BatchSampler([0] * 50, 1, seed).batch(step) for step in range(first, first + 50)]
              for seed, first in ((0, 1), (0, 51), (1, 1))]  # fmt: skip
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_chance_hangs_on_seed_and_names_alone():
    assert torch.equal(
        torch.randn(4, generator=seeded_generator(1, "a", 2)),
        torch.randn(4, generator=seeded_generator(1, "a", 2)),
    )
    drawn = [
        torch.randn(4, generator=seeded_generator(*names))
        for names in ((1, "a", 2), (2, "a", 2), (1, "a", 3))
    ]
    assert not any(torch.equal(drawn[0], other) for other in drawn[1:])


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("constant", [0.5, 1, 1, 1, 1]),
        ("linear", [0.5, 1, 1, 0.667, 0.334]),
        ("cosine", [0.5, 1, 1, 0.75, 0.251]),
    ],
)
def test_the_learning_rate_rises_and_then_follows_its_schedule(schedule, rates):
    config = TrainConfig(schedule=schedule, warmup=0.4, steps=5, learning_rate=1.0)
    assert [learning_rate(config, step) for step in range(1, 6)] == pytest.approx(rates, abs=1e-3)
