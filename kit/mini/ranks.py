"""One training on any number of GPUs: `torchrun` starts it on all of them, else it has one or the CPU."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Ranks:
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
        """Replace every gradient by its mean over all processes."""
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
