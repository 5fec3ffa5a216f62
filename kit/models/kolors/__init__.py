"""Kolors' networks at any size; the only folder that imports diffsynth."""
