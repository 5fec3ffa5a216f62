"""Warnings and demands of libraries that users can do nothing about."""

import getpass
import logging
import os
import warnings


def hide_pynvml_warning() -> None:
    """Keep transformers' import from warning of a package that users can do nothing about."""
    warnings.filterwarnings("ignore", "The pynvml package", FutureWarning)


def name_user() -> None:
    """Give this process a user name where the system has none, as in containers; torch asks for it."""
    try:
        getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13
        os.environ["USER"] = f"user-{os.getuid()}" if hasattr(os, "getuid") else "user"


def hide_torch_dtype_warning() -> None:
    """Keep transformers from warning that diffsynth reads an old name in its config."""
    logging.getLogger("transformers.configuration_utils").addFilter(_is_of_use)


def _is_of_use(record: logging.LogRecord) -> bool:
    return "`torch_dtype` is deprecated" not in record.getMessage()
