"""How well a colour can be told from another, as WCAG 2.2 counts it."""

from matplotlib.colors import to_rgb

Colour = str | tuple[float, ...]
"""As matplotlib takes one."""


def contrast(one: Colour, other: Colour) -> float:
    """Return how much two colours stand out against each other: 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: Colour) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
