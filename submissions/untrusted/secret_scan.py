"""What must never leave the house in a bundle: secrets, e-mail addresses, paths of this machine."""

import re
from typing import NamedTuple

from submissions.faults import Fault

_SHOWN = 8
"""Characters of a find that a fault repeats: enough to search for it, too few to use it."""


class Leak(NamedTuple):
    """A shape of text that betrays something."""

    name: str
    shape: re.Pattern[str]
    mend: str


_REVOKE = "take it out and revoke it, it may have been seen"
_RELATIVE = "give the file relative to the experiment"

LEAKS = (
    Leak("Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{20,}"), _REVOKE),
    Leak(
        "ModelScope token",
        re.compile(r"(?<![0-9a-fA-F-])(?:ms-)?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"),
        _REVOKE,
    ),
    Leak("OpenAI key", re.compile(r"\bsk-[A-Za-z0-9_-]{20,}"), _REVOKE),
    Leak("AWS key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), _REVOKE),
    Leak("Alibaba Cloud key", re.compile(r"\bLTAI[A-Za-z0-9]{12,30}\b"), _REVOKE),
    Leak(
        "GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})"), _REVOKE
    ),
    Leak("private key", re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----"), _REVOKE),
    Leak(
        "secret",
        re.compile(
            r"(?i)(?:api_?key|access_?key|secret|password|token)[\"']?[ \t]{0,4}[=:][ \t]{0,4}[\"']?"
            r"(?=[A-Za-z_+/-]{0,60}[0-9])[A-Za-z0-9_+/-]{16,}"
        ),
        _REVOKE,
    ),
    Leak(
        "e-mail address",
        re.compile(
            r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"
        ),
        "take it out, the bundle is public",
    ),
    Leak("absolute path", re.compile(r"(?<![A-Za-z])[A-Za-z]:[\\/]{1,4}[^\s\\/]"), _RELATIVE),
    Leak("absolute path", re.compile(r"\\\\[\w.-]{1,64}\\+\w"), _RELATIVE),
    Leak("absolute path", re.compile(r"(?i)\bfile:/"), _RELATIVE),
    Leak("absolute path", re.compile(r"(?<![\w.:/<~-])(?:~[\w-]{0,32})?/[\w.-]{1,255}/[\w.-]"), _RELATIVE),
    Leak("home path", re.compile(r"(?:^|(?<=[\s\"'=(,:]))~/[\w.-]"), _RELATIVE),
)
"""Every shape looked for; none backtracks more than a bounded number of characters."""


def find_leaks(place: str, text: str) -> list[Fault]:
    r"""Return a fault for each kind of leak in a text, with the line and the first characters of the find.

    >>> [str(fault) for fault in find_leaks("README.md", "ask\nme@example.org")]
    ['README.md, line 2: holds an e-mail address: me@examp… (take it out, the bundle is public)']
    """
    faults: dict[str, Fault] = {}
    for leak in LEAKS:
        found = leak.shape.search(text)
        if found is None or leak.name in faults:
            continue
        line = text.count("\n", 0, found.start()) + 1
        article = "an" if leak.name[0] in "AaeO" else "a"
        problem = f"holds {article} {leak.name}: {found.group()[:_SHOWN]}…"
        faults[leak.name] = Fault(f"{place}, line {line}", problem, leak.mend)
    return list(faults.values())
