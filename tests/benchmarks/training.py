"""The contest's training step beside ours, on full-size networks with random weights, 1024 pixels, rank 16.

python -m tests.benchmarks.training STEPS        needs a GPU of 40 GB or more
"""

import sys
import time

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor
from torch.nn.functional import mse_loss

from kit.mini.training.networks import untrained_text_encoder
from kit.models.kolors.scheduler import scheduler
from kit.models.kolors.text_encoder import build_prompter, encode_ids
from kit.models.kolors.unet import build_unet, time_ids
from kit.models.kolors.vae import build_vae_encoder
from kit.models.sizes import KOLORS_SIZES, TOKENS
from kit.training.config import PRESETS, TrainConfig, WordToLearn
from kit.training.latents import EncodedDataset
from kit.training.loop import TrainState, TrainStep
from kit.training.lora_layers import TARGETS, train_lora
from kit.training.word import spoken_examples, train_word
from tests.benchmarks.machine import commit, cpu, versions

SIZE = 1024
WARM = 3
"""Steps that are not timed."""


class Clock:
    """Times steps from the end of the warm ones."""

    def __init__(self) -> None:
        """Begin."""
        self.began = self.ended = 0.0

    def begin(self) -> TrainState | None:
        """Begin anew."""
        torch.cuda.reset_peak_memory_stats()
        return None

    def on_step(self, step: TrainStep) -> None:
        """Note the time."""
        torch.cuda.synchronize()
        self.ended = time.monotonic()
        if step.number == WARM:
            self.began = self.ended

    def save_checkpoint(self, learning: TrainState, learned: object) -> None:
        """Keep nothing."""


def row(way: str, seconds: float, pictures: int) -> None:
    """Print a row of the table."""
    gib = torch.cuda.max_memory_allocated() / 2**30
    print(f"| {way} | {seconds / pictures:.3f} | {pictures / seconds:.2f} | {gib:.1f} |", flush=True)


def ids(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return tokens, positions and mask of prompts that fill the text encoder."""
    numbers = torch.randint(100, 60_000, (count, TOKENS), device="cuda")
    places = torch.arange(TOKENS, device="cuda").repeat(count, 1)
    return numbers, torch.ones_like(numbers), places


def contest(steps: int) -> None:
    """Time the baseline's step: text and picture encoded each time, batch 1, checkpointing, 16-mixed."""
    torch.cuda.reset_peak_memory_stats()
    with torch.device("cuda"):
        unet = build_unet(KOLORS_SIZES.unet).half().requires_grad_(False).train()
        text = untrained_text_encoder(KOLORS_SIZES.text).half().requires_grad_(False).eval()
        vae = build_vae_encoder(KOLORS_SIZES.vae).requires_grad_(False).eval()
    torch.cuda.reset_peak_memory_stats()
    inject_adapter_in_model(LoraConfig(r=16, lora_alpha=4.0, target_modules=list(TARGETS)), unet)
    learning = [p for p in unet.parameters() if p.requires_grad]
    for parameter in learning:
        parameter.data = parameter.data.float()
    optimizer, scaler = torch.optim.AdamW(learning, lr=1e-4), torch.amp.grad_scaler.GradScaler()
    kept = torch.tensor(scheduler().alphas_cumprod, device="cuda")
    picture = torch.randn(1, 3, SIZE, SIZE, device="cuda")
    for number in range(1, WARM + steps + 1):
        with torch.autocast("cuda", torch.float16):
            with torch.no_grad():
                cross, pooled = encode_ids(text, *ids(1))
                clean = vae(picture).float()
            noise, level = torch.randn_like(clean), torch.randint(1100, (1,), device="cuda")
            alpha = kept[level][:, None, None, None]
            noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
            told = time_ids(1, SIZE, "cuda")
            guess = unet(noisy, level.float(), cross, told, pooled, use_gradient_checkpointing=True)
            loss = mse_loss(guess.float(), noise)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        if number == WARM:
            torch.cuda.synchronize()
            began = time.monotonic()
    torch.cuda.synchronize()
    row("the contest's step: encoders in the loop, batch 1, checkpointing", time.monotonic() - began, steps)


def ours(way: str, steps: int, **learn: object) -> None:
    """Time `train_on` with encoded examples."""
    config = TrainConfig.model_validate({**PRESETS["style"], "alpha": 4.0, "steps": WARM + steps, **learn})
    hidden = KOLORS_SIZES.text.hidden
    examples = EncodedDataset(
        latents=[torch.randn(4, SIZE // 8, SIZE // 8) for _ in range(8)],
        cross=torch.randn(9, TOKENS, hidden, dtype=torch.float16),
        pooled=torch.randn(9, hidden, dtype=torch.float16),
        captions=torch.arange(1, 9),
    )
    with torch.device("cuda"):
        unet = build_unet(KOLORS_SIZES.unet).to(torch.bfloat16).requires_grad_(False).eval()
    clock = Clock()
    train_lora(unet, examples, config, clock)
    row(way, clock.ended - clock.began, steps * config.batch)


def word(way: str, steps: int, **learn: object) -> None:
    """Time a word's training: UNet and text encoder frozen, the gradient through both."""
    config = TrainConfig.model_validate({**PRESETS["embedding"], "steps": WARM + steps, **learn})
    with torch.device("cuda"):
        unet = build_unet(KOLORS_SIZES.unet).to(torch.bfloat16).requires_grad_(False).eval()
        text = untrained_text_encoder(KOLORS_SIZES.text).to(torch.bfloat16).requires_grad_(False).eval()
    torch.cuda.reset_peak_memory_stats()
    latents = [torch.randn(4, SIZE // 8, SIZE // 8) for _ in range(8)]
    captions = [f"<milu>，{number}" for number in range(8)]
    learned = WordToLearn(token="<milu>", begins_as="女孩")
    clock = Clock()
    train_word(unet, spoken_examples(latents, captions, learned, text, build_prompter(None)), config, clock)
    row(way, clock.ended - clock.began, steps * config.batch)


def main() -> None:
    """Print the table."""
    steps = int(sys.argv[1])
    print(f"{torch.cuda.get_device_name()}; {cpu()}; {versions()}; commit {commit()}")
    print("| way | s a picture | pictures a second | peak GiB |\n|---|---|---|---|")
    ours("ours, batch 1, checkpointing: a card of 16 GB", steps, checkpointing=True)
    ours("ours, batch 4", steps, batch=4)
    ours("ours, batch 4, checkpointing", steps, batch=4, checkpointing=True)
    torch.cuda.empty_cache()
    word("a word, batch 1, checkpointing", steps)
    word("a word, batch 1", steps, checkpointing=False)
    word("a word, batch 4, checkpointing", steps, batch=4)
    torch.cuda.empty_cache()
    contest(steps)


if __name__ == "__main__":
    main()
