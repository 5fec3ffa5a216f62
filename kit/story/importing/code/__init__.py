"""Notebooks and scripts that draw a story: their code is read, never run."""
