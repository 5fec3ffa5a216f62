import numpy as np
import pytest
from entries import lora_bytes

from kit.files.encodings import sha256_bytes
from submissions.bundle.manifest import LoraRecord
from submissions.untrusted.lora_reader import LoraFile
from submissions.verification.lora_checks import lora_claim_faults

HALF = 32
"""Bytes of each factor of `lora_bytes`."""


def record(data: bytes, **changes: object) -> LoraRecord:
    told = {
        "file": "lora/ink.safetensors",
        "checkpoint": "lora/ink.ckpt",
        "sha256": sha256_bytes(data),
        "source_sha256": sha256_bytes(data),
        "source_hash": "0" * 12,
        "rank": 2,
        "alpha": 4.0,
        "strength": 0.8,
        "keys": 1,
        "trigger": "墨韵",
        "notes": {},
    }
    return LoraRecord.model_validate(told | changes)


def faults(data: bytes, **changes: object) -> str:
    return "\n".join(map(str, lora_claim_faults(record(data, **changes), LoraFile(data=data))))


def numbers(down: np.ndarray, up: np.ndarray) -> bytes:
    """Return a LoRA with these factors, (2, 8) and (8, 2)."""
    body = b"".join(factor.astype(np.float16).tobytes() for factor in (down, up))
    return lora_bytes()[: -2 * HALF] + body


ONES = np.ones((2, 8)), np.ones((8, 2))
FIRST, SECOND = np.array([[1.0], [0.0]]), np.array([[0.0, 1.0]])


@pytest.mark.parametrize(
    ("data", "changes"),
    [
        (numbers(ONES[0], 0.01 * ONES[1]), {"strength": 1e-9}),
        (lora_bytes(), {"strength": 1e-12, "alpha": 1e-3}),
        (lora_bytes(), {"alpha": 1e-12}),
        (numbers(0 * ONES[0], ONES[1]), {}),
        (numbers(ONES[0], 0 * ONES[1]), {}),
        (numbers(ONES[0] * FIRST, ONES[1] * SECOND), {}),
        (numbers(ONES[0], ONES[1] * np.array([[1.0, -1.0]])), {}),
    ],
    ids=["strength", "both", "alpha", "first", "second", "other-ranks", "one-takes-back-the-other"],
)
def test_a_lora_that_changes_no_weight_is_named_however_it_hides(data, changes):
    assert "changes nothing at strength" in faults(data, **changes)


@pytest.mark.parametrize(
    ("data", "changes"),
    [
        (lora_bytes(), {}),
        (lora_bytes(), {"strength": 0.05}),
        (numbers(1e-2 * ONES[0], 1e-4 * ONES[1]), {"alpha": 0.5}),
        (lora_bytes({"rank": "2", "alpha": "4", "trigger": "墨韵"}), {}),
        (lora_bytes({"rank": "2", "alpha": "4", "trigger": "墨韵，水墨"}), {}),
        (lora_bytes({"rank": "2", "alpha": "4", "trigger": "墨韵"}), {"trigger": ""}),
        (lora_bytes({"rank": "2", "alpha": "4", "modelspec.trigger_phrase": "墨韵"}), {}),
    ],
    ids=["plain", "weak", "one-step-of-training", "trigger", "one-of-two", "no-trigger", "kohya's-trigger"],
)
def test_an_honest_lora_is_let_through(data, changes):
    assert faults(data, **changes) == ""


@pytest.mark.parametrize("trigger", ["墨韵", "a dragon made of glass fighting forty knights", "水墨，猫"])
def test_a_trigger_that_the_file_does_not_name_is_named(trigger):
    data = lora_bytes({"rank": "2", "alpha": "4", "trigger": "水墨"})
    told = faults(data, trigger=trigger)
    assert "lora.trigger: must be among the trigger words '水墨' that the LoRA's file names" in told


@pytest.mark.parametrize("strength", [1e-9, 1e-4, 0.009])
def test_a_strength_that_cannot_show_is_named(strength):
    assert "0.01 is the least that can show" in faults(lora_bytes(), strength=strength)


def test_a_factor_that_no_training_gives_is_named():
    assert "times up @ down, 100 are the most" in faults(lora_bytes(), alpha=1e6)


@pytest.mark.filterwarnings("error")
def test_numbers_that_are_not_finite_are_left_to_the_checks_of_the_file():
    assert faults(numbers(np.inf * ONES[0], ONES[1])) == ""
