"""Mosaics of small panels, drawn and checked in a tenth of the time; the wheel's demo packs true ones."""

from submissions.bundle import mosaic

mosaic.CELL = 64
