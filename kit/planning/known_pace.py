"""How fast a machine draws, as far as it is known without drawing."""

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.files.encodings import canonical_json, sha256_bytes
from kit.generation.devices.processor import cpu_arithmetic
from kit.generation.painter import Painter
from kit.planning.drawing_load import BaseNotHere
from kit.planning.estimate import device_of
from kit.planning.measured_cards import table_pace
from kit.planning.pace import Pace
from kit.planning.probe import find_probe, probes_file


def known_pace(
    painter: Painter | BaseNotHere, settings: DrawSettings, panels: int, *, table: bool = True
) -> Pace | None:
    """Return how fast is drawn by a probe that is kept, else by the table; None where nobody knows.

    Args:
        painter: who draws.
        settings: how.
        panels: at once.
        table: whether the table may be asked.
    """
    kept = find_probe(probes_file(), probe_name(painter, settings, panels))
    if kept is not None:
        return kept.pace()
    return table_pace(device_of(painter), str(painter.identity["name"]), settings, panels) if table else None


def probe_name(painter: Painter | BaseNotHere, settings: DrawSettings, panels: int) -> str:
    """Return what a probe holds for: the machine, the base and how is drawn."""
    on_cpu = painter.hardware == "cpu"
    machine = cpu_arithmetic() or "cpu" if on_cpu else painter.hardware
    weights = sha256_bytes(canonical_json(dict(painter.identity)))[:8]
    guided = "guided" if settings.cfg != 1 else "unguided"
    memory = "" if on_cpu else f"; memory {settings.memory}"
    base = painter.identity["name"]
    decoder = f"; decoder {settings.decoder_steps}" if settings.decoder_steps else ""
    return f"{machine}; {base} {weights}; {settings.size} px; {guided}; {panels} at once{memory}{decoder}"
