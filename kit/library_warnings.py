"""Warnings and demands of libraries that users can do nothing about."""

import getpass
import logging
import os
import warnings


def hide_pynvml_warning() -> None:
    """Keep transformers' import from warning of a package that users can do nothing about."""
    warnings.filterwarnings("ignore", "The pynvml package", FutureWarning)


_NO_HOME = "/nonexistent"
"""What Debian calls the home of those who have none."""


def has_home() -> bool:
    """Return whether this user has a home folder."""
    return os.path.expanduser("~") not in ("~", _NO_HOME)


def name_user() -> None:
    """Give this process a user's name and home where the system has none, as in containers.

    torch asks for the name, modelscope for the home, which is a folder that is not there.
    """
    if not has_home():
        os.environ["HOME"] = _NO_HOME
    try:
        getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13
        os.environ["USER"] = f"user-{os.getuid()}" if hasattr(os, "getuid") else "user"


def hide_torch_dtype_warning() -> None:
    """Keep transformers from warning that diffsynth reads an old name in its config."""
    logging.getLogger("transformers.configuration_utils").addFilter(_is_of_use)


def _is_of_use(record: logging.LogRecord) -> bool:
    return "`torch_dtype` is deprecated" not in record.getMessage()
