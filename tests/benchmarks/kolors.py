"""Times and checks full-size Kolors beside DiffSynth's own loop and diffusers, on one GPU.

    python -m tests.benchmarks.published runs/kolors-random
    for part in open contest diffusers ours memory low cap drafts refine control ip-adapter; do
        python -m tests.benchmarks.kolors $part runs/kolors-random --out runs/kolors-bench
    done
    python -m tests.benchmarks.kolors table runs/kolors-random --out runs/kolors-bench

Each part is a process of its own, so that peaks of memory are its own, and writes OUT/PART.json. `ours` reads
what `contest` left in OUT, to compare latents. The weights are random: times and memory are those of the real
ones, the pictures are noise.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.devices.device_memory import TILES, USUAL_SIDE
from kit.generation.kolors.compiling import compiled_in_turn
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import ALONE, DrawResult, PanelRequest, RedrawRequest
from kit.generation.sampling.first_noise import first_noise
from kit.generation.sampling.picture_latents import decoded
from kit.lora.formats import LoraPair
from kit.lora.lora import load_lora, save_lora
from kit.models.base import load_base
from kit.models.kolors.scheduler import scheduler
from kit.models.kolors.unet import linear_shapes, time_ids
from kit.models.layouts.weight_files import NETWORK_NAMES, TEXT_FOLDER, UNET_FOLDER, VAE_FOLDER
from tests.benchmarks.kolors_control import part_control
from tests.benchmarks.kolors_ip_adapter import part_ip_adapter, part_ip_adapter_compiled
from tests.benchmarks.kolors_tables import markdown
from tests.benchmarks.machine import commit, today, versions
from tests.benchmarks.prompts import NEGATIVE, held_out_prompts, texts_of

RANK, TRAINED_ALPHA, CONTEST_ALPHA = 16, 4.0, 2.0
"""The contest's baseline trains with one alpha and draws with another, so at half of the trained strength."""
PARITY_STEPS = (2, 10, 50)
PANELS = 8
TARGETS = ("to_q", "to_k", "to_v", "to_out")
CAP_GB = 12
SIDES, REFINED = (1536, 2048), 0.3
"""Of refined pictures, in pixels, and the share of the steps."""
Json = dict[str, Any]


class Bench:
    """What every part works with."""

    def __init__(self, folder: Path, out: Path, size: int, steps: int) -> None:
        """Take the folder of weights and the folder of results."""
        self.folder, self.out, self.size, self.steps = folder, out, size, steps
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.texts = texts_of(held_out_prompts(PANELS))
        out.mkdir(parents=True, exist_ok=True)

    def settings(self, steps: int | None = None) -> DrawSettings:
        """Return the contest's settings."""
        return DrawSettings(steps=steps or self.steps, cfg=4.0, size=self.size, noise="contest")

    def requests(self, count: int = PANELS) -> list[PanelRequest]:
        """Return so many panels."""
        pairs = list(enumerate(self.texts))[:count]
        return [PanelRequest(key=str(i), prompt=text, negative=NEGATIVE, seed=i) for i, text in pairs]

    def painter(self) -> KolorsPainter:
        """Return our painter, all prompts read, in the LoRA."""
        painter = KolorsPainter(load_base(self.folder), self.device)
        painter.encode_prompts([*self.texts, NEGATIVE])
        painter.set_lora(load_lora(self.lora()), CONTEST_ALPHA / TRAINED_ALPHA)
        return painter

    def lora(self) -> Path:
        """Return a LoRA of random weights for this base."""
        path = self.out / "lora.safetensors"
        if not path.exists():
            chance = torch.Generator().manual_seed(0)
            pairs = {}
            for name, (wide, deep) in linear_shapes(load_base(self.folder).sizes.unet).items():
                if name.rpartition(".")[2] in TARGETS:
                    down = torch.randn(RANK, deep, generator=chance) * deep**-0.5
                    pairs[name] = LoraPair(down=down, up=torch.randn(wide, RANK, generator=chance) * 0.05)
            save_lora(path, pairs, TRAINED_ALPHA, {})
        return path

    def gpu(self) -> Json:
        """Return the highest memory since the process began, and forget it."""
        if self.device == "cpu":
            return {"peak_gib": 0.0, "reserved_gib": 0.0}
        peaks = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        torch.cuda.reset_peak_memory_stats()
        return {"peak_gib": round(peaks[0] / 2**30, 2), "reserved_gib": round(peaks[1] / 2**30, 2)}

    def timed(self, work: Callable[[], object]) -> float:
        """Return how many seconds it takes, the GPU's work included."""
        if self.device == "cuda":
            torch.cuda.synchronize()
        started = time.monotonic()
        work()
        if self.device == "cuda":
            torch.cuda.synchronize()
        return round(time.monotonic() - started, 3)


