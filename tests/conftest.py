"""What holds for every test: a slow machine is no fault, and mosaics are small."""

import small_mosaics  # noqa: F401
from hypothesis import HealthCheck, settings

settings.register_profile("storykit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("storykit")
