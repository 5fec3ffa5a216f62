"""Kolors' networks at any size."""
