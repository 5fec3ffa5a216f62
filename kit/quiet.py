"""What users need not read."""

import warnings


def hush() -> None:
    """Keep transformers' import from warning of a package that users can do nothing about."""
    warnings.filterwarnings("ignore", "The pynvml package", FutureWarning)
