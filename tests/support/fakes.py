"""Stand-ins that several tests share: a painter without networks, a toy base, a small run."""

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from PIL import Image

from kit.errors import InputError, LoraError, RunError
from kit.experiment.config import load_experiment
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Run
from kit.experiment.steps import Step
from kit.generation.painter import BatchPlan, DrawFailure, PanelRequest, RedrawRequest, refuse_other_size
from kit.generation.repair.masks import pasted
from kit.models.sizes import BaseSizes, TextSizes, UNetSizes, VaeSizes

if TYPE_CHECKING:
    from kit.lora.lora import LoadedLora

TOY_PROMPTS = (
    "一个紫色短发小女孩，穿着粉色裙子，坐在沙发上",
    "一只黄色小猫，在公园里睡觉",
    "水墨风格，一位老人，夜晚，下雪",
    "a girl in a red dress, running in the park",
)


class FakePainter:
    """Paints coloured squares that depend on the request's key alone, and notes what it is asked."""

    device = hardware = "cpu"
    inpainting = ""
    prompt_tokens = 254

    def __init__(self, identity: str = "fake") -> None:
        self.identity: Mapping[str, object] = {
            "name": identity,
            "sha256": {"unet": "1" * 64},
            "scheduler": {"name": "none"},
        }
        self.read_prompts: list[str] = []
        self.batches: list[list[PanelRequest]] = []
        self.settled: list[int] = []
        """How many pictures each `settle` was about."""
        self.takes = 4
        """Panels that are drawn together."""
        self.settings: list[DrawSettings] = []
        """How each batch was to be drawn."""
        self.redrawn: list[RedrawRequest] = []
        self.worn: list[tuple[str | None, float]] = []
        self.stop_before_batch: int | None = None
        """Pretend that the user presses ctrl-c when this batch, from 0, is asked for."""
        self.lost_after: int | None = None
        """Pretend that it is gone after so many batches."""
        self.fail_on = ""
        """Pretend that a picture whose prompt holds this fails."""
        self.reads = 1000
        """Pretend to read so many characters of a prompt."""
        self.unloaded = 0
        self.free: float | None = None
        """Pretend to be on a GPU of which so many GiB are free."""
        self.refuse_lora = ""
        """Pretend that a LoRA whose name holds this does not fit."""

    def refusals(self, settings: DrawSettings, consistency: float = 0.0) -> list[str]:
        return ["it reads no long prompts"] if settings.long_prompts else []

    def free_gib(self) -> float | None:
        return self.free

    def step_refusals(self, step: Step, part: str = "") -> list[str]:
        return []

    def encode_prompts(self, prompts: Sequence[str]) -> None:
        self.read_prompts += prompts

    def truncated_tail(self, prompt: str) -> str:
        return prompt[self.reads :]

    def check(self, lora: "LoadedLora | None") -> None:
        if lora is not None and self.refuse_lora and self.refuse_lora in lora.name:
            raise LoraError(f"{lora.name}: 0 of 88 keys match")

    def set_lora(self, lora: "LoadedLora | None", strength: float) -> None:
        self.worn.append((lora.name if lora else None, strength))

    def plan_batches(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> BatchPlan:
        self.settled.append(len(requests))
        return BatchPlan(panels=settings.batch or self.takes, compiled=False)

    def draw(
        self, requests: Sequence[PanelRequest], settings: DrawSettings, plan: BatchPlan | None = None
    ) -> list[Image.Image | DrawFailure]:
        if len(self.batches) == self.stop_before_batch:
            raise KeyboardInterrupt
        if len(self.batches) == self.lost_after:
            raise RunError("the process has ended")
        self.batches.append(list(requests))
        self.settings.append(settings)
        return [
            DrawFailure(reason="its numbers are not finite")
            if self.fail_on and self.fail_on in request.prompt
            else fake_picture(request.key, settings.size)
            for request in requests
        ]

    def redraw(
        self, requests: Sequence[RedrawRequest], settings: DrawSettings
    ) -> list[Image.Image | DrawFailure]:
        """Return the square of each key inside its mask, and note what was asked."""
        for asked in requests:
            refuse_other_size(asked.request, asked.picture, settings.size)
        self.redrawn += requests
        return [
            DrawFailure(reason="its numbers are not finite")
            if self.fail_on and self.fail_on in asked.request.prompt
            else pasted(fake_picture(asked.request.key, settings.size), asked.picture, asked.mask)
            for asked in requests
        ]

    def mask_of(
        self, request: PanelRequest, picture: Image.Image, words: Sequence[str], settings: DrawSettings
    ) -> Image.Image:
        """Return the middle of the picture, whatever the words."""
        side = settings.size
        mask = Image.new("L", (side, side))
        mask.paste(255, (side // 4, side // 4, side * 3 // 4, side * 3 // 4))
        return mask

    def unload(self) -> None:
        self.unloaded += 1

    @property
    def drawn(self) -> list[str]:
        """The prompts of all pictures, in the order they were drawn."""
        return [request.prompt for batch in self.batches for request in batch]


def fake_picture(key: str, size: int) -> Image.Image:
    """Return a picture of coloured squares, the same for the same key."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    squares = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(squares).resize((size, size), Image.Resampling.NEAREST)


def write_story(path: Path, prompts: Sequence[str] = (), negative: str = "") -> Path:
    """Write a story of eight plain prompts, numbered where too few are given."""
    said = [*prompts, *(f"小猫，第{number}天，在公园里" for number in range(len(prompts) + 1, 9))]
    panels = "".join(f'[[panel]]\nprompt = "{prompt}"\n' for prompt in said)
    path.write_text(f'title = "toy"\nnegative = "{negative}"\n{panels}', encoding="utf-8")
    return path


def make_run(folder: Path, head: str = "", candidates: str = '[[candidate]]\nname = "base"\n') -> Run:
    """Return a run of one story, seed 0, 32 pixels, 2 steps; `head` adds or replaces settings.

    Args:
        folder: holds the inputs; the run is folder/run.
        head: top-level TOML lines.
        candidates: TOML tables.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "cat.toml").exists():
        write_story(folder / "cat.toml")
    defaults = {"stories": '["cat.toml"]', "seeds": "[0]", "size": "32", "steps": "2"}
    given = {line.partition("=")[0].strip() for line in head.splitlines()}
    lines = [f"{name} = {value}" for name, value in defaults.items() if name not in given]
    experiment = folder / "experiment.toml"
    experiment.write_text("\n".join([*lines, head, candidates]), encoding="utf-8")
    return Run.create(folder / "run", load_experiment(experiment))


@cache
def toy_base() -> Path:
    """Return the folder of a base with random weights and a toy tokenizer; a few hundred thousand numbers."""
    import torch

    from kit.mini.training.networks import Networks, save_base, untrained_text_encoder, untrained_unet
    from kit.models.kolors.vae import build_vae_decoder, build_vae_encoder

    folder = Path(tempfile.mkdtemp(prefix="storykit-toy-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    sizes = toy_sizes()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        networks = Networks(
            unet=untrained_unet(sizes.unet),
            text_encoder=untrained_text_encoder(sizes.text),
            encoder=build_vae_encoder(sizes.vae),
            decoder=build_vae_decoder(sizes.vae),
        )
        for parameter in networks.unet.parameters():
            if not bool(parameter.any()):
                torch.nn.init.normal_(parameter, std=0.05)
    networks.encoder.scaling_factor = networks.decoder.scaling_factor = 0.5
    save_base(folder / "base", sizes, networks, toy_tokenizer(folder))
    return folder / "base"


def toy_sizes() -> BaseSizes:
    """Return the smallest sizes that Kolors' classes take."""
    return BaseSizes(
        unet=UNetSizes(
            widths=(32, 32, 64), time=32, time_ids=8, pooled=32, cross=32, head=16, groups=32, layers=(1, 1)
        ),
        text=TextSizes(vocabulary=192, hidden=32, layers=2, head=16, groups=1, ffn=32),
        vae=VaeSizes(encoder=(8, 8, 8, 8), decoder=(8, 8, 8, 8), groups=4),
    )


def toy_tokenizer(folder: Path) -> Path:
    """Train a sentencepiece model on the toy prompts and return its file."""
    import sentencepiece

    texts = folder / "texts.txt"
    texts.write_text("\n".join(TOY_PROMPTS * 20), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(texts),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=120,
        character_coverage=1.0,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return folder / "tokenizer.model"


def toy_lora(path: Path, scale: float = 0.1, rank: int = 2, alpha: float = 4.0) -> Path:
    """Write a LoRA of random weights that fits the toy base, and return its file."""
    import torch

    from kit.lora.formats import LoraPair
    from kit.lora.lora import save_lora
    from kit.models.base import load_base

    chance = torch.Generator().manual_seed(1)
    pairs = {}
    for name, layer in load_base(toy_base()).unet().named_modules():
        if name.rpartition(".")[2] in ("to_q", "to_k", "to_v", "to_out"):
            down = torch.randn(rank, layer.in_features, generator=chance)
            up = torch.randn(layer.out_features, rank, generator=chance) * scale
            pairs[name] = LoraPair(down=down, up=up)
    save_lora(path, pairs, alpha, {"trigger": "水墨风格"})
    return path


def no_editor() -> NoReturn:
    """Say that no editor is named."""
    raise InputError("editor", ["none is named"])


INK_CANDIDATES = (
    '[[candidate]]\nname = "base"\n[[candidate]]\nname = "ink"\nlora = "ink.safetensors"\nstrength = 0.8\n'
)


class HeardProgress:
    """A progress that remembers what it heard."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.began: tuple[int, int] | None = None
        self.steps: list[int] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def begin(self, total: int, done: int) -> None:
        self.began = (total, done)

    def advance(self, count: int) -> None:
        self.steps.append(count)


def ink_run(folder: Path, head: str = "", candidates: str = INK_CANDIDATES) -> Run:
    folder.mkdir(exist_ok=True)
    toy_lora(folder / "ink.safetensors")
    return make_run(folder, head, candidates)


def pictures_of(run: Run) -> dict[str, bytes]:
    return {path.relative_to(run.folder).as_posix(): path.read_bytes() for path in run.folder.rglob("*.png")}
