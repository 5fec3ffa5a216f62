"""The painter over Kolors' networks: text first, then panels in batches, one UNet call a step."""

from collections.abc import Mapping, Sequence

import torch
from PIL import Image
from torch import Tensor, nn

from kit.base import Base, pick_device
from kit.errors import RunError
from kit.experiment import DrawSettings
from kit.kolors import BETA_END, TRAIN_STEPS, encode_ids, scheduler, time_ids, tokenize
from kit.lora import LoadedLora
from kit.mini.sizes import LATENT_CHANNELS, STRIDE
from kit.painter import PanelRequest

SCHEDULER = {"name": "EnhancedDDIM", "beta_end": BETA_END, "train_steps": TRAIN_STEPS}
READ_BATCH = 16
"""Prompts the text encoder reads at once."""


def first_noise(seed: int, settings: DrawSettings, device: str) -> Tensor:
    """Return the latent a picture starts from, (1, 4, size/8, size/8) in fp32; the seed's alone.

    "portable" is drawn on the CPU in fp32, the same on every machine; "contest" is what DiffSynth draws:
    on the device, in fp16.
    """
    side = settings.size // STRIDE
    where, dtype = ("cpu", torch.float32) if settings.noise == "portable" else (device, torch.float16)
    generator = torch.Generator(where).manual_seed(seed)
    noise = torch.randn((1, LATENT_CHANNELS, side, side), generator=generator, device=where, dtype=dtype)
    return noise.to(device, torch.float32)


class KolorsPainter:
    """Draws with one base; the text encoder is in memory only while prompts are read."""

    def __init__(self, name: str, base: Base, device: str = "auto") -> None:
        """Load UNet and decoder of the base to the device."""
        self.name = name
        self.device = pick_device(device)
        self.identity: Mapping[str, object] = {
            "name": name if name == "mini" else "folder",
            "sha256": dict(base.sha256),
            "scheduler": SCHEDULER,
            "dtype": "float32",
        }
        self._base = base
        self._unet: nn.Module = base.unet().to(self.device)
        self._decoder: nn.Module = base.vae_decoder().to(self.device, memory_format=torch.channels_last)
        self._layers = {n: m for n, m in self._unet.named_modules() if isinstance(m, nn.Linear)}
        self._pristine: dict[str, Tensor] = {}
        self._texts: dict[str, tuple[Tensor, Tensor]] = {}

    @torch.inference_mode()
    def read(self, prompts: Sequence[str]) -> None:
        """Encode each prompt not read before, then free the text encoder."""
        unread = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._texts]
        if not unread:
            return
        prompter = self._base.prompter()
        encoder = self._base.text_encoder().to(self.device)
        for start in range(0, len(unread), READ_BATCH):
            batch = unread[start : start + READ_BATCH]
            tokens = [part.to(self.device) for part in tokenize(prompter, batch)]
            cross, pooled = encode_ids(encoder, *tokens)
            self._texts |= {
                prompt: (c, p) for prompt, c, p in zip(batch, cross.cpu(), pooled.cpu(), strict=True)
            }

    @torch.no_grad()
    def dress(self, lora: LoadedLora | None, strength: float) -> None:
        """Merge the LoRA into the UNet; what was merged before is taken out, to the last bit."""
        if lora is not None:
            lora.check_fit({n: (m.out_features, m.in_features) for n, m in self._layers.items()})
        for name, weight in self._pristine.items():
            self._layers[name].weight.copy_(weight)
        self._pristine.clear()
        if lora is None:
            return
        for name, (down, up) in lora.pairs.items():
            weight = self._layers[name].weight
            self._pristine[name] = weight.clone()
            change = up.to(self.device).float() @ down.to(self.device).float()
            weight.copy_(weight.float() + strength * lora.scale * change)

    @torch.inference_mode()
    def draw(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> list[Image.Image]:
        """Return the pictures of one batch; panels and their negatives share each UNet call."""
        noise = torch.cat([first_noise(request.seed, settings, self.device) for request in requests])
        try:
            latents = self._denoise(noise, requests, settings)
        except torch.OutOfMemoryError as error:
            raise RunError(
                f"{self.device} has too little memory for {len(requests)} panels of {settings.size} pixels "
                "at once: set a smaller `batch` in the experiment"
            ) from error
        for request, latent in zip(requests, latents, strict=True):
            if not bool(latent.isfinite().all()):
                raise RunError(
                    f"{request.label or request.prompt}: a picture's numbers must be finite, some are not; "
                    "nothing was written of its batch; try a lower strength or cfg"
                )
        return [self._decode(latent) for latent in latents]

    def _denoise(self, latents: Tensor, requests: Sequence[PanelRequest], settings: DrawSettings) -> Tensor:
        guided = settings.cfg != 1.0
        prompts = [request.prompt for request in requests]
        if guided:
            prompts += [request.negative for request in requests]
        cross, pooled = self._read_states(prompts)
        sizes = time_ids(len(prompts), settings.size, self.device)
        sampler = scheduler(settings.steps)
        for step in sampler.timesteps:
            rows = torch.cat([latents, latents]) if guided else latents
            predicted = self._unet(rows, step[None].to(self.device), cross, sizes, pooled)
            if guided:
                wanted, unwanted = predicted.chunk(2)
                predicted = unwanted + settings.cfg * (wanted - unwanted)
            latents = sampler.step(predicted, step, latents)
        return latents

    def _read_states(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        unread = next((prompt for prompt in prompts if prompt not in self._texts), None)
        if unread is not None:
            raise RunError(f"every prompt must be read before it is drawn, got {unread!r}")
        states = [self._texts[prompt] for prompt in prompts]
        cross, pooled = (torch.stack(part).to(self.device) for part in zip(*states, strict=True))
        return cross, pooled

    def _decode(self, latent: Tensor) -> Image.Image:
        """Return one picture; rounded down as DiffSynth does, one at a time to bound the memory."""
        pixels = self._decoder(latent[None].contiguous(memory_format=torch.channels_last))[0]
        bytes_ = ((pixels / 2 + 0.5).clip(0, 1) * 255).to("cpu", torch.uint8)
        return Image.fromarray(bytes_.permute(1, 2, 0).contiguous().numpy())