def part_open(bench: Bench) -> Json:
    """Return how long the folder takes to be checked, the first time and later."""
    return {f"{turn}_s": bench.timed(lambda: load_base(bench.folder)) for turn in ("first", "second")}


class Catch(nn.Module):
    """A picture decoder that keeps the latents."""

    def forward(self, latents: Tensor, **_tiles: object) -> Tensor:
        """Keep them, and return a black picture."""
        self.latents = latents.detach().float().cpu()
        return latents.new_zeros(1, 3, 8, 8)


def part_contest(bench: Bench) -> Json:
    """Time the contest's loop: one picture at a time, LoRA beside the weights, text read for each picture."""
    from diffsynth import ModelManager, SDXLImagePipeline
    from peft import LoraConfig, inject_adapter_in_model

    half = torch.float16 if bench.device == "cuda" else torch.float32
    files = [
        bench.folder / TEXT_FOLDER,
        *(bench.folder / part / NETWORK_NAMES[0] for part in (UNET_FOLDER, VAE_FOLDER)),
    ]
    manager = ModelManager(torch_dtype=half, device=bench.device)
    loading_s = bench.timed(lambda: manager.load_models([str(file) for file in files]))
    pipe = SDXLImagePipeline.from_model_manager(manager)
    inject_adapter_in_model(
        LoraConfig(r=RANK, lora_alpha=CONTEST_ALPHA, target_modules=list(TARGETS)), pipe.unet
    )
    pipe.unet.to(half)
    layers = dict(pipe.unet.named_modules())
    for name, (down, up) in load_lora(bench.lora()).pairs.items():
        layers[name].lora_A["default"].weight.data.copy_(down)
        layers[name].lora_B["default"].weight.data.copy_(up)

    def draw(request: PanelRequest, steps: int) -> None:
        with torch.no_grad():
            pipe(
                request.prompt, negative_prompt=request.negative, cfg_scale=4.0, seed=request.seed,
                height=bench.size, width=bench.size, num_inference_steps=steps, progress_bar_cmd=list,
            )  # fmt: skip

    first, second, *_ = bench.requests()
    draw(first, 2)
    seconds = [bench.timed(lambda request=request: draw(request, bench.steps)) for request in (first, second)]
    memory = bench.gpu()
    states = pipe.prompter.encode_prompt(first.prompt, device=bench.device, positive=True)
    torch.save([state.float().cpu() for state in states], bench.out / "text.pt")
    decoder, pipe.vae_decoder = pipe.vae_decoder, Catch()
    noise = first_noise(first.seed, bench.settings(), bench.device)
    pipe.generate_noise = lambda shape, seed, device, dtype: noise.to(dtype)
    for dtype in (half, torch.bfloat16):
        pipe.unet.to(dtype)
        pipe.text_encoder_kolors.to(dtype)
        pipe.prompter.fetch_models(pipe.text_encoder_kolors)
        pipe.torch_dtype = dtype
        for steps in PARITY_STEPS:
            draw(first, steps)
            name = str(dtype).removeprefix("torch.")
            torch.save(pipe.vae_decoder.latents, bench.out / f"latents-{name}-{steps}.pt")
    del decoder
    return {"loading_s": loading_s, "seconds": seconds, **memory}


