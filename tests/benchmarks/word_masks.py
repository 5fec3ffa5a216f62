"""How well masks from words hit, on renders of the drawn world, which knows where its figures are.

Run: python -m tests.benchmarks.word_masks; two minutes on a core.
"""

import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.models.base import load_base
from kit.world.captions import describe
from kit.world.render import Rendering, render
from kit.world.scene import Scene, Style, sample_scene

LOTS: tuple[tuple[Style, int], ...] = (("flat", 11), ("flat", 12), ("ink", 13))
SCENES = 20
LEAST = 0.01
"""Share of the picture that each figure has at least."""
SETTINGS = DrawSettings(steps=25, cfg=4.0, size=256, noise="portable")


def scenes(style: Style, rng: random.Random) -> list[tuple[Scene, Rendering]]:
    found: list[tuple[Scene, Rendering]] = []
    while len(found) < SCENES:
        scene = sample_scene(rng, style)
        shown = render(scene)
        if all(mask.mean() > LEAST for mask in shown.subjects):
            found.append((scene, shown))
    return found


def overlap(mask: Image.Image, truth: NDArray[np.bool_]) -> float:
    """Return intersection over union."""
    found = np.asarray(mask) > 0
    return float((found & truth).sum() / (found | truth).sum())


def measured(painter: KolorsPainter, style: Style, lot: int) -> str:
    """Return how well figures alone, figures of two, and places are found."""
    rng = random.Random(lot)
    alone, of_two, places = list[float](), list[float](), list[float]()
    for number, (scene, shown) in enumerate(scenes(style, rng), 1):
        clauses = describe(scene, "zh" if number % 3 else "en", rng)
        prompt = "，".join(one.text for one in clauses)
        subjects = [one.text for one in clauses if one.role == "subject"]
        painter.encode_prompts([prompt])
        request = PanelRequest(prompt=prompt, negative="", seed=number)
        for words, truth in zip(subjects, shown.subjects, strict=True):
            mask = painter.mask_of(request, shown.picture, [words], SETTINGS)
            (alone if len(subjects) == 1 else of_two).append(overlap(mask, truth))
        figures = painter.mask_of(request, shown.picture, subjects, SETTINGS)
        places.append(overlap(Image.eval(figures, lambda value: 255 - value), shown.place))
    parts = {"alone": alone, "of two": of_two, "place": places}
    told = [f"{name} {np.mean(one):.3f}, least {min(one):.2f} ({len(one)})" for name, one in parts.items()]
    return f"{style} {lot}: {'; '.join(told)}"


def main() -> None:
    painter = KolorsPainter(load_base("mini"), "cpu")
    for style, lot in LOTS:
        print(measured(painter, style, lot), flush=True)


if __name__ == "__main__":
    main()
