"""The LoRA layers that are trained, put into the UNet by peft and taken out again."""

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor
from torch.nn.functional import linear

TARGETS = ("to_q", "to_k", "to_v", "to_out")
"""The layers that learn: the attention's, as in the contest."""


class QuickLinear(LoraLinear):  # type: ignore[misc]  # peft has no types
    """peft's layer in fewer steps, all in the UNet's own precision."""

    def forward(self, rows: Tensor) -> Tensor:
        """Return the layer's answer and the LoRA's change of it, (..., out) for (..., in)."""
        told = self.base_layer(rows)
        seen = linear(rows, self.lora_A["default"].weight)
        changed = torch.addmm(
            told.flatten(0, -2),
            seen.flatten(0, -2),
            self.lora_B["default"].weight.T,
            alpha=self.scaling["default"],
        )
        return changed.view_as(told)
