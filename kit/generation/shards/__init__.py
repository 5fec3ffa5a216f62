"""Runs that several machines draw parts of, each for itself, and what makes one run of them."""
