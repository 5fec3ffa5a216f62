"""Warnings of libraries that users can do nothing about."""

import warnings


def hide_pynvml_warning() -> None:
    """Keep transformers' import from warning of a package that users can do nothing about."""
    warnings.filterwarnings("ignore", "The pynvml package", FutureWarning)
