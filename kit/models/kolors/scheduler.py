"""Kolors' noise schedule."""

from diffsynth.schedulers import EnhancedDDIMScheduler

TRAIN_STEPS = 1100
"""Noise levels Kolors was trained on."""
BETA_END = 0.014
SCHEDULER = {"name": "EnhancedDDIM", "beta_end": BETA_END, "train_steps": TRAIN_STEPS}
"""What a picture's recipe says of it."""


def scheduler(steps: int | None = None) -> EnhancedDDIMScheduler:
    """Return Kolors' sampler, set to `steps` when given."""
    sampler = EnhancedDDIMScheduler(beta_end=BETA_END, num_train_timesteps=TRAIN_STEPS)
    if steps is not None:
        sampler.set_timesteps(steps)
    return sampler
