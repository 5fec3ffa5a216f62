"""Blind votes on a run's pictures: asked, kept, and what they say."""
