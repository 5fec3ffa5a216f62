"""Class pictures of prior preservation: drawn by the base into the training folder, or a user's own."""

from collections.abc import Sequence
from pathlib import Path

from kit.dataset.read import CaptionedPicture
from kit.dataset.sources import find_pictures
from kit.errors import TrainError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.drawing.usual import usual_drawing
from kit.files.atomic_write import write_atomic
from kit.files.encodings import canonical_json, sha256_bytes
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.painter import DrawFailure, Painter, PanelRequest
from kit.generation.recipe import recipe_of
from kit.images.decode import decode_picture
from kit.images.png_metadata import png_bytes
from kit.messages import tr
from kit.models.kolors.text_encoder import vocabulary
from kit.models.networks import Base
from kit.progress import Progress
from kit.training.config import Prior, Training

CLASS_FOLDER = "class"
"""Of the training folder: what the base drew."""
TOGETHER = 8
"""Pictures of one batch. Always so many, for in other company the last bits differ."""
_NO_LORA = {"lora_sha256": None, "alpha": None, "strength": None}


def own_class_pictures(prior: Prior | None) -> list[CaptionedPicture]:
    """Return the first pictures of a user's folder, with their captions, else the prior's prompt.

    None where the base draws them. Raises TrainError where there are too few, InputError for one that cannot
    be opened.
    """
    if prior is None or prior.folder is None or not prior.weight:
        return []
    found = [one for one in find_pictures(Path(prior.folder)) if one.is_picture and not one.fault]
    if not found:
        raise TrainError(
            tr(
                "{folder} has no picture of the class: add {wanted}, or leave prior.folder out and the base "
                "draws them",
                folder=prior.folder,
                wanted=prior.pictures,
            )
        )
    if len(found) < prior.pictures:
        raise TrainError(
            tr(
                "prior.pictures = {wanted}, but {folder} has {n}: add pictures, or set pictures = {n}",
                wanted=prior.pictures,
                folder=prior.folder,
                n=len(found),
            )
        )
    chosen = found[: prior.pictures]
    for one in chosen:
        decode_picture(one.path)
    return [CaptionedPicture(path=one.path, text=one.caption.text or prior.prompt) for one in chosen]


def draw_class_pictures(
    training: Training, out: Path, device: str, progress: Progress
) -> list[CaptionedPicture]:
    """Return the class pictures that a training folder holds; the base draws what is missing of them.

    None without a prior. Raises TrainError where one cannot be drawn.
    """
    prior = training.prior
    if prior is None or not prior.weight:
        return []
    wanted = [
        CaptionedPicture(path=out / CLASS_FOLDER / f"{number:05d}.png", text=prior.prompt)
        for number in range(1, prior.pictures + 1)
    ]
    missing = {number // TOGETHER * TOGETHER for number, one in enumerate(wanted) if not one.path.is_file()}
    if missing:
        painter = load_painter(training.base, device)
        painter.encode_prompts([prior.prompt, ""])
        for first in sorted(missing):
            progress.note(tr("drawing class pictures: {done} of {n}", done=first, n=len(wanted)))
            _draw_batch(painter, training, wanted[first : first + TOGETHER])
        painter.unload()
    return wanted


def _draw_batch(painter: Painter, training: Training, wanted: Sequence[CaptionedPicture]) -> None:
    """Draw a batch, each picture from the seed of its name, and write what is missing of it."""
    usual = usual_drawing(training.base)
    settings = DrawSettings(steps=usual.steps, cfg=usual.cfg, size=training.learn.size, noise="portable")
    shared = recipe_of(painter, settings, _NO_LORA) | {"negative": ""}
    recipes = [shared | {"prompt": one.text, "seed": int(one.path.stem)} for one in wanted]
    keys = [sha256_bytes(canonical_json(recipe)) for recipe in recipes]
    requests = [
        PanelRequest(key=key, prompt=one.text, negative="", seed=int(one.path.stem), label=one.path.name)
        for key, one in zip(keys, wanted, strict=True)
    ]
    drawn = painter.draw(requests, settings)
    for one, picture, key, recipe in zip(wanted, drawn, keys, recipes, strict=True):
        if isinstance(picture, DrawFailure):
            told = {"name": one.path.name, "reason": picture.reason}
            raise TrainError(tr("the class picture {name} could not be drawn: {reason}", **told))
        if not one.path.is_file():
            write_atomic(one.path, png_bytes(picture, key, recipe))


def refuse_known_word(base: Base, training: Training) -> None:
    """Raise TrainError where a figure is to be called by nothing but words that the base has already."""
    if training.preset != "dreambooth" or training.prior is None:
        return
    trigger, kind = training.learn.trigger.strip(), training.prior.prompt.strip()
    name = trigger.replace(kind, "").strip()
    if name and name not in vocabulary(base.prompter()):
        return
    raise TrainError(
        tr(
            "learn.trigger = {trigger!r}: {word!r} is a word that the base knows, and all that it draws by "
            "it would turn into your figure; take one that nobody uses, such as ktxl{kind}",
            trigger=trigger,
            word=name or trigger,
            kind=kind,
        )
    )
