from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from kit.mini.training.optimizer import (
    AveragedOptimizer,
    DistributedRanks,
    Rates,
    WeightAverage,
    learning_rate,
)


def test_the_learning_rate_rises_stays_and_falls_to_zero() -> None:
    assert learning_rate(0.0, 0, 2.0, 4) == pytest.approx(0.5)
    assert learning_rate(0.0, 3, 2.0, 4) == pytest.approx(2.0)
    assert learning_rate(0.6, 1000, 2.0, 4) == pytest.approx(2.0)
    assert learning_rate(0.8, 1000, 2.0, 4) == pytest.approx(1.0)
    assert learning_rate(1.0, 1000, 2.0, 4) == learning_rate(1.1, 1000, 2.0, 4) == 0.0


@given(st.floats(0, 1), st.integers(0, 5000))
def test_the_learning_rate_is_never_above_its_peak_or_below_zero(progress: float, step: int) -> None:
    assert 0 <= learning_rate(progress, step, 1e-3, 300) <= 1e-3


def layer(seed: int) -> nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Linear(3, 2)


def test_swapping_the_average_twice_changes_nothing() -> None:
    network = layer(0)
    parameters = list(network.parameters())
    average = WeightAverage(parameters, 0.9)
    before = [p.detach().clone() for p in parameters]
    with torch.no_grad():
        network.weight.add_(1)
    average.update(parameters, 10_000)
    after, kept = network.weight.detach().clone(), average.values[0].clone()
    assert torch.allclose(kept, before[0] + 0.1)
    average.swap(parameters)
    assert torch.equal(network.weight, kept)
    assert torch.equal(average.values[0], after)
    average.swap(parameters)
    assert torch.equal(network.weight, after)
    assert torch.equal(average.values[0], kept)
    assert torch.equal(network.bias, before[1])


RATES = Rates(peak=0.05, warmup=2, decay=0.01, average=0.9)


def walk(descent: AveragedOptimizer, steps: int) -> None:
    for _ in range(steps):
        network = descent.networks["layer"]
        descent.descend((network(torch.ones(3)) ** 2).sum(), descent.step / 10)


def test_a_descent_that_was_stopped_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    straight, stopped, resumed = (
        AveragedOptimizer({"layer": layer(k)}, RATES, DistributedRanks()) for k in (0, 0, 1)
    )
    walk(straight, 7)
    walk(stopped, 3)
    stopped.keep(tmp_path / "state.pt", 12.5)
    assert resumed.resume(tmp_path / "nothing.pt") == 0
    assert resumed.resume(tmp_path / "state.pt") == 12.5
    walk(resumed, 4)
    assert resumed.step == straight.step == 7
    for one, other in zip(straight.parameters, resumed.parameters, strict=True):
        assert torch.equal(one, other)
    straight.settle()
    resumed.settle()
    assert torch.equal(straight.halves()["layer"]["weight"], resumed.halves()["layer"]["weight"])
    assert straight.halves()["layer"]["bias"].dtype == torch.float16


def test_a_descent_goes_down() -> None:
    descent = AveragedOptimizer({"layer": layer(0)}, RATES, DistributedRanks())
    before = descent.networks["layer"](torch.ones(3)).abs().sum().item()
    walk(descent, 9)
    assert descent.networks["layer"](torch.ones(3)).abs().sum().item() < 0.7 * before
