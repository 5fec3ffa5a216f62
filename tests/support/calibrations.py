"""A calibration of the weights that tests score with."""

from eval.scorers.calibration import Calibration


def made_calibration(**more: object) -> Calibration:
    """Return one of the fake scorers, whose hashes are c and b throughout."""
    told = {"weights": "fake", "pictures": "striped", "stories": 1}
    told |= {"encoder_sha256": "c" * 64, "aesthetic_sha256": "b" * 64}
    return Calibration.model_validate(told | more)