def part_ours(bench: Bench) -> Json:
    """Time our painter from the cold start on, then compiled; compare text and latents with the contest's."""
    started = time.monotonic()
    painter = bench.painter()
    after_text_s = time.monotonic() - started
    first_s = bench.timed(lambda: painter.draw(bench.requests(), bench.settings()))
    cold_s, memory = time.monotonic() - started, bench.gpu()
    eager_s = bench.timed(lambda: painter.draw(bench.requests(), bench.settings()))
    result = {
        "until_unet_s": round(after_text_s, 2), "first_batch_s": first_s, "cold_s": round(cold_s, 2),
        "eager_s": eager_s, "reload_s": bench.timed(lambda: painter.set_lora(None, 1.0)),
        "set_lora_s": bench.timed(
            lambda: painter.set_lora(load_lora(bench.lora()), CONTEST_ALPHA / TRAINED_ALPHA)
        ),
        **memory,
    }  # fmt: skip
    if (bench.out / "text.pt").is_file():
        result |= _parity(bench, painter)
    painter._networks.denoiser.run_compiled(rows=[2 * PANELS])
    [_] = compiled_in_turn([painter._networks.denoiser.unet, painter._networks.decoder], ALONE)
    result["compiling_s"] = bench.timed(lambda: painter.draw(bench.requests(), bench.settings(2)))
    for turn in ("compiled", "compiled_again"):
        result[f"{turn}_s"] = bench.timed(lambda: painter.draw(bench.requests(), bench.settings()))
    painter.set_lora(load_lora(bench.lora()), 1.0)
    result["other_strength_s"] = bench.timed(lambda: painter.draw(bench.requests(), bench.settings()))
    latent = torch.randn(1, 4, bench.size // 8, bench.size // 8, device=bench.device)
    with torch.inference_mode():
        decoded(painter._networks.decoder, latent[0])
        result["decode_s"] = bench.timed(lambda: decoded(painter._networks.decoder, latent[0]))
    result["compiled_memory"] = bench.gpu()
    return result


def _parity(bench: Bench, painter: KolorsPainter) -> Json:
    """Return how far text states and latents are from DiffSynth's, relative to theirs, root mean square."""
    request = bench.requests(1)
    half = str(painter._networks.dtype).removeprefix("torch.")
    pooled, cross = torch.load(bench.out / "text.pt")
    ours = [part.cpu() for part in painter._networks.texts.of([request[0].prompt])]
    texts = zip(ours, (cross, pooled), strict=True)
    result: Json = {"text": [_relative(one[0].float(), other[0]) for one, other in texts]}
    for steps in PARITY_STEPS:
        theirs, bf16 = (torch.load(bench.out / f"latents-{name}-{steps}.pt") for name in (half, "bfloat16"))
        with torch.inference_mode():
            noise = first_noise(request[0].seed, bench.settings(), bench.device)
            latents = painter._loop.denoise(noise, request, bench.settings(steps)).float().cpu()
        result[f"latents_{steps}"] = {"ours": _relative(latents, theirs), "bf16": _relative(bf16, theirs)}
    return result


def _relative(ours: Tensor, theirs: Tensor) -> float:
    return float(f"{((ours - theirs).norm() / theirs.norm()).item():.2e}")


def part_diffusers(bench: Bench) -> Json:
    """Time diffusers' UNet in the same loop, 8 panels a batch, as it is and compiled; no VAE, no text."""
    from diffusers import UNet2DConditionModel

    half = torch.float16 if bench.device == "cuda" else torch.float32
    unet = UNet2DConditionModel.from_pretrained(bench.folder / UNET_FOLDER, torch_dtype=half).to(bench.device)
    rows, side = 2 * PANELS, bench.size // 8
    hidden = unet.config.encoder_hid_dim
    text = torch.randn(rows, 256, hidden, device=bench.device, dtype=half)
    more = {"text_embeds": text[:, 0], "time_ids": time_ids(rows, bench.size, bench.device).reshape(rows, 6)}

    def draw(network: Callable[..., Any], steps: int) -> None:
        sampler = scheduler(steps)
        latents = torch.randn(PANELS, 4, side, side, device=bench.device, dtype=half)
        for step in sampler.timesteps:
            both = torch.cat([latents, latents])
            told = network(both, step.to(bench.device), text, added_cond_kwargs=more).sample
            wanted, unwanted = told.chunk(2)
            latents = sampler.step(unwanted + 4.0 * (wanted - unwanted), step, latents)

    result: Json = {}
    with torch.no_grad():
        draw(unet, 2)
        result["eager_s"] = bench.timed(lambda: draw(unet, bench.steps))
        result |= bench.gpu()
        unet.to(memory_format=torch.channels_last)
        compiled = torch.compile(unet)
        result["compiling_s"] = bench.timed(lambda: draw(compiled, 2))
        result["compiled_s"] = bench.timed(lambda: draw(compiled, bench.steps))
    return result | {"compiled_memory": bench.gpu()}


def part_memory(bench: Bench) -> Json:
    """Return time and memory of a picture by the number of panels that are drawn together."""
    painter = bench.painter()
    result: Json = {"text": bench.gpu()}
    for count in (1, 2, 4, 8):
        result[str(count)] = _ten_steps(bench, painter, count, bench.settings(10))
    return result


def part_low(bench: Bench) -> Json:
    """Return time and memory of a picture of a batch of eight with `memory = "low"`."""
    painter, settings = bench.painter(), replace(bench.settings(10), memory="low")
    return {"text": bench.gpu(), "8": _ten_steps(bench, painter, 8, settings)}


def _ten_steps(bench: Bench, painter: KolorsPainter, count: int, settings: DrawSettings) -> Json:
    requests = bench.requests(count)
    painter.draw(requests, replace(settings, steps=1))
    seconds = bench.timed(lambda: painter.draw(requests, settings))
    return {"s_a_picture_10_steps": round(seconds / count, 3), **bench.gpu()}


def part_cap(bench: Bench) -> Json:
    """Draw where too little memory is left for eight panels."""
    if bench.device == "cuda":
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(CAP_GB * 1e9 / total)
    painter, batches = bench.painter(), []
    together = painter._draw_together
    painter._draw_together = lambda r, s, k=None: batches.append(len(r)) or together(r, s, k)
    pictures = painter.draw(bench.requests(), bench.settings(2))
    return {"cap_gb": CAP_GB, "pictures": len(pictures), "tried": batches, **bench.gpu()}


def part_drafts(bench: Bench) -> Json:
    """Time finals beside drafts, eager and compiled: seconds a picture of a batch of eight."""
    painter, final = bench.painter(), bench.settings()
    kinds = {
        "contest": final,
        "25 steps of DPM++ 2M": replace(final, sampler="dpm++2m", steps=25),
        "guidance ended at .6": replace(final, guidance_until=0.6),
        "both": replace(final, sampler="dpm++2m", steps=25, guidance_until=0.6),
        "both, inner blocks every 2nd step": replace(
            final, sampler="dpm++2m", steps=25, guidance_until=0.6, cache_every=2
        ),
        "usual draft": replace(final, sampler="dpm++2m", steps=20, guidance_until=0.6),
    }
    result: Json = {}
    for way in ("eager", "compiled"):
        if way == "compiled":
            painter._networks.denoiser.run_compiled(rows=[2 * PANELS, PANELS])
            [_] = compiled_in_turn([painter._networks.denoiser.unet, painter._networks.decoder], ALONE)
            painter.draw(bench.requests(), replace(final, steps=4, guidance_until=0.5))
        for name, how in kinds.items():
            painter.draw(bench.requests(), replace(how, steps=3))
            result[f"{name}, {way}"] = round(
                bench.timed(lambda how=how: painter.draw(bench.requests(), how)) / PANELS, 3
            )
            print(name, way, result[f"{name}, {way}"], flush=True)
    return result | bench.gpu()


def part_refine(bench: Bench) -> Json:
    """Return seconds and memory of refining a picture at larger sizes, whole and in parts."""
    painter, [request] = bench.painter(), bench.requests(1)
    settings = replace(bench.settings(), noise="portable")
    grains = torch.randint(0, 256, (bench.size, bench.size, 3), generator=torch.Generator().manual_seed(0))
    drawn, result = Image.fromarray(grains.numpy().astype(np.uint8)), Json()
    ways = [(side, tile, "auto") for side in SIDES for tile in (0, *TILES)]
    ways += [(side, tile, "low") for side in SIDES for tile in (0, TILES[-1])]
    for side, tile, memory in ways:
        larger = bench.size * side // USUAL_SIDE
        asked = RedrawRequest(
            request=request,
            picture=drawn.resize((larger, larger), Image.Resampling.LANCZOS),
            strength=REFINED,
            tile=tile * bench.size // USUAL_SIDE,
        )
        name = f"{side}, {f'parts of {tile}' if tile else 'whole'}, {memory}"
        result[name] = _refined(bench, painter, asked, replace(settings, size=larger, memory=memory))
        print(name, result[name], flush=True)
    return result


def _refined(bench: Bench, painter: KolorsPainter, asked: RedrawRequest, how: DrawSettings) -> Json:
    pictures: list[DrawResult] = []
    bench.gpu()
    seconds = bench.timed(lambda: pictures.extend(painter.redraw([asked], how)))
    return {"s": seconds, "drawn": isinstance(pictures[0], Image.Image), **bench.gpu()}


PARTS = {
    "open": part_open,
    "contest": part_contest,
    "diffusers": part_diffusers,
    "ours": part_ours,
    "memory": part_memory,
    "low": part_low,
    "cap": part_cap,
    "drafts": part_drafts,
    "refine": part_refine,
    "control": part_control,
    "ip-adapter": part_ip_adapter,
    "ip-adapter-compiled": part_ip_adapter_compiled,
}


def main() -> None:
    """Run one part, or print the tables of all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=[*PARTS, "table"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/kolors-bench"))
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=50)
    given = parser.parse_args()
    if given.part == "table":
        found = {
            part: json.loads(path.read_text())
            for part in PARTS
            if (path := given.out / f"{part}.json").is_file()
        }
        print(markdown(found))
        return
    bench = Bench(given.folder, given.out, given.size, given.steps)
    machine = torch.cuda.get_device_name() if bench.device == "cuda" else "CPU"
    about = {"machine": machine, "commit": commit(), "versions": versions(), "date": today()}
    result = PARTS[given.part](bench)
    (given.out / f"{given.part}.json").write_text(json.dumps(result | {"about": about}, indent=1))
    print(given.part, json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
