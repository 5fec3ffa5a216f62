"""What holds for every test: a slow machine is no fault."""

from hypothesis import settings

settings.register_profile("storykit", deadline=None)
settings.load_profile("storykit")
