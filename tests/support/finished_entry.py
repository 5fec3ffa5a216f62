"""A run whose pictures were finished by networks, and what hands it in."""

from pathlib import Path

from entries import SCORES, STORY, lora_bytes, make_entry, write_scores
from fakes import FakePainter
from finishing_networks import written
from PIL import Image, ImageDraw

from kit.experiment.config import load_experiment
from kit.experiment.run import Run, Slot
from kit.experiment.steps import Restore, Upscale
from kit.finishing.kept_networks import network_to_keep
from kit.generation.generate import generate
from kit.generation.repair.repair import RepairWish, repair
from submissions.packing.entry import Entry

PLACE = ("ink", "authored", "moon")
BOX = (4, 6, 19, 27)
"""Left, top, right and bottom of what is restored, all of them inside."""


class SquarePainter(FakePainter):
    """Paints squares that hang on the recipe, as a painter of Kolors that says which weights it has."""

    inpainting = "9" * 64

    def __init__(self) -> None:
        super().__init__("kolors")
        self.identity = {**self.identity, "sha256": {"unet": "4" * 64}}


def boxed(corners: tuple[int, int, int, int], side: int = 32) -> Image.Image:
    """Return a mask that is white in a box."""
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).rectangle(corners, fill=255)
    return mask


def squares_run(folder: Path) -> Run:
    """Return a run of 32 pixels whose LoRA and story can be handed in."""
    (folder / "moon.toml").write_text(STORY, encoding="utf-8")
    (folder / "ink.safetensors").write_bytes(lora_bytes())
    (folder / "experiment.toml").write_text(
        'stories = ["moon.toml"]\nbase = "kolors"\nseeds = [3, 5]\nsize = 32\nsteps = 2\n'
        '[[candidate]]\nname = "base"\n[[candidate]]\nname = "ink"\nlora = "ink.safetensors"\n'
        'strength = 0.8\ntrigger = "墨韵"\n',
        encoding="utf-8",
    )
    run = Run.create(folder / "run", load_experiment(folder / "experiment.toml"))
    generate(run, [SquarePainter()])
    return run


def finished(run: Run, panel: int, name: str, size: int = 0, seed: int = 3) -> int:
    """Finish a picture and return the number of the new one.

    Args:
        run: of squares.
        panel: 1 to 8.
        name: of the network.
        size: of the enlarged picture; 0 to restore it in the box.
        seed: of the picture before.
    """
    network = network_to_keep(name)
    step = Upscale(finisher=network.sha256, size=size) if size else Restore(finisher=network.sha256)
    mask = None if size else boxed(BOX)
    wish = RepairWish(source=Slot(*PLACE, seed, panel), step=step, mask=mask, network=network)
    [done] = repair(run, SquarePainter(), wish)
    assert not done.reason
    return done.repair.number


def finished_entry(folder: Path) -> tuple[Run, Entry]:
    """Return a run with two panels enlarged and one restored in a box, and the entry that takes them."""
    run = squares_run(folder)
    doubling, restoring = (str(written(folder, name, ".pth")) for name in ("compact", "restorer"))
    seeds = {
        3: finished(run, 3, "mini", 128),
        4: finished(run, 4, doubling, 96),
        6: finished(run, 6, restoring),
    }
    write_scores(run, SCORES)
    return run, make_entry(folder, seeds=tuple(seeds.get(panel, 3) for panel in range(1, 9)))
