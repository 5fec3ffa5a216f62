"""One training on any number of GPUs: optimizer, averaged weights, checkpoint."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """How fast networks learn."""

    peak: float
    """Learning rate after the warm-up."""
    warmup: int
    """Steps in which the learning rate rises."""
    decay: float
    """Weight decay of AdamW."""
    average: float
    """Share of the old average that stays with each step."""


class WeightAverage:
    """An exponential moving average of parameters: what is kept of a training.

    By hand, for swa_utils.AveragedModel copies whole networks, and its decay does not grow at the beginning.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        """Start from the parameters as they are."""
        self.values: list[Tensor] = [p.detach().clone() for p in parameters]
        self.decay = decay

    def update(self, parameters: Sequence[nn.Parameter], step: int) -> None:
        """Move towards the parameters, faster in the first steps."""
        decay = min(self.decay, (step + 15) / (step + 20))
        # one kernel for all tensors; torch has no public name for it
        torch._foreach_lerp_(self.values, [p.detach() for p in parameters], 1 - decay)

    def swap(self, parameters: Sequence[nn.Parameter]) -> None:
        """Exchange the average and the parameters; twice changes nothing."""
        with torch.no_grad():
            for value, parameter in zip(self.values, parameters, strict=True):
                kept = parameter.detach().clone()
                parameter.copy_(value)
                value.copy_(kept)


def learning_rate(progress: float, step: int, peak: float, warmup: int) -> float:
    """Return the rate: a linear warm-up over steps, constant, a linear fall to zero over the last 40 %.

    By hand, for LambdaLR counts steps alone, and the end may be a time.
    """
    return peak * min(1.0, (step + 1) / warmup, max(0.0, (1 - progress) / 0.4))


class DistributedRanks:
    """This process among those that train together."""

    def __init__(self) -> None:
        """Join the others that `torchrun` started, if any."""
        self.rank = int(os.environ.get("RANK", "0"))
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        cuda = torch.cuda.is_available()
        self.device = torch.device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if cuda else "cpu")
        if cuda:
            torch.cuda.set_device(self.device)
            torch.backends.cuda.matmul.allow_tf32 = True
            torch.backends.cudnn.allow_tf32 = True
            torch.backends.cudnn.benchmark = True
        if self.count > 1:
            dist.init_process_group("nccl" if cuda else "gloo")

    def autocast(self) -> AbstractContextManager[object]:
        """Return bf16 autocast on a GPU, nothing on the CPU; without its cache, which no graph can hold."""
        cuda = self.device.type == "cuda"
        return torch.autocast("cuda", torch.bfloat16, cache_enabled=False) if cuda else nullcontext()

    def as_used(self, value: Tensor) -> Tensor:
        """Return the value in the precision of the arithmetic: bf16 on a GPU, as it is on the CPU."""
        return value.bfloat16() if self.device.type == "cuda" else value

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace every gradient by its mean over all processes.

        By hand, for DistributedDataParallel hooks into a backward pass, which is launched as one graph here.
        """
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat, op=dist.ReduceOp.SUM)
        flat /= self.count
        pieces = torch.split(flat, [g.numel() for g in gradients])
        torch._foreach_copy_(gradients, [p.view_as(g) for p, g in zip(pieces, gradients, strict=True)])

    def agree(self, value: float) -> float:
        """Return the first process's value in all of them."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], device=self.device)
        dist.broadcast(shared, 0)
        return float(shared.item())

    def leave(self) -> None:
        """End the work together."""
        if self.count > 1:
            dist.destroy_process_group()


class AveragedOptimizer:
    """Named networks that learn from one loss."""

    def __init__(self, networks: Mapping[str, nn.Module], rates: Rates, ranks: DistributedRanks) -> None:
        """Begin at the networks' weights, which are on the ranks' device."""
        self.networks, self.rates, self.ranks = networks, rates, ranks
        self.parameters = [p for network in networks.values() for p in network.parameters()]
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            rates.peak,
            betas=(0.9, 0.99),
            weight_decay=rates.decay,
            fused=ranks.device.type == "cuda",
        )
        self.average = WeightAverage(self.parameters, rates.average)
        self.step = 0
        """Steps done."""

    def descend(self, loss: Tensor, progress: float) -> None:
        """Take one step down the loss; `progress`, in [0, 1], is how much of the training is done."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(progress, self.step, self.rates.peak, self.rates.warmup)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.ranks.average_gradients(self.parameters)
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.average.update(self.parameters, self.step)
        self.step += 1

    def keep(self, path: Path, spent_s: float) -> None:
        """Write all that is needed to go on later, and the seconds spent."""
        if self.ranks.rank:
            return
        state = {name: network.state_dict() for name, network in self.networks.items()}
        state["optimizer"] = self.optimizer.state_dict()
        partial = path.with_suffix(".part")
        torch.save({**state, "average": self.average.values, "step": self.step, "spent": spent_s}, partial)
        partial.replace(path)

    def resume(self, path: Path) -> float:
        """Go on from what was kept, if anything was; returns the seconds spent until then."""
        if not path.exists():
            return 0.0
        state = torch.load(path, map_location=self.ranks.device)
        for name, network in self.networks.items():
            network.load_state_dict(state[name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.values = state["average"]
        self.step = int(state["step"])
        return float(state["spent"])

    def settle(self) -> None:
        """Put the average in place of the weights."""
        self.average.swap(self.parameters)

    def halves(self) -> dict[str, dict[str, Tensor]]:
        """Return the networks' weights by network and name, in fp16."""
        return {
            name: {key: value.half() for key, value in network.state_dict().items()}
            for name, network in self.networks.items()
        }
