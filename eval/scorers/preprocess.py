"""CLIP's preprocessing."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPImageProcessor

from kit.errors import WeightsError
from kit.messages import tr
from kit.threads import batches_ahead

CLOSE = 1e-5
"""How far a value may be from the processor's; values are about -2 to 3, and single precision is finer."""
_STRIP = 256
"""Longer side over shorter one from which on a strip's ends are cut off before it is resized.

Whole, a strip up to here takes 67 MB resized, the longest that is opened 8.6 GB.
"""
_MIDDLE = 8
"""As much longer than wide is what stays of it; values differ from the processor's by a last bit at most."""


class Preparation:
    """Turns pictures into what the network reads."""

    def __init__(self, processor: CLIPImageProcessor) -> None:
        """Take the processor's settings; raises WeightsError if they are not those of CLIP."""
        settings = processor.to_dict()
        self._side = settings["size"].get("shortest_edge", 0)
        self._crop = (settings["crop_size"]["height"], settings["crop_size"]["width"])
        self._resample = Image.Resampling(settings["resample"])
        self._factor = settings["rescale_factor"]
        self._mean, self._std = (
            torch.tensor(settings[name], dtype=torch.float32)[:, None, None]
            for name in ("image_mean", "image_std")
        )
        noise = np.random.default_rng(0).integers(0, 256, (301, 402, 3), dtype=np.uint8)
        probe = Image.fromarray(noise)
        wanted = processor(images=probe, return_tensors="pt")["pixel_values"]
        if not self._side or (self.scaled(self.cut(probe)[None]) - wanted).abs().max() > CLOSE:
            raise WeightsError(
                tr(
                    "preprocessor_config.json must resize the shorter side, cut the centre out and "
                    "scale as CLIP does"
                )
            )

    def seen(self, picture: Image.Image) -> Image.Image:
        """Return a picture that is prepared to the same bytes: the little that the network sees of one."""
        return self._centre(picture) if self._crop == (self._side, self._side) else picture

    def cut(self, picture: Image.Image) -> Tensor:
        """Return (height, width, 3) bytes: the shorter side resized, the centre cut out."""
        return torch.from_numpy(np.array(self._centre(picture)))

    def cuts(self, pictures: Sequence[Image.Image], size: int) -> Iterator[list[Tensor]]:
        """Yield what `cut` makes of pictures, `size` at a time.

        Threads resize; with nothing to resize they would only take cores from who reads the next pictures.
        """
        if any(picture.size != self._crop[::-1] for picture in pictures):
            yield from batches_ahead(self.cut, pictures, size)
            return
        for first in range(0, len(pictures), size):
            yield [self.cut(picture) for picture in pictures[first : first + size]]

    def _centre(self, picture: Image.Image) -> Image.Image:
        short = min(picture.size)
        size = (int(self._side * picture.width / short), int(self._side * picture.height / short))
        left, top = (size[0] - self._crop[1]) // 2, (size[1] - self._crop[0]) // 2
        rgb = picture if picture.mode == "RGB" else picture.convert("RGB")
        centre = (left, top, left + self._crop[1], top + self._crop[0])
        if max(picture.size) > _STRIP * short:
            return _of_strip(rgb, size, self._resample, centre)
        return rgb.resize(size, self._resample).crop(centre)

    def scaled(self, cuts: Tensor) -> Tensor:
        """Return (pictures, 3, height, width) values as the network reads them, where the bytes are."""
        mean, std = self._mean.to(cuts.device), self._std.to(cuts.device)
        scaled: Tensor = (cuts.permute(0, 3, 1, 2).float() * self._factor - mean) / std
        return scaled


def stacked(prepared: Sequence[Tensor]) -> Tensor:
    """Return pictures as one batch, put together by this thread alone.

    torch would have all its threads copy, which wait for the cores that are reading the next pictures: on an
    H200 with 16 cores that took two fifths of the time of scoring files.
    """
    return torch.from_numpy(np.stack([one.numpy() for one in prepared]))


def _of_strip(
    strip: Image.Image, size: tuple[int, int], resample: Image.Resampling, box: tuple[int, int, int, int]
) -> Image.Image:
    """Return a box in the middle of a long strip that is resized, where little else of it is resized.

    Rows come first, then columns, as Pillow does it where all of a strip is enlarged; of its middle alone it
    would do the other first, which moves values by tenths.

    Args:
        strip: RGB.
        size: of all of it, resized.
        resample: how.
        box: left, top, right and bottom in that size; it may reach over the short side.
    """
    length = _MIDDLE * min(strip.size)
    left, top = (max(0, side - length) // 2 for side in strip.size)
    middle = strip.crop((left, top, strip.width - left, strip.height - top))
    first, end = (max(0, box[0]), max(0, box[1])), (min(box[2], size[0]), min(box[3], size[1]))
    x, right = (at * strip.width / size[0] - left for at in (first[0], end[0]))
    y, bottom = (at * strip.height / size[1] - top for at in (first[1], end[1]))
    width, height = end[0] - first[0], end[1] - first[1]
    rows = middle.resize((width, middle.height), resample, (x, 0, right, middle.height))
    part = rows.resize((width, height), resample, (0, y, width, bottom))
    return part.crop((box[0] - first[0], box[1] - first[1], box[2] - first[0], box[3] - first[1]))
