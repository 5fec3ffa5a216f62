"""A base of Kolors' kind written as diffusers lays it out, so that KolorsPipeline loads it."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from kit.embedded import EMBEDDED
from kit.errors import WeightsError
from kit.files.atomic_write import replaced_folder
from kit.messages import tr
from kit.models.kolors.scheduler import TRAIN_STEPS
from kit.models.layouts.diffusers_networks import (
    diffusers_names,
    diffusers_scheduler,
    diffusers_text_encoder,
    diffusers_unet,
    diffusers_vae,
)
from kit.models.networks import Base, Part, fill
from kit.models.sizes import TextSizes
from kit.models.token_counts import shipped_tokenizer

if TYPE_CHECKING:
    from diffusers import KolorsPipeline

Variant = Literal["fp16"]
_UNUSED = ("output_layer.", "decoder.condition_encoder.")
"""What diffusers' networks have and no picture needs: what predicts words, what reads a mask."""
_ROTATION = "rotary_pos_emb.inv_freq"
_USUAL = {EMBEDDED: (256, 25)}
"""Side in pixels and steps of what a base draws; elsewhere 1024 and 50."""
_README = """# {name}, for diffusers

Written by `storykit model export`.

```python
import torch
from diffusers import EulerDiscreteScheduler, KolorsPipeline

pipe = KolorsPipeline.from_pretrained("FOLDER"{variant})
asked = {{"negative_prompt": "", "guidance_scale": 4.0, "height": {side}, "width": {side}}}
steps = {steps}
picture = pipe(
    "一只小猫", num_inference_steps=steps, generator=torch.Generator("cpu").manual_seed(0), **asked
).images[0]
```

The seed gives storykit's picture of that seed, but for some pixels: diffusers' first noise is 0.9994 times
storykit's, and its noise levels are not rounded. This is the same to the rounding of pixels:

```python
exact = {{"timestep_spacing": "leading"}}
pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config, **exact)
levels = [round({last} - number * {last} / (steps - 1)) for number in range(steps)]
picture = pipe(
    "一只小猫", timesteps=levels, generator=torch.Generator("cpu").manual_seed(0), **asked
).images[0]
```
"""


def export_to_diffusers(base: Base, out: Path, variant: Variant | None = None) -> None:
    """Write a base as a folder of KolorsPipeline, whole or not at all, with a README that says how to draw.

    Args:
        base: of Kolors' kind, the embedded one too.
        out: the folder; one that is there is replaced.
        variant: "fp16" for half numbers in files of that name; by default numbers stay what they are.

    Raises:
        WeightsError: diffusers is not installed, or a file of the base is damaged.
        RunError: the folder cannot be written.
    """
    if find_spec("diffusers") is None:
        raise WeightsError(tr("writing this layout needs diffusers: pip install storykit[bases]"))
    pipeline = diffusers_pipeline(base, torch.float16 if variant else None)
    side, steps = _USUAL.get(base.name, (1024, 50))
    told = f', variant="{variant}"' if variant else ""
    readme = _README.format(name=base.name, variant=told, side=side, steps=steps, last=TRAIN_STEPS - 1)
    with replaced_folder(out) as folder:
        pipeline.save_pretrained(folder, variant=variant)
        (folder / "README.md").write_text(readme, encoding="utf-8")


def diffusers_pipeline(base: Base, dtype: torch.dtype | None = None) -> "KolorsPipeline":
    """Return diffusers' pipeline with a base's weights, on the CPU.

    Args:
        base: of Kolors' kind.
        dtype: what its numbers are made; by default they stay what they are.
    """
    from diffusers import KolorsPipeline
    from diffusers.pipelines.kolors import ChatGLMTokenizer

    side, _ = _USUAL.get(base.name, (1024, 50))
    with torch.device("meta"):
        unet = diffusers_unet(base.sizes.unet, side)
        vae = diffusers_vae(base.sizes.vae, base.latent_scale)
        text = diffusers_text_encoder(base.sizes.text)
    _fill(unet, _named(base, "unet", unet, dtype), base.misfit("unet"))
    halves = _named(base, "encoder", vae, dtype) | _named(base, "decoder", vae, dtype)
    _fill(vae, halves, base.misfit("decoder"))
    words = {name: tensor.to(dtype=dtype) for name, tensor in base.text_weights().items()}
    _fill(text, {_ROTATION: _rotation(base.sizes.text)} | words, tr("the text encoder is none of Kolors"))
    return KolorsPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=ChatGLMTokenizer(str(base.tokenizer or shipped_tokenizer())),
        unet=unet,
        scheduler=diffusers_scheduler(),
    )


def _named(base: Base, part: Part, network: nn.Module, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """Return a part's tensors under diffusers' names; one that is not there is missed when it is filled."""
    weights = base.weights(part, "cpu", dtype)
    names = diffusers_names(part, network)
    return {name: weights[ours].contiguous() for name, ours in names.items() if ours in weights}


def _rotation(sizes: TextSizes) -> Tensor:
    """Return the frequencies by which ChatGLM turns places; diffusers reads only what numbers they are."""
    width = sizes.head // 2
    frequencies = 10000 ** (-torch.arange(0, width, 2) / width)
    return frequencies.half()


def _fill(network: nn.Module, tensors: Mapping[str, Tensor], misfit: str) -> None:
    dtype = next(iter(tensors.values())).dtype
    unused = {
        name: torch.zeros(tensor.shape, dtype=dtype)
        for name, tensor in network.state_dict().items()
        if name.startswith(_UNUSED) and name not in tensors
    }
    fill(network, unused | dict(tensors), misfit)
    network.eval().requires_grad_(False)
