"""What is known to ruin a LoRA and can be seen in its dataset, in the user's words.

Mixed styles are not among it: the embedded encoder counts as many styles in a set of photographs as in one of
two drawn styles (docs/benchmarks.md), so a warning would be a guess. Look at the contact sheet.
"""

from collections.abc import Sequence

from kit.dataset.data_juicer import Size

FEW = 10
"""Fewer pictures are learned by heart; no bound of theory, but what trainers' guides agree on."""
MANY_RATIOS = 3
"""More ratios than that are worth a look at what the crop leaves."""
MINI_SIDE, KOLORS_SIDE = 256, 1024
"""Sides of the square that each base is trained on."""


def dataset_warnings(captions: Sequence[str], sizes: Sequence[Size]) -> list[str]:
    """Return what to mind before training on these pictures; nothing if all is well."""
    count = len(sizes)
    said = []
    if count < FEW:
        said.append(f"{count} pictures are few: below {FEW} a LoRA learns them by heart")
    if count > 1 and len(set(captions)) == 1:
        said.append(
            f"all {count} captions are the same, {captions[0]}: the LoRA cannot tell what is style and what "
            "is in the picture; say in each caption what it shows"
        )
    return [*said, *_of_ratios(sizes), *_of_sides(sizes)]


def _of_ratios(sizes: Sequence[Size]) -> list[str]:
    ratios = {round(width / height, 2) for width, height in sizes}
    lost = max(1 - min(size) / max(size) for size in sizes)
    if len(ratios) <= MANY_RATIOS:
        return []
    return [
        f"{len(ratios)} aspect ratios from {min(ratios):g} to {max(ratios):g}: training sees the centre "
        f"square and loses up to {lost:.0%} of a picture; cut the pictures yourself where that hurts"
    ]


def _of_sides(sizes: Sequence[Size]) -> list[str]:
    said = []
    for side, base in ((MINI_SIDE, "every base"), (KOLORS_SIDE, "Kolors")):
        small = sum(min(size) < side for size in sizes)
        if small:
            said.append(
                f"{small} of {len(sizes)} pictures have a side below {side} pixels: {base} would learn them "
                "enlarged, blur and all"
            )
    return said
